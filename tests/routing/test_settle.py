"""What submits came to: every outcome class, receipts early and late, and what grows old."""

from itertools import pairwise

import pytest

from routing.records import OutcomeKind, ReceiptKind, ReplyState
from routing.standing import Stored
from tests.routing.worlds import MINUTE_NS, World, keys_of, outcome, play

CENTS_5 = 50_000_000


def flying(count: int, **how: object) -> World:
    """A world with `count` replies on their way, to 0001, 0002 …, and an SMSC that is silent."""
    world = World(**how)  # type: ignore[arg-type]
    world.answers["main"] = None
    for i in range(1, count + 1):
        world.turn(contacts=[world.contact(f"+3361234{i:04}")])
    world.said.clear()
    return world


def test_a_throttled_carrier_slows_and_recovers() -> None:
    """1, 2, 4 … seconds; a window refused at once is one step; each calm 10 s take one back."""
    world = World()
    world.answers["main"] = OutcomeKind.PAUSE
    texts = [world.contact(f"+3361234{i:04}") for i in (1, 2)]
    world.turn(contacts=texts)
    world.settle()
    assert [pause.step for pause in world.standing.pauses.values()] == [1]
    play(
        world,
        """
        10:00:00.5 -                     → sends 0001, sends 0002, alarm throttled
        10:00:01   -                     → sends 0001, sends 0002
        10:00:02   main answers accepted → -
        10:00:02.9 -                     → -
        10:00:03   -                     → sends 0001, sends 0002
        10:00:12   tick                  → -
        10:00:13   tick                  → -
        10:00:22   tick                  → -
        10:00:23   tick                  → alarm throttled ends
        """,
    )
    assert world.standing.pauses == {}


def test_a_pause_is_at_most_64_seconds_and_stops_the_whole_carrier() -> None:
    world = World(
        numbers={"relou": ("main", "spare")}, links={"main": "acme", "spare": "acme"}, window=1
    )
    world.answers = dict.fromkeys(world.answers, OutcomeKind.PAUSE)
    world.turn(contacts=[world.contact("+33612340001")])
    world.until(world.true_ns + 10 * MINUTE_NS)
    gaps = [(b - a) // 10**9 for (a, _, _), (b, _, _) in pairwise(world.sent)]
    assert gaps[:8] == [1, 2, 4, 8, 16, 32, 64, 64]


def test_five_attempts() -> None:
    """After 1, 2, 4 and 8 minutes; the fifth refusal is the last."""
    play(
        World(),
        """
        10:00  main answers retry → -
        10:00  +33612340001 texts → sends 0001
        10:01  -                  → sends 0001
        10:03  -                  → sends 0001
        10:07  -                  → sends 0001
        10:15  -                  → sends 0001, refused 0001
        11:15  +33612340001 texts → silent: replied already
        """,
    )


def test_a_retry_is_never_due_after_the_reply_is_too_old() -> None:
    world = flying(1, max_age_h=0)
    [returned] = world.turn(outcomes=[outcome(1, OutcomeKind.RETRY)]).returned
    assert returned.reply.due_ns == returned.reply.created_ns


def test_a_wrong_session_is_bound_again() -> None:
    """Nothing more leaves on that bind in this turn, and the reply waits."""
    world = flying(2)
    changes = world.turn(
        outcomes=[outcome(1, OutcomeKind.SESSION), outcome(2, OutcomeKind.SESSION)],
        contacts=[world.contact("+33612340003")],
    )
    assert changes.effects.rebind == ["main"] and not changes.effects.submits
    assert [world.state(sender).name for sender in ("0001", "0002", "0003")] == ["WAITING"] * 3


def test_an_account_without_credit_burns_nothing() -> None:
    """The link is held, probed by one submit every ten minutes, and opens with the first ROK."""
    world = World()
    play(
        world,
        """
        10:00  main answers account  → -
        10:00  +33612340001 texts    → sends 0001, alarm account_held
        10:01  +33612340002 texts    → waits until 10:01
        10:09  tick                  → -
        10:10  -                     → sends 0001
        10:11  main answers nothing  → -
        10:20  -                     → sends 0002
        10:21  tick                  → -
        10:22  main says 0002 refused → -
        10:30  main answers accepted → -
        10:32  -                     → sends 0001, sends 0002, alarm account_held ends
        """,
    )
    assert [row.reply.attempts for row in world.store.rows.values()] == [0, 0]


def test_a_released_link_is_probed_by_one_submit() -> None:
    play(
        World(),
        """
        10:00  main answers account    → -
        10:00  +33612340001 texts      → sends 0001, alarm account_held
        10:01  +33612340002 texts      → waits until 10:01
        10:02  main answers nothing    → -
        10:02  operator release main   → sends 0001, alarm account_held ends
        10:03  tick                    → -
        10:04  main says 0001 accepted → sends 0002
        """,
    )


def test_five_equal_refusals_are_the_account() -> None:
    """To different destinations: the fifth is not burnt. One bad number never counts as five."""
    world = World(claim_days=0)
    play(
        world,
        """
        10:00  main answers refused → -
        10:01  +33612340001 texts   → sends 0001, refused 0001
        10:02  +33612340001 texts   → sends 0001, refused 0001
        10:03  +33612340001 texts   → sends 0001, refused 0001
        10:04  +33612340001 texts   → sends 0001, refused 0001
        10:05  +33612340001 texts   → sends 0001, refused 0001
        10:06  +33612340002 texts   → sends 0002, refused 0002
        10:07  +33612340003 texts   → sends 0003, refused 0003
        10:08  +33612340004 texts   → sends 0004, refused 0004
        10:09  +33612340005 texts   → sends 0005, alarm account_held
        """,
    )
    assert world.state("0005") is ReplyState.WAITING


def test_other_labels_and_accepted_ones_begin_the_row_again() -> None:
    world = flying(10)
    said = [outcome(i, OutcomeKind.REFUSED, "A") for i in (1, 2, 3, 4)]
    said += [outcome(5, OutcomeKind.REFUSED, "B"), outcome(6, OutcomeKind.REFUSED, "A")]
    said += [outcome(7, OutcomeKind.ACCEPTED)]
    said += [outcome(i, OutcomeKind.REFUSED, "A") for i in (8, 9, 10)]
    assert world.turn(outcomes=said).effects.alarms == []


def test_three_unanswered_rebind_and_probe() -> None:
    """Then one in flight until one is accepted."""
    world = World()
    play(
        world,
        """
        10:00  main answers nothing     → -
        10:00  +33612340001 texts       → sends 0001
        10:00  +33612340002 texts       → sends 0002
        10:00  +33612340003 texts       → sends 0003
        10:01  main says 0001 no answer → unknown 0001
        10:01  main says 0002 no answer → unknown 0002
        10:01  main says 0003 no answer → unknown 0003, rebind main, alarm submits_unanswered
        10:02  +33612340004 texts       → sends 0004
        10:02  +33612340005 texts       → waits until 10:02
        10:03  main says 0004 refused   → sends 0005, refused 0004
        10:03  +33612340006 texts       → waits until 10:03
        10:03  +33612340007 texts       → waits until 10:03
        10:04  main says 0005 accepted  → sends 0006, sends 0007, alarm submits_unanswered ends
        """,
    )


def test_a_response_of_any_kind_ends_the_row_of_unanswered() -> None:
    world = flying(5)
    said = [outcome(i, OutcomeKind.NO_ANSWER) for i in (1, 2)]
    said += [outcome(3, OutcomeKind.RETRY)]
    said += [outcome(i, OutcomeKind.NO_ANSWER) for i in (4, 5)]
    assert world.turn(outcomes=said).effects.rebind == []


def test_unanswered_while_the_account_is_probed() -> None:
    """A second silence is told again; a refusal still burns nothing."""
    world = flying(7)
    world.turn(outcomes=[outcome(1, OutcomeKind.ACCOUNT)])
    world.turn(outcomes=[outcome(i, OutcomeKind.SESSION) for i in (6,)])
    said = [outcome(i, OutcomeKind.NO_ANSWER) for i in (2, 3, 4)]
    assert world.turn(outcomes=said).effects.rebind == ["main"]
    world.turn(outcomes=[outcome(5, OutcomeKind.REFUSED)])
    assert world.state("0005") is ReplyState.WAITING


def test_unanswered_and_session_ask_for_one_rebind() -> None:
    world = flying(4)
    said = [outcome(4, OutcomeKind.SESSION)]
    said += [outcome(i, OutcomeKind.NO_ANSWER) for i in (1, 2, 3)]
    assert world.turn(outcomes=said).effects.rebind == ["main"]


def test_too_many_unknown_in_an_hour() -> None:
    world = flying(4, unknown_max=2)
    play(
        world,
        """
        10:01  main says 0001 link lost → unknown 0001
        10:02  main says 0002 link lost → unknown 0002
        10:03  main says 0003 link lost → unknown 0003, alarm unknown_rate
        10:03  main says 0004 link lost → unknown 0004
        10:04  +33612340005 texts       → waits until 10:04
        11:03  -                        → sends 0005, alarm unknown_rate ends
        """.replace("sends 0005, alarm unknown_rate ends", "sends 0005, alarm unknown_rate ends"),
    )


def test_a_restart_does_not_count_as_unknown_in_this_hour() -> None:
    world = flying(3, unknown_max=1)
    world.turn(outcomes=[outcome(i, OutcomeKind.RESTART) for i in (1, 2, 3)])
    assert world.said == ["unknown 0001", "unknown 0002", "unknown 0003"]
    assert world.store.balances["reserved"] == 3 * CENTS_5


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
    assert list(world.store.held_receipts) == [("acme", "0x1")]


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
    """And lends it its message id, so that its repetition is known."""
    world = flying(1)
    play(
        world,
        """
        10:01  main says 0001 link lost           → unknown 0001
        10:02  +33612340001 receipt delivered q9  → delivered 0001
        10:03  +33612340001 receipt delivered q9  → -
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
    assert (world.state("0001").name, world.state("0002").name) == ("DELIVERED", "FAILED")
    assert changes.tallies["repeated receipt"] == 1


def test_a_guess_must_be_unique() -> None:
    """Two UNKNOWN to one sender, another of our numbers, another carrier: nothing is resolved."""
    world = flying(1, max_replies=2)
    world.turn(contacts=[world.contact("+33612340001")])
    world.turn(outcomes=[outcome(i, OutcomeKind.NO_ANSWER) for i in (1, 2)])
    receipt = world.receipt("33612340001", ReceiptKind.DELIVERED, "q9")
    strangers = [receipt, receipt._replace(number=""), receipt._replace(carrier="other")]
    changes = world.turn(receipts=strangers)
    assert changes.finished == [] and changes.tallies["unmatched receipts"] == 3
    late = outcome(1, OutcomeKind.ACCEPTED)
    changes = world.turn(outcomes=[late], receipts=[receipt])  # now only one is left
    assert [done.state.name for done in changes.finished] == ["ACCEPTED", "DELIVERED"]


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
    receipt = world.receipt("33612340001", ReceiptKind.DELIVERED, "q1")
    world.turn(receipts=[receipt], tick=True)
    assert world.state("0001") is ReplyState.DELIVERED


def test_stored_knows_its_sender_by_pseudonym_only() -> None:
    """No field of what the store gives back holds a number."""
    world = flying(1)
    stored = world.store.rows[1].stored()
    assert isinstance(stored, Stored) and stored.claim == keys_of("33612340001").claims[0]
    assert not any("33612340001" in str(value) for value in stored)
