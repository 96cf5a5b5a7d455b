"""What guards have counted, as rows: read for the batch in one statement, written in one."""

import sqlite3

from routing.guards import DAY_HEADS, HEAD_NS, key_of
from routing.standing import Changes, Known
from smpp_server.store import Keys
from smpp_server.store import sqlite_rows as sql

_READ = "SELECT * FROM guard WHERE id IN ({})"
_PUT = "INSERT OR REPLACE INTO guard VALUES (?, ?, ?, ?, ?, ?)"
_LEFT = "SELECT id, submitted FROM reply WHERE id IN ({}) AND state > 0 AND submitted IS NOT NULL"
OLD_GUARDS = "DELETE FROM guard WHERE id IN (SELECT id FROM guard WHERE head <= ? LIMIT ?)"
KEPT_HEADS = 3 * DAY_HEADS  # half hours after which no slot of a row counts any more


def read(db: sqlite3.Connection, known: Known, keys: Keys) -> None:
    """The rows of the senders and ranges the batch names; when the replies of claims left."""
    if keys.guards:
        names = {key_of(pseudonym): pseudonym for pseudonym in dict.fromkeys(keys.guards)}
        guards = known.guards
        for chunk in sql.chunks(names):
            for row in db.execute(_READ.format(sql.marks(chunk)), chunk):
                guards[names[row[0]]] = row
    if keys.rhythm:
        ids = [claim.reply_id for claim in known.claims.values() if claim.reply_id]
        for chunk in sql.chunks(ids):
            known.left_ns.update(db.execute(_LEFT.format(sql.marks(chunk)), chunk))


def write(db: sqlite3.Connection, changes: Changes) -> None:
    """What the turn counted. In the order of the keys: neighbours share a page."""
    if changes.guards:
        db.executemany(_PUT, sorted(changes.guards))


def oldest_head(now_ns: int) -> int:
    """The newest head of rows that count nothing any more."""
    return now_ns // HEAD_NS - KEPT_HEADS
