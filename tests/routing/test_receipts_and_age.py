"""Late responses, receipts early and late, and what grows old."""

import pytest

from routing.policy import decide
from routing.records import OutcomeKind, ReceiptKind, ReplyState
from routing.standing import Seen, Stored
from tests.routing.plays import flying, play
from tests.routing.worlds import MINUTE_NS, World, keys_of, outcome

CENTS_5 = 50_000_000


def test_not_sent_goes_back_with_its_money() -> None:
    world = flying(1)
    changes = world.turn(outcomes=[outcome(1, OutcomeKind.NOT_SENT)])
    assert world.store.balances["reserved"] == 0 and changes.effects.wake_in_ns == 0
    world.settle()
    assert world.state("0001") is ReplyState.SUBMITTING


@pytest.mark.parametrize(
    ("kind", "state", "settled"),
    [
        ("accepted", "ACCEPTED", CENTS_5),
        ("refused", "REFUSED", 0),
        ("pause", "REFUSED", 0),
        ("retry", "REFUSED", 0),
        ("session", "REFUSED", 0),
        ("account", "REFUSED", 0),
        ("no answer", "UNKNOWN", 0),
        ("link lost", "UNKNOWN", 0),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_a_late_response(kind: str, state: str, settled: int, together: bool) -> None:
    """It resolves what was UNKNOWN, in the next turn or in the very one that gave it up."""
    world = flying(1)
    said = [outcome(1, OutcomeKind.NO_ANSWER), outcome(1, OutcomeKind(kind))]
    for batch in [said] if together else [[one] for one in said]:
        world.turn(outcomes=batch)
    assert world.state("0001").name == state
    assert world.store.balances["settled"] == settled if settled else True
    assert world.store.balances["reserved"] == (CENTS_5 if state == "UNKNOWN" else 0)


def test_outcomes_that_say_nothing_new() -> None:
    world = flying(1)
    accepted = outcome(1, OutcomeKind.ACCEPTED)
    changes = world.turn(outcomes=[accepted, accepted, outcome(99, OutcomeKind.ACCEPTED)])
    assert changes.tallies["stray outcomes"] == 2
    assert world.turn(outcomes=[accepted]).tallies == {"ignored": 1}


def test_receipts() -> None:
    play(
        World(),
        """
        10:00  +33612340001 texts                      → sends 0001
        10:01  +33612340001 receipt intermediate m1    → -
        10:02  +33612340001 receipt delivered zz m1    → delivered 0001
        10:03  +33612340001 receipt delivered m1       → -
        10:04  +33612340001 receipt failed m1          → -
        10:05  +33612340002 texts                      → sends 0002
        10:06  +33612340002 receipt failed m2          → failed 0002
        """,
    )


def test_receipts_that_contradict_are_counted() -> None:
    world = flying(1)
    world.turn(outcomes=[outcome(1, OutcomeKind.ACCEPTED)])
    delivered = world.receipt("33612340001", ReceiptKind.DELIVERED, "m1")
    failed = world.receipt("33612340001", ReceiptKind.FAILED, "m1")
    changes = world.turn(receipts=[delivered, delivered, failed])
    assert changes.tallies["repeated receipt"] == changes.tallies["receipt conflict"] == 1
    assert changes.tallies["receipts"] == 3 and len(changes.finished) == 1


def test_a_receipt_before_its_response_is_held() -> None:
    """By every id it may mean, until the response names one."""
    world = flying(2)
    play(
        world,
        """
        10:01  +33612340001 receipt delivered 0x1 m1 → -
        10:01  +33612340002 receipt failed m2        → -
        10:02  main says 0001 accepted               → delivered 0001
        10:02  main says 0002 accepted               → failed 0002
        """,
    )
    assert world.store.held_receipts == {}
    delivered, failed = world.standing.fates["main"]
    assert sum(delivered.slots) == sum(failed.slots) == 1


def test_a_receipt_in_the_batch_of_its_response() -> None:
    world = flying(3)
    receipts = [
        world.receipt("33612340001", ReceiptKind.DELIVERED, "m1"),
        world.receipt("33612340001", ReceiptKind.DELIVERED, "m1"),
        world.receipt("33612340002", ReceiptKind.FAILED, "m2"),
    ]
    said = [outcome(i, OutcomeKind.ACCEPTED) for i in (1, 2)]
    changes = world.turn(outcomes=said, receipts=receipts)
    assert (world.state("0001").name, world.state("0002").name) == ("DELIVERED", "FAILED")
    assert changes.tallies["repeated receipt"] == 1 and world.store.held_receipts == {}


def test_receipts_of_nobody_are_counted() -> None:
    """Nothing is in flight, so no response can name the id later."""
    world = World()
    lost = world.receipt("33612340001", ReceiptKind.DELIVERED, "m77")
    nameless = lost._replace(candidates=(), keys=None)
    assert world.turn(receipts=[lost, nameless]).tallies["unmatched receipts"] == 2
    assert world.store.held_receipts == {}


def test_a_receipt_resolves_the_only_unknown_it_can_mean() -> None:
    """When no response has come for it; and lends it its message id, so that a repetition is
    known."""
    world = flying(1)
    play(
        world,
        """
        10:01  main says 0001 link lost           → unknown 0001
        10:02  +33612340001 receipt delivered q9  → -
        10:03  +33612340001 receipt delivered q9  → -
        10:06  tick                               → -
        10:07  tick                               → delivered 0001
        10:08  +33612340001 receipt delivered q9  → -
        """,
    )
    assert world.store.rows[1].message_id == "q9"
    assert world.store.balances["settled"] == CENTS_5


def test_a_receipt_in_the_batch_that_loses_its_reply() -> None:
    world = flying(2)
    receipt = world.receipt("33612340001", ReceiptKind.DELIVERED, "q9")
    bare = world.receipt("33612340002", ReceiptKind.FAILED)
    lost = [outcome(i, OutcomeKind.LINK_LOST) for i in (1, 2)]
    changes = world.turn(outcomes=lost, receipts=[receipt, receipt, bare])
    assert changes.tallies["receipts"] == 3
    world.until(world.true_ns + 5 * MINUTE_NS)
    world.turn(tick=True)
    assert (world.state("0001").name, world.state("0002").name) == ("DELIVERED", "FAILED")
    assert world.store.held_receipts == {}


def test_a_guess_must_be_unique() -> None:
    """Two UNKNOWN to one sender, another of our numbers, another carrier: nothing is resolved."""
    world = flying(1, max_replies=2)
    world.turn(contacts=[world.contact("+33612340001")])
    world.turn(outcomes=[outcome(i, OutcomeKind.NO_ANSWER) for i in (1, 2)])
    receipt = world.receipt("33612340001", ReceiptKind.DELIVERED, "q9")
    named = ("q7", "q8", "q9")
    first, second, third = (receipt._replace(candidates=(name,)) for name in named)
    strangers = [first, second._replace(number=""), third._replace(carrier="other")]
    world.turn(receipts=strangers)
    world.until(world.true_ns + 5 * MINUTE_NS)
    changes = world.turn(tick=True)
    assert changes.finished == [] and changes.tallies["unmatched receipts"] == 3
    world.turn(receipts=[receipt])
    world.turn(outcomes=[outcome(1, OutcomeKind.ACCEPTED)])
    world.until(world.true_ns + 5 * MINUTE_NS)
    changes = world.turn(tick=True)  # now only one is left
    assert [(done.reply_id, done.state.name) for done in changes.finished] == [(2, "DELIVERED")]


def test_an_early_receipt_is_not_given_to_an_older_reply() -> None:
    """The sender's first reply is unknown, the second flies: its receipt waits for its id."""
    world = flying(1, max_replies=2)
    world.turn(contacts=[world.contact("+33612340001")])
    world.turn(outcomes=[outcome(1, OutcomeKind.NO_ANSWER)])
    world.turn(receipts=[world.receipt("33612340001", ReceiptKind.DELIVERED, "m2")])
    world.turn(outcomes=[outcome(2, OutcomeKind.ACCEPTED)])
    states = [world.store.rows[number].state for number in (1, 2)]
    assert states == [ReplyState.UNKNOWN, ReplyState.DELIVERED]


def test_a_held_receipt_meets_a_late_response() -> None:
    world = flying(3, max_replies=2)
    world.turn(contacts=[world.contact("+33612340001")])
    lost = [outcome(i, OutcomeKind.NO_ANSWER) for i in (1, 4)]
    world.turn(outcomes=lost)
    world.turn(receipts=[world.receipt("33612340001", ReceiptKind.DELIVERED, "m4")])
    assert list(world.store.held_receipts) == [("acme", "m4")]
    world.turn(outcomes=[outcome(4, OutcomeKind.ACCEPTED)])
    assert world.store.rows[4].state is ReplyState.DELIVERED and not world.store.held_receipts


@pytest.mark.parametrize("untracked", [["acme"], []])
def test_without_receipts_an_accepted_reply_is_closed(untracked: list[str]) -> None:
    """No receipt is asked for, or the response gave no id to find one by."""
    world = flying(1, untracked=untracked)
    said = outcome(1, OutcomeKind.ACCEPTED)
    receipt = world.receipt("33612340001", ReceiptKind.DELIVERED, "m1")
    world.turn(outcomes=[said if untracked else said._replace(message_id="")], receipts=[receipt])
    assert world.state("0001") is ReplyState.CLOSED


def test_what_grows_old() -> None:
    """Doubt is settled against us; a receipt that never came is nobody's loss."""
    world = World()
    play(
        world,
        """
        10:00    main answers nothing      → -
        10:00    +33612340001 texts        → sends 0001
        10:00    +33612340002 texts        → sends 0002
        10:01    main says 0001 link lost  → unknown 0001
        10:01    main says 0002 accepted   → -
        3d09:59  tick                      → -
        3d10:00  tick                      → closed 0002
        7d09:59  tick                      → -
        7d10:00  tick                      → assumed sent 0001
        7d10:01  +33612340002 receipt delivered m2 → delivered 0002
        """,
    )
    assert world.store.balances["settled"] == 2 * CENTS_5
    world.store.rows[1].message_id = "q1"  # as if a CDR had named it
    play(world, "7d10:02  +33612340001 receipt delivered q1 → delivered 0001, alarm ledger")


def test_what_a_batch_tells_goes_before_its_age() -> None:
    world = flying(1)
    world.turn(outcomes=[outcome(1, OutcomeKind.LINK_LOST)])
    world.until(world.true_ns + 8 * 24 * 60 * MINUTE_NS)
    world.turn(outcomes=[outcome(1, OutcomeKind.ACCEPTED)], tick=True)
    assert world.state("0001") is ReplyState.ACCEPTED


def test_stored_knows_its_sender_by_pseudonym_only() -> None:
    """No field of what the store gives back holds a number."""
    world = flying(1)
    stored = world.store.rows[1].stored()
    assert isinstance(stored, Stored) and stored.claim == keys_of("33612340001").claims[0]
    assert not any("33612340001" in str(value) for value in stored)


@pytest.mark.parametrize("stored", [False, True])
def test_given_up_accepted_and_delivered_in_one_batch(stored: bool) -> None:
    """The reply was UNKNOWN before the batch, or becomes it in it: its receipt finds it."""
    world = flying(1)
    lost, late = outcome(1, OutcomeKind.NO_ANSWER), outcome(1, OutcomeKind.ACCEPTED)
    if stored:
        world.turn(outcomes=[lost])
    receipt = world.receipt("33612340001", ReceiptKind.DELIVERED, "m1")
    world.turn(outcomes=[late] if stored else [lost, late], receipts=[receipt])
    assert world.state("0001").name == "DELIVERED" and not world.store.held_receipts


def test_a_receipt_of_nobody_beside_a_known_one() -> None:
    world = flying(1)
    world.turn(outcomes=[outcome(1, OutcomeKind.ACCEPTED)])
    receipts = [world.receipt("33612340001", ReceiptKind.DELIVERED, name) for name in ("m1", "m7")]
    seen = Seen(receipts=receipts)
    known = world.known(seen)
    known.stored.clear()  # a store reads only replies that outcomes ask for
    args = (seen, known, world.standing, world.rules, world.rates, world.facts(), world.now())
    changes = decide(*args)
    assert [done.state.name for done in changes.finished] == ["DELIVERED"]
    assert changes.tallies["unmatched receipts"] == 1
