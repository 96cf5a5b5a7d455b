"""Held receipts in the embedded store: one row for each message id a receipt may mean."""

import sqlite3
from collections.abc import Iterable

from routing.standing import Changes, HeldReceipt

OVERDUE_MOST = 500  # receipts that one turn takes up
KEPT_NS = 3600 * 10**9  # an overdue one that no turn took up goes after that

# A repeated receipt says nothing new; an id as it was written goes before one that was derived.
_HOLD = (
    "INSERT INTO held_receipt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " delivered = excluded.delivered, until = excluded.until, lead = excluded.lead,"
    " at = excluded.at, number = excluded.number, claims = excluded.claims,"
    " reference = excluded.reference"
    " WHERE excluded.lead = excluded.message_id AND lead <> message_id"
)
_USED = "DELETE FROM held_receipt WHERE carrier = ? AND lead = ?"
_OVERDUE = (
    "SELECT * FROM held_receipt WHERE until <= ? AND message_id = lead ORDER BY until, carrier,"
    " message_id LIMIT ?"
)
_IDS = "SELECT message_id FROM held_receipt WHERE carrier = ? AND lead = ? ORDER BY message_id"
OLD = (
    "DELETE FROM held_receipt WHERE (carrier, message_id) IN"
    " (SELECT carrier, message_id FROM held_receipt WHERE until <= ? LIMIT ?)"
)


def write(db: sqlite3.Connection, changes: Changes) -> None:
    """What came without its reply, and what has served."""
    if changes.held_receipts:
        db.executemany(
            _HOLD,
            [
                (*one[:2], int(one.delivered), *one[3:7], bytearray(one.claims), one.reference)
                for one in changes.held_receipts
            ],
        )
    if changes.receipts_used:
        db.executemany(_USED, changes.receipts_used)


def read_row(row: tuple[object, ...]) -> HeldReceipt:
    """A row of the table."""
    held = HeldReceipt._make(row)
    return held._replace(delivered=bool(held.delivered))


def overdue(db: sqlite3.Connection, wall_ns: int) -> Iterable[tuple[HeldReceipt, tuple[str, ...]]]:
    """Receipts whose time to wait is over, each with all its ids, that as written first."""
    for row in db.execute(_OVERDUE, (wall_ns, OVERDUE_MOST)).fetchall():
        held = read_row(row)
        ids = [one for (one,) in db.execute(_IDS, (held.carrier, held.lead))]
        yield held, (held.lead, *(name for name in ids if name != held.lead))
