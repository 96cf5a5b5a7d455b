"""Guards: how many contacts and segments one sender, range, country or number of ours may cause.

A range is a number without its last four digits, known by its pseudonym alone. Senders and ranges
are many, so each has one small row (`GuardRow`); countries and numbers of ours are few and have
the counters of `routing.throttle`. Both over-count, never under-count: no span of an hour or a
day, wherever it starts, holds more than the limit. Segments count when the reply is promised:
from then on it is paid for unless somebody cancels it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from routing.abuse import NO_CAPS, Caps, GuardRules
from routing.records import Contact, Silence
from routing.throttle import EMPTY, HOUR_NS, Counter, CounterKey, add, advance

FIELD = 20  # bits of one slot; three of them make an hour or a day
SLOT_MOST = (1 << FIELD) - 1
SLOTS_MASK = (1 << 3 * FIELD) - 1
NOTHING = 1 << 3 * FIELD  # no slot counts; the bit keeps every stored number eight octets long
HEAD_NS = HOUR_NS // 2  # an hour is the current half hour and the two before it ...
DAY_HEADS = 24  # ... a day the current half day and the two before it
NO_LIMIT = 1 << 60
MICRO = 1000  # nano-units; money is counted in these, rounded up


class GuardRow(NamedTuple):
    """What one sender or one range has caused: four numbers of three slots each."""

    head: int  # the half hour the newest slots belong to
    contacts_hour: int = NOTHING
    contacts_day: int = NOTHING
    segments_hour: int = NOTHING
    segments_day: int = NOTHING


BLANK = GuardRow(0)


def key_of(pseudonym: bytes) -> int:
    """The key of a row: the first 64 bits of a pseudonym as a signed number."""
    return int.from_bytes(pseudonym[:8], "big", signed=True)


def total(slots: int) -> int:
    """What the three slots hold together."""
    return (slots & SLOT_MOST) + (slots >> FIELD & SLOT_MOST) + (slots >> 2 * FIELD & SLOT_MOST)


def shift(slots: int, steps: int) -> int:
    """The slots after `steps` of their widths; a clock set back forgets nothing."""
    if steps <= 0:
        return slots
    return NOTHING if steps > 2 else slots << FIELD * steps & SLOTS_MASK | NOTHING


def row_at(row: GuardRow, head: int) -> GuardRow:
    """The row at the half hour `head`."""
    before, contacts_hour, contacts_day, segments_hour, segments_day = row
    if before == head:
        return row
    hours, days = head - before, head // DAY_HEADS - before // DAY_HEADS
    return GuardRow(
        head,
        shift(contacts_hour, hours),
        shift(contacts_day, days),
        shift(segments_hour, hours),
        shift(segments_day, days),
    )


class _Tally:
    """What one scope may still cause this turn, and what it might when the turn began."""

    __slots__ = ("contacts", "contacts_room", "nanos", "nanos_room", "segments", "segments_room",
                 "silence")  # fmt: skip

    def __init__(self, silence: Silence, contacts: int, segments: int, nanos: int) -> None:
        self.silence = silence
        self.contacts = self.contacts_room = contacts
        self.segments = self.segments_room = segments
        self.nanos = self.nanos_room = nanos


def _room(hour_cap: int, hour: int, day_cap: int, day: int) -> int:
    room = hour_cap - total(hour) if hour_cap else NO_LIMIT
    return min(room, day_cap - total(day)) if day_cap else room


class Guards:
    """All guards of one turn. What `admit` lets pass is counted, and only that."""

    def __init__(
        self,
        rules: GuardRules,
        home: str,
        rows: Mapping[bytes, GuardRow],
        counters: Mapping[CounterKey, Counter],
        wall_ns: int,
    ) -> None:
        self._rules = rules
        self._home = home
        self._rows = rows
        self._counters = counters
        self._wall_ns = wall_ns
        self._head = wall_ns // HEAD_NS
        self._narrow: dict[bytes, _Tally] = {}
        self._few: dict[str, tuple[_Tally, Caps]] = {}
        self._shared: dict[tuple[str, str], tuple[_Tally, ...]] = {}
        self._sender = rules.sender != NO_CAPS
        self._prefix = rules.prefix != NO_CAPS

    def admit(
        self, contact: Contact, one_only: bool, counted: int, segments: int, nanos: int
    ) -> Silence | None:
        """Count a contact (`counted` 1) and the reply to it, unless a limit is reached by either:
        then the reason to be silent. `one_only`: a sender is limited by the claim already."""
        keys = contact.keys
        assert keys is not None, "only who can be answered is counted"
        path = self._shared.get((contact.country, contact.number))
        if path is None:
            path = self._share(contact.country, contact.number)
        if self._prefix:
            tally = self._narrow.get(keys.prefix)
            if tally is None:
                tally = self._load(keys.prefix, self._rules.prefix, Silence.RANGE_LIMIT)
            path = (tally, *path)
        if self._sender and not one_only:
            pseudonym = keys.claims[0]
            tally = self._narrow.get(pseudonym)
            if tally is None:
                tally = self._load(pseudonym, self._rules.sender, Silence.SENDER_LIMIT)
            path = (tally, *path)
        for tally in path:
            if (
                tally.segments_room < segments
                or tally.contacts_room < counted
                or tally.nanos_room < nanos
            ):
                return tally.silence
        for tally in path:
            tally.segments_room -= segments
            tally.contacts_room -= counted
            tally.nanos_room -= nanos
        return None

    def _load(self, pseudonym: bytes, caps: Caps, silence: Silence) -> _Tally:
        """The tally of a sender or a range."""
        row = self._rows.get(pseudonym)
        _, contacts_hour, contacts_day, segments_hour, segments_day = (
            BLANK if row is None else row_at(row, self._head)
        )
        tally = _Tally(
            silence,
            _room(caps[0], contacts_hour, caps[1], contacts_day),
            _room(caps[2], segments_hour, caps[3], segments_day),
            NO_LIMIT,
        )
        self._narrow[pseudonym] = tally
        return tally

    def _share(self, country: str, number: str) -> tuple[_Tally, ...]:
        """The tallies of a country and of a number of ours, those that are limited."""
        home = country == self._home
        caps = self._rules.home if home else self._rules.country
        path = []
        for scope, its_caps, silence in (
            (f"country/{country}", caps, Silence.COUNTRY_LIMIT),
            (f"called/{number}", self._rules.number, Silence.NUMBER_LIMIT),
        ):
            if its_caps != NO_CAPS:
                if scope not in self._few:
                    rooms = [self._wide_room(scope, *each) for each in _kinds(its_caps)]
                    self._few[scope] = _Tally(silence, *rooms), its_caps
                path.append(self._few[scope][0])
        found = self._shared[country, number] = tuple(path)
        return found

    def _wide_room(self, scope: str, what: str, hour_cap: int, day_cap: int) -> int:
        room = NO_LIMIT
        for span, cap in (("hour", hour_cap), ("day", day_cap)):
            if cap:
                room = min(room, cap - sum(self._counter(scope, what, span).slots))
        return room * MICRO if what == "micros" and day_cap else room

    def _counter(self, scope: str, what: str, span: str) -> Counter:
        key = (f"guard/{scope}/{what}", span)
        return advance(self._counters.get(key, EMPTY), span, self._wall_ns)

    def rows(self) -> dict[bytes, GuardRow]:
        """Rows of the senders and ranges that were counted, as they are after the turn."""
        head, rows = self._head, self._rows
        changed: dict[bytes, GuardRow] = {}
        for pseudonym, tally in self._narrow.items():
            contacts = tally.contacts - tally.contacts_room
            segments = tally.segments - tally.segments_room
            if contacts or segments:
                row = rows.get(pseudonym)
                _, contacts_hour, contacts_day, segments_hour, segments_day = (
                    BLANK if row is None else row_at(row, head)
                )
                changed[pseudonym] = GuardRow(
                    head,
                    contacts_hour + contacts,
                    contacts_day + contacts,
                    segments_hour + segments,
                    segments_day + segments,
                )
        return changed

    def counters(self) -> dict[CounterKey, Counter]:
        """Counters of the countries and numbers of ours that were counted."""
        changed: dict[CounterKey, Counter] = {}
        for scope, (tally, caps) in self._few.items():
            counts = (
                tally.contacts - tally.contacts_room,
                tally.segments - tally.segments_room,
                -(-(tally.nanos - tally.nanos_room) // MICRO),
            )
            for count, (what, *spans) in zip(counts, _kinds(caps), strict=True):
                for span, cap in zip(("hour", "day"), spans, strict=True):
                    if count and cap:
                        key = (f"guard/{scope}/{what}", span)
                        changed[key] = add(self._counter(scope, what, span), count)
        return changed


def _kinds(caps: Caps) -> tuple[tuple[str, int, int], ...]:
    """What is counted: its name, the most of it in an hour and in a day."""
    return (
        ("contacts", caps.contacts_per_hour, caps.contacts_per_day),
        ("segments", caps.segments_per_hour, caps.segments_per_day),
        ("micros", 0, caps.nanos_per_day // MICRO),
    )


def guarded(rules: GuardRules, contacts: Iterable[Contact], one_only: bool) -> list[bytes]:
    """Pseudonyms whose rows the guards of these contacts need."""
    keys = [contact.keys for contact in contacts if contact.keys is not None]
    found: list[bytes] = []
    if rules.prefix != NO_CAPS:
        found += [one.prefix for one in keys]
    if rules.sender != NO_CAPS and not one_only:
        found += [one.claims[0] for one in keys]
    return found
