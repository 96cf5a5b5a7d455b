"""Orders of an operator as rows: jobs that look through replies, opt-outs by hand, the forgotten.

Whom a job forgets stands in rows of its own, written once and deleted at its end: a row that is
written again may leave copies behind.
"""

import sqlite3

from routing.jobs import LOOKED_MOST, Job
from routing.standing import Changes, Known
from smpp_server.store import Keys
from smpp_server.store import sqlite_rows as sql

ENDED_KEPT = 8  # jobs that ended, for who asks what became of them

_WAITING = (
    f"SELECT {sql.REPLY} FROM reply WHERE state = 0 AND (created, id) > (?, ?) AND id < ?"
    f" ORDER BY created, id LIMIT {LOOKED_MOST}"
)
_LEFT = (
    "SELECT submitted, id, claim FROM reply WHERE state IN (2, 4) AND (submitted, id) > (?, ?)"
    f" AND id < ? ORDER BY submitted, id LIMIT {LOOKED_MOST}"
)
_BY_HAND = "SELECT pseudonym FROM optout WHERE by_hand = 1 AND pseudonym IN ({})"
_ENTER = "INSERT OR IGNORE INTO optout VALUES (?, 'server', ?, 1)"
_TAKE_BACK = "DELETE FROM optout WHERE pseudonym = ? AND by_hand = 1"
_CLEAR = "UPDATE reply SET claim = NULL, prefix = NULL WHERE id = ?"
# A receipt that names no message id stands under its sender; the others keep their ids.
_DROP_HELD = "DELETE FROM held_receipt WHERE instr(claims, ?) AND substr(message_id, 1, 1) = '?'"
_CLEAR_HELD = "UPDATE held_receipt SET claims = x'' WHERE instr(claims, ?)"
_PUT = "INSERT OR REPLACE INTO job VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_OLD = "DELETE FROM job WHERE ended > 0 AND id <= ?"


def read(db: sqlite3.Connection, known: Known, keys: Keys) -> None:
    """The jobs, and what the running one looks at next; who was opted out by hand."""
    known.jobs = [Job._make(row) for row in db.execute("SELECT * FROM job ORDER BY id")]
    job = known.running()
    if job is not None:
        persons = db.execute("SELECT pseudonym FROM job_person WHERE job = ?", (job.id,))
        known.job_persons = {row[0] for row in persons}
        place = (job.at_ns, job.after_id, job.until_id)
        if job.left_too:
            rows = db.execute(_LEFT, place)
            known.job_left = [(at, reply_id, claim or b"") for at, reply_id, claim in rows]
        else:
            known.job_waiting = [sql.reply_of(row, "", b"") for row in db.execute(_WAITING, place)]
    for chunk in sql.chunks(keys.persons):
        known.by_hand.update(row[0] for row in db.execute(_BY_HAND.format(sql.marks(chunk)), chunk))


def write(db: sqlite3.Connection, changes: Changes) -> None:
    """What the orders of this turn changed. A STOP of the same turn is written after it."""
    for pseudonym, stands in changes.by_hand.items():
        if stands:
            db.execute(_ENTER, (pseudonym, changes.wall_ns))
        else:
            db.execute(_TAKE_BACK, (pseudonym,))
    if changes.cleared:
        db.executemany(_CLEAR, [(reply_id,) for reply_id in changes.cleared])
    if changes.guards_dropped:
        db.executemany("DELETE FROM guard WHERE id = ?", [(key,) for key in changes.guards_dropped])
    if changes.jobs:
        db.executemany(_PUT, changes.jobs)
        db.executemany("INSERT OR IGNORE INTO job_person VALUES (?, ?)", changes.job_persons)
        persons = [(pseudonym,) for _, pseudonym in changes.job_persons]
        db.executemany(_DROP_HELD, persons)
        db.executemany(_CLEAR_HELD, persons)
        ended = [(job.id,) for job in changes.jobs if job.ended_ns]
        db.executemany("DELETE FROM job_person WHERE job = ?", ended)
        db.execute(_OLD, (max(job.id for job in changes.jobs) - ENDED_KEPT,))
