"""One batch decides as its parts one by one: outcomes, then receipts, then contacts.

What differs, and nothing else (DESIGN.md):
1. A reply made and stopped within one batch is never stored and costs nothing. One by one it is
   stored and cancelled or, when it was due at once, has left before the STOP came.
2. What the inbound texts of a batch cost is one posting.
3. Replies leave after the whole batch is decided, so that what leaves makes no room within it.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routing.ledger import read_entries
from routing.records import Contact, OutcomeKind, ReceiptKind
from routing.standing import Seen
from tests.routing.stories import LINKS, NUMBERS, PEOPLE, SILENT, Story
from tests.routing.test_laws import LATE, phrase
from tests.routing.worlds import outcome

CONTACTS = st.lists(
    st.one_of(
        phrase("{} texts {}", PEOPLE | SILENT, NUMBERS),
        phrase("{} stops {}", PEOPLE, NUMBERS),
    ),
    max_size=8,
)
SHAPES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"delay_min": st.sampled_from([0, 60]), "inbound": st.sampled_from(["0", "0.01"])},
    optional={
        "max_replies": st.integers(1, 2),
        "confirm_stop": st.booleans(),
        "campaigns": st.just({"lourd": "other"}),
        "max_waiting": st.integers(1, 4),
        "billed": st.just(("acme",)),
        "untracked": st.just(("beta",)),
    },
)
IDS = range(1, 7)
FATES = st.dictionaries(st.sampled_from(IDS), st.sampled_from(list(OutcomeKind)))
LOST = (OutcomeKind.NO_ANSWER, OutcomeKind.LINK_LOST)
SECOND = st.dictionaries(st.sampled_from(IDS), st.sampled_from([OutcomeKind(k) for k in LATE]))
RECEIPTS = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(list(ReceiptKind))), max_size=5)


def world(shape: dict[str, Any], *before: str) -> Story:
    """A world after a story; its SMSC says nothing by itself, and its windows are wide."""
    story = Story(**shape | {"window": 100})
    story.answers = dict.fromkeys(LINKS)
    story.tell(*before)
    return story


def contacts_of(story: Story, lines: list[str]) -> list[Contact]:
    """The contacts that the lines tell of."""
    batch = Seen()
    for line in lines:
        story.gather(batch, line.split())
    return batch.contacts


def books(story: Story) -> dict[str, Any]:
    """All that is compared: what is at rest, what is in memory, every posting."""
    store, standing = story.store, story.standing
    entries = [entry for row in store.journal for entry in read_entries(row.entries)]
    return {
        "rows": store.rows,
        "claims": store.claims,
        "optouts": store.optouts,
        "balances": {name: nanos for name, nanos in store.balances.items() if nanos},
        "held receipts": store.held_receipts,
        "holds": store.holds,
        "waiting": store.waiting,
        "next id": store.next_id,
        "postings": Counter(entry for entry in entries if entry.reply_id),
        "flights": standing.flights,
        "health": standing.health,
        "tracks": standing.tracks,
        "paces": standing.paces,
        "pauses": standing.pauses,
        "alarms": standing.alarms,
        "unknown": standing.unknown_hour,
    }


def compare(at_once: Story, one_by_one: Story, but: str = "") -> None:
    """Fail with the books that differ."""
    found, wanted = books(at_once), books(one_by_one)
    differ = {k: (found[k], wanted[k]) for k in found if k != but and found[k] != wanted[k]}
    assert not differ, "\n".join(
        f"{k}: {a} at once, {b} one by one" for k, (a, b) in differ.items()
    )


def forget(story: Story, stopped: set[int]) -> None:
    """Take out of a world the replies that one batch would never have made."""
    for reply_id in stopped:
        row = story.store.rows.pop(reply_id)
        if row.flight is not None:
            for account in ("reserved", *row.flight.accounts.split()):
                story.store.balances[account] -= row.flight.price_nanos
            story.standing.flights.pop(reply_id)  # type: ignore[attr-defined]


@given(SHAPES, CONTACTS, CONTACTS)
def test_contacts(shape: dict[str, Any], before: list[str], lines: list[str]) -> None:
    """Whoever texts and stops in whatever order, waiting or due at once.

    Of several stored replies a STOP cancels the last; the others are cancelled when they fall due.
    """
    assume("max_waiting" not in shape or (shape["delay_min"] and not shape.get("confirm_stop")))
    if shape.get("max_replies", 1) > 1:
        before, lines = ([one for one in told if "stops" not in one] for told in (before, lines))
    at_once, one_by_one = world(shape, *before), world(shape, *before)
    batch = contacts_of(at_once, lines)
    full = len(at_once.turn(contacts=batch).effects.full)
    made = set(one_by_one.store.rows)
    fulls = [len(one_by_one.turn(contacts=[one]).effects.full) for one in batch]
    assert full == sum(fulls)
    stoppers = {one.sender for one in batch if one.stop and one.silence is None}
    rows = one_by_one.store.rows.items()
    extra = {i for i, _ in rows} - set(at_once.store.rows)
    assert extra == {
        i
        for i, row in rows
        if i not in made and row.reply.kind == "reply" and row.reply.msisdn in stoppers
    }
    postings = books(one_by_one)["postings"] - books(at_once)["postings"]
    assert {entry.reply_id for entry in postings} <= extra
    forget(one_by_one, extra)
    compare(at_once, one_by_one, but="postings")


@given(SHAPES, FATES, SECOND, RECEIPTS, RECEIPTS, CONTACTS)
def test_outcomes_then_receipts_then_contacts(
    shape: dict[str, Any],
    first: dict[int, OutcomeKind],
    second: dict[int, OutcomeKind],
    early: list[tuple[int, ReceiptKind]],
    late: list[tuple[int, ReceiptKind]],
    lines: list[str],
) -> None:
    """Six replies fly and everything else is held; whatever becomes of them, money is the same."""
    before = ["A texts relou & A texts lourd & B texts relou & C texts relou", "D texts lourd"]
    shape = {**shape, "delay_min": 0, "max_replies": 2, "max_waiting": shape.get("max_waiting", 9)}
    worlds = [world(shape | {"max_waiting": 1000}, *before, "B texts lourd", "hold") for _ in "12"]
    for story in worlds:
        story.rules = replace(story.rules, max_waiting=shape["max_waiting"])
    at_once, one_by_one = worlds
    assert set(at_once.standing.flights) == set(IDS)

    def receipts(told: list[tuple[int, ReceiptKind]]) -> list[Any]:
        return [at_once.receipt_of(reply_id, kind) for reply_id, kind in told]

    outcomes = [outcome(reply_id, kind) for reply_id, kind in first.items()]
    outcomes += [outcome(i, kind) for i, kind in second.items() if first.get(i) in LOST]
    contacts = [one for one in contacts_of(at_once, lines) if not one.stop]
    for story in worlds:
        story.turn(receipts=receipts(early))
    at_once.turn(contacts, outcomes, receipts(late))
    for told in outcomes:
        one_by_one.turn(outcomes=[told])
    for receipt in receipts(late):
        one_by_one.turn(receipts=[receipt])
    for contact in contacts:
        one_by_one.turn(contacts=[contact])
    compare(at_once, one_by_one)


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("refused", ["B"]),  # its money comes back, and pays for B
        ("not sent", ["B"]),
        ("accepted", []),
        ("no answer", []),
    ],
)
def test_money_that_comes_back_is_there_for_the_same_batch(kind: str, sent: list[str]) -> None:
    story = world({"funds": "0.05", "numbers": {"relou": ("main",)}}, "A texts relou")
    story.tell(f"B texts relou & flight 0 {kind}")
    flying = [f"+{flight.reply.msisdn}" for flight in story.standing.flights.values()]
    assert flying == [PEOPLE[name] for name in sent]


@pytest.mark.parametrize(("kind", "full"), [("retry", 1), ("refused", 0)])
def test_what_comes_back_takes_its_place_before_a_text_of_the_same_batch(
    kind: str, full: int
) -> None:
    """One may wait. The reply that returns is there first, so B is asked to come again."""
    story = world({"max_waiting": 1}, "A texts relou", "hold")
    story.tell(f"B texts relou & flight 0 {kind}")
    assert len(story.changes.effects.full) == full
