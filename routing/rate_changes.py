"""What a new rate card changes: destinations that are new, dearer, cheaper or closed."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from routing.rate_rows import Row

Key = tuple[str, str, str, str, str]  # direction, prefix, country, MCC, MNC


class Change(NamedTuple):
    """One destination whose price differs between two cards, now or from some time on."""

    key: Key
    line: int  # of the new card; of the old one for what is closed
    at_ns: int  # wall time from which it differs
    old_nanos: int | None  # None: no price
    new_nanos: int | None

    @property
    def what(self) -> str:
        """new, closed, dearer or cheaper."""
        if self.old_nanos is None:
            return "new"
        if self.new_nanos is None:
            return "closed"
        return "dearer" if self.new_nanos > self.old_nanos else "cheaper"

    def jumps(self, percent: int) -> bool:
        """Is it a change of price, up or down, by more than so many percent of the old one?"""
        if self.old_nanos is None or self.new_nanos is None:
            return False
        return abs(self.new_nanos - self.old_nanos) * 100 > self.old_nanos * percent

    def permille(self) -> int | None:
        """By how many thousandths of the old price it changes; None where that says nothing."""
        if not self.old_nanos or self.new_nanos is None:
            return None
        return (self.new_nanos - self.old_nanos) * 1000 // self.old_nanos


def changes(old: Iterable[Row], new: Iterable[Row], wall_ns: int) -> list[Change]:
    """Every destination that a change of cards at `wall_ns` would price in another way.

    Of a destination whose price differs at several times the first is told. Sorted by key.
    """
    before, after = _by_key(old), _by_key(new)
    found = []
    for key in sorted(before.keys() | after.keys()):
        rows = (before.get(key, ()), after.get(key, ()))
        edges = {edge for side in rows for row in side for edge in (row.from_ns, row.to_ns)}
        for at_ns in sorted({wall_ns, *(edge for edge in edges if edge > wall_ns)}):
            old_nanos, new_nanos = (_price(side, at_ns) for side in rows)
            if old_nanos != new_nanos:
                line = (rows[1] or rows[0])[0].line
                found.append(Change(key, line, at_ns, old_nanos, new_nanos))
                break
    return found


def _by_key(rows: Iterable[Row]) -> dict[Key, Sequence[Row]]:
    found: dict[Key, list[Row]] = {}
    for row in rows:
        key = (row.direction, row.prefix, row.country, row.mcc, row.mnc)
        found.setdefault(key, []).append(row)
    return dict(found)


def _price(rows: Sequence[Row], at_ns: int) -> int | None:
    return next((row.nanos for row in rows if row.from_ns <= at_ns < row.to_ns), None)
