"""What guards have counted, as rows: read for the batch in one statement, written in one."""

import sqlite3

from routing.breaker import RANGES, Kept
from routing.guards import DAY_HEADS, HEAD_NS, key_of
from routing.standing import SWEPT_MOST, Changes, Known, Sweep
from smpp_server.store import Keys
from smpp_server.store import sqlite_rows as sql

GUARDS_LOOKED = 10_000  # rows that retention looks at at once: there may be millions
FIRST_KEY, LAST_KEY = -(2**63), 2**63 - 1

_READ = "SELECT * FROM guard WHERE id IN ({})"
_PUT = "INSERT OR REPLACE INTO guard VALUES (?, ?, ?, ?, ?, ?)"
_LEFT = "SELECT id, submitted FROM reply WHERE id IN ({}) AND state > 0 AND submitted IS NOT NULL"
_END = "SELECT id FROM guard WHERE id >= ? ORDER BY id LIMIT 1 OFFSET ?"
_OLD = (
    "DELETE FROM guard WHERE id IN"
    " (SELECT id FROM guard WHERE id >= ? AND id <= ? AND head <= ? LIMIT ?)"
)
KEPT_HEADS = 3 * DAY_HEADS  # half hours after which no slot of a row counts any more


HEAD_SLOT = 12
_SWEPT = (
    f"SELECT {sql.REPLY} FROM reply WHERE state = 0 AND (created, id) > (?, ?) AND id < ?"
    f" ORDER BY created, id LIMIT {SWEPT_MOST}"
)
PREFIX_OCTETS = 16


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


def read_breaker(db: sqlite3.Connection, known: Known) -> None:
    """The breaker, and the replies its sweep comes to next."""
    rows = {slot: (minute, text) for slot, minute, text in db.execute("SELECT * FROM breaker")}
    if rows:
        head = rows.pop(HEAD_SLOT)[1]
        known.breaker = Kept(head, dict(rows.values()))
    row = db.execute("SELECT prefixes, home, until_id, at, after_id FROM sweep").fetchone()
    if row is not None:
        octets = row[0]
        prefixes = [octets[i : i + PREFIX_OCTETS] for i in range(0, len(octets), PREFIX_OCTETS)]
        job = known.sweep = Sweep(tuple(filter(any, prefixes)), *row[1:])
        found = db.execute(_SWEPT, (job.at_ns, job.after_id, job.until_id))
        known.swept = [sql.reply_of(each, "", b"") for each in found.fetchall()]


def write(db: sqlite3.Connection, changes: Changes) -> None:
    """What the turn counted. In the order of the keys: neighbours share a page."""
    if changes.guards:
        db.executemany(_PUT, sorted(changes.guards))
    head, slots = changes.breaker
    texts = [(minute % HEAD_SLOT, minute, text) for minute, text in slots.items()]
    if head:
        texts.append((HEAD_SLOT, 0, head))
    if texts:
        db.executemany("INSERT OR REPLACE INTO breaker VALUES (?, ?, ?)", texts)
    if changes.sweep_over:
        db.execute("DELETE FROM sweep")
    if changes.sweep is not None:
        job = changes.sweep
        octets = b"".join(job.prefixes).ljust(RANGES * PREFIX_OCTETS, b"\0")
        db.execute("INSERT OR REPLACE INTO sweep VALUES (1, ?, ?, ?, ?, ?)", (octets, *job[1:]))


def tidy(db: sqlite3.Connection, first: int, now_ns: int, limit: int) -> tuple[int, int]:
    """Delete rows from the key `first` on that count nothing any more, at most `limit`.

    (how many, the key to go on with the next time). Keys are no times, so all rows are looked at,
    some at once.
    """
    found = db.execute(_END, (first, GUARDS_LOOKED)).fetchone()
    last = found[0] - 1 if found else LAST_KEY
    gone = db.execute(_OLD, (first, last, oldest_head(now_ns), limit)).rowcount
    if gone >= limit:
        return gone, first
    return gone, found[0] if found else FIRST_KEY


def oldest_head(now_ns: int) -> int:
    """The newest head of rows that count nothing any more."""
    return now_ns // HEAD_NS - KEPT_HEADS
