"""Money: integer nano-units (1e-9) of one currency; no float anywhere, nothing is rounded."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Self

DECIMALS: Final = 9
NANOS: Final = 10**DECIMALS  # nano-units in one unit
LARGEST_NANOS: Final = 2**63 - 1  # what an INTEGER or BIGINT column holds
SMALLEST_NANOS: Final = -(2**63)

_AMOUNT: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")


class MoneyError(ValueError):
    """An amount that cannot be kept exactly, or two currencies in one sum."""


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: `nanos` nano-units of `currency`."""

    nanos: int
    currency: str

    def __add__(self, other: Self) -> Self:
        """Sum; MoneyError for another currency."""
        return type(self)(self.nanos + self._same(other), self.currency)

    def __sub__(self, other: Self) -> Self:
        """Difference; MoneyError for another currency."""
        return type(self)(self.nanos - self._same(other), self.currency)

    def __neg__(self) -> Self:
        return type(self)(-self.nanos, self.currency)

    def __mul__(self, times: int) -> Self:
        """The amount, `times` over; TypeError for anything but an integer."""
        if not isinstance(times, int):
            return NotImplemented
        return type(self)(self.nanos * times, self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: Self) -> bool:
        return self.nanos < self._same(other)

    def __le__(self, other: Self) -> bool:
        return self.nanos <= self._same(other)

    def __gt__(self, other: Self) -> bool:
        return self.nanos > self._same(other)

    def __ge__(self, other: Self) -> bool:
        return self.nanos >= self._same(other)

    def __str__(self) -> str:
        return f"{format_nanos(self.nanos)} {self.currency}"

    def _same(self, other: Self) -> int:
        if other.currency != self.currency:
            raise MoneyError(f"{self.currency} and {other.currency} do not add up")
        return other.nanos


def parse_nanos(amount: str | Decimal | int) -> int:
    """Nano-units of an amount in units: "0.0495" is 49_500_000.

    MoneyError when the amount is not a plain decimal number, has more than nine decimals, or
    does not fit in 64 bits. Floats are refused: 0.1 is not a tenth.
    """
    if isinstance(amount, str):
        if _AMOUNT.fullmatch(amount) is None:
            raise MoneyError(f'{amount!r} is not an amount: write digits and a point, as in "0.05"')
    elif isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise MoneyError(f'{amount!r} is not an exact amount: write it in quotes, as in "0.05"')
    sign, digits, exponent = Decimal(amount).as_tuple()
    if not isinstance(exponent, int):
        raise MoneyError(f"{amount} is not a number")
    if exponent < -DECIMALS:
        raise MoneyError(f"{amount} has more than {DECIMALS} decimals")
    if any(digits) and len(digits) + exponent > len(str(LARGEST_NANOS)):
        raise MoneyError(f"{amount} is too large")
    nanos = int("".join(map(str, digits))) * 10 ** (exponent + DECIMALS) if any(digits) else 0
    if sign:
        nanos = -nanos
    if not SMALLEST_NANOS <= nanos <= LARGEST_NANOS:
        raise MoneyError(f"{amount} is too large")
    return nanos


def format_nanos(nanos: int, decimals: int = 2) -> str:
    """The amount in units with at least `decimals` decimals, and all it needs: nothing is rounded.

    49_500_000 is "0.0495". ValueError unless `decimals` is from 2 to 9.
    """
    if not 2 <= decimals <= DECIMALS:
        raise ValueError(f"decimals must be from 2 to {DECIMALS}, not {decimals}")
    digits = str(abs(nanos)).rjust(DECIMALS + 1, "0")
    whole, fraction = digits[:-DECIMALS], digits[-DECIMALS:]
    fraction = fraction.rstrip("0").ljust(decimals, "0")
    return f"{'-' if nanos < 0 else ''}{whole}.{fraction}"
