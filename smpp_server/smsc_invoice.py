"""The invoice an SMSC would send: counted from the octets it received, with its own price file.

This module and `smsc_octets` share no code with `routing` nor with `smpp_server.smpp.text`, so that
a mistake in counting or in prices there cannot be repeated here and go unseen. Amounts are
integers in nano-units (1e-9) of one currency. Numbers of people stay in memory; they leave only
through `on_line`, which `smsc_cdr` turns into a file.
"""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import NamedTuple, Self

from smpp_server.smsc_octets import (
    Submission,
    SubmitTap,
    UnreadableSubmit,
    count_segments,
    read_submission,
)

__all__ = [
    "ACCEPTED",
    "DELIVERED",
    "MO",
    "MT",
    "PLAIN",
    "REFUSED",
    "Invoice",
    "Line",
    "Price",
    "PriceFault",
    "Prices",
    "Submission",
    "SubmitTap",
    "Tariff",
    "UnreadableSubmit",
    "count_segments",
    "format_nanos",
    "parse_nanos",
    "read_submission",
]

NANO_DIGITS = 9
AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
MO, MT = "mo", "mt"  # from a person to the ESME, and back
ACCEPTED, DELIVERED, REFUSED = "accepted", "delivered", "refused"


class PriceFault(ValueError):
    """A row of the price file is wrong; the message gives its line and says why."""


class Price(NamedTuple):
    """What one segment costs towards (or one text from) the numbers that start with `prefix`."""

    prefix: str
    label: str
    nanos: int


class Tariff(NamedTuple):
    """What this SMSC charges for, apart from the prices."""

    on_delivery: bool = False  # only what reached the handset, when it did; else when submitted
    refused: bool = False  # what is answered with an error costs as much as what is accepted
    clause: str = ""  # ASCII words appended to every text, and counted


PLAIN = Tariff()


class Line(NamedTuple):
    """One message as it stands on the invoice."""

    message_id: str
    source: str
    destination: str
    price: Price
    segments: int
    nanos: int
    accepted_at_s: float  # seconds since the Unix epoch; of its delivery when that is billed
    direction: str = MT
    status: str = ACCEPTED


def parse_nanos(amount: str) -> int:
    """Read a decimal amount such as "0.0495" exactly; raises ValueError, never rounds."""
    if AMOUNT.fullmatch(amount) is None:
        raise ValueError(f"{amount!r} is not an amount with at most {NANO_DIGITS} decimals")
    return int(Decimal(amount).scaleb(NANO_DIGITS))


def format_nanos(nanos: int) -> str:
    """Write nano-units as a decimal amount without needless zeros, at least two decimals."""
    whole, rest = divmod(nanos, 10**NANO_DIGITS)
    decimals = f"{rest:0{NANO_DIGITS}d}".rstrip("0")
    return f"{whole}.{decimals:0<2}"


class Prices:
    """A price file: longest prefix of the destination, and of our own number for inbound texts."""

    def __init__(
        self, outbound: Iterable[Price], inbound: Iterable[Price] = (), currency: str = "EUR"
    ) -> None:
        self.currency = currency
        self._outbound = {price.prefix: price for price in outbound}
        self._inbound = {price.prefix: price for price in inbound}
        lengths = {len(prefix) for prefix in (*self._outbound, *self._inbound)}
        self._lengths = sorted(lengths, reverse=True)

    @classmethod
    def flat(cls, amount: str, inbound: str = "0", currency: str = "EUR") -> Self:
        """One price per segment for all destinations, and one per inbound text."""
        return cls(
            (Price("", "anywhere", parse_nanos(amount)),),
            (Price("", "inbound", parse_nanos(inbound)),),
            currency,
        )

    @classmethod
    def read(cls, lines: Iterable[str], currency: str = "EUR") -> Self:
        """Read CSV with the columns direction (out | in), prefix, label, price.

        Empty lines and lines that start with # are passed over. Raises PriceFault.
        """
        found: dict[str, dict[str, Price]] = {"out": {}, "in": {}}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            row = [cell.strip() for cell in next(csv.reader([line]))]
            if row == ["direction", "prefix", "label", "price"]:
                continue
            if len(row) != 4 or row[0] not in found:
                raise PriceFault(f"line {number}: expected out|in,prefix,label,price")
            direction, prefix, label, amount = row
            if prefix and not (prefix.isascii() and prefix.isdigit()):
                raise PriceFault(f"line {number}: prefix {prefix!r} is not digits")
            if prefix in found[direction]:
                raise PriceFault(f"line {number}: prefix {prefix!r} stands twice")
            try:
                found[direction][prefix] = Price(prefix, label, parse_nanos(amount))
            except ValueError as error:
                raise PriceFault(f"line {number}: {error}") from None
        return cls(found["out"].values(), found["in"].values(), currency)

    def outbound(self, destination: str) -> Price | None:
        """The price of one segment to this number; None when it is not sold."""
        return self._find(self._outbound, destination)

    def inbound(self, our_number: str) -> Price | None:
        """The price of one text that arrives for this number; None when it is free."""
        return self._find(self._inbound, our_number)

    def _find(self, table: Mapping[str, Price], number: str) -> Price | None:
        for length in self._lengths:
            price = table.get(number[:length])
            if price is not None:
                return price
        return None


class Invoice:
    """What is billed and what it costs. Sums are exact always; `keep` bounds the lines kept.

    `lines` holds what was sent to people; `on_line` is told of every billed message, texts from
    people too. Days of the sums begin at midnight in `zone`, the carrier's.
    """

    def __init__(
        self,
        prices: Prices,
        keep: int = 1_000_000,
        *,
        tariff: Tariff = PLAIN,
        zone: tzinfo = UTC,
        on_line: Callable[[Line], None] | None = None,
    ) -> None:
        self.prices = prices
        self.tariff = tariff
        self.zone = zone
        self.on_line = on_line
        self.lines: deque[Line] = deque(maxlen=keep)
        self.outbound_messages = 0
        self.outbound_segments = 0
        self.outbound_nanos = 0
        self.inbound_texts = 0
        self.inbound_nanos = 0
        self._sums: dict[tuple[date, str, Price], list[int]] = {}

    def accept(
        self, submission: Submission, price: Price, message_id: str, accepted_at_s: float
    ) -> Line:
        """A submit_sm was answered ESME_ROK, or was meant to be when its response was lost."""
        line = _line(submission, price, message_id, accepted_at_s, ACCEPTED)
        if not self.tariff.on_delivery:
            self._bill(line)
        return line

    def refuse(
        self, submission: Submission, price: Price, message_id: str, refused_at_s: float
    ) -> None:
        """A submit_sm was answered with an error; only some carriers charge for that."""
        if self.tariff.refused:
            self._bill(_line(submission, price, message_id, refused_at_s, REFUSED))

    def finish(self, line: Line, delivered: bool, at_s: float) -> None:
        """What became of an accepted message; where delivery is billed, it is billed now."""
        if self.tariff.on_delivery and delivered:
            self._bill(line._replace(accepted_at_s=at_s, status=DELIVERED))

    def delivered(self, our_number: str, source: str = "", at_s: float = 0) -> None:
        """Bill one text whose deliver_sm was answered ESME_ROK."""
        price = self.prices.inbound(our_number)
        self.inbound_texts += 1
        if price is None:
            return
        self.inbound_nanos += price.nanos
        message_id = f"MO{self.inbound_texts:010d}"
        self._sum(Line(message_id, source, our_number, price, 1, price.nanos, at_s, MO, DELIVERED))

    def _bill(self, line: Line) -> None:
        self.lines.append(line)
        self.outbound_messages += 1
        self.outbound_segments += line.segments
        self.outbound_nanos += line.nanos
        self._sum(line)

    def _sum(self, line: Line) -> None:
        day = datetime.fromtimestamp(line.accepted_at_s, self.zone).date()
        sums = self._sums.setdefault((day, line.direction, line.price), [0, 0])
        sums[0] += 1
        sums[1] += line.segments
        if self.on_line is not None:
            self.on_line(line)

    def sums(self) -> list[tuple[date, str, Price, int, int]]:
        """Day, direction, price, messages and segments, in this order."""
        return [
            (day, direction, price, messages, segments)
            for (day, direction, price), (messages, segments) in sorted(self._sums.items())
        ]

    def summary(self) -> dict[str, object]:
        """Sums without any number, fit for JSON; amounts as decimal strings."""
        totals: dict[Price, list[int]] = {}
        for _, direction, price, messages, segments in self.sums():
            if direction == MT:
                total = totals.setdefault(price, [0, 0])
                total[0] += messages
                total[1] += segments
        return {
            "currency": self.prices.currency,
            "outbound": {
                "messages": self.outbound_messages,
                "segments": self.outbound_segments,
                "amount": format_nanos(self.outbound_nanos),
            },
            "inbound": {"texts": self.inbound_texts, "amount": format_nanos(self.inbound_nanos)},
            "destinations": [
                {
                    "prefix": price.prefix,
                    "label": price.label,
                    "messages": messages,
                    "segments": segments,
                    "amount": format_nanos(segments * price.nanos),
                }
                for price, (messages, segments) in sorted(totals.items())
            ],
        }


def _line(submission: Submission, price: Price, message_id: str, at_s: float, status: str) -> Line:
    return Line(
        message_id,
        submission.source,
        submission.destination,
        price,
        submission.segments,
        submission.segments * price.nanos,
        at_s,
        MT,
        status,
    )
