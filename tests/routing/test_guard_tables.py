"""Guards as tables a donor can read: what a sender, range, country or our number may cause."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.abuse import Caps, GuardRules
from routing.guards import (
    DAY_HEADS,
    HEAD_NS,
    MOST,
    NOTHING,
    GuardRow,
    Guards,
    guarded,
    key_of,
    row_at,
    shift,
)
from routing.records import Contact, SenderKeys, Silence
from routing.throttle import DAY_NS, HOUR_NS, SECOND_NS, Counter, CounterKey
from tests.routing.plays import play
from tests.routing.worlds import World, card, keys_of

ABROAD = {"acme": card("33 0.05 FR", "44 0.20 GB")}


def world(guards: GuardRules, **how: Any) -> World:
    """A world with guards, Britain opened, and replies that wait an hour."""
    shape = {"delay_min": 60, "countries": ("FR", "GB"), "cards": ABROAD, "window": 100}
    return World(guards=guards, **(shape | how))


def test_a_range_gets_so_many_replies_an_hour() -> None:
    """A range is a number without its last four digits; who was silenced may write again."""
    play(
        world(GuardRules(prefix=Caps(segments_per_hour=3, segments_per_day=5))),
        """
        10:00    4 in +3361234 text  → silent: limit of the number range, waits until 11:00 x3
        10:10    1 in +3361235 text  → waits until 11:10
        10:20    +33612340004 texts  → silent: limit of the number range
        10:20    +33612340001 texts  → silent: replied already
        11:29    -                   → sends 0001, sends 0002, sends 0003, sends 0005
        11:29    +33612340004 texts  → silent: limit of the number range
        11:30    +33612340004 texts  → waits until 12:30
        11:31    2 in +3361234 text  → silent: limit of the number range, waits until 12:31
        20:00    1 in +3361234 text  → sends 0004, sends 0006, silent: limit of the number range
        1d11:59  1 in +3361234 text  → silent: limit of the number range
        2d00:00  1 in +3361234 text  → waits until 2d01:00
        """,
    )


def test_a_country_gets_so_much_a_day() -> None:
    """Each country but ours has its own limits, in segments and in money."""
    guards = GuardRules(
        country=Caps(segments_per_hour=4, nanos_per_day=1_000_000_000),
        home=Caps(segments_per_hour=2),
    )
    play(
        world(guards),
        """
        10:00    3 in +3361234 text   → silent: limit of the country, waits until 11:00 x2
        10:01    5 in +44712345 text  → silent: limit of the country, waits until 11:01 x4
        11:04    -  → sends 0001, sends 0002, sends 0004, sends 0005, sends 0006, sends 0007
        11:05    2 in +44712346 text  → silent: limit of the country, waits until 12:05
        1d10:00  -                    → sends 0009
        1d10:02  1 in +44712346 text  → silent: limit of the country
        1d10:26  1 in +44712346 text  → waits until 1d11:26
        """,
    )


def test_a_number_of_ours_takes_so_many_contacts() -> None:
    """One who texts a thousand times counts three times, so others are not shut out."""
    play(
        world(
            GuardRules(number=Caps(contacts_per_hour=5)), numbers={"a": ("main",), "b": ("main",)}
        ),
        """
        10:00  +33612340001 texts a   → waits until 11:00
        10:01  +33612340001 texts a   → silent: replied already
        10:02  +33612340001 texts a   → silent: replied already
        10:03  +33612340001 texts a   → silent: replied already
        10:04  3 in +3361235 text a   → silent: limit of our number, waits until 11:04 x2
        10:05  1 in +3361235 text b   → waits until 11:05
        """,
    )


def test_a_sender_gets_so_many_replies_an_hour() -> None:
    play(
        world(GuardRules(sender=Caps(segments_per_hour=2)), max_replies=9, delay_min=0),
        """
        10:00  +33612340001 texts → sends 0001
        10:01  +33612340001 texts → sends 0001
        10:02  +33612340001 texts → silent: limit of the sender
        10:02  +33612340002 texts → sends 0002
        11:30  +33612340001 texts → sends 0001
        """,
    )


def test_two_robots_stop() -> None:
    """Three of our replies were answered within seconds: that is no person."""
    play(
        world(GuardRules(loop_within_ns=30 * SECOND_NS), max_replies=9, delay_min=0),
        """
        10:00     +33612340001 texts → sends 0001
        10:00:05  +33612340001 texts → sends 0001
        10:00:10  +33612340001 texts → sends 0001
        10:05     +33612340001 texts → sends 0001
        10:05:30  +33612340001 texts → silent: answers our replies at once
        12:00     +33612340001 texts → silent: answers our replies at once
        12:00     +33612340002 texts → sends 0002
        7d10:00   +33612340001 texts → sends 0001
        """,
    )


def test_a_confirmation_of_stop_is_a_reply_like_others() -> None:
    play(
        world(GuardRules(prefix=Caps(segments_per_hour=1)), confirm_stop=True),
        """
        10:00  +33612340001 stops → silent: opted out now, confirms 0001
        10:01  +33612340002 stops → silent: opted out now
        10:01  +33612340003 texts → silent: limit of the number range
        """,
    )


@pytest.mark.parametrize("part", [1, 2])
def test_the_later_parts_of_a_long_text_are_no_contacts(part: int) -> None:
    here = world(GuardRules(number=Caps(contacts_per_hour=1)))
    texts = [here.contact(f"+3361234000{i}")._replace(part=part) for i in (1, 2)]
    here.turn(contacts=texts)
    assert here.store.waiting == part  # the second reply is stopped where the first part counted


@pytest.mark.parametrize("part", [1, 2])
def test_nor_are_those_of_who_was_answered(part: int) -> None:
    here = world(GuardRules(number=Caps(contacts_per_hour=2)))
    again = here.contact("+33612340001")._replace(part=part)
    here.turn(contacts=[here.contact("+33612340001"), again, here.contact("+33612340002")])
    assert here.store.waiting == part  # the second person is stopped where they counted twice


# laws

CAPS = st.builds(Caps, *[st.integers(0, 4)] * 4, st.sampled_from([0, 300_000_000]))
RULES = st.builds(GuardRules, *[CAPS] * 5)
MOMENTS = st.sampled_from([0, 1, 20, 59, 61, 600, 1439, 1441])
EVENTS = st.lists(
    st.tuples(MOMENTS, st.integers(0, 3), st.sampled_from(["33612", "44712"]), st.integers(0, 1)),
    max_size=25,
)
PRICE = 50_000_000


def contact_of(sender: int, country: str, number: int) -> Contact:
    """Four senders of two ranges in two countries, to two numbers."""
    msisdn = f"{country}34{sender // 2}000{sender}"
    name = "FR" if country == "33612" else "GB"
    return Contact((1, 1, 1), f"n{number}", msisdn, name, keys_of(msisdn), None, False)


class Clerk:
    """Keeps rows and counters between turns, and remembers what passed."""

    def __init__(self, rules: GuardRules) -> None:
        self.rules = rules
        self.rows: dict[int, GuardRow] = {}
        self.counters: dict[CounterKey, Counter] = {}
        self.passed: list[tuple[int, Contact]] = []

    def turn(self, wall_ns: int, contacts: list[Contact]) -> list[Silence | None]:
        """One batch of contacts that all want a reply of one segment."""
        asked = guarded(self.rules, contacts, one_only=False)
        rows = {p: self.rows[key_of(p)] for p in asked if key_of(p) in self.rows}
        guards = Guards(self.rules, "FR", rows, self.counters, wall_ns)
        ways = dict.fromkeys((each.country, each.number) for each in contacts)
        gates = {way: guards.gate(*way, one_only=False) for way in ways}
        said = []
        for each in contacts:
            assert each.keys is not None
            said.append(gates[each.country, each.number].admit(each.keys, 1, 1, PRICE))
        self.rows.update((row[0], row) for row in guards.rows())
        self.counters.update(guards.counters())
        passed = zip(said, contacts, strict=True)
        self.passed += [(wall_ns, each) for silence, each in passed if silence is None]
        return said


def scopes(rules: GuardRules, contact: Contact) -> list[tuple[str, Caps]]:
    """The scopes of a contact, by name."""
    keys = contact.keys
    assert keys is not None
    abroad = rules.home if contact.country == "FR" else rules.country
    return [
        (keys.claims[0].hex(), rules.sender),
        (keys.prefix.hex(), rules.prefix),
        (contact.country, abroad),
        (contact.number, rules.number),
    ]


@given(RULES, EVENTS)
def test_no_limit_is_ever_exceeded(
    rules: GuardRules, events: list[tuple[int, int, str, int]]
) -> None:
    clerk, wall_ns = Clerk(rules), 1000 * DAY_NS
    for minutes, *who in events:
        wall_ns += minutes * 60 * SECOND_NS
        clerk.turn(wall_ns, [contact_of(*who)])
    for at, one in clerk.passed:
        for scope, caps in scopes(rules, one):
            for span, most in ((HOUR_NS, caps[0]), (DAY_NS, caps[1]), (HOUR_NS, caps[2]),
                               (DAY_NS, caps[3]), (DAY_NS, caps[4] // PRICE)):  # fmt: skip
                if most:
                    since = [c for t, c in clerk.passed if at - span < t <= at]
                    names = [name for each in since for name, _ in scopes(rules, each)]
                    assert names.count(scope) <= most


@given(RULES, EVENTS)
def test_a_batch_of_n_counts_as_n_batches_of_one(
    rules: GuardRules, events: list[tuple[int, int, str, int]]
) -> None:
    one, many = Clerk(rules), Clerk(rules)
    for day in range(2):
        wall_ns = (1000 + day) * DAY_NS + day * HOUR_NS
        contacts = [contact_of(*who) for _, *who in events]
        each = [silence for contact in contacts for silence in many.turn(wall_ns, [contact])]
        assert one.turn(wall_ns, contacts) == each
        assert one.rows == many.rows
        if not any(rule.nanos_per_day for rule in (rules.country, rules.home)):
            assert one.counters == many.counters


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=3), st.integers(-2, 4))
def test_slots_move_and_are_forgotten(counts: list[int], steps: int) -> None:
    old, middle, new = counts
    slots = NOTHING + (old << 40) + (middle << 20) + new
    assert slots % MOST - 1 == sum(counts) < MOST
    left = counts[max(0, steps) :] if steps < 3 else []
    assert shift(slots, steps) % MOST - 1 == sum(left)
    assert shift(slots, steps) >> 60 == 1  # eight octets in every row, for ever


def test_rows_keep_their_counts_when_the_clock_is_set_back() -> None:
    row = (1, 5 * DAY_HEADS, NOTHING + 2, NOTHING + 3, NOTHING + 4, NOTHING + 5)
    assert row_at(row, 5 * DAY_HEADS) == row
    assert row_at(row, 3 * DAY_HEADS) == (1, 3 * DAY_HEADS, *row[2:])
    assert row_at(row, 5 * DAY_HEADS + 1)[2:4] == ((2 << 20) + NOTHING, NOTHING + 3)
    assert HEAD_NS * DAY_HEADS * 2 == DAY_NS


def test_what_nobody_limits_is_not_read() -> None:
    contact = contact_of(0, "33612", 0)
    keys = contact.keys
    assert isinstance(keys, SenderKeys)
    silent = contact._replace(keys=None)
    rules = GuardRules(prefix=Caps(1), sender=Caps(1))
    assert guarded(GuardRules(), [contact], one_only=False) == []
    assert guarded(rules, [contact, silent], one_only=False) == [keys.prefix, keys.claims[0]]
    assert guarded(rules, [contact], one_only=True) == [keys.prefix]
    assert guarded(replace(rules, prefix=Caps()), [contact], one_only=True) == []
