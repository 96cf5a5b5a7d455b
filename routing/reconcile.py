"""Our books against a carrier's: what a line of its CDR or invoice says, and what the two come to.

A line is read from the columns that matter here and from no other; what is wrong with one is told
by its place and column, never by its content. Amounts are nano-units of the carrier's currency.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final, NamedTuple

from routing.money import MoneyError, parse_nanos

CDR_COLUMNS: Final = (
    "message_id", "price", "rate", "segments", "currency", "direction", "status", "time",
    "source", "destination",
)  # fmt: skip
SUMMARY_COLUMNS: Final = (
    "day", "direction", "country", "mccmnc", "rate", "messages", "segments", "amount", "currency",
)  # fmt: skip
INBOUND: Final = frozenset({"mo", "in", "inbound", "received"})
REFUSED: Final = frozenset({"refused", "rejected"})

_SECOND_NS: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_LONGEST_ID: Final = 255


class LineFault(ValueError):
    """What is wrong with the file, without any of its content."""


class Charge(NamedTuple):
    """One line of a CDR: a message and what it costs."""

    message_id: str
    nanos: int
    at_ns: int  # wall time; 0 when the line does not tell
    inbound: bool  # from a person to us
    refused: bool  # the carrier answered the submit with an error, and bills it
    source: str
    destination: str


class Sum(NamedTuple):
    """Messages of one period, place and rate, as a summary or our replies tell them."""

    period: str  # "2026-11-24" or "2026-11", in the carrier's zone
    place: str  # country or MCC and MNC, "" where the summary does not tell them apart
    rate_nanos: int  # of one segment
    messages: int
    segments: int
    nanos: int
    exact: bool = True  # False: our prices are upper bounds


class Finding(StrEnum):
    """What became of one line, or of one reply without a line."""

    MATCHED = "matched"
    BELOW = "below our upper bound"
    DIFFERS = "price differs"
    REFUSED = "refused and billed"
    THEIRS = "theirs but not ours"
    OURS = "ours but not theirs"
    UNKNOWN = "unknown to us, not theirs"


class Tally(NamedTuple):
    """How many of a finding, and what they come to on each side."""

    messages: int = 0
    theirs_nanos: int = 0
    ours_nanos: int = 0

    def plus(self, messages: int, theirs_nanos: int, ours_nanos: int) -> "Tally":
        """So many more."""
        return Tally(
            self.messages + messages, self.theirs_nanos + theirs_nanos, self.ours_nanos + ours_nanos
        )


class Difference(NamedTuple):
    """One period, place and rate on both sides."""

    period: str
    place: str
    rate_nanos: int
    theirs: Tally  # `messages` are segments
    ours: Tally
    exact: bool


def judge(theirs_nanos: int, ours_nanos: int, exact: bool) -> Finding:
    """What a reply that has its line comes to."""
    if theirs_nanos == ours_nanos:
        return Finding.MATCHED
    if not exact and theirs_nanos < ours_nanos:
        return Finding.BELOW
    return Finding.DIFFERS


class Columns:
    """Where in a line the columns stand, by the names the file has for them."""

    def __init__(
        self, header: Sequence[str], known: Iterable[str], names: Mapping[str, str], comma: bool
    ) -> None:
        """`comma`: decimals may be written with one. LineFault for a column that is not there."""
        cells = [cell.strip().lower() for cell in header]
        self._comma = comma
        self._nanos: dict[str, int] = {}  # prices repeat
        self.places: dict[str, int] = {}
        for ours in known:
            wanted = names.get(ours, ours)
            if wanted.lower() in cells:
                self.places[ours] = cells.index(wanted.lower())
            elif ours in names:
                raise LineFault(f'there is no column "{wanted}" (for {ours})')

    def need(self, *choices: Sequence[str]) -> None:
        """LineFault unless all columns of one of the choices are there."""
        if not any(all(name in self.places for name in names) for names in choices):
            wanted = ", or ".join(" and ".join(names) for names in choices)
            raise LineFault(f"there is no column for {wanted}: say which with --map OURS=THEIRS")

    def cell(self, cells: Sequence[str], name: str) -> str:
        """What stands in the column, "" where there is none."""
        place = self.places.get(name)
        if place is None:
            return ""
        if place >= len(cells):
            raise LineFault(f"the line ends before {name}")
        return cells[place].strip()

    def nanos(self, cells: Sequence[str], name: str) -> int:
        """An amount."""
        text = self.cell(cells, name)
        found = self._nanos.get(text)  # prices repeat
        if found is None:
            try:
                written = text.replace(",", ".") if self._comma else text
                found = parse_nanos(written)
            except MoneyError:
                raise LineFault(
                    f"{name} is not an amount with at most nine decimals, as 0.0495"
                ) from None
            if len(self._nanos) < 10_000:  # a file of a million prices must not fill the memory
                self._nanos[text] = found
        return found

    def count(self, cells: Sequence[str], name: str) -> int:
        """A whole number."""
        text = self.cell(cells, name)
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise LineFault(f"{name} is not a whole number")
        return int(text)

    def check_currency(self, cells: Sequence[str], currency: str) -> None:
        """LineFault when the line is in another currency."""
        told = self.cell(cells, "currency")
        if told and told.upper() != currency:
            raise LineFault(f"currency is not {currency}, which this carrier bills in")

    def inbound(self, cells: Sequence[str]) -> bool:
        """Is the line about a text that reached us?"""
        return self.cell(cells, "direction").lower() in INBOUND


class CdrReader:
    """Lines of a CDR → charges."""

    def __init__(
        self,
        header: Sequence[str],
        names: Mapping[str, str],
        currency: str,
        zone: tzinfo,
        comma: bool = False,
    ) -> None:
        """Raises LineFault for a header that does not tell enough."""
        self._columns = Columns(header, CDR_COLUMNS, names, comma)
        self._columns.need(("message_id",))
        self._columns.need(("price",), ("rate", "segments"))
        self._currency = currency
        self._zone = zone
        places = self._columns.places
        self.tells_time = "time" in places
        self._tells_price = "price" in places
        names_read = (
            "message_id", "time", "direction", "status", "source", "destination", "currency",
        )  # fmt: skip
        self._places = [places.get(name, -1) for name in names_read]  # a million lines are long

    def charge(self, cells: Sequence[str]) -> Charge:
        """One line. Raises LineFault."""
        columns = self._columns
        try:
            told = [cells[place] if place >= 0 else "" for place in self._places]
        except IndexError:
            raise LineFault("the line ends too early") from None
        message_id, time, direction, status, source, destination, currency = told
        if currency != self._currency:
            columns.check_currency(cells, self._currency)
        message_id = message_id.strip()
        if not message_id or len(message_id) > _LONGEST_ID:
            raise LineFault("message_id is empty or too long")
        if self._tells_price:
            nanos = columns.nanos(cells, "price")
        else:
            nanos = columns.nanos(cells, "rate") * columns.count(cells, "segments")
        return Charge(
            message_id,
            nanos,
            wall_ns(time.strip(), self._zone) if self.tells_time else 0,
            direction.strip().lower() in INBOUND,
            status.strip().lower() in REFUSED,
            source.strip(),
            destination.strip(),
        )


class SummaryReader:
    """Lines of a summary → sums."""

    def __init__(
        self, header: Sequence[str], names: Mapping[str, str], currency: str, comma: bool = False
    ) -> None:
        """Raises LineFault for a header that does not tell enough."""
        self._columns = Columns(header, SUMMARY_COLUMNS, names, comma)
        self._columns.need(("day",))
        self._columns.need(("rate",))
        self._columns.need(("amount",), ("segments",), ("messages",))
        self._currency = currency
        places = self._columns.places
        self.place = next((name for name in ("mccmnc", "country") if name in places), "")

    def line(self, cells: Sequence[str]) -> tuple[bool, Sum]:
        """(is it inbound, the sums of one line). Raises LineFault."""
        columns = self._columns
        columns.check_currency(cells, self._currency)
        period = columns.cell(cells, "day")
        period_days(period)
        rate = columns.nanos(cells, "rate")
        messages = columns.count(cells, "messages") if "messages" in columns.places else 0
        segments = columns.count(cells, "segments") if "segments" in columns.places else messages
        told = "amount" in columns.places
        nanos = columns.nanos(cells, "amount") if told else rate * segments
        if not messages and not segments and rate:
            segments = nanos // rate
        place = columns.cell(cells, self.place).upper() if self.place else ""
        return columns.inbound(cells), Sum(period, place, rate, messages, segments, nanos)


def wall_ns(text: str, zone: tzinfo) -> int:
    """Wall time of an ISO 8601 time; in `zone` where it names none. Raises LineFault."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise LineFault("time is not ISO 8601, as 2026-11-24 10:00:00") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * _SECOND_NS + since.microseconds * 1000


def period_days(period: str) -> tuple[date, date]:
    """(first day, the day after the last) of a day or a month. Raises LineFault."""
    try:
        if len(period) == 7:
            first = date.fromisoformat(f"{period}-01")
            return first, (first + timedelta(days=31)).replace(day=1)
        first = date.fromisoformat(period)
    except ValueError:
        raise LineFault("day is neither a day, as 2026-11-24, nor a month, as 2026-11") from None
    return first, first + timedelta(days=1)


def period_ns(first: str, last: str, zone: tzinfo) -> tuple[int, int]:
    """Wall times at which the first period begins and the last one ends, midnights of `zone`."""
    begins, ends = period_days(first)[0], period_days(last)[1]
    return _midnight_ns(begins, zone), _midnight_ns(ends, zone)


def _midnight_ns(day: date, zone: tzinfo) -> int:
    at = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (at - _EPOCH) // _SECOND * _SECOND_NS


def day_at(at_ns: int, zone: tzinfo) -> str:
    """The day of a wall time in the carrier's zone."""
    at = (_EPOCH + timedelta(seconds=at_ns // _SECOND_NS)).astimezone(zone)
    return at.date().isoformat()


def compare(theirs: Iterable[Sum], ours: Iterable[Sum]) -> list[Difference]:
    """Both sides by period, place and rate, in this order; months of theirs take in our days."""
    found: dict[tuple[str, str, int], list[int]] = {}
    months: set[str] = set()
    for side, sums in ((0, theirs), (1, ours)):
        for one in sums:
            if side == 0 and len(one.period) == 7:
                months.add(one.period)
            period = one.period[:7] if one.period[:7] in months else one.period
            key = (period, one.place, one.rate_nanos)
            total = found.setdefault(key, [0, 0, 0, 0, True])
            total[2 * side] += one.segments
            total[2 * side + 1] += one.nanos
            total[4] = total[4] and one.exact
    return [
        Difference(
            *key,
            Tally(total[0], total[1], 0),
            Tally(total[2], 0, total[3]),
            bool(total[4]),
        )
        for key, total in sorted(found.items())
    ]


def settled(differences: Iterable[Difference]) -> tuple[int, int, bool]:
    """(theirs, ours, whether they agree): equal, or below ours where our prices are bounds.

    Upper bounds stand under other rates than the invoice's, so of a period and place that has any
    only the sums are compared.
    """
    sums: dict[tuple[str, str], list[int]] = {}
    agree = True
    for one in differences:
        theirs_nanos, ours_nanos = one.theirs.theirs_nanos, one.ours.ours_nanos
        total = sums.setdefault((one.period, one.place), [0, 0, True, True])
        total[0] += theirs_nanos
        total[1] += ours_nanos
        total[2] = total[2] and one.exact
        total[3] = total[3] and theirs_nanos == ours_nanos
    for theirs_sum, ours_sum, exact, equal in sums.values():
        agree = agree and bool(equal if exact else theirs_sum <= ours_sum)
    values = sums.values()
    return sum(total[0] for total in values), sum(total[1] for total in values), agree
