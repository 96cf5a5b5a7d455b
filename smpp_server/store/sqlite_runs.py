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
_RELEASE = (
    "UPDATE reply SET state = 1, text_id = :text_id, segments = :segments, carrier = :carrier,"
    " link = :link, price = :price, rate_version = :rate_version, exact = :exact,"
    " tracked = :tracked, debit = :debit, submitted = :submitted, billed = nullif(:billed, 0),"
    " currency = nullif(:currency, ''), reserve_journal = :journal, close_journal = NULL,"
    " pad = NULL FROM json_each(:ids) AS told WHERE reply.id = told.value AND state = 0"
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
        campaign, number, kind, text_id, segments, country, epoch, created, due, mccmnc = shared
        values = {
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
            "journal": journal,
        }
        db.execute(_FLIGHTS, values | _way(alike[0], tracked, debits))


def release(
    db: sqlite3.Connection,
    flights: Sequence[Flight],
    tracked: frozenset[str],
    debits: Mapping[str, int],
    journal: int,
) -> int:
    """WAITING replies that leave; their text is that of today. How many rows changed."""
    changed = 0
    for (text_id, segments, *_), run in groupby(
        flights, lambda flight: (flight.reply.text_id, flight.reply.segments, *flight[1:])
    ):
        alike = list(run)
        values = {
            "ids": json.dumps([flight.reply.id for flight in alike]),
            "text_id": text_id,
            "segments": segments,
            "journal": journal,
        }
        changed += db.execute(_RELEASE, values | _way(alike[0], tracked, debits)).rowcount
    return changed


def _way(flight: Flight, tracked: frozenset[str], debits: Mapping[str, int]) -> dict[str, object]:
    """How a reply leaves, and what that was taken from."""
    return {
        "carrier": flight.carrier,
        "link": flight.link,
        "price": flight.price_nanos,
        "rate_version": flight.rate_version,
        "exact": flight.exact,
        "tracked": flight.carrier in tracked,
        "debit": debits[flight.accounts],
        "submitted": flight.submitted_ns,
        "billed": flight.billed_nanos,
        "currency": flight.currency,
    }


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
