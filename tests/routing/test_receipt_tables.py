"""Receipts and what they mean, as tables a reader can check by hand.

A receipt line names the ids it may mean: first as the carrier wrote it, then other ways to write
it. A receipt that fits no reply waits five minutes for its response.
"""

import pytest

from routing.records import OutcomeKind, ReceiptKind, ReplyState
from routing.standing import CdrRow, CdrStep, Command
from routing.throttle import Counter
from tests.routing.plays import flying, play
from tests.routing.worlds import MINUTE_NS, World, keys_of, outcome


def test_ids_in_another_form() -> None:
    """As written first; what is derived counts only where it means one reply."""
    play(
        flying(3, window=20),
        """
        10:01  main says 0001 accepted                      → -
        10:01  main says 0002 accepted                      → -
        10:01  main says 0003 accepted                      → -
        10:02  +33612340001 receipt delivered 0xff m1       → delivered 0001
        10:02  +33612340002 receipt delivered 0xff m2 m3    → -
        10:03  +33612340002 receipt delivered m2 m3         → delivered 0002
        10:04  +33612340003 receipt failed m3               → failed 0003
        """,
    )


def test_before_the_response_and_twice() -> None:
    play(
        flying(2),
        """
        10:01  +33612340001 receipt delivered 7b m1  → -
        10:01  +33612340001 receipt delivered 7b m1  → -
        10:02  main says 0001 accepted               → delivered 0001
        10:03  +33612340002 receipt intermediate m2  → -
        10:04  main says 0002 accepted               → -
        10:05  +33612340002 receipt failed m2        → failed 0002
        10:06  +33612340002 receipt failed m2        → -
        10:09  tick                                  → -
        """,
    )


def test_an_answer_was_lost_and_its_receipt_came() -> None:
    """The receipt waits receipt_hold_s, for a response could still name it."""
    play(
        flying(3),
        """
        10:01  main says 0001 no answer              → unknown 0001
        10:02  +33612340001 receipt delivered q1     → -
        10:03  +33612340001 receipt failed q2        → -
        10:06  tick                                  → -
        10:07  tick                                  → delivered 0001
        10:08  tick                                  → -
        10:08  +33612340001 receipt delivered q1     → -
        """,
    )


def test_a_late_answer_is_quicker_than_the_guess() -> None:
    play(
        flying(1),
        """
        10:01  main says 0001 no answer              → unknown 0001
        10:02  +33612340001 receipt delivered m1     → -
        10:03  main says 0001 accepted               → accepted 0001, delivered 0001
        10:08  tick                                  → -
        """,
    )


def test_a_receipt_waits_across_a_restart() -> None:
    """What flew when the server stopped is unknown afterwards; the receipt is on the disk."""
    world = flying(1)
    world.turn(receipts=[world.receipt("33612340001", ReceiptKind.DELIVERED, "q1")])
    world.turn(outcomes=[outcome(1, OutcomeKind.RESTART)])
    world.until(world.true_ns + 5 * MINUTE_NS)
    world.turn(tick=True)
    assert world.state("0001") is ReplyState.DELIVERED


def test_a_receipt_older_than_the_submit_is_anothers() -> None:
    world = flying(1, max_replies=2)
    world.turn(receipts=[world.receipt("33612340001", ReceiptKind.DELIVERED, "q1")])
    world.turn(outcomes=[outcome(1, OutcomeKind.ACCEPTED)])
    world.until(world.true_ns + MINUTE_NS)
    world.turn(contacts=[world.contact("+33612340001")])
    world.turn(outcomes=[outcome(2, OutcomeKind.NO_ANSWER)])
    world.until(world.true_ns + 5 * MINUTE_NS)
    changes = world.turn(tick=True)
    assert changes.finished == [] and changes.tallies == {"unmatched receipts": 1}


@pytest.mark.parametrize(
    ("reference", "number", "resolved"),
    [
        (1, "relou", [1]),  # two are in doubt to one person: the reference tells which
        (2, "relou", [2]),
        (2, "", [2]),  # the addresses of the receipt say nothing
        (3, "relou", []),  # a reference of no reply: the person alone would be a guess
        (-1, "relou", []),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_the_reference_goes_before_the_person(
    reference: int, number: str, resolved: list[int], named: bool
) -> None:
    world = flying(1, max_replies=2)
    world.turn(contacts=[world.contact("+33612340001")])
    world.turn(outcomes=[outcome(i, OutcomeKind.NO_ANSWER) for i in (1, 2)])
    ids = ("q1",) if named else ()
    receipt = world.receipt("33612340001", ReceiptKind.DELIVERED, *ids)
    keys = receipt.keys if number else None
    world.turn(receipts=[receipt._replace(reference=reference, number=number, keys=keys)])
    world.until(world.true_ns + 5 * MINUTE_NS)
    changes = world.turn(tick=True)
    assert [done.reply_id for done in changes.finished] == resolved
    assert [done.message_id for done in changes.finished] == ["q1" * named] * len(resolved)


def test_a_receipt_may_be_that_of_a_reply_on_its_way_to_the_same_person() -> None:
    """Then it is no proof of what became of the one in doubt."""
    world = flying(1, max_replies=2)
    world.turn(outcomes=[outcome(1, OutcomeKind.NO_ANSWER)])
    world.turn(receipts=[world.receipt("33612340001", ReceiptKind.DELIVERED, "q1")])
    world.turn(contacts=[world.contact("+33612340001")])
    assert [flight.reply.id for flight in world.standing.flights.values()] == [2]
    world.until(world.true_ns + 5 * MINUTE_NS)
    changes = world.turn(tick=True)
    assert changes.finished == [] and world.store.rows[1].state is ReplyState.UNKNOWN


def test_an_id_that_a_cdr_named_meanwhile() -> None:
    world = flying(1)
    world.turn(outcomes=[outcome(1, OutcomeKind.NO_ANSWER)])
    world.turn(receipts=[world.receipt("33612340001", ReceiptKind.DELIVERED, "q1")])
    row = CdrRow("q1", world.wall_ns, number="relou", keys=keys_of("33612340001"))
    world.turn(commands=[Command(2, "cdr", cdr=CdrStep("billed", "acme", (row,)))])
    assert world.state("0001") is ReplyState.ACCEPTED
    world.until(world.true_ns + 5 * MINUTE_NS)
    changes = world.turn(tick=True)
    assert [done.state.name for done in changes.finished] == ["DELIVERED"]
    assert world.store.held_receipts == {}


def test_a_response_in_the_batch_that_ends_the_wait() -> None:
    world = flying(1)
    world.turn(receipts=[world.receipt("33612340001", ReceiptKind.DELIVERED, "m1")])
    world.until(world.true_ns + 5 * MINUTE_NS)
    changes = world.turn(outcomes=[outcome(1, OutcomeKind.ACCEPTED)], tick=True)
    assert [done.state.name for done in changes.finished] == ["DELIVERED"]
    assert world.store.held_receipts == {} and "unmatched receipts" not in changes.tallies


def test_each_link_tells_how_many_it_delivered_in_the_last_hour() -> None:
    world = World()

    def told() -> tuple[int, int]:
        delivered, failed = world.standing.fates["main"]
        return sum(delivered.slots), sum(failed.slots)

    play(
        world,
        """
        10:00  +33612340001 texts                   → sends 0001
        10:00  +33612340002 texts                   → sends 0002
        10:01  +33612340001 receipt delivered m1    → delivered 0001
        10:01  +33612340002 receipt failed m2       → failed 0002
        """,
    )
    assert told() == (1, 1) and isinstance(world.standing.fates["main"][0], Counter)
    play(
        world,
        """
        11:30  +33612340003 texts                   → sends 0003
        11:30  +33612340003 receipt delivered m3    → delivered 0003
        """,
    )
    assert told() == (1, 0)


def test_a_receipt_in_the_batch_of_a_late_answer_and_one_without_a_reply() -> None:
    """What was in doubt before this batch is not what this batch's outcomes left."""
    world = flying(2)
    world.turn(outcomes=[outcome(1, OutcomeKind.NO_ANSWER)])
    late = outcome(1, OutcomeKind.ACCEPTED)
    changes = world.turn(
        outcomes=[late], receipts=[world.receipt("33612340002", ReceiptKind.DELIVERED, "m2")]
    )
    assert changes.tallies["receipts"] == 1 and len(world.store.held_receipts) == 1


def test_what_receipts_are_counted_as() -> None:
    world = flying(3)
    world.turn(outcomes=[outcome(i, OutcomeKind.ACCEPTED) for i in (1, 2, 3)])
    kinds = (ReceiptKind.DELIVERED, ReceiptKind.FAILED, ReceiptKind.DELIVERED)
    receipts = [world.receipt(f"3361234000{i}", kind, f"m{i}") for i, kind in enumerate(kinds, 1)]
    tallies = world.turn(receipts=receipts).tallies
    assert (tallies["delivered: main"], tallies["not delivered: main"]) == (2, 1)
