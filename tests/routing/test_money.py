"""Money is exact: laws of the sums, and what cannot be an amount."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.money import (
    LARGEST_NANOS,
    SMALLEST_NANOS,
    Money,
    MoneyError,
    format_nanos,
    parse_nanos,
)

NANOS = st.integers(SMALLEST_NANOS, LARGEST_NANOS)
EUROS = NANOS.map(lambda nanos: Money(nanos, "EUR"))


@pytest.mark.parametrize(
    ("amount", "nanos"),
    [
        ("0.0495", 49_500_000),
        ("0.000000001", 1),
        ("+20", 20_000_000_000),
        ("-0.5", -500_000_000),
        ("-0", 0),
        ("007.50", 7_500_000_000),
        (3, 3_000_000_000),
        (Decimal("0.1"), 100_000_000),
        (Decimal("1E+3"), 1_000_000_000_000),
        (Decimal("0E+999999"), 0),
        ("9223372036.854775807", LARGEST_NANOS),
        ("-9223372036.854775808", SMALLEST_NANOS),
    ],
)
def test_amounts(amount: str | Decimal | int, nanos: int) -> None:
    assert parse_nanos(amount) == nanos


@pytest.mark.parametrize(
    ("amount", "why"),
    [
        ("0.0000000001", "more than 9 decimals"),
        (Decimal("1E-10"), "more than 9 decimals"),
        ("1.0000000000", "more than 9 decimals"),
        ("9223372036.854775808", "too large"),
        ("-9223372036.854775809", "too large"),
        ("9" * 40, "too large"),
        (Decimal("1E+999999"), "too large"),
        (Decimal("NaN"), "not a number"),
        (Decimal("-Infinity"), "not a number"),
        ("", "not an amount"),
        ("0,05", "not an amount"),
        ("1_000", "not an amount"),
        (" 1", "not an amount"),
        ("1e3", "not an amount"),
        (".5", "not an amount"),
        ("٣", "not an amount"),
        (0.1, "not an exact amount"),
        (True, "not an exact amount"),
    ],
)
def test_what_is_no_amount(amount: str | Decimal | int, why: str) -> None:
    with pytest.raises(MoneyError, match=why):
        parse_nanos(amount)


@pytest.mark.parametrize(
    ("nanos", "decimals", "text"),
    [
        (0, 2, "0.00"),
        (49_500_000, 2, "0.0495"),
        (1, 2, "0.000000001"),
        (-1_500_000_000, 2, "-1.50"),
        (12_000_000_000, 4, "12.0000"),
        (LARGEST_NANOS, 9, "9223372036.854775807"),
    ],
)
def test_written_without_rounding(nanos: int, decimals: int, text: str) -> None:
    assert format_nanos(nanos, decimals) == text


@pytest.mark.parametrize("decimals", [1, 10])
def test_decimals_that_would_lie(decimals: int) -> None:
    with pytest.raises(ValueError, match="from 2 to 9"):
        format_nanos(1, decimals)


@given(NANOS, st.integers(2, 9))
def test_reading_what_was_written(nanos: int, decimals: int) -> None:
    assert parse_nanos(format_nanos(nanos, decimals)) == nanos


@given(EUROS, EUROS, EUROS)
def test_order_and_grouping_of_a_sum_do_not_matter(a: Money, b: Money, c: Money) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert (a + b) - b == a
    assert a - b == a + -b


@given(EUROS, st.integers(0, 20))
def test_times_is_repeated_addition(a: Money, times: int) -> None:
    assert a * times == times * a == sum([a] * times, Money(0, "EUR"))


@given(NANOS, NANOS)
def test_amounts_are_ordered_like_their_nanos(a: int, b: int) -> None:
    x, y = Money(a, "EUR"), Money(b, "EUR")
    assert (x < y, x <= y, x > y, x >= y, x == y) == (a < b, a <= b, a > b, a >= b, a == b)


@given(EUROS, EUROS)
def test_nothing_becomes_a_float(a: Money, b: Money) -> None:
    assert {type(money.nanos) for money in (a + b, a - b, -a, a * 3)} == {int}


@pytest.mark.parametrize(
    "operation", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"]
)
def test_currencies_do_not_mix(operation: str) -> None:
    with pytest.raises(MoneyError, match="EUR and USD"):
        getattr(Money(1, "EUR"), operation)(Money(1, "USD"))
    assert Money(1, "EUR") != Money(1, "USD")


def test_no_float_and_no_division() -> None:
    with pytest.raises(TypeError):
        Money(1, "EUR") * 0.5  # type: ignore[operator]
    with pytest.raises(TypeError):
        Money(1, "EUR") / 2  # type: ignore[operator]


def test_shown_with_its_currency() -> None:
    assert str(Money(49_500_000, "EUR")) == "0.0495 EUR"
