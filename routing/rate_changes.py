"""What a new rate card changes: destinations that are new, dearer, cheaper or closed."""

from collections.abc import Iterable, Mapping, Sequence
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

    Of a destination whose price differs at several times the first is told. In the order of the
    new card, what is closed last.
    """
    before, after = _by_key(old), _by_key(new)
    same_before, same_after = _without_country(before), _without_country(after)
    found = []
    nothing: list[Row] = []
    for key in after | before:
        was, becomes = before.get(key, nothing), after.get(key, nothing)
        if not was:
            was = same_before.get(_loose(key), nothing)
        elif not becomes and _loose(key) in same_after:
            continue  # told with the row that took its place
        at_ns = _differs(was, becomes, wall_ns)
        if at_ns is not None:
            line = (becomes or was)[0].line
            found.append(Change(key, line, at_ns, _price(was, at_ns), _price(becomes, at_ns)))
    return found


def _loose(key: Key) -> tuple[str, ...]:
    """The key without its country where a prefix says enough: many lists name no country."""
    direction, prefix, country, *network = key
    return (direction, prefix, "" if prefix else country, *network)


def _without_country(keyed: Mapping[Key, list[Row]]) -> dict[tuple[str, ...], list[Row]]:
    """Rows by loose key; of several countries those of the first."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for key, rows in keyed.items():
        found.setdefault(_loose(key), rows)
    return found


def _differs(old: Sequence[Row], new: Sequence[Row], wall_ns: int) -> int | None:
    """The first wall time, from `wall_ns` on, at which the prices are not the same."""
    if not old or not new:
        lasting = [row.from_ns for row in (*old, *new) if row.to_ns > wall_ns]
        return max(wall_ns, min(lasting)) if lasting else None
    edges = {edge for row in (*old, *new) for edge in (row.from_ns, row.to_ns) if edge > wall_ns}
    times = (wall_ns, *sorted(edges))
    return next((at for at in times if _price(old, at) != _price(new, at)), None)


def _by_key(rows: Iterable[Row]) -> dict[Key, list[Row]]:
    found: dict[Key, list[Row]] = {}
    for row in rows:
        key = (row.direction, row.prefix, row.country, row.mcc, row.mnc)
        found.setdefault(key, []).append(row)
    return found


def _price(rows: Sequence[Row], at_ns: int) -> int | None:
    return next((row.nanos for row in rows if row.from_ns <= at_ns < row.to_ns), None)
