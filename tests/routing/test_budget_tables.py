"""Tables of budgets: per hour, day, month, campaign and number, an allowance, and fees."""

import pytest

from routing.budget import ALLOWANCE, Override, Purse, share, titles
from routing.conversion import Conversion
from routing.fees import month_after
from routing.ledger import read_entries
from routing.rate_card import RateCard, parse_rows
from routing.records import MoneyRules, OutcomeKind, ReceiptKind
from routing.standing import Command
from tests.routing.plays import flying, play
from tests.routing.worlds import World, outcome, time_of

CENT = 10_000_000


def dollars(*lines: str) -> RateCard:
    """A rate card in dollars from lines "33 0.05 FR"."""
    rows = [",".join((*line.split(), "out", "USD")) for line in lines]
    found, faults = parse_rows(["prefix,price,country,direction,currency", *rows], "USD")
    assert not faults
    return RateCard.build(found, 7)


def test_budget_of_the_hour() -> None:
    """0.10 an hour pays for two replies; the third leaves when the clock strikes."""
    world = World(budget_hour="0.10")
    play(
        world,
        """
        10:58  +33612340001 texts → sends 0001
        10:59  +33612340002 texts → sends 0002
        10:59  +33612340003 texts → waits until 10:59, alarm no_funds
        11:00  -                  → sends 0003
        11:01  tick               → alarm no_funds ends
        """,
    )
    assert world.store.balances["hour/2026-11-24T10"] == 10 * CENT
    assert world.store.balances["hour/2026-11-24T11"] == 5 * CENT
    assert world.store.balances["day/2026-11-24"] == 15 * CENT


def test_budget_of_the_month() -> None:
    """The 24th is day 0: the 1st of December is day 7."""
    world = World(budget_month="0.05", max_age_h=300)
    play(
        world,
        """
        10:00    +33612340001 texts → sends 0001
        2d10:00  +33612340002 texts → waits until 2d10:00, alarm no_funds
        7d00:00  -                  → sends 0002
        """,
    )
    assert world.store.balances["month/2026-11"] == 5 * CENT
    assert world.store.balances["month/2026-12"] == 5 * CENT


def test_a_campaign_that_is_spent_does_not_stop_the_other() -> None:
    ways = ("main",)
    world = World(
        numbers={"a": ways, "b": ways},
        campaigns={"b": "other"},
        budgets={"campaign/other/total": "0.05", "campaign/default/day": "0.10"},
    )
    play(
        world,
        """
        10:00    +33612340001 texts b → sends 0001
        10:01    +33612340002 texts b → waits until 10:01, alarm no_funds
        10:02    +33612340003 texts a → sends 0003
        10:03    +33612340004 texts a → sends 0004
        10:04    +33612340005 texts a → waits until 10:04, alarm no_funds
        1d00:00  -                    → sends 0005
        """,
    )
    assert {reason for _, reason in world.standing.alarms} == {
        "campaign other: total budget",
        "campaign default: budget of the day",
    }
    assert world.store.balances["campaign/other/total"] == 5 * CENT


def test_a_number_has_its_own_budget_beside_its_campaign() -> None:
    ways = ("main",)
    play(
        World(numbers={"a": ways, "b": ways}, budgets={"number/a/day": "0.05"}),
        """
        10:00    +33612340001 texts a → sends 0001
        10:01    +33612340002 texts a → waits until 10:01, alarm no_funds
        10:02    +33612340003 texts b → sends 0003
        1d00:00  -                    → sends 0002
        """,
    )


def test_all_budgets_are_debited_or_none() -> None:
    """The month refuses the second reply: hour, day, campaign and number stay as they were."""
    world = World(
        budget_hour="9.00",
        budget_day="9.00",
        budget_month="0.05",
        budgets={"campaign/default/day": "9.00", "number/relou/total": "9.00"},
    )
    play(
        world,
        """
        10:00  +33612340001 texts → sends 0001
        10:01  +33612340002 texts → waits until 10:01, alarm no_funds
        """,
    )
    accounts = {k: v for k, v in world.store.balances.items() if "/" in k}
    assert accounts == dict.fromkeys(
        (
            "hour/2026-11-24T10",
            "day/2026-11-24",
            "month/2026-11",
            "campaign/default/day/2026-11-24",
            "number/relou/total",
        ),
        5 * CENT,
    )


def test_what_comes_back_goes_where_it_was_taken_from() -> None:
    """Reserved at 10:59, refused at 11:01: the hour of 10 has it back, that of 11 has not."""
    world = World(budget_hour="0.05", budgets={"number/relou/day": "0.10"})
    play(
        world,
        """
        10:59  main answers nothing   → -
        10:59  +33612340001 texts     → sends 0001
        11:00  +33612340002 texts     → sends 0002
        11:01  main says 0001 refused → refused 0001
        11:02  +33612340003 texts     → waits until 11:02, alarm no_funds
        12:00  -                      → sends 0003
        """,
    )
    balances = world.store.balances
    assert [balances[f"hour/2026-11-24T{hour}"] for hour in (10, 11, 12)] == [0, 5 * CENT, 5 * CENT]
    assert balances["number/relou/day/2026-11-24"] == 10 * CENT


def test_what_comes_back_makes_room_in_the_same_turn() -> None:
    world = flying(1, budget_hour="0.05")
    told = outcome(1, OutcomeKind.REFUSED)
    world.turn(contacts=[world.contact("+33612340009")], outcomes=[told])
    assert world.said[-2:] == ["sends 0009", "refused 0001"]


def test_budgets_set_in_the_running_server() -> None:
    world = World(budget_day="0.05")
    play(
        world,
        """
        10:00    +33612340001 texts                       → sends 0001
        10:01    +33612340002 texts                       → waits until 10:01, alarm no_funds
        10:02    operator budget day 0.10                 → sends 0002
        10:03    +33612340003 texts                       → waits until 10:03
        10:04    operator budget-lift day                 → sends 0003
        10:05    operator budget-reset day                → -
        10:06    +33612340004 texts                       → waits until 10:06
        10:07    operator budget-lift day                 → sends 0004
        10:08    operator budget number/relou/hour 0.05   → -
        10:09    +33612340005 texts                       → sends 0005
        10:10    +33612340006 texts                       → waits until 10:10, alarm no_funds
        10:11    operator budget-reset number/relou/hour  → sends 0006
        """,
    )
    assert world.store.budgets == {"day": Override(None)}
    assert world.store.audit[1:4] == [
        ("budget", "budget of the day 0.10 EUR"),
        ("budget-lift", "budget of the day no limit"),
        ("budget-reset", "budget of the day 0.05 EUR, as configured"),
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("week", "a budget is for an hour, a day, a month or in total, not for 'week'"),
        ("country/FR/day", "a budget is of a campaign, of a number or of all, not of 'country'"),
        ("number/lourd/day", "there is no number lourd"),
        ("campaign/day", "there is no campaign "),
    ],
)
def test_a_budget_there_is_not(name: str, said: str) -> None:
    world = World()
    changes = world.turn(commands=[Command(1, "budget", name, CENT)])
    assert changes.effects.answers == {1: said}
    assert not world.store.budgets


def test_a_budget_below_what_is_spent_stops_and_takes_nothing_back() -> None:
    world = World()
    play(
        world,
        """
        10:00  +33612340001 texts          → sends 0001
        10:01  operator budget total 0.01  → -
        10:02  +33612340002 texts          → waits until 10:02, alarm no_funds
        """,
    )
    assert world.store.balances["settled"] == 5 * CENT


def test_money_that_is_to_last_ten_days() -> None:
    """1.00 for ten days: 0.10 a day, then a tenth of the 0.90 that is left: one reply."""
    world = World(funds="1.00", last_days=10)
    play(
        world,
        """
        10:00    +33612340001 texts  → sends 0001
        10:01    +33612340002 texts  → sends 0002
        10:02    +33612340003 texts  → waits until 10:02, alarm no_funds
        1d00:00  -                   → sends 0003
        1d00:01  +33612340004 texts  → waits until 1d00:01
        1d00:02  operator funds 0.09 → -
        1d00:03  operator funds 0.01 → sends 0004
        """,
    )
    assert world.store.budgets[ALLOWANCE] == Override(10 * CENT, "2026-11-25")
    assert {reason for _, reason in world.standing.alarms} == {"allowance of the day"}


def test_the_smaller_of_budget_and_allowance_rules() -> None:
    world = World(funds="100.00", last_days=1, budget_day="0.05")
    world.turn(contacts=[world.contact("+33612340001")])
    world.turn(contacts=[world.contact("+33612340002")])
    assert ("no_funds", "budget of the day") in world.standing.alarms


def test_a_purse_by_itself() -> None:
    """A lane's replies follow each other, come back, are cut short; another lane shares the day."""
    budgets = {"day": 100, "campaign/a/day": 60}
    now = World().now()
    purse = Purse({"given": 1000}, MoneyRules("EUR", budgets, 0), {}, now)
    one, other = purse.debit("n", "a"), purse.debit("n", "b")
    assert purse.refusal(40, one) is None
    purse.reserve(40, one)
    assert purse.refusal(40, one) == ("campaign a: budget of the day", now.next_day_ns)
    assert purse.refusal(60, other) is None
    purse.reserve(60, other)
    assert purse.spendable == 900
    assert purse.refusal(1, other) == ("budget of the day", now.next_day_ns)
    purse.release(40, one.accounts)
    assert purse.refusal(40, other) is None and purse.refusal(41, other) is not None
    assert purse.spendable == 940
    assert purse.changes() == {f"day/{now.day}": 60}
    purse.limit("day", 70)
    purse.limit("campaign/a/day", None)
    assert purse.refusal(10, purse.debit("n", "a")) is None
    assert purse.refusal(11, purse.debit("n", "a")) is not None
    purse.allow(65)
    assert purse.refusal(6, purse.debit("n", "a")) == ("allowance of the day", now.next_day_ns)
    with pytest.raises(AssertionError, match="nobody asked"):
        purse.reserve(1, one)


@pytest.mark.parametrize(
    ("left", "monthly", "days", "a_day"),
    [
        (100, 0, 10, 10),
        (109, 0, 10, 10),  # what is left over stays for tomorrow
        (10_000, 3_000, 10, 900),  # ten days of a fee of 3,000 a month cost 1,000
        (100, 900, 10, 0),  # the fees alone take it all
        (-5, 0, 10, 0),
    ],
)
def test_share_of_a_day(left: int, monthly: int, days: int, a_day: int) -> None:
    assert share(left, monthly, days) == a_day


def test_every_refusal_has_a_title_the_log_knows() -> None:
    known = titles(World(numbers={"a": ("main",)}).rules)
    assert "no funds" in known and "allowance of the day" in known
    assert "campaign default: budget of the month" in known and "number a: total budget" in known


# -- fees


def test_a_monthly_fee_is_posted_once_when_its_month_begins() -> None:
    world = World(tariffs={"acme": {"monthly_fee": "3.00"}})
    play(
        world,
        """
        10:00     tick → -
        11:00     tick → -
        7d00:00   tick → -
        7d01:00   tick → -
        """,
    )
    assert world.store.balances["fee"] == 600 * CENT
    assert world.store.audit[1:] == [
        ("fee", "3.00 EUR, acme, monthly fee 2026-11"),
        ("fee", "3.00 EUR, acme, monthly fee 2026-12"),
    ]
    assert world.store.fees == {"acme": "2026-12"}


def test_months_that_passed_while_nothing_ran_are_made_up_for() -> None:
    world = World(tariffs={"acme": {"monthly_fee": "3.00"}})
    world.store.fees = {"acme": "2026-09", "gone": "2026-01"}
    world.turn(tick=True)
    assert world.store.balances["fee"] == 600 * CENT
    assert world.store.fees == {"acme": "2026-11"}


def test_what_a_month_was_short_of_the_minimum() -> None:
    """A minimum of 0.12, and two replies of 0.05: 0.02 are billed on top."""
    world = World(tariffs={"acme": {"minimum_month": "0.12"}})
    play(
        world,
        """
        10:00    tick               → -
        10:01    +33612340001 texts → sends 0001
        10:02    +33612340002 texts → sends 0002
        7d00:00  tick               → closed 0001, closed 0002
        """,
    )
    assert world.store.balances["carrier/acme/month/2026-11"] == 10 * CENT
    assert world.store.balances["fee"] == 2 * CENT
    assert world.store.audit[-1] == ("fee", "0.02 EUR, acme, minimum 2026-11")


def test_a_month_above_the_minimum_costs_no_more() -> None:
    world = World(tariffs={"acme": {"minimum_month": "0.05"}})
    world.turn(tick=True)
    world.turn(contacts=[world.contact("+33612340001")])
    world.until(time_of("7d01:00"))
    world.turn(tick=True)
    assert "fee" not in world.store.balances


def test_receipts_that_cost() -> None:
    world = flying(2, tariffs={"acme": {"receipt_fee": "0.001"}})
    world.turn(outcomes=[outcome(1, OutcomeKind.ACCEPTED), outcome(2, OutcomeKind.ACCEPTED)])
    one = world.receipt("33612340001", ReceiptKind.DELIVERED, "m1")
    two = world.receipt("33612340002", ReceiptKind.DELIVERED, "m2")
    world.turn(receipts=[one, two, one])
    assert world.store.balances["fee"] == 3_000_000


def test_vat_is_in_the_price_and_rounded_up_once() -> None:
    """0.05 and 20 percent are 0.06; what the carrier bills without it stands beside."""
    world = World(budget_day="0.11", tariffs={"acme": {"vat": "20"}})
    play(
        world,
        """
        10:00  +33612340001 texts → sends 0001
        10:01  +33612340002 texts → waits until 10:01, alarm no_funds
        """,
    )
    entry = read_entries(world.store.journal[1].entries)[0]
    assert (entry.nanos, entry.billed_nanos, entry.currency) == (6 * CENT, 5 * CENT, "EUR")


def test_fees_in_the_carriers_currency_with_vat() -> None:
    """10 dollars at 92 for 100, and 20 percent: 11.04."""
    world = World(cards={"acme": dollars("33 0.05 FR")}, tariffs={"acme": {"vat": "20"}})
    world.rules.money.conversions["USD"] = (Conversion(0, 92, 100),)  # type: ignore[index]
    world.turn(commands=[Command(1, "fee", "acme", 1000 * CENT, note="set-up")])
    [entry] = world.entries()
    assert (entry.kind, entry.nanos, entry.billed_nanos, entry.currency) == (
        "fee", 1104 * CENT, 1000 * CENT, "USD",
    )  # fmt: skip
    assert world.store.audit[-1] == ("fee", "11.04 EUR, acme, set-up")


def test_a_fee_is_debited_although_there_is_no_money() -> None:
    world = World(funds="0.05")
    play(
        world,
        """
        10:00  operator fee 0.01    → -
        10:01  +33612340001 texts   → waits until 10:01, alarm no_funds
        10:02  operator fee 1.00 zz → there is no carrier zz
        10:03  operator funds 0.01  → alarm no_funds ends, sends 0001
        """,
    )
    assert world.store.balances["fee"] == CENT


def test_the_month_after() -> None:
    assert [month_after(month) for month in ("2026-01", "2026-11", "2026-12")] == [
        "2026-02", "2026-12", "2027-01",
    ]  # fmt: skip
