"""What a carrier's CDR changes: doubts that end, upper bounds that come down."""

from dataclasses import replace

import pytest

from routing.conversion import Conversion
from routing.records import OutcomeKind, ReplyState
from routing.standing import CdrRow, CdrStep, Changes, Command
from routing.throttle import HOUR_NS
from tests.routing.plays import flying
from tests.routing.worlds import MINUTE_NS, World, keys_of, outcome

CENTS_5 = 50_000_000


def told(world: World, what: str, *rows: CdrRow, carrier: str = "acme") -> tuple[int, Changes]:
    """How many replies a chunk changed."""
    changes = world.turn(commands=[Command(9, "cdr", cdr=CdrStep(what, carrier, rows))])
    world.said.clear()
    answer = changes.effects.answers[9]
    assert isinstance(answer, dict)
    return answer["done"], changes


def line(world: World, message_id: str, sender: str = "33612340001", at_ns: int = 0) -> CdrRow:
    """A row about a reply to `sender`, billed now."""
    return CdrRow(message_id, at_ns or world.wall_ns, number="relou", keys=keys_of(sender))


def lost(count: int) -> World:
    """A world whose replies are all in doubt."""
    world = flying(count)
    world.turn(outcomes=[outcome(i, OutcomeKind.NO_ANSWER) for i in range(1, count + 1)])
    return world


def test_a_line_resolves_the_one_reply_it_can_mean() -> None:
    world = lost(2)
    done, changes = told(world, "billed", line(world, "q1"), line(world, "q1"))
    assert done == 1 and world.store.rows[1].message_id == "q1"
    assert world.state("0001") is ReplyState.ACCEPTED
    assert world.store.balances["settled"] == world.store.balances["reserved"] == CENTS_5
    assert changes.audit == [("reconcile", "acme: 1 billed")]
    assert told(world, "billed", line(world, "q1", "33612340002"))[0] == 0  # q1 is known


@pytest.mark.parametrize(
    ("hours", "resolved"), [(-1, 0), (0, 1), (1, 1), (72, 1), (73, 0)]
)  # the line's time after the submit
def test_its_time_must_fit(hours: int, resolved: int) -> None:
    world = lost(1)
    at_ns = world.wall_ns + hours * HOUR_NS
    assert told(world, "billed", line(world, "q1", at_ns=at_ns))[0] == resolved


def test_a_line_of_somebody_else_resolves_nothing() -> None:
    world = lost(1)
    mine = line(world, "q1")
    strangers = (
        mine._replace(keys=None),
        mine._replace(number=""),
        mine._replace(keys=keys_of("33612340009")),
    )
    assert told(world, "billed", *strangers)[0] == 0
    assert told(world, "billed", mine, carrier="other")[0] == 0


def test_a_whole_cdr_without_it_was_never_sent() -> None:
    """In doubt, or assumed sent already; what is known to be sent stays."""
    world = lost(2)
    world.until(world.true_ns + 8 * 24 * HOUR_NS)
    world.turn(tick=True)
    assert world.state("0001") is ReplyState.ASSUMED_SENT
    world.turn(contacts=[world.contact("+33612340003")])
    world.turn(outcomes=[outcome(3, OutcomeKind.ACCEPTED)])
    rows = [CdrRow(reply_id=i) for i in (1, 3, 77)]
    done, _ = told(world, "not billed", *rows)
    assert done == 1 and world.state("0001") is ReplyState.REFUSED
    assert world.store.balances["settled"] == 2 * CENTS_5
    assert world.store.balances["correction"] == CENTS_5
    assert told(world, "not billed", *rows)[0] == 0  # once


def bounded(world: World, **more: object) -> World:
    """The first reply's price is an upper bound."""
    row = world.store.rows[1]
    assert row.flight is not None
    row.flight = row.flight._replace(exact=False, **more)
    return world


def accepted() -> World:
    """Two replies the carrier took."""
    world = flying(2)
    world.turn(outcomes=[outcome(i, OutcomeKind.ACCEPTED) for i in (1, 2)])
    return world


def test_an_upper_bound_comes_down_to_what_was_billed() -> None:
    """Once; the second reply's price is exact and stays, whoever disputes it."""
    world = bounded(accepted())
    rows = [CdrRow(reply_id=i, nanos=30_000_000) for i in (1, 1, 2)]
    assert told(world, "corrected", *rows)[0] == 1
    assert world.store.balances["correction"] == 20_000_000
    assert world.store.balances["settled"] == 80_000_000
    assert told(world, "corrected", *rows)[0] == 0


@pytest.mark.parametrize("nanos", [CENTS_5, CENTS_5 + 1])
def test_a_bill_above_the_bound_is_no_correction(nanos: int) -> None:
    assert told(bounded(accepted()), "corrected", CdrRow(reply_id=1, nanos=nanos))[0] == 0


def test_what_is_in_doubt_is_not_corrected() -> None:
    world = bounded(lost(1))
    assert told(world, "corrected", CdrRow(reply_id=1, nanos=1))[0] == 0


def test_another_currency_is_converted_as_it_was_when_it_left() -> None:
    """0.04 USD were 0.05 EUR; 0.02 USD would have been 0.025 EUR."""
    world = bounded(accepted(), billed_nanos=40_000_000, currency="USD")
    money = replace(world.rules.money, conversions={"USD": (Conversion(0, 200, 100),)})
    world.rules = replace(world.rules, money=money)  # another rate since then
    assert told(world, "corrected", CdrRow(reply_id=1, nanos=20_000_000))[0] == 1
    [entry] = world.entries()
    assert (entry.kind, entry.nanos, entry.billed_nanos) == ("correction", 25_000_000, 20_000_000)
    assert world.store.rows[1].stored().exact


def test_vat_comes_back_with_the_price_it_was_on() -> None:
    """0.04 and a quarter of VAT were 0.05; 0.02 are 0.025. The carrier bills in our currency."""
    world = bounded(accepted(), billed_nanos=40_000_000, currency="EUR")
    assert told(world, "corrected", CdrRow(reply_id=1, nanos=20_000_000))[0] == 1
    [entry] = world.entries()
    assert (entry.kind, entry.nanos, entry.billed_nanos) == ("correction", 25_000_000, 20_000_000)


def test_time_passes_between_submit_and_bill() -> None:
    """The budget of the day it was submitted on gets the money back, not today's."""
    world = bounded(accepted())
    world.until(world.true_ns + 24 * HOUR_NS + MINUTE_NS)
    _, changes = told(world, "corrected", CdrRow(reply_id=1, nanos=30_000_000))
    assert changes.balances["day/2026-11-24"] == -20_000_000
