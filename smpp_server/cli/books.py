"""The journal as CSV, one line a posting, and back again; and the walk that verifies it."""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from routing.closing import books_after, closing_of, compared
from routing.ledger import Books, JournalRow, LedgerError, read_entries, write_row
from routing.money import MoneyError, format_nanos, parse_nanos
from routing.standing import Closing
from smpp_server.masking import reply_id, reply_ref
from smpp_server.store import sqlite_reports as reports

COLUMNS: Final = (
    "row", "at", "at_ns", "reply", "kind", "amount", "rate_version", "billed", "currency", "digest",
)  # fmt: skip


def lines(rows: Iterable[JournalRow]) -> Iterator[tuple[str, ...]]:
    """One line a posting; with all of a row's lines its digest can be computed again."""
    for row in rows:
        at = datetime.fromtimestamp(row.at_ns // 10**9, UTC).isoformat()
        for entry in read_entries(row.entries):
            yield (
                str(row.seq),
                at,
                str(row.at_ns),
                reply_ref(entry.reply_id) if entry.reply_id else "",
                entry.kind,
                format_nanos(entry.nanos),
                str(entry.rate_version),
                format_nanos(entry.billed_nanos) if entry.currency else "",
                entry.currency,
                row.digest.hex(),
            )


def walk_file(path: Path, closings: Iterable[Closing]) -> Books:
    """Books walked through an export, which begins with the first row or after a closing."""
    books = Books()
    for row in read_file(path):
        if not books.rows:
            books = books_after(next((one for one in closings if one.seq == row.seq - 1), None))
        books.read(row)
    return books


def read_file(path: Path) -> Iterator[JournalRow]:
    """The rows an export holds. Raises LedgerError for a line that is none.

    The digest is the file's own; whoever walks the rows compares it with what they come to.
    """
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.reader(file)
        if tuple(next(table, ())) != COLUMNS:
            raise LedgerError("line 1: this is no export of a ledger")
        for (seq, at, digest), group in groupby(
            table, lambda cells: (cells[0], cells[2], cells[-1])
        ):
            try:
                postings = [
                    (
                        reply_id(cells[3]) if cells[3] else 0,
                        cells[4],
                        parse_nanos(cells[5]),
                        int(cells[6]),
                        parse_nanos(cells[7]) if cells[8] else 0,
                        cells[8],
                    )
                    for cells in group
                ]
                row, _ = write_row(b"", int(seq), int(at), postings)
                row = row._replace(digest=bytes.fromhex(digest))
            except (ValueError, IndexError, KeyError, MoneyError):
                raise LedgerError(f"line {table.line_num}: not a posting") from None
            yield row


def verify(db: reports.Connection) -> Books:
    """Walk the whole journal. Raises LedgerError, which names the first bad row.

    Then every balance must be what the journal says, and the reservations that are open must be
    exactly those of the replies in flight or without an answer.
    """
    closed = {one.seq: one for one in reports.closings(db)}
    dropped = [one for one in closed.values() if one.dropped]
    books = books_after(dropped[-1] if dropped else None)

    def walk(rows: Iterable[JournalRow]) -> None:
        for row in rows:
            books.read(row)
            one = closed.get(row.seq)
            if one is None:
                continue
            here = closing_of(one.month, books, one.dropped)
            if (here.digest, here.sums, here.reserved) != (one.digest, one.sums, one.reserved):
                raise LedgerError(f"the closing of {one.month} is not what the journal says")

    walk(reports.journal(db, books.seq))
    while (ends := reports.ends(db, books.seq)) is None:
        walk(reports.journal(db, books.seq))
    walk(ends.rows)
    fault = compared(books.sums, ends.balances)
    if fault:
        raise LedgerError(fault)
    for reply in sorted(books.reserved.keys() | ends.reserved.keys()):
        ours, theirs = books.reserved.get(reply, 0), ends.reserved.get(reply, 0)
        if ours != theirs:
            raise LedgerError(
                f"reply {reply_ref(reply)} holds {format_nanos(theirs)},"
                f" the journal says {format_nanos(ours)}"
            )
    return books
