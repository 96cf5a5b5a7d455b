"""The invoice an SMSC would send: counted from the octets it received, with its own price file.

This module shares no code with `routing` nor with `smpp_server.smpp.text`, so that a mistake in
counting or in prices there cannot be repeated here and go unseen. Amounts are integers in
nano-units (1e-9) of one currency. Destination numbers stay in memory; they leave only through
`Invoice.write_cdr`.
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple, Self, TextIO

SUBMIT_SM = 0x00000004  # SMPP 3.4 section 5.1.2.1
MESSAGE_PAYLOAD = 0x0424  # section 5.3.2
SAR_TAGS = frozenset((0x020C, 0x020E, 0x020F))  # reference, total, number of this part
UDHI = 0x40  # esm_class bit 6, section 5.2.12
CONCATENATED = frozenset((0x00, 0x08))  # GSM 03.40 9.2.3.24: 8-bit and 16-bit reference
PART_HEADER = 6  # octets of the header an SMSC puts before each part it cuts
TP_UD = 140  # octets of user data in one short message, GSM 03.40 9.2.3.16
NANO_DIGITS = 9
AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)

CDR_COLUMNS = (
    "message_id",
    "accepted_at_s",
    "source",
    "destination",
    "prefix",
    "label",
    "segments",
    "price",
    "currency",
)


class UnreadableSubmit(ValueError):
    """The octets are not a submit_sm this invoice can count."""


class PriceFault(ValueError):
    """A row of the price file is wrong; the message gives its line and says why."""


class Price(NamedTuple):
    """What one segment costs towards (or one text from) the numbers that start with `prefix`."""

    prefix: str
    label: str
    nanos: int


class Submission(NamedTuple):
    """What the octets of one submit_sm say that matters for its price."""

    sequence_number: int
    source: str
    destination: str
    segments: int


class Line(NamedTuple):
    """One accepted submit_sm as it stands on the invoice."""

    message_id: str
    source: str
    destination: str
    price: Price
    segments: int
    nanos: int
    accepted_at_s: float


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


def read_submission(frame: bytes) -> Submission:
    """Read one whole submit_sm frame (SMPP 3.4 section 4.4.1); raises UnreadableSubmit."""
    try:
        if int.from_bytes(frame[4:8]) != SUBMIT_SM or int.from_bytes(frame[:4]) != len(frame):
            raise UnreadableSubmit("not one submit_sm frame")
        source_at = frame.index(0, 16) + 3
        source_end = frame.index(0, source_at)
        destination_at = source_end + 3
        destination_end = frame.index(0, destination_at)
        schedule_end = frame.index(0, destination_end + 4)
        validity_end = frame.index(0, schedule_end + 1)
        data_coding = frame[validity_end + 3]
        text_at = validity_end + 6
        text_end = text_at + frame[text_at - 1]
    except (ValueError, IndexError):
        raise UnreadableSubmit("body cut short or a string without its NUL") from None
    if text_end > len(frame):
        raise UnreadableSubmit("sm_length goes past the end")
    octets, is_part = frame[text_at:text_end], False
    if text_end < len(frame):
        tlvs = _tlvs(frame, text_end)
        octets = octets or tlvs.get(MESSAGE_PAYLOAD, b"")
        is_part = tlvs.keys() >= SAR_TAGS
    has_header = bool(frame[destination_end + 1] & UDHI)
    return Submission(
        int.from_bytes(frame[12:16]),
        frame[source_at:source_end].decode("latin-1"),
        frame[destination_at:destination_end].decode("latin-1"),
        count_segments(octets, data_coding, has_header, is_part),
    )


def count_segments(
    octets: bytes, data_coding: int, has_header: bool = False, is_part: bool = False
) -> int:
    """How many short messages an SMSC makes of this user data (GSM 03.38, 03.40 9.2.3.24).

    The default alphabet comes unpacked: one octet per septet, two for an extension character.
    """
    if len(octets) <= TP_UD - PART_HEADER and not has_header:
        return 1  # fits in every alphabet
    header, concatenated = _header(octets) if has_header else (0, False)
    text = octets[header:]
    bits, width = _alphabet(data_coding)
    alone = PART_HEADER if is_part and not header else header
    if len(text) <= _room(alone, bits, width):
        return 1
    if not concatenated:
        header = PART_HEADER + max(0, header - 1)  # the part's element joins the header there is
    return _parts(text, _room(header, bits, width), bits, width)


def _alphabet(data_coding: int) -> tuple[int, int]:
    """Bits on air per octet given, and octets per character (section 5.2.19, GSM 03.38 4)."""
    group, kind = data_coding >> 4, data_coding & 0x0C
    named = group in (0x1, 0x4, 0x5)
    if data_coding == 0x08 or group == 0xE or (named and kind == 0x08):
        return 8, 2
    if data_coding in (0x02, 0x04):
        return 8, 1
    if (named and kind == 0x04) or (group == 0xF and kind & 0x04):
        return 8, 1
    return 7, 1  # ASCII and Latin-1 too: the SMSC turns them into the default alphabet


def _header(octets: bytes) -> tuple[int, bool]:
    """Length of the user data header with its length octet, and whether it marks a part."""
    end = octets[0] + 1 if octets else 0
    if end > len(octets):
        return 0, False
    at, concatenated = 1, False
    while at + 1 < end:
        concatenated = concatenated or octets[at] in CONCATENATED
        at += 2 + octets[at + 1]
    return end, concatenated


def _room(header: int, bits: int, width: int) -> int:
    """Octets of text, as given in the PDU, that fit beside `header` octets."""
    octets = max(TP_UD - header, width)
    return octets * 8 // 7 if bits == 7 else octets - octets % width


def _parts(text: bytes, room: int, bits: int, width: int) -> int:
    """Parts needed when neither an escape pair nor a surrogate pair may be cut."""
    parts, at = 1, 0
    while len(text) - at > room:
        at += room
        if bits == 7 and text[at - 1] == 0x1B:
            at -= 1
        elif width == 2 and 0xD8 <= text[at - 2] <= 0xDB:
            at -= 2
        parts += 1
    return parts


def _tlvs(frame: bytes, at: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while at + 4 <= len(frame):
        tag, length = int.from_bytes(frame[at : at + 2]), int.from_bytes(frame[at + 2 : at + 4])
        found.setdefault(tag, frame[at + 4 : at + 4 + length])
        at += 4 + length
    return found


class SubmitTap:
    """Finds the submit_sm frames in what one connection receives, by its own framing."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The submit_sm frames now complete, in the order of their arrival."""
        data = self._rest + data if self._rest else data
        found: list[bytes] = []
        at = 0
        while len(data) - at >= 16:
            end = at + int.from_bytes(data[at : at + 4])
            if end < at + 16 or end > len(data):
                break
            if data[at + 4 : at + 8] == b"\0\0\0\x04":
                found.append(data[at:end])
            at = end
        self._rest = data[at:]
        return found


class Invoice:
    """What was accepted and what it costs. Sums are exact always; `keep` bounds the lines kept."""

    def __init__(self, prices: Prices, keep: int = 1_000_000) -> None:
        self.prices = prices
        self.lines: deque[Line] = deque(maxlen=keep)
        self.outbound_messages = 0
        self.outbound_segments = 0
        self.outbound_nanos = 0
        self.inbound_texts = 0
        self.inbound_nanos = 0
        self._by_prefix: dict[Price, list[int]] = {}

    def accept(
        self, submission: Submission, price: Price, message_id: str, accepted_at_s: float
    ) -> Line:
        """Bill one submit_sm answered ESME_ROK (or meant to be, when its response was lost)."""
        segments = submission.segments
        nanos = segments * price.nanos
        line = Line(
            message_id,
            submission.source,
            submission.destination,
            price,
            segments,
            nanos,
            accepted_at_s,
        )
        self.lines.append(line)
        self.outbound_messages += 1
        self.outbound_segments += segments
        self.outbound_nanos += nanos
        sums = self._by_prefix.setdefault(price, [0, 0])
        sums[0] += 1
        sums[1] += segments
        return line

    def delivered(self, our_number: str) -> None:
        """Bill one text whose deliver_sm was answered ESME_ROK."""
        price = self.prices.inbound(our_number)
        self.inbound_texts += 1
        self.inbound_nanos += price.nanos if price else 0

    def write_cdr(self, file: TextIO) -> None:
        """Write one CSV row per accepted submit_sm, numbers in clear.

        Raises ValueError when lines no longer kept would be missing from the file.
        """
        if self.outbound_messages != len(self.lines):
            raise ValueError(f"only the last {len(self.lines)} lines were kept")
        cdr = csv.DictWriter(file, CDR_COLUMNS, lineterminator="\n")
        cdr.writeheader()
        for line in self.lines:
            cdr.writerow(
                {
                    "message_id": line.message_id,
                    "accepted_at_s": f"{line.accepted_at_s:.3f}",
                    "source": line.source,
                    "destination": line.destination,
                    "prefix": line.price.prefix,
                    "label": line.price.label,
                    "segments": line.segments,
                    "price": format_nanos(line.nanos),
                    "currency": self.prices.currency,
                }
            )

    def summary(self) -> dict[str, object]:
        """Sums without any number, fit for JSON; amounts as decimal strings."""
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
                for price, (messages, segments) in sorted(self._by_prefix.items())
            ],
        }
