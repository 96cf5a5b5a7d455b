"""What submits came to: every outcome class, receipts early and late, and what grows old."""

from itertools import pairwise

import pytest

from routing.records import OutcomeKind, ReplyState
from routing.throttle import SECOND_NS
from tests.routing.plays import flying, play
from tests.routing.worlds import MINUTE_NS, World, outcome

CENTS_5 = 50_000_000


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


def test_what_outcomes_are_counted_as() -> None:
    """`accepted` once for the batch, others one by one, and nothing that did not happen."""
    world = flying(6)
    said = [outcome(i, OutcomeKind.ACCEPTED) for i in (1, 2)]
    said += [outcome(3, OutcomeKind.RETRY), outcome(4, OutcomeKind.REFUSED)]
    said += [outcome(i, OutcomeKind.LINK_LOST) for i in (5, 6)]
    tallies = world.turn(outcomes=said).tallies
    assert tallies == {"accepted": 2, "returned": 1, "refused": 1, "unknown": 2}
    assert "accepted" not in world.turn().tallies


@pytest.mark.parametrize(
    ("kind", "wait_ns"),
    [
        (OutcomeKind.PAUSE, SECOND_NS),
        (OutcomeKind.RETRY, 60 * SECOND_NS),
        (OutcomeKind.SESSION, 0),
        (OutcomeKind.ACCOUNT, 0),
        (OutcomeKind.NOT_SENT, 0),
    ],
)
def test_when_a_reply_that_came_back_is_due(kind: OutcomeKind, wait_ns: int) -> None:
    world = flying(1)
    changes = world.turn(outcomes=[outcome(1, kind)])
    [returned] = changes.returned
    assert returned.reply.due_ns == world.wall_ns + wait_ns
    assert changes.tallies["returned"] == 1 and "refused" not in changes.tallies


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
        10:09:59.999 tick            → -
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


def test_what_left_before_the_account_was_held_does_not_open_it() -> None:
    play(
        World(),
        """
        10:00  main answers nothing    → -
        10:00  +33612340001 texts      → sends 0001
        10:00  +33612340002 texts      → sends 0002
        10:01  main says 0001 account  → alarm account_held
        10:01  main says 0002 accepted → -
        10:02  +33612340003 texts      → waits until 10:02
        10:11  -                       → sends 0001
        10:12  main says 0001 accepted → sends 0003, alarm account_held ends
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
        10:06  +33612340003 texts   → sends 0003, refused 0003
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


def test_a_silent_link_takes_nothing_in_that_turn_and_is_counted_anew() -> None:
    world = flying(3)
    said = [outcome(i, OutcomeKind.NO_ANSWER) for i in (1, 2, 3)]
    changes = world.turn(outcomes=said, contacts=[world.contact("+33612340009")])
    assert changes.effects.rebind == ["main"] and not changes.effects.submits
    world = flying(6)
    assert world.turn(outcomes=said).effects.rebind == ["main"]
    said = [outcome(i, OutcomeKind.NO_ANSWER) for i in (4, 5)]
    assert world.turn(outcomes=said).effects.rebind == []
    assert world.turn(outcomes=[outcome(6, OutcomeKind.NO_ANSWER)]).effects.rebind == ["main"]


def test_a_response_of_any_kind_ends_the_row_of_unanswered() -> None:
    world = flying(6)
    said = [outcome(i, OutcomeKind.NO_ANSWER) for i in (1, 2)]
    said += [outcome(3, OutcomeKind.RETRY)]
    said += [outcome(i, OutcomeKind.NO_ANSWER) for i in (4, 5)]
    assert world.turn(outcomes=said).effects.rebind == []
    assert world.turn(outcomes=[outcome(6, OutcomeKind.NO_ANSWER)]).effects.rebind == ["main"]


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
