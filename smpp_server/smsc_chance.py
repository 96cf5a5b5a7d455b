"""Draws from a seed: each depends on the seed, what is drawn and its ordinal, on nothing else.

So a run can be repeated, and a fault added to a plan moves no other fault.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import log
from typing import TypeVar

T = TypeVar("T")
_BITS = 64


class Chance:
    """All draws of one seed, or of one part of a plan: the parts know nothing of each other."""

    def __init__(self, seed: int, part: str = "") -> None:
        self._key = f"{seed} {part}".encode()

    def below(self, limit: int, what: str, nth: int = 0) -> int:
        """One of 0..limit-1, for all practical purposes each as likely."""
        digest = blake2b(f"{what} {nth}".encode(), key=self._key, digest_size=_BITS // 8)
        return int.from_bytes(digest.digest()) * limit >> _BITS

    def happens(self, percent: int, what: str, nth: int = 0) -> bool:
        """True in so many of a hundred cases."""
        return percent > 0 and self.below(100, what, nth) < percent

    def choice(self, items: Sequence[T], what: str, nth: int = 0) -> T:
        """One of these."""
        return items[self.below(len(items), what, nth)]

    def shuffled(self, items: Sequence[T], what: str, nth: int = 0) -> list[T]:
        """These in any order (Fisher and Yates)."""
        found = list(items)
        for last in range(len(found) - 1, 0, -1):
            other = self.below(last + 1, f"{what} {nth}", last)
            found[last], found[other] = found[other], found[last]
        return found

    def between(self, least: int, most: int, what: str, nth: int = 0) -> int:
        """A whole number from `least` to `most`, both included."""
        return least + self.below(most - least + 1, what, nth)

    def waiting(self, least: int, most: int, what: str, nth: int = 0) -> int:
        """From `least` to `most`, mostly near `least`: exponential, its mean a quarter up."""
        share = (1 + self.below(1 << 32, what, nth)) / (1 << 32)
        return min(most, least + round(-log(share) * (most - least) / 4))
