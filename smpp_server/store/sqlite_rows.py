"""SQL of the embedded store and the shapes of its rows: columns are named only here."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from routing.records import Flight, Reply, ReplyKind, ReplyState
from routing.standing import Stored

# What is bound many times a turn is exactly int, str or bytearray. For anything else, bytes, bool
# and None among them, the driver first asks for an adapter: 0.5 to 0.9 µs more a value.
Row = tuple[Any, ...]

REPLY = (
    "id, campaign, number, kind, text_id, segments, country, claim, epoch, prefix,"
    " created, due, attempts, mccmnc, sealed"
)
ACCOUNTS = "(SELECT accounts FROM debit WHERE debit.id = reply.debit)"
LOAD = (
    f"SELECT {REPLY.removesuffix(', sealed')}, carrier, link, price, rate_version, exact,"
    f" {ACCOUNTS}, submitted, billed, currency FROM reply"
    " WHERE id >= (SELECT value FROM state WHERE key = 'flying') AND state = 1 ORDER BY id"
)
INSERT_WAITING = (
    "INSERT INTO reply (id, state, campaign, number, kind, text_id, segments, country, claim,"
    " epoch, prefix, created, due, mccmnc, sealed, pad)"
    " VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, zeroblob(128))"
)
RETURN = (
    "UPDATE reply SET state = 0, due = ?, attempts = ?, sealed = coalesce(?, sealed),"
    " close_journal = ?, pad = NULL WHERE id = ? AND state = 1"
)
POSTPONE = "UPDATE reply SET due = ? WHERE id = ? AND state = 0"
MOVE = (
    "UPDATE reply SET state = ?1, message_id = coalesce(nullif(?2, ''), message_id), sealed = NULL,"
    " pad = NULL, claim = iif(?3 IS NULL, claim, NULL), prefix = iif(?3 IS NULL, prefix, NULL),"
    " ended = ?3,"
    " reason = coalesce(nullif(?4, ''), reason), close_journal = coalesce(?5, close_journal)"
    " WHERE id = ?6 AND state = ?7"
)
CANCEL = (
    "UPDATE reply SET state = 5, reason = ?, sealed = NULL, claim = NULL, prefix = NULL,"
    " pad = NULL, ended = ? WHERE id = ? AND state = 0"
)
PUT_OPTOUT = "INSERT INTO optout VALUES (?, 'server', ?, 0) ON CONFLICT DO UPDATE SET by_hand = 0"
ADD_BALANCE = (
    "INSERT INTO balance VALUES (?, ?) ON CONFLICT DO UPDATE SET nanos = nanos + excluded.nanos"
)
PUT_COUNTER = (
    "INSERT INTO counter VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " head = excluded.head, slots = excluded.slots"
)
PUT_STATE = "INSERT INTO state VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
KINDS = {kind.value: kind for kind in ReplyKind}
STATES = {state.value: state for state in ReplyState}
STORED = (
    f"id, state, carrier, link, number, price, rate_version, {ACCOUNTS}, claim, billed, currency,"
    " submitted, exact"
)
CORRECT = "UPDATE reply SET price = ?, billed = nullif(?, 0), exact = 1 WHERE id = ? AND exact = 0"
OLD_CLAIMS = (
    "DELETE FROM claim WHERE (pseudonym, campaign) IN"
    " (SELECT pseudonym, campaign FROM claim WHERE epoch = ? AND period_start <= ? LIMIT ?)"
)
OLD_REPLIES = (  # ids grow with time: what ended long ago stands among the first
    "DELETE FROM reply WHERE id IN (SELECT id FROM (SELECT id, ended FROM reply WHERE id > 0"
    " ORDER BY id LIMIT 10000) WHERE ended <= ? LIMIT ?)"
)
OLD_ALARMS = "DELETE FROM alarm WHERE id IN (SELECT id FROM alarm WHERE ended <= ? LIMIT ?)"
CLAIM_EPOCHS = (  # SELECT DISTINCT would walk the whole index
    "WITH RECURSIVE found (epoch) AS (SELECT min(epoch) FROM claim UNION ALL"
    " SELECT (SELECT min(epoch) FROM claim WHERE epoch > found.epoch) FROM found"
    " WHERE found.epoch IS NOT NULL) SELECT epoch FROM found WHERE epoch IS NOT NULL"
)
OLDEST = (  # replies are made in the order of their epochs
    "SELECT epoch FROM claim ORDER BY epoch LIMIT 1",
    "SELECT epoch FROM claim_log ORDER BY rowid LIMIT 1",
    "SELECT epoch FROM reply WHERE state = 0 ORDER BY created LIMIT 1",
    "SELECT epoch FROM reply WHERE id >= (SELECT value FROM state WHERE key = 'flying')"
    " AND state = 1 ORDER BY epoch LIMIT 1",
    "SELECT epoch FROM reply WHERE state = 4 ORDER BY epoch LIMIT 1",
)
END_ALARM = "UPDATE alarm SET ended = ? WHERE code = ? AND subject = ? AND ended IS NULL"
BEGIN_ALARM = "INSERT INTO alarm (code, subject, figures, began) VALUES (?, ?, ?, ?)"


def reply_of(row: Row, msisdn: str, optout: bytes) -> Reply:
    """A WAITING row (columns of REPLY) with its number read back."""
    return Reply._make((*row[:3], KINDS[row[3]], *row[4:13], msisdn, optout, row[13]))


def waiting_row(reply: Reply, sealed: bytes) -> Row:
    """For INSERT_WAITING."""
    return (
        reply.id,
        reply.campaign,
        reply.number,
        reply.kind.value,
        reply.text_id,
        reply.segments,
        reply.country,
        bytearray(reply.claim),
        reply.epoch,
        bytearray(reply.prefix),
        reply.created_ns,
        reply.due_ns,
        reply.mccmnc,
        bytearray(sealed),
    )


def flight_of(row: Row) -> Flight:
    """A SUBMITTING row (REPLY without `sealed`, then carrier … submitted); its number is gone."""
    reply = reply_of(row, "", b"")
    if reply.claim is None:  # its person was forgotten
        reply = reply._replace(claim=b"", prefix=b"")
    carrier, link, price, version, exact, accounts, submitted, billed, currency = row[14:]
    return Flight(
        reply, link, carrier, price, version, bool(exact), accounts or "", submitted,
        billed or 0, currency or "",
    )  # fmt: skip


def stored_of(row: Row) -> Stored:
    """A row of STORED."""
    return Stored(
        row[0], STATES[row[1]], row[2] or "", row[3] or "", row[4], row[5] or 0, row[6] or 0,
        row[7] or "", row[8] or b"", row[9] or 0, row[10] or "", row[11] or 0, row[12] != 0,
    )  # fmt: skip


def json_list(values: Iterable[str]) -> str:
    """For json_each: distinct values in their order."""
    return json.dumps(list(dict.fromkeys(values)))


def padded(values: Sequence[Any]) -> Sequence[Any]:
    """The values, the last repeated up to a power of two: few statements, all of them cached."""
    size = 1 << (len(values) - 1).bit_length()
    return (*values, *([values[-1]] * (size - len(values))))


def marks(values: Sequence[Any]) -> str:
    """Question marks for an IN list."""
    return ",".join("?" * len(values))


def chunks(values: Iterable[Any], size: int = 1024) -> Iterable[Sequence[Any]]:
    """Distinct values in their order, in padded chunks for IN lists."""
    distinct = list(dict.fromkeys(values))
    if distinct and isinstance(distinct[0], bytes):
        distinct = list(map(bytearray, distinct))
    for start in range(0, len(distinct), size):
        yield padded(distinct[start : start + size])


def rows_in(
    db: sqlite3.Connection, query: str, values: Iterable[Any], *before: Any
) -> Iterable[Row]:
    """Rows of an IN query over all the values; `before` are its parameters that stand first."""
    for chunk in chunks(values):
        yield from db.execute(query.format(marks(chunk)), (*before, *chunk))
