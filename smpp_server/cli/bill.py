"""What a simulated SMSC leaves: the files it writes while it runs, and the screen at the end."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, BinaryIO, Self, TextIO

from smpp_server.cli import show
from smpp_server.cli.place import Sentence
from smpp_server.smsc_cdr import CdrFile, write_summary
from smpp_server.smsc_invoice import PLAIN, Invoice, Prices, Tariff
from smpp_server.smsc_pcap import Capture
from smpp_server.smsc_plan import Counts


class Paper:
    """The files of a run. All are opened before it begins, so that none fails at its end."""

    def __init__(self, cdr: Path | None, summary: Path | None, pcap: Path | None = None) -> None:
        self._files = ExitStack()
        self._cdr = self._text(cdr)
        self._summary = self._text(summary)
        self._pcap = self._octets(pcap)
        self._invoice: Invoice | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._files:
            if self._summary is not None and self._invoice is not None:
                write_summary(self._invoice, self._summary)

    def invoice(self, prices: Prices, tariff: Tariff = PLAIN, zone: tzinfo = UTC) -> Invoice:
        """An empty invoice that writes itself down; it keeps its sums alone."""
        on_line = CdrFile(self._cdr, prices.currency, zone).write if self._cdr else None
        self._invoice = Invoice(prices, 0, tariff=tariff, zone=zone, on_line=on_line)
        return self._invoice

    def capture(self, wall_s: Callable[[], float]) -> Capture | None:
        """What writes down every octet, if that was asked for."""
        return Capture(self._pcap, wall_s) if self._pcap else None

    def _text(self, path: Path | None) -> TextIO | None:
        """Begin the file anew; each line is there at once for whoever follows it."""
        if path is None:
            return None
        try:
            file = path.open("w", encoding="utf-8", newline="", buffering=1)
        except OSError as error:
            raise _unwritable(path, error) from None
        return self._files.enter_context(file)

    def _octets(self, path: Path | None) -> BinaryIO | None:
        if path is None:
            return None
        try:
            return self._files.enter_context(path.open("wb"))
        except OSError as error:
            raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> Sentence:
    return Sentence(f"{path} cannot be written: {error.strerror}")


def invoice_lines(invoice: Invoice) -> list[str]:
    """The invoice, by destination."""
    summary: dict[str, Any] = invoice.summary()
    currency = summary["currency"]
    rows = [
        (
            one["label"],
            show.replies(one["messages"]),
            show.count(one["segments"], "segment"),
            f"{one['amount']} {currency}",
        )
        for one in summary["destinations"]
    ]
    inbound = summary["inbound"]
    rows.append(
        ("received", show.count(inbound["texts"], "text"), "", f"{inbound['amount']} {currency}")
    )
    return ["Invoice", *show.columns(rows, "    ")]


def report_lines(counts: Counts, second_replies: int, noise: int) -> list[str]:
    """A run on one screen."""
    rows = [
        ("binds", counts.binds, f"of {counts.binds_asked:,} asked for, {counts.lost:,} lost"),
        ("delivered", counts.deliveries, f"{counts.redeliveries:,} of them again"),
        ("answered", counts.confirmed, f"put off {counts.put_off:,}, refused {counts.dropped:,}, "
                                       f"no answer in time {counts.expired:,}"),
        ("submits", counts.submits, f"accepted {counts.accepted:,}, refused {counts.refused:,}, "
                                    f"swallowed {counts.swallowed:,}"),
        ("receipts", counts.receipts, ""),
        ("duplicates", second_replies, "second replies from one of our numbers to one person"),
        ("not readable", counts.malformed, "PDUs of the ESME"),
        ("noise", noise, "odd PDUs sent to every bind"),
    ]  # fmt: skip
    written = [(what, f"{number:,}", show.faint(more)) for what, number, more in rows]
    return ["Run", *show.columns(written, "    ")]
