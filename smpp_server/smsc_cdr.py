"""The two files of an invoice: one CSV row per billed message, and sums per day and rate.

The row-by-row file is written as messages are billed and holds numbers in clear: in a simulation
they are made up. Like `smsc_invoice` this shares no code with `routing`.
"""

import csv
from datetime import datetime, tzinfo
from typing import TextIO

from smpp_server.smsc_invoice import Invoice, Line, format_nanos

CDR_COLUMNS = (
    "time",  # when it was billed, ISO 8601 with the offset of the carrier's zone
    "message_id",
    "direction",  # mo: from a person to the ESME, mt: the other way
    "source",
    "destination",
    "prefix",  # of the price that was applied
    "network",  # its name in the price file
    "segments",
    "rate",  # of one segment
    "price",  # of the message: rate x segments
    "currency",
    "status",  # accepted, delivered or refused
)
SUMMARY_COLUMNS = (
    "day",
    "direction",
    "prefix",
    "network",
    "rate",
    "messages",
    "segments",
    "amount",
    "currency",
)


class CdrFile:
    """Writes each billed message to a file as it comes, and keeps none of them."""

    def __init__(self, file: TextIO, currency: str, zone: tzinfo) -> None:
        self._rows = csv.writer(file, lineterminator="\n")
        self._currency = currency
        self._zone = zone
        self._rows.writerow(CDR_COLUMNS)

    def write(self, line: Line) -> None:
        """One row; fit as `Invoice.on_line`."""
        at = datetime.fromtimestamp(line.accepted_at_s, self._zone)
        self._rows.writerow(
            (
                at.isoformat(timespec="milliseconds"),
                line.message_id,
                line.direction,
                line.source,
                line.destination,
                line.price.prefix,
                line.price.label,
                line.segments,
                format_nanos(line.price.nanos),
                format_nanos(line.nanos),
                self._currency,
                line.status,
            )
        )


def write_summary(invoice: Invoice, file: TextIO) -> None:
    """Count, segments and sum per day, direction, prefix and rate; no number of a person."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(SUMMARY_COLUMNS)
    for day, direction, price, messages, segments in invoice.sums():
        rows.writerow(
            (
                day.isoformat(),
                direction,
                price.prefix,
                price.label,
                format_nanos(price.nanos),
                messages,
                segments,
                format_nanos(segments * price.nanos),
                invoice.prices.currency,
            )
        )
