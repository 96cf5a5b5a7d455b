"""Price per segment by destination: exact, dated, and nothing where no row applies.

A card is built once from checked rows. The longest prefix wins. A prefix tells the block a number
came from, not the network that serves it today, so where rows name networks the price is the
dearest that may apply, an upper bound.
"""

import csv
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple, Self

from routing.money import MoneyError, parse_nanos

OUT: Final = "out"
IN: Final = "in"

NEEDED_COLUMNS: Final = ("prefix", "direction", "price", "currency")
OTHER_COLUMNS: Final = ("country", "mcc", "mnc", "valid_from", "valid_to", "note")

_DAY_NS: Final = 86_400_000_000_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_FOREVER_NS: Final = 2**63 - 1

_HEADER: Final = ",".join(NEEDED_COLUMNS)

_DIRECTION: Final = re.compile(f"{OUT}|{IN}")
_PREFIX: Final = re.compile(r"\+?([1-9][0-9]{0,14})?")
_COUNTRY: Final = re.compile(r"([A-Z]{2})?")
_MCC: Final = re.compile(r"([0-9]{3})?")
_MNC: Final = re.compile(r"([0-9]{2,3}|\*)?")


class Rate(NamedTuple):
    """The price of one segment."""

    nanos_per_segment: int
    version: int  # of the card that named it
    exact: bool  # False: an upper bound, the network is not known


class Row(NamedTuple):
    """One checked line of a card."""

    line: int
    prefix: str  # first digits of E.164 numbers; "" for all numbers of `country`
    direction: str  # OUT or IN
    nanos: int  # per segment
    currency: str
    country: str  # ISO 3166 alpha-2; "" when the line does not say
    mcc: str
    mnc: str  # text: "01" and "001" are two networks (ITU-T E.212); "" for all networks
    from_ns: int  # wall time from which the line is valid; 0 for always
    to_ns: int  # wall time at which it ends; the largest integer for never


class RateFault(NamedTuple):
    """One thing wrong in a card."""

    line: int
    message: str
    cure: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}; {self.cure}"


class _Table(NamedTuple):
    """The prices of one country at one time."""

    widths: tuple[int, ...]  # lengths of the prefixes, longest first
    rates: Mapping[str, Rate]


_Tables = Mapping[str, _Table]  # country → prices; "" for countries no line names


class _Schedule(NamedTuple):
    """The prices of one direction over time."""

    undated: _Tables  # of the lines that are always valid
    starts_ns: tuple[int, ...]  # wall times at which prices change, first 0
    spans: tuple[_Tables, ...]  # prices from each of these times on

    def find(self, msisdn: str, country: str, wall_ns: int | None) -> Rate | None:
        if wall_ns is None:
            tables = self.undated
        else:
            tables = self.spans[max(0, bisect_right(self.starts_ns, wall_ns) - 1)]
        widths, rates = tables.get(country) or tables[""]
        for width in widths:
            rate = rates.get(msisdn[:width])
            if rate is not None:
                return rate
        return None


@dataclass(frozen=True, slots=True)
class RateCard:
    """Prices of one carrier. Build it with `RateCard.build` from rows without faults."""

    version: int
    outbound: _Schedule
    incoming: _Schedule

    @classmethod
    def build(cls, rows: Iterable[Row], version: int) -> Self:
        """Compile rows that `parse_rows` found no fault in."""
        outbound, incoming = [], []
        for row in rows:
            if row.direction == OUT:
                outbound.append(row)
            else:
                incoming.append(row._replace(country=""))
        return cls(version, _schedule(outbound, version), _schedule(incoming, version))

    def price(
        self, msisdn: str, country: str, wall_ns: int | None = None, mccmnc: str = ""
    ) -> Rate | None:
        """Price of one outbound segment to an E.164 number without "+", or None: unknown.

        `country` is the number's own (ISO 3166 alpha-2, "" when unknown); a line that names
        another country never applies. Without `wall_ns` only undated lines count.
        """
        return self.outbound.find(msisdn, country, wall_ns)

    def inbound(self, our_msisdn: str, wall_ns: int | None = None) -> int | None:
        """Nano-units one inbound text to our number costs; None when no line says."""
        rate = self.incoming.find(our_msisdn, "", wall_ns)
        return None if rate is None else rate.nanos_per_segment


def parse_rows(
    lines: Iterable[str], currency: str
) -> tuple[tuple[Row, ...], tuple[RateFault, ...]]:
    """Read a card: CSV with a header, commas, or semicolons and then decimal commas allowed.

    Empty lines and lines that begin with "#" are left out. `currency` is the one the books are
    kept in. A card with faults must not be built; its rows are then only those without fault.
    """
    rows: list[Row] = []
    faults: list[RateFault] = []
    header: list[str] | None = None
    separator = ","
    number = 0
    for number, raw in enumerate(lines, 1):
        line = raw.removeprefix("\ufeff").rstrip("\r\n")
        if not line.strip() or line.startswith("#"):
            continue
        if header is None:
            separator = ";" if ";" in line else ","
            [names] = csv.reader([line], delimiter=separator)
            header = [name.strip().lower() for name in names]
            faults.extend(_header_faults(header, number))
            if faults:
                return (), tuple(faults)
            continue
        try:
            rows.append(_row(_cells(line, header, separator), number, separator, currency))
        except _Wrong as wrong:
            faults.extend(RateFault(number, *fault) for fault in wrong.faults)
    if header is None:
        faults.append(RateFault(number + 1, "the card is empty", f"begin with {_HEADER}"))
    faults.extend(_overlaps(rows))
    return tuple(rows), tuple(sorted(faults))


class _Wrong(Exception):
    """Faults of one line, as pairs of message and cure."""

    def __init__(self, *faults: tuple[str, str]) -> None:
        self.faults = faults


def _header_faults(header: list[str], number: int) -> Iterator[RateFault]:
    for name in NEEDED_COLUMNS:
        if name not in header:
            yield RateFault(number, f"column {name!r} is missing", f"begin with {_HEADER}")
    for place, name in enumerate(header):
        if name not in NEEDED_COLUMNS + OTHER_COLUMNS:
            known = ", ".join(NEEDED_COLUMNS + OTHER_COLUMNS)
            yield RateFault(number, f"column {name!r} is not known", f"the columns are {known}")
        if name in header[:place]:
            yield RateFault(number, f"column {name!r} stands twice", "keep one")


def _cells(line: str, header: list[str], separator: str) -> dict[str, str]:
    try:
        [cells] = csv.reader([line], delimiter=separator, strict=True)
    except csv.Error as fault:
        raise _Wrong((f"not readable as CSV ({fault})", "close the quotes")) from fault
    if len(cells) != len(header):
        count = f"{len(cells)} cells, the header names {len(header)}"
        raise _Wrong((count, "one cell for each column; quote a cell that holds the separator"))
    return {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _row(cells: Mapping[str, str], number: int, separator: str, currency: str) -> Row:
    """One checked line; _Wrong holds all its faults."""
    faults = list(_form_faults(cells))
    if cells["currency"] != currency:
        cure = f"convert the price, or keep the books in {cells['currency'] or 'it'}"
        faults.append((f"currency {cells['currency']!r} is not {currency}", cure))
    nanos = 0
    try:
        price = cells["price"]
        nanos = parse_nanos(price.replace(",", ".") if separator == ";" else price)
        if nanos < 0:
            faults.append((f"price {price} is below zero", "write what a segment costs, or 0"))
    except MoneyError as fault:
        faults.append((f"price: {fault}", "give at most nine decimals, no sign of thousands"))
    from_ns, to_ns = 0, _FOREVER_NS
    try:
        from_ns = _day_ns(cells.get("valid_from", ""), 0, 0)
        to_ns = _day_ns(cells.get("valid_to", ""), 1, _FOREVER_NS)
        if from_ns >= to_ns:
            faults.append(("valid_to lies before valid_from", "exchange the two dates"))
    except ValueError as fault:
        faults.append((f"date: {fault}", "write dates as 2026-11-24, from 1970 to 2261"))
    if faults:
        raise _Wrong(*faults)
    return Row(
        line=number,
        prefix=cells["prefix"].removeprefix("+"),
        direction=cells["direction"],
        nanos=nanos,
        currency=currency,
        country=cells.get("country", ""),
        mcc=cells.get("mcc", ""),
        mnc=cells.get("mnc", "").removesuffix("*"),
        from_ns=from_ns,
        to_ns=to_ns,
    )


def _form_faults(cells: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    forms = (
        ("prefix", _PREFIX, 'write country code and first digits, as in "33" or "336"'),
        ("direction", _DIRECTION, 'write "out" for what we send, "in" for what reaches us'),
        ("country", _COUNTRY, 'write two capitals (ISO 3166), as in "FR", or nothing'),
        ("mcc", _MCC, "write three digits or nothing"),
        ("mnc", _MNC, 'write two or three digits, "*" or nothing'),
    )
    for name, form, cure in forms:
        if form.fullmatch(cells.get(name, "")) is None:
            yield f"{name} {cells[name]!r} is not one", cure
    if cells["prefix"] in ("", "+"):
        if cells["direction"] == IN:
            yield "no prefix", "write our number, or its first digits"
        elif not cells.get("country"):
            yield "no destination", "write a prefix or a country"
    if cells.get("mnc", "").strip("*") and not cells.get("mcc"):
        yield "mnc without mcc", "write both"


def _day_ns(text: str, later_days: int, absent_ns: int) -> int:
    """Midnight UTC of an ISO date, `later_days` on; ValueError for what is none."""
    if not text:
        return absent_ns
    day_ns = (date.fromisoformat(text).toordinal() - _EPOCH + later_days) * _DAY_NS
    if not 0 <= day_ns < _FOREVER_NS:
        raise ValueError(f"{text} is out of reach")
    return day_ns


def _overlaps(rows: Iterable[Row]) -> Iterator[RateFault]:
    """Two lines for the same thing at the same time: which is meant nobody can know."""
    seen: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        same = seen.setdefault((row.direction, row.prefix, row.country, row.mcc, row.mnc), [])
        for other in same:
            if row.from_ns < other.to_ns and other.from_ns < row.to_ns:
                told = f"the same destination as line {other.line}, at the same time"
                yield RateFault(row.line, told, "remove one, or give both dates that do not meet")
        same.append(row)


def _schedule(rows: list[Row], version: int) -> _Schedule:
    always = [row for row in rows if row.from_ns == 0 and row.to_ns == _FOREVER_NS]
    starts = sorted({0}.union(*((row.from_ns, row.to_ns) for row in rows)))
    spans = (
        _tables([row for row in rows if row.from_ns <= start < row.to_ns], version)
        for start in starts
    )
    return _Schedule(_tables(always, version), tuple(starts), tuple(spans))


def _tables(rows: list[Row], version: int) -> _Tables:
    countries = {"": None} | {row.country: None for row in rows}
    return {
        country: _table([row for row in rows if row.country in ("", country)], country, version)
        for country in countries
    }


def _table(rows: list[Row], country: str, version: int) -> _Table:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.prefix, []).append(row)
    rates: dict[str, Rate] = {}
    for prefix, group in groups.items():
        group = [row for row in group if row.country == country] or group
        exact = len(group) == 1 and not group[0].mnc
        if any(row.mnc for row in group):
            codes = {row.mcc for row in group if row.mcc}
            group = [
                row
                for row in rows
                if prefix.startswith(row.prefix)
                or row.mcc in codes
                or (country and row.country == country)
            ]
        rates[prefix] = Rate(max(row.nanos for row in group), version, exact)
    return _Table(tuple(sorted({len(prefix) for prefix in rates}, reverse=True)), rates)
