"""Other currencies: dated, explicit rates as integer ratios; rounded up, once per message.

A carrier's price is converted once, when a reply is reserved, and both amounts are written down.
Whatever becomes of that reservation moves the same two amounts, so nothing appears or vanishes by
converting twice.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Conversion(NamedTuple):
    """From `from_ns` on, one unit costs numerator ÷ denominator units of the books' currency."""

    from_ns: int  # wall time
    numerator: int
    denominator: int

    def convert(self, nanos: int) -> int:
        """Nano-units of the books for nano-units of the other currency, rounded up."""
        return -(-nanos * self.numerator // self.denominator)


class Cost(NamedTuple):
    """What something costs: as the books count it, and as the carrier will bill it."""

    nanos: int  # of the books' currency
    billed_nanos: int = 0  # of `currency`
    currency: str = ""  # the carrier's; "" when it is that of the books


def in_force(conversions: Sequence[Conversion], wall_ns: int) -> Conversion:
    """The last one that has begun; before all of them the first, so that no price lacks one.

    `conversions` are sorted by their dates and not empty.
    """
    found = conversions[0]
    for conversion in conversions:
        if conversion.from_ns > wall_ns:
            break
        found = conversion
    return found
