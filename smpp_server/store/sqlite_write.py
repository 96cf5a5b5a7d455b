"""Writes one turn's changes: every statement runs once a turn, over all rows it concerns."""

import sqlite3
from collections.abc import Sequence

from routing.records import ReplyState
from routing.reply import FINAL
from routing.standing import Changes
from routing.throttle import to_octets
from smpp_server.store import (
    Seal,
    sqlite_guard,
    sqlite_jobs,
    sqlite_money,
    sqlite_rates,
    sqlite_receipts,
    sqlite_runs,
)
from smpp_server.store import sqlite_rows as sql
from smpp_server.store.sqlite_claims import Claims


class Disagreement(Exception):
    """A row was not in the state the turn took it to be in: a bug, and nothing is committed."""


def write(db: sqlite3.Connection, claims: Claims, changes: Changes, seal: Seal) -> None:
    """Write everything but the COMMIT. Raises sqlite3.Error or Disagreement."""
    journal = changes.journal.seq if changes.journal else None
    _write_replies(db, changes, seal, journal)
    _write_finished(db, changes, journal)
    if changes.cancelled:
        rows = [(reason, changes.wall_ns, reply_id) for reply_id, reason in changes.cancelled]
        _expect(db.executemany(sql.CANCEL, rows).rowcount, len(rows))
    claims.write(db, changes)
    sqlite_jobs.write(db, changes)
    if changes.optouts:
        db.executemany(
            sql.PUT_OPTOUT, [(pseudonym, changes.wall_ns) for pseudonym in changes.optouts]
        )
    sqlite_guard.write(db, changes)
    _write_money(db, changes)
    if changes.corrected:
        lower = [(price, billed, reply_id) for reply_id, price, billed in changes.corrected]
        _expect(db.executemany(sql.CORRECT, lower).rowcount, len(lower))
    if changes.cards:
        sqlite_rates.write(db, changes.cards, changes.wall_ns)
    _write_marks(db, changes)


def _write_replies(
    db: sqlite3.Connection, changes: Changes, seal: Seal, journal: int | None
) -> None:
    tracked = changes.tracked
    debits = sqlite_money.debits(db, changes.flights_new + changes.released)
    if changes.waiting_new:
        db.executemany(
            sql.INSERT_WAITING,
            [sql.waiting_row(r, seal(r.msisdn, r.id)) for r in changes.waiting_new],
        )
    if changes.flights_new:
        assert journal is not None, "a release reserves"
        sqlite_runs.put_flights(db, changes.flights_new, tracked, debits, journal)
    if changes.returned:
        # A number this process never knew stays as it was sealed, if it was.
        rows = [
            (r.due_ns, r.attempts, seal(r.msisdn, r.id) if r.msisdn else None, journal, r.id)
            for (r,) in changes.returned
        ]
        _expect(db.executemany(sql.RETURN, rows).rowcount, len(rows))
    if changes.postponed:
        later = [(r.due_ns, r.id) for r in changes.postponed]
        _expect(db.executemany(sql.POSTPONE, later).rowcount, len(later))
    if changes.released:
        assert journal is not None, "a release reserves"
        changed = sqlite_runs.release(db, changes.released, tracked, debits, journal)
        _expect(changed, len(changes.released))


def _write_finished(db: sqlite3.Connection, changes: Changes, journal: int | None) -> None:
    """Replies that left SUBMITTING, by far the most, then the few others."""
    left: dict[tuple[ReplyState, str], dict[int, str]] = {}
    moved: list[sql.Row] = []
    wall_ns, submitting = changes.wall_ns, ReplyState.SUBMITTING
    for reply_id, was, state, message_id, reason in changes.finished:
        if was is submitting:
            told = left.get((state, reason))
            if told is None:
                told = left[state, reason] = {}
            told[reply_id] = message_id
        else:
            ended = wall_ns if state in FINAL else None
            closing = _closing(was, state, journal)
            row = (int(state), message_id, ended, reason, closing, reply_id, int(was))
            moved.append(row)
    for (state, reason), told in left.items():
        ended = wall_ns if state in FINAL else None
        closing = None if state is ReplyState.UNKNOWN else journal
        changed = sqlite_runs.finish(db, state, reason, told, closing, ended)
        _expect(changed, len(told))
    if moved:
        _expect(db.executemany(sql.MOVE, moved).rowcount, len(moved))


def _closing(was: ReplyState, state: ReplyState, journal: int | None) -> int | None:
    """The journal row that closed the reply's money, None when this move left it as it was."""
    posts = was in (ReplyState.UNKNOWN, ReplyState.REFUSED) or state is ReplyState.REFUSED
    return journal if posts else None


def _write_money(db: sqlite3.Connection, changes: Changes) -> None:
    if changes.journal is not None:
        db.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", changes.journal)
    if changes.balances:
        db.executemany(sql.ADD_BALANCE, list(changes.balances.items()))
    sqlite_money.write(db, changes)
    if changes.counters:
        db.executemany(
            sql.PUT_COUNTER,
            [(*key, counter.head, to_octets(counter)) for key, counter in changes.counters.items()],
        )


def _write_marks(db: sqlite3.Connection, changes: Changes) -> None:
    """Holds, held receipts, alarms, audit and the scalars."""
    if changes.holds is not None:
        db.execute("DELETE FROM hold")
        db.executemany(
            "INSERT INTO hold VALUES (?, ?, ?)",
            [(scope, *hold) for scope, hold in changes.holds.items()],
        )
    sqlite_receipts.write(db, changes)
    for alarm in changes.effects.alarms:
        if alarm.begins:
            row = (alarm.code, alarm.subject, alarm.figures, changes.wall_ns)
            db.execute(sql.BEGIN_ALARM, row)
        else:
            db.execute(sql.END_ALARM, (changes.wall_ns, alarm.code, alarm.subject))
    if changes.audit:
        db.executemany(
            "INSERT INTO audit (at, what, figures) VALUES (?, ?, ?)",
            [(changes.wall_ns, what, figures) for what, figures in changes.audit],
        )
    scalars: Sequence[tuple[str, int]] = (
        ("wall", changes.wall_ns),
        ("waiting", changes.waiting),
        ("next_id", changes.next_id),
        ("flying", min(changes.standing.flights, default=changes.next_id)),  # where a start looks
    )
    db.executemany(sql.PUT_STATE, scalars)


def _expect(changed: int, rows: int) -> None:
    if changed != rows:
        raise Disagreement(f"{rows} rows were to change, {changed} did")
