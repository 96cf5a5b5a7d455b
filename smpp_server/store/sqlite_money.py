"""Budgets, fees and the accounts of reservations in the embedded store."""

import re
import sqlite3
from collections.abc import Iterable, Mapping

from routing.budget import ALLOWANCE, Override, account_of
from routing.closing import compared, read_sums
from routing.ledger import ACCOUNTS, account_changes
from routing.records import Flight, Now
from routing.standing import Changes, Closing, Edge, Known
from smpp_server.store import Keys
from smpp_server.store import sqlite_rows as sql

_BALANCES = "SELECT account, nanos FROM balance WHERE account IN ({})"


def read(db: sqlite3.Connection, known: Known, keys: Keys, now: Now) -> None:
    """What was set, what was charged, and every balance that now counts for a budget."""
    for name, nanos, day in db.execute("SELECT * FROM budget"):
        known.budgets[name] = Override(nanos, day)
    names = {"day": None} | dict.fromkeys((*keys.budgets, *known.budgets))
    accounts = [*ACCOUNTS, *(account_of(name, now) for name in names if name != ALLOWANCE)]
    if keys.tick:
        known.fees.update(db.execute("SELECT carrier, month FROM charged"))
        accounts += [f"carrier/{carrier}/month/{month}" for carrier, month in known.fees.items()]
    if keys.closing:
        known.edge = _edge(db, keys.closing)
    for chunk in sql.chunks(accounts):
        known.balances.update(db.execute(_BALANCES.format(sql.marks(chunk)), chunk))


def write(db: sqlite3.Connection, changes: Changes) -> None:
    """What the turn set and charged."""
    for name, override in changes.budgets.items():
        if override is None:
            db.execute("DELETE FROM budget WHERE name = ?", [name])
        else:
            db.execute("INSERT OR REPLACE INTO budget VALUES (?, ?, ?)", (name, *override))
    for one in changes.closings:
        row = (*one[:6], changes.wall_ns, int(one.dropped))
        db.execute("INSERT OR REPLACE INTO closing VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    for carrier, month in changes.fees.items():
        if month:
            db.execute("INSERT OR REPLACE INTO charged VALUES (?, ?)", (carrier, month))
        else:
            db.execute("DELETE FROM charged WHERE carrier = ?", [carrier])


def _edge(db: sqlite3.Connection, seq: int) -> Edge | None:
    query = "SELECT digest, at FROM journal WHERE seq = ?"
    row = db.execute(query, [seq]).fetchone()
    if row is None:
        return None
    after = db.execute("SELECT at FROM journal WHERE seq = ?", [seq + 1]).fetchone()
    closed = closings(db)
    digest, at = row
    return Edge(digest, at, after[0] if after else 0, closed[-1] if closed else None)


def closings(db: sqlite3.Connection) -> list[Closing]:
    """Months that were closed, the first one first."""
    rows = db.execute("SELECT * FROM closing ORDER BY month")
    return [Closing(*row) for row in rows]


def disagreement(db: sqlite3.Connection) -> str:
    """See Store.disagreement."""
    sums = dict.fromkeys(ACCOUNTS, 0)
    seq = 0
    if closed := closings(db):
        sums |= read_sums(closed[-1].sums)
        seq = closed[-1].seq
    kinds: dict[str, int] = {}
    for (totals,) in db.execute("SELECT totals FROM journal WHERE seq > ? ORDER BY seq", [seq]):
        words = totals.split()
        for kind, nanos in zip(words[::2], words[1::2], strict=True):
            kinds[kind] = kinds.get(kind, 0) + int(nanos)
    for account, nanos in account_changes(kinds).items():
        sums[account] += nanos
    return compared(sums, dict(db.execute("SELECT account, nanos FROM balance")))


def tidy(db: sqlite3.Connection, limit: int) -> int:
    """Delete journal rows that were exported, and accounts of months that are closed."""
    closed = closings(db)
    if not closed or limit <= 0:
        return 0
    dropped = max((one.seq for one in closed if one.dropped), default=0)
    gone = db.execute(
        "DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE seq < ? LIMIT ?)",
        (dropped, limit),
    ).rowcount
    month = closed[-1].month
    accounts = [
        row[0] for row in db.execute("SELECT account FROM balance") if _is_of(row[0], month)
    ]
    for account in accounts[: limit - gone]:
        gone += db.execute("DELETE FROM balance WHERE account = ?", [account]).rowcount
    debits = [
        row_id
        for row_id, names in db.execute("SELECT id, accounts FROM debit ORDER BY id")
        if all(_is_of(name, month) or _PERIOD.search(name) is None for name in names.split())
    ]
    for row_id in debits[: limit - gone]:  # never the newest: its id would be given away again
        gone += db.execute(
            "DELETE FROM debit WHERE id = ? AND id < (SELECT max(id) FROM debit)", [row_id]
        ).rowcount
    return gone


_PERIOD = re.compile(r"/(\d{4}-\d\d)[^/]*$")


def _is_of(account: str, month: str) -> bool:
    """Is this the account of a period in `month`, or before?"""
    found = _PERIOD.search(account)
    return found is not None and found[1] <= month


def debits(db: sqlite3.Connection, flights: Iterable[Flight]) -> Mapping[str, int]:
    """The rows that stand for the accounts of these reservations; few, since lanes share them."""
    found: dict[str, int] = {}
    for accounts in dict.fromkeys(flight.accounts for flight in flights):
        row = db.execute("SELECT id FROM debit WHERE accounts = ?", [accounts]).fetchone()
        if row is None:
            query = "INSERT INTO debit (accounts) VALUES (?) RETURNING id"
            row = db.execute(query, [accounts]).fetchone()
        found[accounts] = row[0]
    return found
