"""Other currencies: rounded up once per message, both amounts in every posting, none lost."""

import hashlib
import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import ledger
from routing.abuse import BreakerRules, Caps, GuardRules
from routing.conversion import Conversion, in_force
from routing.ledger import Entry, LedgerError
from routing.rate_card import RateCard, parse_rows
from routing.records import OutcomeKind, ReceiptKind
from tests.routing.plays import play
from tests.routing.worlds import DAY_NS, MIDNIGHT, MINUTE_NS, World, outcome

USD = (Conversion(0, 92, 100), Conversion(MIDNIGHT + DAY_NS, 3, 7))


def dollars(*lines: str) -> RateCard:
    """A card in USD from lines "33 0.05 FR out"."""
    rows, faults = parse_rows(
        ["prefix,price,country,direction,currency", *(f"{','.join(line.split())},USD"
                                                     for line in lines)], "USD"
    )  # fmt: skip
    assert faults == ()
    return RateCard.build(rows, 7)


def world(**how: object) -> World:
    """One whose only carrier bills in USD: 0.055 for a text of ours, 0.0075 for one to us."""
    card = dollars("33 0.055 FR out", "33644649021 0.0075 FR in")
    return World(**({"cards": {"acme": card}, "conversions": {"USD": USD}} | how))


@pytest.mark.parametrize(
    ("nanos", "numerator", "denominator", "converted"),
    [
        (100, 92, 100, 92),
        (101, 92, 100, 93),  # 92.92: up
        (1, 1, 1000, 1),
        (0, 92, 100, 0),
        (7, 3, 7, 3),
        (49_500_000, 11, 10, 54_450_000),
    ],
)
def test_rounded_up(nanos: int, numerator: int, denominator: int, converted: int) -> None:
    assert Conversion(0, numerator, denominator).convert(nanos) == converted


RATES = st.builds(Conversion, st.just(0), st.integers(1, 10**6), st.integers(1, 10**6))


@given(RATES, st.lists(st.integers(0, 10**15), max_size=50))
def test_money_neither_appears_nor_vanishes(rate: Conversion, amounts: list[int]) -> None:
    """Each message is at most one nano-unit above its exact price, and never below it."""
    exact = sum(amounts) * Fraction(rate.numerator, rate.denominator)
    converted = sum(map(rate.convert, amounts))
    assert exact <= converted < exact + len(amounts) or not amounts


@given(RATES, st.integers(0, 10**12), st.integers(1, 10))
def test_once_a_message_is_never_dearer_than_once_a_segment(
    rate: Conversion, nanos: int, segments: int
) -> None:
    assert rate.convert(nanos * segments) <= rate.convert(nanos) * segments


@pytest.mark.parametrize(("wall_ns", "index"), [(0, 0), (5, 0), (10, 1), (29, 1), (30, 2)])
def test_the_last_rate_that_has_begun(wall_ns: int, index: int) -> None:
    """Before all of them the first: no price may lack one."""
    dated = (Conversion(5, 1, 1), Conversion(10, 2, 1), Conversion(30, 3, 1))
    assert in_force(dated, wall_ns) is dated[index]


def test_a_reply_in_dollars() -> None:
    """0.055 USD at 92:100 are 0.0506 EUR; a text to us at 0.0075 USD is 0.0069 EUR."""
    books = world()
    books.answers["main"] = None
    books.turn(contacts=[books.contact("+33612340001"), books.contact("+33612340001")])
    assert books.entries() == [
        Entry(0, "inbound", 13_800_000, 0, 15_000_000, "USD"),
        Entry(1, "reserve", 50_600_000, 7, 55_000_000, "USD"),
    ]
    books.turn(outcomes=[outcome(1, OutcomeKind.ACCEPTED)])
    assert books.entries() == [Entry(1, "settle", 50_600_000, 7, 55_000_000, "USD")]
    assert books.store.balances["settled"] == 50_600_000


def test_a_reservation_is_given_back_at_the_rate_it_was_made() -> None:
    """Reserved at 92:100; on the next day the rate is another, the amount is not."""
    books = world()
    books.answers["main"] = None
    books.turn(contacts=[books.contact("+33612340001")])
    books._pass(books.true_ns + DAY_NS)
    books.turn(contacts=[books.contact("+33612340002")])
    books.turn(outcomes=[outcome(1, OutcomeKind.REFUSED)])
    assert books.entries() == [Entry(1, "release", 50_600_000, 7, 55_000_000, "USD")]
    assert books.store.balances["reserved"] == 23_571_429  # 55,000,000 × 3 ÷ 7, up


def test_three_segments_are_rounded_once() -> None:
    books = world(segments=3, at="1d10:00")
    books.turn(contacts=[books.contact("+33612340001")])
    [_, reserved] = books.entries()
    assert reserved.nanos == 70_714_286 < 3 * 23_571_429


def test_numbers_with_carriers_of_two_currencies_book_the_dearest_inbound_price() -> None:
    rows, _ = parse_rows(
        ["prefix,price,country,direction,currency", "33,0.05,FR,out,EUR", "33,0.007,,in,EUR"], "EUR"
    )
    euros = RateCard.build(rows, 8)
    card = dollars("33 0.055 FR out", "33644649021 0.0075 FR in")
    books = world(
        numbers={"a": ("eu", "us")},
        links={"eu": "euro", "us": "acme"},
        cards={"acme": card, "euro": euros},
    )
    books.turn(contacts=[books.contact("38200")])
    assert books.entries() == [Entry(0, "inbound", 7_000_000, 0)]


@pytest.mark.parametrize(
    ("tariff", "settled", "corrected"),
    [({}, 50_000_000, 0), ({"undelivered_free": ["acme"]}, 0, 50_000_000)],
)
@pytest.mark.parametrize("early", [False, True])
def test_undelivered(
    tariff: dict[str, list[str]], settled: int, corrected: int, early: bool
) -> None:
    """Some tariffs give the money back for what they accepted and could not deliver."""
    books = World(**tariff)
    books.answers["main"] = None
    books.turn(contacts=[books.contact("+33612340001")])
    receipt = books.receipt("33612340001", ReceiptKind.FAILED, "m1")
    accepted = outcome(1, OutcomeKind.ACCEPTED)
    for turn in (
        ({"receipts": [receipt]}, {"outcomes": [accepted]})
        if early
        else ({"outcomes": [accepted]}, {"receipts": [receipt]})
    ):
        books.turn(**turn)
    assert books.state("0001").name == "FAILED"
    assert books.store.balances["settled"] == settled
    assert books.store.balances.get("correction", 0) == corrected
    assert books.store.balances["day/2026-11-24"] == settled


@pytest.mark.parametrize(("tariff", "settled"), [({}, 50_000_000),
                                                 ({"undelivered_free": ["acme"]}, 0)])  # fmt: skip
def test_undelivered_after_an_unknown_outcome(tariff: dict[str, list[str]], settled: int) -> None:
    books = World(**tariff)
    books.answers["main"] = None
    books.turn(contacts=[books.contact("+33612340001")])
    books.turn(outcomes=[outcome(1, OutcomeKind.NO_ANSWER)])
    books.turn(receipts=[books.receipt("33612340001", ReceiptKind.FAILED)])
    books.until(books.true_ns + 5 * MINUTE_NS)  # no response comes for it
    books.turn(tick=True)
    assert books.state("0001").name == "FAILED"
    assert books.store.balances.get("settled", 0) == settled
    assert books.store.balances["reserved"] == 0


def test_a_day_of_a_dollar_carrier() -> None:
    """A budget of 0.11 EUR pays for two replies of 0.0506 EUR."""
    play(
        world(budget_day="0.11", funds="1.00"),
        """
        10:00    +33612340001 texts → sends 0001
        10:01    +33612340002 texts → sends 0002
        10:02    +33612340003 texts → waits until 10:02, alarm no_funds
        1d00:00  -                  → sends 0003
        """,
    )


ENTRIES = st.lists(
    st.builds(
        Entry,
        st.integers(0, 9),
        st.sampled_from(ledger.KINDS),
        st.integers(0, 10**12),
        st.integers(0, 9),
        st.integers(1, 10**12),
        st.sampled_from(["USD", "CHF"]),
    )
    | st.builds(
        Entry, st.integers(0, 9), st.sampled_from(ledger.KINDS), st.integers(0, 10**12),
        st.integers(0, 9), st.just(0), st.just(""),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@given(ENTRIES)
def test_both_amounts_are_read_back(entries: list[Entry]) -> None:
    row, _ = ledger.write_row(ledger.GENESIS, 1, 5, entries)
    assert list(ledger.verify([row])) == sorted(entries)


def test_the_digest_covers_what_the_carrier_bills() -> None:
    entry = Entry(1, "settle", 50, 7, 55, "USD")
    row, _ = ledger.write_row(ledger.GENESIS, 1, 5, [entry])
    assert row.entries == "1 settle 50 7 55 USD"
    forged = row._replace(entries="1 settle 50 7 56 USD")
    with pytest.raises(LedgerError, match="was changed"):
        list(ledger.verify([forged]))
    whole = ledger.GENESIS + f"1\n5\nsettle 50\n{row.entries}".encode()
    assert row.digest == hashlib.sha256(whole).digest()


@pytest.mark.parametrize("entries", ["1 settle 50 7 55", "1 settle 50 7 x USD", "1 settle 50"])
def test_a_posting_of_another_form(entries: str) -> None:
    with pytest.raises(LedgerError, match="not the form"):
        ledger.read_entries(entries)


def test_guards_and_breaker_count_what_replies_cost_us() -> None:
    """At three euros a dollar 0.055 USD are 0.165 EUR: 0.40 EUR are two replies, not seven."""
    caps = Caps(nanos_per_day=400_000_000)
    breaker = BreakerRules(fresh=100, least=100)
    here = world(
        conversions={"USD": (Conversion(0, 3, 1),)},
        guards=GuardRules(country=caps, home=caps),
        breaker=breaker,
    )
    contacts = [here.contact(f"+3361234000{i}") for i in range(1, 9)]
    changes = here.turn(contacts=contacts)
    assert changes.tallies["replies"] == 2
    [text] = changes.breaker.slots.values()
    assert sum(json.loads(text)[4:6]) == 2 * 165_000_000
