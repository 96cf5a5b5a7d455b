"""Rate cards: what a line means, which line wins, and what makes a card unusable."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.rate_card import Rate, RateCard, parse_rows

HEADER = "prefix,direction,price,currency,country,mcc,mnc,valid_from,valid_to"
DAY_NS = 86_400_000_000_000
EXAMPLE = Path(__file__).parents[2] / "conf" / "rate_card.csv"


def card(*lines: str, header: str = HEADER) -> RateCard:
    width = header.count(",")
    rows, faults = parse_rows(
        [header, *(line + "," * (width - line.count(",")) for line in lines)], "EUR"
    )
    assert faults == ()
    return RateCard.build(rows, version=7)


def faults_of(*lines: str) -> list[str]:
    _, faults = parse_rows(lines, "EUR")
    return [str(fault) for fault in faults]


TABLE = (
    "33,out,0.0495,EUR,FR",
    "336,out,0.05,EUR",
    "1,out,0.011,EUR,US",
    "590,out,0.165,EUR,GP",
    "262,out,0.13,EUR,RE",
    "262,out,0.14,EUR,YT",
    "262,out,0.99,EUR",
    ",out,0.0477,EUR,IT",
    "+34,out,0.06,EUR,ES,214,01",
    "34,out,0.04,EUR,ES,214,03",
    "347,out,0.03,EUR,ES",
    ",out,0.08,EUR,CH,228,*",
    "33937,in,0.0075,EUR",
    "33,in,0,EUR,FR",
)


@pytest.mark.parametrize(
    ("msisdn", "country", "nanos", "exact"),
    [
        ("33712340001", "FR", 49_500_000, True),
        ("33612340001", "FR", 50_000_000, True),  # the longest prefix wins
        ("12125551234", "US", 11_000_000, True),
        ("262692123456", "RE", 130_000_000, True),  # one prefix, two countries
        ("262639123456", "YT", 140_000_000, True),
        ("262639123456", "", 990_000_000, True),  # only lines of no country
        ("393123456789", "IT", 47_700_000, True),  # a line for a whole country
        ("34612345678", "ES", 60_000_000, False),  # network unknown: the dearest of the country
        ("34712345678", "ES", 60_000_000, False),  # any block may have moved to any network
        ("41791234567", "CH", 80_000_000, True),  # "*": all networks
    ],
)
def test_price(msisdn: str, country: str, nanos: int, exact: bool) -> None:
    assert card(*TABLE).price(msisdn, country) == Rate(nanos, 7, exact)


@pytest.mark.parametrize(
    ("msisdn", "country"),
    [("14412345678", "BM"), ("4915123456789", "DE"), ("33712340001", "XX"), ("", "")],
)
def test_unknown_destinations_have_no_price(msisdn: str, country: str) -> None:
    assert card(*TABLE).price(msisdn, country) is None
    assert card().price(msisdn, country) is None


def test_a_network_price_is_never_below_a_sibling_block() -> None:
    """A number of block 3361 may have moved to the network that holds block 3362."""
    blocks = card(
        "3361,out,0.04,EUR,,208,01", "3362,out,0.06,EUR,,208,10", "49,out,0.1,EUR,,262,01"
    )
    assert blocks.price("33612340001", "FR") == Rate(60_000_000, 7, False)


def test_mcc_alone_leaves_doubt_when_two_lines_differ_by_it() -> None:
    two = card("262,out,0.1,EUR,,647", "262,out,0.2,EUR,,208")
    assert two.price("262692123456", "RE") == Rate(200_000_000, 7, False)


def test_inbound() -> None:
    prices = card(*TABLE)
    assert prices.inbound("33937000001") == 7_500_000
    assert prices.inbound("33644649021") == 0
    assert prices.inbound("441234567890") is None


def test_dates() -> None:
    """valid_from is the first day, valid_to the last one, both whole days in UTC."""
    prices = card(
        "33,out,0.04,EUR,FR,,,,1970-01-02",
        "33,out,0.05,EUR,FR,,,1970-01-03,1970-01-10",
        "34,out,0.06,EUR,ES",
    )

    def nanos(wall_ns: int | None, msisdn: str = "336", country: str = "FR") -> int | None:
        rate = prices.price(msisdn, country, wall_ns)
        return None if rate is None else rate.nanos_per_segment

    assert nanos(-1) == nanos(0) == nanos(2 * DAY_NS - 1) == 40_000_000
    assert nanos(2 * DAY_NS) == nanos(10 * DAY_NS - 1) == 50_000_000
    assert nanos(10 * DAY_NS) is None
    assert nanos(None) is None
    assert nanos(None, "346", "ES") == nanos(DAY_NS, "346", "ES") == 60_000_000


def test_a_spreadsheet_export() -> None:
    lines = [
        "\ufeffPrefix;Direction;Price;Currency;Country;Note\r\n",
        "\r\n",
        "# of March\r\n",
        '33;out;0,0495;EUR;FR;"France; all networks"\r\n',
    ]
    rows, faults = parse_rows(lines, "EUR")
    assert faults == ()
    assert [(row.line, row.prefix, row.nanos) for row in rows] == [(4, "33", 49_500_000)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0033,out,1,EUR,,,,,", "prefix '0033' is not one"),
        ("33,both,1,EUR,,,,,", "direction 'both' is not one"),
        ("33,out,1,EUR,fr,,,,", "country 'fr' is not one"),
        ("33,out,1,EUR,,20,,,", "mcc '20' is not one"),
        ("33,out,1,EUR,,208,1,,", "mnc '1' is not one"),
        ("33,out,1,EUR,,,01,,", "mnc without mcc"),
        (",out,1,EUR,,,,,", "no destination"),
        (",in,1,EUR,FR,,,,", "no prefix"),
        ("33,out,1,USD,,,,,", "currency 'USD' is not EUR"),
        ("33,out,1,,,,,,", "currency '' is not EUR"),
        ("33,out,,EUR,,,,,", "price: '' is not an amount"),
        ('33,out,"0,05",EUR,,,,,', "price: '0,05' is not an amount"),
        ("33,out,0.0000000001,EUR,,,,,", "price: 0.0000000001 has more than 9 decimals"),
        ("33,out,-1,EUR,,,,,", "price -1 is below zero"),
        ("33,out,1,EUR,,,,2026-13-01,", "date: month must be"),
        ("33,out,1,EUR,,,,1969-12-31,", "date: 1969-12-31 is out of reach"),
        ("33,out,1,EUR,,,,2026-02-02,2026-02-01", "valid_to lies before valid_from"),
        ("33,out,1,EUR", "4 cells, the header names 9"),
        ('33,out,"1,EUR,,,,,', "not readable as CSV"),
    ],
)
def test_faults_of_a_line(line: str, message: str) -> None:
    [fault] = faults_of(HEADER, "44,out,1,EUR,,,,,", line)
    assert fault.startswith(f"line 3: {message}")
    assert "; " in fault  # and the cure


def test_all_faults_are_told_at_once() -> None:
    told = faults_of(HEADER, "0,out,x,USD,,,,,", "33,out,1,EUR,,,,,", "34,,1,EUR,,,,,")
    assert [fault.split(":")[0] for fault in told] == ["line 2", "line 2", "line 2", "line 4"]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("prefix,direction,price", ["line 1: column 'currency' is missing"]),
        ("prefix,direction,price,currency,colour", ["line 1: column 'colour' is not known"]),
        ("prefix,direction,price,currency,price", ["line 1: column 'price' stands twice"]),
    ],
)
def test_faults_of_the_header(header: str, told: list[str]) -> None:
    assert [fault.split(";")[0] for fault in faults_of(header, "33,out,1,EUR")] == told


@pytest.mark.parametrize("lines", [[], ["# nothing yet"]])
def test_an_empty_card(lines: list[str]) -> None:
    assert faults_of(*lines) == [
        f"line {len(lines) + 1}: the card is empty; begin with prefix,direction,price,currency"
    ]


def test_two_lines_for_one_destination_at_one_time() -> None:
    told = faults_of(HEADER, "33,out,1,EUR,,,,,", "33,out,2,EUR,,,,2026-01-01,", "33,in,1,EUR,,,,,")
    assert [fault.split(";")[0] for fault in told] == [
        "line 3: the same destination as line 2, at the same time"
    ]


@given(st.lists(st.text()))
def test_any_lines_give_rows_or_faults(lines: list[str]) -> None:
    rows, faults = parse_rows([HEADER, *lines], "EUR")
    assert all(1 < fault.line <= len(lines) + 1 and fault.cure for fault in faults)
    RateCard.build(rows, 1)


PREFIXES = st.dictionaries(st.from_regex(r"[1-3]{1,4}", fullmatch=True), st.integers(0, 10**6))


@given(PREFIXES, st.from_regex(r"[1-3]{1,6}", fullmatch=True))
def test_longest_prefix_wins(prices: dict[str, int], msisdn: str) -> None:
    prices = {prefix: nanos * 1000 for prefix, nanos in prices.items()}
    made = card(
        *(
            f"{prefix},out,{nanos // 10**9}.{nanos % 10**9:09},EUR"
            for prefix, nanos in prices.items()
        )
    )
    best = max((prefix for prefix in prices if msisdn.startswith(prefix)), key=len, default=None)
    expected = None if best is None else Rate(prices[best], 7, True)
    assert made.price(msisdn, "FR") == expected
    assert made.price(msisdn[: made.reach("FR")], "FR") == expected
    assert made.reach("FR") == max(map(len, prices), default=0)


def test_a_price_depends_on_no_more_digits_than_the_longest_line_of_the_country() -> None:
    blocks = card("33,out,0.05,EUR", "3361,out,0.06,EUR,FR", "4915112,out,0.1,EUR,DE")
    assert (blocks.reach("FR"), blocks.reach("DE"), blocks.reach("GB")) == (4, 7, 2)
    assert card().reach("FR") == 0


def test_the_example_card_prices_home_neighbours_and_overseas() -> None:
    rows, faults = parse_rows(EXAMPLE.read_text("utf-8").splitlines(), "EUR")
    assert faults == ()
    example = RateCard.build(rows, 1)
    found = {
        country: example.price(digits, country)
        for country, digits in {
            "FR": "33612340001",
            "DE": "4915112345678",
            "GB": "447400123456",
            "ES": "34612345678",
            "BE": "32470123456",
            "CH": "41781234567",
            "IT": "393123456789",
            "GP": "590690001234",
            "GF": "594694201234",
            "MQ": "596696201234",
            "RE": "262692123456",
            "YT": "262639012345",
        }.items()
    }
    assert None not in found.values()
    assert found["FR"] == Rate(49_500_000, 1, True)
    assert found["GP"] == Rate(165_000_000, 1, True)
    assert example.inbound("33937000001") == 0
    assert example.price("12125551234", "US") is None
