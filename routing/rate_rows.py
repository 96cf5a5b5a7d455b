"""The lines of a rate card: CSV in any of the shapes carriers send → checked rows, or faults.

Every fault names its line and its cure. Nothing is rounded, and nothing is guessed: a date that
could be two days, an MNC that lost its zero and a price in words are refused.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final, NamedTuple

from routing.mcc import COUNTRIES
from routing.money import MoneyError, parse_nanos

OUT: Final = "out"
IN: Final = "in"
FOREVER_NS: Final = 2**63 - 1

NEEDED_COLUMNS: Final = ("prefix", "direction", "price", "currency")
OTHER_COLUMNS: Final = ("country", "mcc", "mnc", "mccmnc", "valid_from", "valid_to", "note")
COLUMNS: Final = NEEDED_COLUMNS + OTHER_COLUMNS
DESTINATIONS: Final = ("prefix", "country", "mcc", "mccmnc")

_DAY_NS: Final = 86_400_000_000_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_HEADER: Final = ",".join(NEEDED_COLUMNS)

_DIRECTION: Final = re.compile(f"{OUT}|{IN}")
_PREFIX: Final = re.compile(r"\+?([1-9][0-9]{0,14})?")
_COUNTRY: Final = re.compile(r"([A-Z]{2})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_MCC: Final = re.compile(r"([0-9]{3})?")
_MNC: Final = re.compile(r"([0-9]{2,3}|\*)?")
_MCCMNC: Final = re.compile(r"([0-9]{3})([0-9]{2,3}|\*)?")
_LIST: Final = re.compile(r"[;,|/ ]+")  # between the MNCs of a list
_GERMAN: Final = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")  # day first, beyond doubt
_MIDNIGHT: Final = re.compile(r"[T ]00:00(:00)?Z?$")
_FORMS: Final = (
    ("prefix", _PREFIX, 'write country code and first digits, as in "33" or "336"'),
    ("direction", _DIRECTION, 'write "out" for what we send, "in" for what reaches us'),
    ("country", _COUNTRY, 'write two capitals (ISO 3166), as in "FR", or nothing'),
)

Network = tuple[str, str]  # MCC and MNC; ("", "") for any, MNC "" for all networks of the MCC


class Row(NamedTuple):
    """One checked destination of a card; a line with a list of networks makes several."""

    line: int
    prefix: str  # first digits of E.164 numbers; "" for all numbers of `country`
    direction: str  # OUT or IN
    nanos: int  # per segment
    currency: str
    country: str  # ISO 3166 alpha-2; "" when the line does not say
    mcc: str
    mnc: str  # text: "01" and "001" are two networks (ITU-T E.212); "" for all networks
    from_ns: int  # wall time from which the line is valid; 0 for always
    to_ns: int  # wall time at which it ends; FOREVER_NS for never


class RateFault(NamedTuple):
    """One thing wrong in a card."""

    line: int
    message: str
    cure: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}; {self.cure}"


def parse_rows(
    lines: Iterable[str], currency: str, columns: Mapping[str, str] | None = None
) -> tuple[tuple[Row, ...], tuple[RateFault, ...]]:
    """Read a card: CSV with a header, commas, or semicolons or tabs and then decimal commas too.

    Empty lines and lines that begin with "#" are left out. `currency` is the one that prices must
    be in; "" takes whichever the first line names. `columns` says under which names our columns
    stand in the file; columns it does not name are then left out, direction is "out" and the
    currency the one expected where they are not named. A card with faults must not be built; its
    rows are then only those without fault.
    """
    rows: list[Row] = []
    faults: list[RateFault] = []
    reader: _Reader | None = None
    number = 0
    for number, raw in enumerate(lines, 1):
        line = raw.removeprefix("\ufeff").rstrip("\r\n")
        if line.startswith("#") or not line.strip():
            continue
        try:
            if reader is not None:
                rows.extend(reader.rows(line, number))
                continue
            reader = _Reader(line, currency, columns or {})
            faults.extend(RateFault(number, *fault) for fault in reader.header_faults())
        except _Wrong as wrong:
            faults.extend(RateFault(number, *fault) for fault in wrong.faults)
            if reader is not None:
                continue
        if faults:
            return (), tuple(faults)
    if reader is None:
        faults.append(RateFault(number + 1, "the card is empty", f"begin with {_HEADER}"))
    faults.extend(overlaps(rows))
    return tuple(rows), tuple(sorted(faults))


class _Wrong(Exception):
    """Faults of one line, as pairs of message and cure."""

    def __init__(self, *faults: tuple[str, str]) -> None:
        self.faults = faults


class _Line(NamedTuple):
    """Cells of one line under our names, "" where there is none."""

    prefix: str
    price: str
    direction: str
    currency: str
    country: str
    mcc: str
    mnc: str
    mccmnc: str
    valid_from: str
    valid_to: str


class _Meaning(NamedTuple):
    """What a line says but for its prefix and its price: cards repeat that from line to line."""

    direction: str
    currency: str
    country: str
    networks: tuple[Network, ...]
    from_ns: int
    to_ns: int


class _Reader:
    """Reads lines by their header; remembers what cells have come to already."""

    def __init__(self, header: str, currency: str, columns: Mapping[str, str]) -> None:
        self._separator = next((mark for mark in ";\t" if mark in header), ",")
        try:
            [names] = csv.reader([header], delimiter=self._separator)
        except csv.Error as fault:
            raise _Wrong((f"not readable as CSV ({fault})", f"begin with {_HEADER}")) from fault
        self._names = [name.strip().lower() for name in names]
        self._mapped = columns
        self._currency = currency
        theirs = {name: name for name in COLUMNS} if not columns else columns
        self._theirs = {ours: name.strip().lower() for ours, name in theirs.items()}
        self._places = [self._place(ours) for ours in _Line._fields]
        self._prices: dict[str, int] = {}
        self._meanings: dict[tuple[str, ...], _Meaning] = {}

    def _place(self, ours: str) -> int:
        """Where our column stands; -1, behind the last cell, when the file has none."""
        name = self._theirs.get(ours)
        return self._names.index(name) if name in self._names else -1

    def header_faults(self) -> Iterator[tuple[str, str]]:
        """What is wrong with the first line."""
        known = ", ".join(COLUMNS)
        for ours in self._mapped:
            if ours not in COLUMNS:
                yield f"{ours!r} is none of our columns", f"ours are {known}"
        wanted = self._theirs if self._mapped else {name: name for name in NEEDED_COLUMNS}
        cure = f"the file has {', '.join(self._names)}" if self._mapped else f"begin with {_HEADER}"
        for ours, name in wanted.items():
            if ours in COLUMNS and name not in self._names:
                yield f"column {name!r} is missing", cure
        if self._mapped and "price" not in self._mapped:
            yield "no column is named for the price", "say which, as in price=Rate"
        if self._mapped and not set(DESTINATIONS) & set(self._mapped):
            yield "no column is named for the destination", f"say one of {', '.join(DESTINATIONS)}"
        for place, name in enumerate(self._names):
            if not self._mapped and name not in COLUMNS:
                yield f"column {name!r} is not known", f"the columns are {known}"
            if name in self._names[:place] and (not self._mapped or name in self._theirs.values()):
                yield f"column {name!r} stands twice", "keep one"

    def rows(self, line: str, number: int) -> list[Row]:
        """The rows of one line; _Wrong holds all its faults."""
        cells = self._cells(line)
        cells.append("")
        prefix, price, *rest = [cells[place] for place in self._places]
        key = tuple(rest)
        nanos = self._prices.get(price)
        meaning = self._meanings.get(key)
        if nanos is None or meaning is None or not prefix or _PREFIX.fullmatch(prefix) is None:
            nanos, meaning = self._look(_Line(prefix, price, *rest))
            self._prices[price], self._meanings[key] = nanos, meaning
        prefix = prefix.removeprefix("+")
        direction, currency, country, networks, from_ns, to_ns = meaning
        return [
            Row(number, prefix, direction, nanos, currency, home, mcc, mnc, from_ns, to_ns)
            for mcc, mnc in networks
            for home in ((country,) if prefix or country else COUNTRIES[mcc])
        ]

    def _look(self, cell: _Line) -> tuple[int, _Meaning]:
        """Price and meaning of a line that is not like one before; _Wrong holds all its faults."""
        if self._places[_Line._fields.index("direction")] < 0:
            cell = cell._replace(direction=OUT)
        if self._places[_Line._fields.index("currency")] < 0:
            cell = cell._replace(currency=self._currency)
        faults = list(_form_faults(cell))
        if not self._currency and _CURRENCY.fullmatch(cell.currency):
            self._currency = cell.currency
        if cell.currency != self._currency or not cell.currency:
            cure = f"convert the price, or keep the books in {cell.currency or 'it'}"
            faults.append((f"currency {cell.currency!r} is not {self._currency or 'one'}", cure))
        nanos = self._price(cell.price, faults)
        from_ns, to_ns = _span(cell, faults)
        networks = _network(cell, faults)
        if faults:
            raise _Wrong(*faults)
        return nanos, _Meaning(
            cell.direction, cell.currency, cell.country, networks, from_ns, to_ns
        )

    def _cells(self, line: str) -> list[str]:
        cells: list[str]
        if '"' not in line:
            cells = line.split(self._separator)
        else:
            try:
                [cells] = csv.reader([line], delimiter=self._separator, strict=True)
            except csv.Error as fault:
                raise _Wrong((f"not readable as CSV ({fault})", "close the quotes")) from fault
        if len(cells) != len(self._names):
            count = f"{len(cells)} cells, the header names {len(self._names)}"
            raise _Wrong((count, "one cell for each column; quote a cell that holds the separator"))
        return [cell.strip() for cell in cells]

    def _price(self, text: str, faults: list[tuple[str, str]]) -> int:
        try:
            nanos = parse_nanos(text if self._separator == "," else text.replace(",", "."))
        except MoneyError as fault:
            faults.append((f"price: {fault}", "give at most nine decimals, no sign of thousands"))
            return 0
        if nanos < 0:
            faults.append((f"price {text} is below zero", "write what a segment costs, or 0"))
        return nanos


def _span(cell: _Line, faults: list[tuple[str, str]]) -> tuple[int, int]:
    """Wall times between which the line is valid."""
    try:
        from_ns, to_ns = day_ns(cell.valid_from, 0, 0), day_ns(cell.valid_to, 1, FOREVER_NS)
    except ValueError as fault:
        faults.append((f"date: {fault}", "write dates as 2026-11-24, from 1970 to 2261"))
        return 0, FOREVER_NS
    if from_ns >= to_ns:
        faults.append(("valid_to lies before valid_from", "exchange the two dates"))
    return from_ns, to_ns


def _network(cell: _Line, faults: list[tuple[str, str]]) -> tuple[Network, ...]:
    """The networks the line is for; one of them when it is for any."""
    told = list(_network_faults(cell.mcc, cell.mnc, cell.mccmnc))
    faults += told
    found = () if told else tuple(dict.fromkeys(_networks(cell.mcc, cell.mnc, cell.mccmnc)))
    if cell.prefix in ("", "+"):
        if cell.direction == IN:
            faults.append(("no prefix", "write our number, or its first digits"))
        elif not cell.country and not all(mcc in COUNTRIES for mcc, _ in found):
            faults.append(("no destination", "write a prefix or a country"))
    return found


def _networks(mcc: str, mnc: str, mccmnc: str) -> Iterator[Network]:
    """The networks of one line."""
    for item in filter(None, _LIST.split(mccmnc)):
        match = _MCCMNC.fullmatch(item)
        assert match is not None, "the caller has looked"
        yield match[1], (match[2] or "").removesuffix("*")
    if not mccmnc:
        for item in _LIST.split(mnc):
            yield mcc, item.removesuffix("*")


def _network_faults(mcc: str, mnc: str, mccmnc: str) -> Iterator[tuple[str, str]]:
    if mccmnc and (mcc or mnc):
        yield "mccmnc beside mcc or mnc", "keep one way to name the network"
    for item in filter(None, _LIST.split(mccmnc)):
        if _MCCMNC.fullmatch(item) is None:
            yield f"mccmnc {item!r} is not one", 'write MCC and MNC as text, as in "20801"'
    if _MCC.fullmatch(mcc) is None:
        yield f"mcc {mcc!r} is not one", "write three digits or nothing"
    for item in _LIST.split(mnc):
        if _MNC.fullmatch(item) is None:
            yield f"mnc {item!r} is not one", 'write two or three digits, "*" or nothing'
    if mnc.strip("*") and not mcc:
        yield "mnc without mcc", "write both"


def _form_faults(cell: _Line) -> Iterator[tuple[str, str]]:
    for name, form, cure in _FORMS:
        text = getattr(cell, name)
        if form.fullmatch(text) is None:
            yield f"{name} {text!r} is not one", cure


def day_ns(text: str, later_days: int = 0, absent_ns: int = 0) -> int:
    """Midnight UTC of a date, `later_days` on; ValueError for what is none."""
    if not text:
        return absent_ns
    german = _GERMAN.fullmatch(text)
    iso = f"{german[3]}-{german[2]}-{german[1]}" if german else _MIDNIGHT.sub("", text)
    midnight_ns = (date.fromisoformat(iso).toordinal() - _EPOCH + later_days) * _DAY_NS
    if not 0 <= midnight_ns < FOREVER_NS:
        raise ValueError(f"{text} is out of reach")
    return midnight_ns


def overlaps(rows: Iterable[Row]) -> Iterator[RateFault]:
    """Two rows for the same thing at the same time: which is meant nobody can know."""
    seen: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        key = (row.direction, row.prefix, row.country, row.mcc, row.mnc)
        seen.setdefault(key, []).append(row)
    for same in seen.values():
        if len(same) == 1:
            continue
        same.sort(key=lambda row: (row.from_ns, row.line))
        last = same[0]
        for row in same[1:]:
            if row.from_ns < last.to_ns:
                first, second = sorted((last.line, row.line))
                told = f"the same destination as line {first}, at the same time"
                yield RateFault(second, told, "remove one, or give both dates that do not meet")
            last = max(last, row, key=lambda one: one.to_ns)


def to_text(row: Row) -> str:
    """The row as one line, for the way to a server: all but its currency."""
    parts = (row.line, row.prefix, row.direction, row.nanos, row.country, row.mcc, row.mnc)
    return ",".join(map(str, (*parts, row.from_ns, row.to_ns)))


def from_text(text: str, currency: str) -> Row:
    """The inverse of `to_text`. Raises ValueError for what it never wrote."""
    line, prefix, direction, nanos, country, mcc, mnc, from_ns, to_ns = text.split(",")
    row = Row(
        int(line), prefix, direction, int(nanos), currency, country, mcc, mnc,
        int(from_ns), int(to_ns),
    )  # fmt: skip
    forms = ((_PREFIX, prefix), (_DIRECTION, direction), (_COUNTRY, country), (_MCC, mcc))
    if not all(form.fullmatch(part) for form, part in (*forms, (_MNC, mnc))) or "*" in mnc:
        raise ValueError("no row of a rate card")
    if not (prefix or country) or row.nanos < 0 or not 0 <= row.from_ns < row.to_ns <= FOREVER_NS:
        raise ValueError("no row of a rate card")
    return row
