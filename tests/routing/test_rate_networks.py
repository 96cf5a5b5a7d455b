"""Prices by network: the message tells it, or the dearest that may apply is an upper bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.mcc import CODES, COUNTRIES
from routing.rate_card import Rate, RateCard, parse_rows

DAY_NS = 86_400_000_000_000
HEADER = "prefix,country,mcc,mnc,price,direction,currency,valid_from,valid_to"
ORANGE, SFR, FREE = "20801", "20810", "20815"


def card(*lines: str, **surcharges: int) -> RateCard:
    """From lines "prefix,country,mcc,mnc,price" with dates after it."""
    full = []
    for line in lines:
        cells = [*line.split(","), "", ""]
        full.append(",".join((*cells[:5], "out", "EUR", *cells[5:7])))
    rows, faults = parse_rows([HEADER, *full], "EUR")
    assert faults == ()
    return RateCard.build(rows, 7, {name.strip("_"): nanos for name, nanos in surcharges.items()})


def told(found: Rate | None) -> str:
    """ "0.05 exact", "0.05 at most", "none"; prices in cents are enough here."""
    if found is None:
        return "none"
    return f"0.{found[0] // 10_000_000:02} {'exact' if found.exact else 'at most'}"


LISTED = (
    "33,FR,,,0.05",  # what the networks without a line of their own cost
    ",FR,208,01,0.04",
    ",FR,208,10,0.06",
    ",,340,20,0.16",  # no country: those of the MCC, overseas departments apart
    ",,647,00,0.13",
    "49,DE,262,*,0.09",
    "32,,206,01,0.08",
    "32,,206,01,0.07,2027-01-01",
)


@pytest.mark.parametrize(
    ("msisdn", "country", "network", "price"),
    [
        ("33612340001", "FR", ORANGE, "0.04 exact"),
        ("33612340001", "FR", SFR, "0.06 exact"),
        ("33612340001", "FR", "", "0.06 at most"),
        ("33612340001", "FR", FREE, "0.06 at most"),  # the list does not name it
        ("33612340001", "FR", "208001", "0.06 at most"),  # nor this: an MNC is text
        ("33612340001", "FR", "22801", "0.06 at most"),  # a visited network is not the home one
        ("590690001234", "GP", "34020", "0.16 exact"),
        ("596696201234", "MQ", "34020", "0.16 exact"),
        ("590690001234", "GP", ORANGE, "0.16 at most"),
        ("262692123456", "RE", "", "0.13 at most"),
        ("262639123456", "YT", "64700", "0.13 exact"),
        ("4915112345678", "DE", "", "0.09 exact"),  # all networks cost the same
        ("4915112345678", "DE", "26207", "0.09 exact"),
        ("34612345678", "ES", "21401", "none"),
        ("34612345678", "ES", "", "none"),
    ],
)
def test_networks(msisdn: str, country: str, network: str, price: str) -> None:
    found = card(*LISTED[:6]).price(msisdn, country, 0, network)
    assert told(found) == price


def test_one_price_for_all_networks_is_exact_though_the_network_is_not_known() -> None:
    same = card("33,FR,,,0.05", ",FR,208,01,0.05", ",FR,208,10,0.05")
    assert told(same.price("33612340001", "FR", 0)) == "0.05 exact"
    assert told(card(",FR,208,01,0.05").price("33612340001", "FR", 0)) == "0.05 at most"


def test_of_a_networks_lines_the_numbers_block_counts() -> None:
    blocks = card("3361,,208,01,0.04", "3362,,208,01,0.05", "3363,FR,208,01,0.06")
    assert told(blocks.price("33612340001", "FR", 0, ORANGE)) == "0.04 exact"
    assert told(blocks.price("33632340001", "FR", 0, ORANGE)) == "0.06 exact"
    assert told(blocks.price("33642340001", "FR", 0, ORANGE)) == "0.06 at most"
    assert told(blocks.price("33642340001", "", 0, ORANGE)) == "none"


def test_dates_of_networks() -> None:
    dated = card(
        ",FR,208,01,0.04,,1970-01-02",
        ",FR,208,01,0.09,1970-01-03,1970-01-04",
        ",FR,208,10,0.06,1970-01-02",
    )
    number = ("33612340001", "FR")
    assert told(dated.price(*number, 0)) == "0.04 at most"
    assert told(dated.price(*number, DAY_NS)) == "0.06 at most"
    assert told(dated.price(*number, DAY_NS, ORANGE)) == "0.04 exact"
    assert told(dated.price(*number, 2 * DAY_NS)) == "0.09 at most"
    assert told(dated.price(*number, 4 * DAY_NS, ORANGE)) == "0.06 at most"  # Orange has ended
    assert told(dated.price(*number)) == "none"
    ended = card("33,FR,,,0.05", ",FR,208,01,0.04,,1970-01-02")
    assert told(ended.price(*number, 5 * DAY_NS, ORANGE)) == "0.05 exact"


@pytest.mark.parametrize(
    ("country", "network", "price"),
    [
        ("FR", "", "0.09 at most"),  # 0.05, 0.01 for all and 0.03 for the dearest network
        ("FR", ORANGE, "0.09 exact"),
        ("FR", SFR, "0.08 exact"),  # by its MCC
        ("DE", "", "0.06 exact"),
        ("DE", "26201", "0.06 exact"),
        ("", "", "0.09 at most"),
    ],
)
def test_surcharges(country: str, network: str, price: str) -> None:
    dear = card("3,,,,0.05", _=10_000_000, _20801=30_000_000, _208=20_000_000)
    for _ in range(2):
        assert told(dear.price("33612340001", country, 0, network)) == price


def test_a_surcharge_for_a_whole_country_is_certain() -> None:
    dear = card("3,,,,0.05", _208=20_000_000)
    assert told(dear.price("33612340001", "FR", 0)) == "0.07 exact"
    assert told(dear.price("44712340001", "GB", 0)) == "none"


def test_every_mcc_has_its_countries_and_the_reverse() -> None:
    assert CODES["FR"] == {"208"} and COUNTRIES["647"] == ("RE", "YT")
    assert {len(mcc) for mcc in COUNTRIES} == {3} and len(COUNTRIES) > 220
    assert all(len(country) == 2 for countries in COUNTRIES.values() for country in countries)
    for country, codes in CODES.items():
        assert all(country in COUNTRIES[code] for code in codes)


PRICES = st.integers(1, 9).map(lambda cents: f"0.0{cents}")
LINES = st.dictionaries(
    st.tuples(
        st.sampled_from(["", "33", "336", "3361", "49"]),
        st.sampled_from(["", "FR"]),
        st.sampled_from([("", ""), ("208", ""), ("208", "01"), ("208", "10"), ("262", "01")]),
    ).filter(lambda key: any((key[0], key[1], key[2][0]))),
    PRICES,
    max_size=8,
)


@given(LINES, st.sampled_from(["33612340001", "33712340001", "4915112345"]))
def test_an_upper_bound_is_never_below_what_a_network_costs(
    lines: dict[tuple[str, str, tuple[str, str]], str], msisdn: str
) -> None:
    country = "FR" if msisdn.startswith("33") else "DE"
    by_network = (",".join((*key[:2], *key[2], price)) for key, price in lines.items())
    seen: dict[str, str] = {}
    for line in by_network:  # "" with MCC 208 is France too: that would be the same line twice
        key = line.rpartition(",")[0].replace(",,208", ",FR,208").replace(",FR,208", ",,208")
        seen.setdefault(key, line)
    made = card(*seen.values())
    bound = made.price(msisdn, country, 0)
    for network in (ORANGE, SFR, FREE, "26201", "31026"):
        own = made.price(msisdn, country, 0, network)
        assert own == made.price(msisdn[: made.reach(country)], country, 0, network)
        assert (own is None) == (bound is None)
        if own is not None and bound is not None:
            assert own[0] <= bound[0]
            if bound.exact:
                assert own == bound
