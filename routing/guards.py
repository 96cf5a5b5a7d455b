"""Guards: how many contacts and segments one sender, range, country or number of ours may cause.

A range is a number without its last four digits, known by its pseudonym alone. Senders and ranges
are many, so each has one small row (`GuardRow`); countries and numbers of ours are few and have
the counters of `routing.throttle`. Both over-count, never under-count: no span of an hour or a
day, wherever it starts, holds more than the limit. Segments count when the reply is promised:
from then on it is paid for unless somebody cancels it.
"""

from collections.abc import Iterable, Mapping, Sequence
from struct import Struct

from routing.abuse import NO_CAPS, Caps, GuardRules
from routing.records import Contact, SenderKeys, Silence
from routing.throttle import EMPTY, HOUR_NS, Counter, CounterKey, add, advance

FIELD = 20  # bits of one slot; three of them make an hour or a day
MOST = (1 << FIELD) - 1  # more than any cap of a sender or a range
SLOTS = (1 << 3 * FIELD) - 1
NOTHING = 1 << 3 * FIELD  # no slot counts; the bit keeps every stored number eight octets long
HEAD_NS = HOUR_NS // 2  # an hour is the current half hour and the two before it ...
DAY_HEADS = 24  # ... a day the current half day and the two before it
NO_LIMIT = 1 << 60
GRAIN_NANOS = 100_000  # money is counted in these, rounded up once a turn

KEY = Struct(">q")  # of a row, at the begin of its pseudonym

GuardRow = tuple[int, int, int, int, int, int]
"""What one sender or one range has caused: the key, the half hour the newest slots belong to,
contacts in an hour and in a day, segments in an hour and in a day: three slots each."""


def key_of(pseudonym: bytes) -> int:
    """The key of a row: the first 64 bits of a pseudonym as a signed number."""
    key: int
    [key] = KEY.unpack_from(pseudonym)
    return key


def shift(slots: int, steps: int) -> int:
    """The slots after `steps` of their widths; a clock set back forgets nothing."""
    if steps <= 0:
        return slots
    return NOTHING if steps > 2 else slots << FIELD * steps & SLOTS | NOTHING


def row_at(row: GuardRow, head: int) -> GuardRow:
    """The row at the half hour `head`."""
    key, before, contacts_hour, contacts_day, segments_hour, segments_day = row
    hours, days = head - before, head // DAY_HEADS - before // DAY_HEADS
    return (
        key,
        head,
        shift(contacts_hour, hours),
        shift(contacts_day, days),
        shift(segments_hour, hours),
        shift(segments_day, days),
    )


class _Few:
    """What a country, or a number of ours, may still cause this turn."""

    __slots__ = ("caps", "contacts", "nanos", "segments", "silence", "whole")

    def __init__(self, silence: Silence, caps: Caps, rooms: tuple[int, int, int]) -> None:
        self.silence = silence
        self.caps = caps
        self.contacts, self.segments, self.nanos = self.whole = rooms

    def used(self) -> tuple[int, int, int]:
        """Contacts, segments and grains of money that were let pass."""
        contacts, segments, nanos = self.whole
        grains = -(-(nanos - self.nanos) // GRAIN_NANOS)
        return contacts - self.contacts, segments - self.segments, grains


class _Many(dict[bytes, tuple[int, int]]):
    """All senders, or all ranges, that this turn has met: pseudonym → the contacts and segments it
    may still cause."""

    def __init__(self, caps: Caps, rows: Mapping[bytes, GuardRow], head: int) -> None:
        self._head = head
        self._rows = rows
        most = [cap or NO_LIMIT for cap in caps[:4]]
        self._whole = (min(most[:2]), min(most[2:]))  # of one that has caused nothing
        self._most = [cap + 1 for cap in most]  # for the 1 of NOTHING
        # Of those that have a row: the row as of now, and what it left them when the turn began.
        self._known: dict[bytes, tuple[GuardRow, tuple[int, int]]] = {}

    def __missing__(self, pseudonym: bytes) -> tuple[int, int]:
        row = self._rows.get(pseudonym)
        if row is None:
            left = self._whole
        else:
            if row[1] != self._head:
                row = row_at(row, self._head)
            # Three slots together are the sum of the digits to the base 2 ** 20: the remainder
            # by that base less one. The bit of NOTHING is one digit more, a 1.
            _, _, contacts_hour, contacts_day, segments_hour, segments_day = row
            most = self._most
            left = (
                min(most[0] - contacts_hour % MOST, most[1] - contacts_day % MOST),
                min(most[2] - segments_hour % MOST, most[3] - segments_day % MOST),
            )
            self._known[pseudonym] = (row, left)
        self[pseudonym] = left
        return left

    def changed(self) -> list[GuardRow]:
        """The rows of those that were counted, as they are after the turn."""
        known, whole = self._known, self._whole
        empty = (0, self._head, NOTHING, NOTHING, NOTHING, NOTHING)
        found: list[GuardRow] = []
        new: dict[tuple[int, int], tuple[int, ...]] = {}  # by what is left: a new row but its key
        for pseudonym, left in self.items():
            if pseudonym in known:
                row, had = known[pseudonym]
                if left != had:
                    found.append(_counted(row, had, left))
            elif left != whole:
                rest = new.get(left)
                if rest is None:
                    rest = new[left] = _counted(empty, whole, left)[1:]
                found.append(KEY.unpack_from(pseudonym) + rest)
        return found


def _counted(row: GuardRow, had: tuple[int, int], left: tuple[int, int]) -> GuardRow:
    """The row after the turn."""
    key, head, contacts_hour, contacts_day, segments_hour, segments_day = row
    contacts, segments = had[0] - left[0], had[1] - left[1]
    return (
        key,
        head,
        contacts_hour + contacts,
        contacts_day + contacts,
        segments_hour + segments,
        segments_day + segments,
    )


class Gate:
    """The guards on the way from one country to one number of ours. What `admit` lets pass is
    counted, and only that."""

    __slots__ = ("_few", "_ranges", "_senders")

    def __init__(self, ranges: _Many | None, senders: _Many | None, few: Sequence[_Few]) -> None:
        self._ranges = ranges
        self._senders = senders
        self._few = few

    def admit(self, keys: SenderKeys, counted: int, segments: int, nanos: int) -> Silence | None:
        """Count a contact (`counted` 1) and the reply to it, unless a limit is reached by either:
        then the reason to be silent."""
        ranges, senders, prefix = self._ranges, self._senders, keys.prefix
        if ranges is not None:
            range_contacts, range_segments = ranges[prefix]
            if range_segments < segments or range_contacts < counted:
                return Silence.RANGE_LIMIT
        if senders is not None:
            sender_contacts, sender_segments = senders[keys.claims[0]]
            if sender_segments < segments or sender_contacts < counted:
                return Silence.SENDER_LIMIT
        for few in self._few:
            if few.segments < segments or few.contacts < counted or few.nanos < nanos:
                return few.silence
        for few in self._few:
            few.contacts -= counted
            few.segments -= segments
            few.nanos -= nanos
        if ranges is not None:
            ranges[prefix] = (range_contacts - counted, range_segments - segments)
        if senders is not None:
            senders[keys.claims[0]] = (sender_contacts - counted, sender_segments - segments)
        return None


class Guards:
    """All guards of one turn."""

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
        self._counters = counters
        self._wall_ns = wall_ns
        head = wall_ns // HEAD_NS
        self._ranges = _Many(rules.prefix, rows, head) if rules.prefix != NO_CAPS else None
        self._senders = _Many(rules.sender, rows, head) if rules.sender != NO_CAPS else None
        self._few: dict[str, _Few] = {}

    def gate(self, country: str, number: str, one_only: bool) -> Gate:
        """What limits contacts from a country to a number of ours. `one_only`: the claim limits a
        sender already."""
        senders = None if one_only else self._senders
        return Gate(self._ranges, senders, self._share(country, number))

    def _share(self, country: str, number: str) -> list[_Few]:
        caps = self._rules.home if country == self._home else self._rules.country
        path = []
        for scope, its_caps, silence in (
            (f"country/{country}", caps, Silence.COUNTRY_LIMIT),
            (f"called/{number}", self._rules.number, Silence.NUMBER_LIMIT),
        ):
            if its_caps != NO_CAPS:
                if scope not in self._few:
                    contacts, segments, grains = (
                        self._room(scope, *each) for each in _kinds(its_caps)
                    )
                    rooms = (contacts, segments, grains * GRAIN_NANOS)
                    self._few[scope] = _Few(silence, its_caps, rooms)
                path.append(self._few[scope])
        return path

    def _room(self, scope: str, what: str, hour_cap: int, day_cap: int) -> int:
        room = NO_LIMIT
        for span, cap in (("hour", hour_cap), ("day", day_cap)):
            if cap:
                room = min(room, cap - sum(self._counter(scope, what, span).slots))
        return room

    def _counter(self, scope: str, what: str, span: str) -> Counter:
        key = (f"guard/{scope}/{what}", span)
        return advance(self._counters.get(key, EMPTY), span, self._wall_ns)

    def rows(self) -> list[GuardRow]:
        """Rows of the senders and ranges that were counted, as they are after the turn."""
        found = self._ranges.changed() if self._ranges is not None else []
        return found + self._senders.changed() if self._senders is not None else found

    def counters(self) -> dict[CounterKey, Counter]:
        """Counters of the countries and numbers of ours that were counted."""
        changed: dict[CounterKey, Counter] = {}
        for scope, few in self._few.items():
            for count, (what, *spans) in zip(few.used(), _kinds(few.caps), strict=True):
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
        ("grains", 0, caps.nanos_per_day // GRAIN_NANOS),
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
