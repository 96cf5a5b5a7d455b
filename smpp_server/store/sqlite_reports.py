"""Reports from a database that a server may have open: read only, a slice at a time.

The journal only grows at its end, so slices read one after the other fit together, and no reader
stands in the way of a checkpoint for long.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from routing.ledger import JournalRow
from routing.standing import Closing
from smpp_server.store import sqlite_money

Connection = sqlite3.Connection
SLICE: Final = 1000  # journal rows

_JOURNAL = "SELECT seq, at, totals, entries, digest FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"
_OPEN = (
    "SELECT id, price FROM reply WHERE state = 4 UNION ALL SELECT id, price FROM reply"
    " WHERE id >= (SELECT value FROM state WHERE key = 'flying') AND state = 1"
)


class Ends(NamedTuple):
    """What the books come to: the last rows of the journal, and what must agree with them."""

    rows: list[JournalRow]
    balances: dict[str, int]
    reserved: dict[int, int]  # reply id → price of those in flight or without an answer


@contextmanager
def reader(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write."""
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db:
        db.isolation_level = None
        db.execute("PRAGMA busy_timeout = 1000")
        yield db


def closings(db: sqlite3.Connection) -> list[Closing]:
    """Months that were closed, the first one first."""
    return sqlite_money.closings(db)


def journal(db: sqlite3.Connection, after: int = 0) -> Iterator[JournalRow]:
    """Every row after `after`, in slices."""
    while rows := slice_of(db, after):
        yield from rows
        after = rows[-1].seq


def slice_of(db: sqlite3.Connection, after: int, most: int = SLICE) -> list[JournalRow]:
    """The next rows after `after`, at most so many."""
    return [JournalRow._make(row) for row in db.execute(_JOURNAL, (after, most)).fetchall()]


def last_rows(db: sqlite3.Connection, count: int) -> list[JournalRow]:
    """The newest rows, the oldest of them first."""
    query = "SELECT seq, at, totals, entries, digest FROM journal ORDER BY seq DESC LIMIT ?"
    return [JournalRow._make(row) for row in db.execute(query, [count]).fetchall()][::-1]


def balances(db: sqlite3.Connection) -> dict[str, int]:
    """Every account."""
    return dict(db.execute("SELECT account, nanos FROM balance ORDER BY account").fetchall())


def notes(db: sqlite3.Connection, count: int) -> list[tuple[int, str, str]]:
    """The newest lines of money in the audit: wall time, what, figures and note."""
    query = (
        "SELECT at, what, figures FROM audit WHERE what IN ('fund', 'fee', 'close')"
        " ORDER BY id DESC LIMIT ?"
    )
    return db.execute(query, [count]).fetchall()[::-1]


def ends(db: sqlite3.Connection, after: int) -> Ends | None:
    """The rest of the journal with all that must agree with it, read as one; None while the rest
    is longer than a slice."""
    db.execute("BEGIN")
    try:
        rows = slice_of(db, after, SLICE + 1)
        if len(rows) > SLICE:
            return None
        return Ends(rows, balances(db), dict(db.execute(_OPEN).fetchall()))
    finally:
        db.execute("COMMIT")
