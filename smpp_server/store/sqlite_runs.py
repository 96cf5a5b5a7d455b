"""Rows that are alike, written by one statement a run: a crowd's replies, their ends, their claims.

What they share is bound once. What differs is bound as one value for all: ids and message ids as
JSON, pseudonyms side by side. By `executemany` a row costs two to three times as much, and gives
the interpreter lock away at each.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from routing.records import Flight, ReplyState
from routing.standing import Claim, ClaimKey

OCTETS: Final = 16  # of a pseudonym

_FLIGHTS = (
    "INSERT INTO reply (id, state, campaign, number, kind, text_id, segments, country, claim,"
    " epoch, prefix, created, due, mccmnc, carrier, link, price, rate_version, exact, tracked,"
    " debit, submitted, billed, currency, reserve_journal, pad)"
    " SELECT value, 1, :campaign, :number, :kind, :text_id, :segments, :country,"
    f" substr(:claims, {OCTETS} * key + 1, {OCTETS}), :epoch,"
    f" substr(:prefixes, {OCTETS} * key + 1, {OCTETS}), :created, :due, :mccmnc, :carrier, :link,"
    " :price, :rate_version, :exact, :tracked, :debit, :submitted, nullif(:billed, 0),"
    " nullif(:currency, ''), :journal, zeroblob(64) FROM json_each(:ids)"
)
_FINISH_OPEN = (
    "UPDATE reply SET state = ?1, message_id = nullif(value, ''), sealed = NULL,"
    " reason = nullif(?2, ''), close_journal = ?3"
    " FROM json_each(?4) AS told WHERE reply.id = CAST(told.key AS INTEGER) AND state = 1"
)
_FINISH = (
    "UPDATE reply SET state = ?1, message_id = nullif(value, ''), sealed = NULL, claim = NULL,"
    " prefix = NULL, pad = NULL, reason = nullif(?2, ''), close_journal = ?3, ended = ?5"
    " FROM json_each(?4) AS told WHERE reply.id = CAST(told.key AS INTEGER) AND state = 1"
)
_CLAIMS = (
    f"INSERT INTO claim_log SELECT substr(?1, {OCTETS} * key + 1, {OCTETS}), ?3, ?4, ?5, ?6, ?7,"
    " value, ?8, ?9 FROM json_each(?2)"
)

_SHARED = attrgetter(
    "campaign", "number", "kind", "text_id", "segments", "country", "epoch", "created_ns",
    "due_ns", "mccmnc",
)  # fmt: skip


def put_flights(
    db: sqlite3.Connection,
    flights: Sequence[Flight],
    tracked: frozenset[str],
    debits: Mapping[str, int],
    journal: int,
) -> None:
    """Replies that are born SUBMITTING."""
    for (shared, _), run in groupby(flights, lambda flight: (_SHARED(flight.reply), flight[1:])):
        alike = list(run)
        replies = [flight.reply for flight in alike]
        first = alike[0]
        campaign, number, kind, text_id, segments, country, epoch, created, due, mccmnc = shared
        db.execute(
            _FLIGHTS,
            {
                "ids": json.dumps([reply.id for reply in replies]),
                "claims": b"".join([reply.claim for reply in replies]),
                "prefixes": b"".join([reply.prefix for reply in replies]),
                "campaign": campaign,
                "number": number,
                "kind": kind.value,
                "text_id": text_id,
                "segments": segments,
                "country": country,
                "epoch": epoch,
                "created": created,
                "due": due,
                "mccmnc": mccmnc,
                "carrier": first.carrier,
                "link": first.link,
                "price": first.price_nanos,
                "rate_version": first.rate_version,
                "exact": first.exact,
                "tracked": first.carrier in tracked,
                "debit": debits[first.accounts],
                "submitted": first.submitted_ns,
                "billed": first.billed_nanos,
                "currency": first.currency,
                "journal": journal,
            },
        )


def finish(
    db: sqlite3.Connection,
    state: ReplyState,
    reason: str,
    told: Mapping[int, str],
    closing: int | None,
    ended_ns: int | None,
) -> int:
    """Replies that leave SUBMITTING: their ids, with the message ids the carrier gave them.

    `ended_ns` is None when they go on to wait for a receipt. Returns how many rows changed.
    """
    values = (int(state), reason, closing, json.dumps(told))
    if ended_ns is None:
        return db.execute(_FINISH_OPEN, values).rowcount
    return db.execute(_FINISH, (*values, ended_ns)).rowcount


def log_claims(db: sqlite3.Connection, claims: Iterable[tuple[ClaimKey, Claim]]) -> None:
    """Claims for the log: see sqlite_claims."""
    for shared, run in groupby(claims, _of_claim):
        alike = list(run)
        pseudonyms = b"".join([key[0] for key, _ in alike])
        replies = json.dumps([claim.reply_id for _, claim in alike])
        db.execute(_CLAIMS, (pseudonyms, replies, *shared))


def _of_claim(entry: tuple[ClaimKey, Claim]) -> tuple[Any, ...]:
    (_, campaign), claim = entry
    return (campaign, *claim[:4], *claim[5:])
