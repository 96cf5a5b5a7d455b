"""Reads what one turn must know: one statement a kind, over all the batch names."""

import sqlite3
from collections.abc import Iterable, Mapping

from routing.records import Lane, Now, Reply
from routing.standing import Hold, Known
from routing.throttle import from_octets
from smpp_server.store import (
    Ages,
    Keys,
    Unseal,
    sqlite_guard,
    sqlite_jobs,
    sqlite_money,
    sqlite_rates,
    sqlite_receipts,
)
from smpp_server.store import sqlite_rows as sql
from smpp_server.store.sqlite_claims import Claims

ROWS_MOST = 500  # rows too old, or aged, that one turn takes up

_OPTOUTS = "SELECT pseudonym FROM optout WHERE pseudonym IN ({})"
_HELD = "SELECT * FROM held_receipt WHERE carrier = ? AND message_id IN ({})"
_LANE = (
    f"SELECT {sql.REPLY} FROM reply WHERE state = 0 AND number = ? AND campaign = ?"
    " ORDER BY due, id LIMIT ?"
)
_TOO_OLD = (
    f"SELECT {sql.REPLY} FROM reply WHERE state = 0 AND created <= ? ORDER BY created LIMIT ?"
)
_STOPPED = (
    f"SELECT {sql.REPLY} FROM reply WHERE state = 0 AND id IN"
    " (SELECT reply_id FROM claim WHERE pseudonym IN ({}))"
)
_BY_ID = f"SELECT {sql.STORED} FROM reply WHERE id IN ({{}})"
_UNKNOWN = f"SELECT {sql.STORED} FROM reply WHERE state = 4 AND claim IN ({{}}) ORDER BY id"
# An order would have it walk every reply there is.
_IN_DOUBT = (
    f"SELECT {sql.STORED} FROM reply INDEXED BY reply_unknown WHERE state = 4"
    " AND id & 65535 IN ({})"
)
# Some carriers give every message the same id, others begin again: the newest one is meant.
_BY_MESSAGE = (
    "WITH asked (name) AS (SELECT value FROM json_each(?))"
    f" SELECT name, {sql.STORED} FROM asked JOIN reply ON id ="
    " (SELECT id FROM reply WHERE tracked = 1 AND message_id = name AND carrier = ?"
    " ORDER BY id DESC LIMIT 1)"
)
# The first bound is for the index, the second one for the truth.
_AGED = (
    f"SELECT {sql.STORED} FROM reply WHERE state IN (2, 4) AND submitted <= ?"
    " AND submitted <= CASE state WHEN 4 THEN ? ELSE ? END ORDER BY submitted LIMIT ?"
)


def read(
    db: sqlite3.Connection,
    claims: Claims,
    keys: Keys,
    quota: Mapping[Lane, int],
    now: Now,
    ages: Ages,
    unseal: Unseal,
) -> Known:
    """Everything `Store.begin` promises. Raises sqlite3.Error."""
    known = _figures(db)
    sqlite_money.read(db, known, keys, now)
    due = known.due
    for lane, room in quota.items():
        replies = _lane(db, lane, room, now.wall_ns, unseal)
        if replies:
            due[lane] = replies
    old = db.execute(_TOO_OLD, (now.wall_ns - ages.reply_max_ns, ROWS_MOST))
    known.too_old = [sql.reply_of(row, "", b"") for row in old.fetchall()]
    optouts = [*keys.optouts, *(r.optout for lane in due.values() for r in lane if r.optout)]
    known.optouts.update(row[0] for row in sql.rows_in(db, _OPTOUTS, optouts))
    claims.read(db, known, keys.claims)
    for row in sql.rows_in(db, _STOPPED, keys.stops):
        known.stopped[row[0]] = sql.reply_of(row, "", b"")
    sqlite_guard.read(db, known, keys)
    sqlite_guard.read_breaker(db, known)
    sqlite_jobs.read(db, known, keys)
    _read_fates(db, known, keys, now.wall_ns)
    if keys.cards:
        known.drafts = sqlite_rates.drafts(db)
    if keys.tick:
        unknown, receipt = now.wall_ns - ages.unknown_ns, now.wall_ns - ages.receipt_ns
        aged = db.execute(_AGED, (max(unknown, receipt), unknown, receipt, ROWS_MOST))
        known.aged = [sql.stored_of(row) for row in aged.fetchall()]
    return known


def _figures(db: sqlite3.Connection) -> Known:
    """Scalars, counters and holds: bounded by the configuration."""
    state = dict(db.execute("SELECT key, value FROM state"))
    known = Known(
        waiting=state.get("waiting", 0),
        next_id=state.get("next_id", 1),
        last_wall_ns=state.get("wall", 0),
        epoch=state.get("epoch", 0),
    )
    head = db.execute("SELECT seq, digest FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
    if head is not None:
        known.journal_seq, known.journal_digest = head
    for scope, span, slot, slots in db.execute("SELECT * FROM counter"):
        known.counters[scope, span] = from_octets(slot, slots)
    for scope, reason, until in db.execute("SELECT * FROM hold"):
        known.holds[scope] = Hold(reason, until)
    return known


def _lane(
    db: sqlite3.Connection, lane: Lane, room: int, wall_ns: int, unseal: Unseal
) -> list[Reply]:
    """Replies that are due, at most `room` and one; the first that is not yet due ends the list:
    it tells when to look again."""
    replies = []
    rows = db.execute(_LANE, (*lane, room + 1))
    for row in rows:
        if row[11] > wall_ns:
            replies.append(sql.reply_of(row, "", b""))
            break
        sealed = row[14]  # none when the process that knew the number died with it
        replies.append(sql.reply_of(row, *(unseal(sealed, row[0]) if sealed else ("", b""))))
    rows.close()
    return replies


def _read_fates(db: sqlite3.Connection, known: Known, keys: Keys, wall_ns: int) -> None:
    """What outcomes and receipts may mean."""
    if keys.tick:
        known.overdue = list(sqlite_receipts.overdue(db, wall_ns))
        keys = _with_overdue(keys, known)
    for row in sql.rows_in(db, _BY_ID, keys.outcomes):
        known.stored[row[0]] = sql.stored_of(row)
    for carrier, ids in _by_carrier(keys.messages):
        for row in db.execute(_BY_MESSAGE, (sql.json_list(ids), carrier)):
            known.by_message[carrier, row[0]] = sql.stored_of(row[1:])
    for row in sql.rows_in(db, _UNKNOWN, keys.unknown):
        stored = sql.stored_of(row)
        known.unknown_of.setdefault(stored.claim, []).append(stored)
    if keys.references:
        asked = set(keys.references)
        for row in sorted(
            sql.rows_in(db, _IN_DOUBT, [reference for _, reference in keys.references])
        ):
            stored = sql.stored_of(row)
            key = (stored.carrier, stored.reply_id & 0xFFFF)
            if key in asked:
                known.unknown_by_reference.setdefault(key, []).append(stored)
    for carrier, ids in _by_carrier(keys.accepted):
        for row in sql.rows_in(db, _HELD, ids, carrier):
            held = sqlite_receipts.read_row(row)
            known.held_receipts[held.carrier, held.message_id] = held


def _with_overdue(keys: Keys, known: Known) -> Keys:
    """What held receipts may mean is read too."""
    overdue = known.overdue
    return keys._replace(
        messages=[*keys.messages, *((held.carrier, i) for held, ids in overdue for i in ids)],
        unknown=[
            *keys.unknown,
            *(
                held.claims[at : at + 16]
                for held, _ in overdue
                for at in range(0, len(held.claims), 16)
            ),
        ],
        references=[
            *keys.references,
            *((held.carrier, held.reference) for held, _ in overdue if held.reference >= 0),
        ],
    )


def _by_carrier(pairs: Iterable[tuple[str, str]]) -> Iterable[tuple[str, list[str]]]:
    ids: dict[str, list[str]] = {}
    for carrier, message_id in pairs:
        ids.setdefault(carrier, []).append(message_id)
    return ids.items()
