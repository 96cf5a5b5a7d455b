"""Tables of money: what stops replies, what lets them go on, and who gets what back."""

import pytest

from routing.records import OutcomeKind, ReplyState
from routing.standing import Command
from tests.routing.plays import play
from tests.routing.worlds import World, outcome

CENTS_5 = 50_000_000


def test_budget_of_the_day() -> None:
    """At most 0.10 a day; the rest waits for midnight. The alarm begins once and ends."""
    world = World(budget_day="0.10")
    play(
        world,
        """
        10:00    +33612340001 texts → sends 0001
        10:01    +33612340002 texts → sends 0002
        10:02    +33612340003 texts → waits until 10:02, alarm no_funds
        10:03    +33612340004 texts → waits until 10:03
        10:04    tick               → -
        1d00:00  -                  → sends 0003, sends 0004
        1d00:01  tick               → alarm no_funds ends
        1d00:02  +33612340005 texts → waits until 1d00:02, alarm no_funds
        """,
    )
    assert world.store.balances["day/2026-11-24"] == 2 * CENTS_5
    assert world.store.balances["day/2026-11-25"] == 2 * CENTS_5


def test_no_funds() -> None:
    """Not one cent is spent that was not given; a donation lets go what it pays for."""
    play(
        World(funds="0.12"),
        """
        10:00  +33612340001 texts   → sends 0001
        10:01  +33612340002 texts   → sends 0002
        10:02  +33612340003 texts   → waits until 10:02, alarm no_funds
        10:03  +33612340004 texts   → waits until 10:03
        10:04  operator funds 0.02  → alarm no_funds ends, alarm no_funds
        10:05  operator funds 0.01  → alarm no_funds ends, sends 0003, alarm no_funds
        10:06  operator funds 5.00  → alarm no_funds ends, sends 0004
        """,
    )


def test_total_budget() -> None:
    """No donation raises it."""
    play(
        World(budget_total="0.05"),
        """
        10:00    +33612340001 texts   → sends 0001
        10:01    +33612340002 texts   → waits until 10:01, alarm no_funds
        10:02    operator funds 10.00 → -
        1d10:01  tick                 → cancelled 0002: too old
        """,
    )


def test_a_refusal_gives_its_money_back_and_the_next_reply_takes_it() -> None:
    world = World(budget_total="0.05")
    play(
        world,
        """
        10:00  main answers nothing   → -
        10:00  +33612340001 texts     → sends 0001
        10:01  +33612340002 texts     → waits until 10:01, alarm no_funds
        10:02  main says 0001 refused → refused 0001, sends 0002
        10:03  tick                   → alarm no_funds ends
        """,
    )
    assert world.store.balances["day/2026-11-24"] == CENTS_5


@pytest.mark.parametrize("kind", ["refused", "retry", "account", "pause", "session"])
def test_a_tariff_that_bills_refusals(kind: str) -> None:
    world = World(billed=["acme"])
    world.answers["main"] = None
    world.turn(contacts=[world.contact("+33612340001")])
    world.turn(outcomes=[outcome(1, OutcomeKind(kind))])
    assert world.store.balances["settled"] == CENTS_5
    assert world.store.balances["reserved"] == 0


def test_inbound_is_spent_although_there_is_nothing_left() -> None:
    """Then spendable is below zero, which outbound money alone never brings about."""
    world = World(funds="0.06", inbound="0.02", delay_min=60)
    play(
        world,
        """
        10:00  +33612340001 texts → waits until 11:00
        10:01  38200 texts        → silent: short code
        10:02  38200 texts        → silent: short code
        10:03  38200 texts        → silent: short code
        11:00  -                  → alarm no_funds
        """,
    )
    assert world.store.balances["inbound"] == 80_000_000
    assert world.store.balances.get("reserved", 0) == 0


def test_the_inbound_reserve_is_not_for_replies() -> None:
    play(
        World(funds="1.05", inbound_reserve="1.00"),
        """
        10:00  +33612340001 texts → sends 0001
        10:01  +33612340002 texts → waits until 10:01, alarm no_funds
        """,
    )


def test_a_reservation_belongs_to_its_day() -> None:
    """Given back after midnight, it does not make today's budget larger."""
    world = World(budget_day="0.05")
    play(
        world,
        """
        23:59    main answers nothing   → -
        23:59    +33612340001 texts     → sends 0001
        1d00:00  +33612340002 texts     → sends 0002
        1d00:01  main says 0001 refused → refused 0001
        1d00:02  +33612340003 texts     → waits until 1d00:02, alarm no_funds
        """,
    )
    assert world.store.balances["day/2026-11-24"] == 0
    assert world.store.balances["day/2026-11-25"] == CENTS_5


def test_money_given_pays_in_the_same_turn() -> None:
    world = World(funds="0")
    changes = world.turn(
        contacts=[world.contact("+33612340001")], commands=[Command(1, "fund", "", CENTS_5)]
    )
    assert len(changes.effects.submits) == 1 and changes.effects.answers == {1: "done"}
    assert world.state("0001") is ReplyState.SUBMITTING


def test_the_first_lane_without_money_does_not_take_it_from_the_next() -> None:
    ways = ("main",)
    play(
        World(numbers={"a": ways, "b": ways}, funds="0.05"),
        """
        10:00  operator hold        → -
        10:00  +33612340001 texts a → waits until 10:00
        10:00  +33612340002 texts b → waits until 10:00
        10:00  operator release     → sends 0001, alarm no_funds
        10:01  operator funds 0.05  → alarm no_funds ends, sends 0002
        """,
    )
