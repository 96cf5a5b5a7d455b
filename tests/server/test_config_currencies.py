"""Carriers that bill in another currency: what the configuration must say, and what it comes to."""

from pathlib import Path

import pytest

from smpp_server.cli.report import dearest
from smpp_server.config import load
from tests.server.configs import BASE, complaints, write

USD = '{ currency = "USD", from = "2026-11-01", numerator = 92, denominator = 100 }'
DOLLARS = "prefix,direction,price,currency\n33,out,0.05,USD\n33,in,0,USD\n"


def configured(folder: Path, *conversions: str, currency: str = "USD") -> Path:
    """The base file with rates of exchange and a carrier that bills in `currency`."""
    money = f"[money]\nconversion = [{', '.join(conversions)}]"
    carrier = f'[carrier.main]\ncurrency = "{currency}"\nsurcharge = "0.01"'
    text = BASE.replace("[money]", money).replace("[carrier.main]", carrier)
    path = write(folder, text)
    (folder / "rate_card.csv").write_text(DOLLARS.replace("USD", currency), "utf-8")
    return path


def test_a_carrier_in_dollars(tmp_path: Path) -> None:
    later = USD.replace("11-01", "12-01").replace("92", "95")
    config = load(configured(tmp_path, later, USD))
    assert config.rates["main"].currency == "USD"
    first, second = config.rules.money.conversions["USD"]
    assert (first.numerator, second.numerator) == (92, 95) and first.from_ns < second.from_ns
    assert dearest(config) == {("main", "FR"): 57_000_000}  # (0.05 + 0.01) USD at 95:100


@pytest.mark.parametrize(
    ("conversions", "currency", "told"),
    [
        ([USD], "CHF", "carrier.main.currency: CHF has no rate of exchange: add one to"),
        ([USD, USD], "USD", "money.conversion.1: USD has a rate of this day already"),
        ([USD, USD.replace("USD", "EUR")], "USD", "money.conversion.1: the books are kept in this"),
        ([USD.replace("11-01", "02-30")], "USD", "money.conversion.0.from: day is out of range"),
        ([USD.replace("2026-11-01", "1.11.2026")], "USD", "money.conversion.0.from: write a day"),
        ([USD.replace("92", "0")], "USD", "money.conversion.0.numerator: must be 1 or more"),
        ([USD.replace("92", "0.92")], "USD", "money.conversion.0.numerator: "),
    ],
)
def test_what_cannot_be_converted(
    tmp_path: Path, conversions: list[str], currency: str, told: str
) -> None:
    found = complaints(configured(tmp_path, *conversions, currency=currency))
    assert any(told in fault for fault in found), found


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('columns = { colour = "x" }', "carrier.main.columns.colour: "),
        ('network_surcharges = { "2080" = "1" }', 'write an MCC, or MCC and MNC, as in "208"'),
        ('network_surcharges = { "20801" = "-1" }', "an amount cannot be below zero"),
        ("network_tags = [1, 2, 3]", "carrier.main.network_tags: "),
    ],
)
def test_keys_of_a_carrier(tmp_path: Path, line: str, told: str) -> None:
    path = write(tmp_path, BASE.replace("[carrier.main]", f"[carrier.main]\n{line}"))
    [fault] = complaints(path)
    assert told in fault
