"""Claims in the embedded store: a table by pseudonym, and before it a log of the newest.

Pseudonyms are random, so each new claim falls on another page of the table, and a commit writes
every page it has touched: half of all it writes in a flood. First claims of many senders are
therefore appended to a log and moved together. Whoever is asked about again, or is to be changed,
is looked for in the table alone: the log is moved there before.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

from routing.standing import Changes, Claim, ClaimKey, Known
from smpp_server.store import sqlite_rows as sql
from smpp_server.store import sqlite_runs

CROWD: Final = 32  # first claims in one turn: fewer go to the table at once
LOGGED_MOST: Final = 32_768  # claims in the log: moving them takes a tenth of a second

_FIND = "SELECT * FROM claim WHERE pseudonym IN ({})"
_CHANGED = (
    " ON CONFLICT DO UPDATE SET epoch = excluded.epoch, contacts = excluded.contacts,"
    " period_start = excluded.period_start, replies = excluded.replies,"
    " reply_id = excluded.reply_id, loops = excluded.loops, looped = excluded.looped"
)
_PUT = f"INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?){_CHANGED}"
_MOVE = (
    f"INSERT INTO claim SELECT * FROM claim_log WHERE true ORDER BY pseudonym, campaign{_CHANGED}"
)
_DROP = "DELETE FROM claim WHERE pseudonym = ? AND campaign = ?"
_FREE = (
    "UPDATE claim SET replies = max(0, replies - 1), reply_id = 0"
    " WHERE pseudonym = ? AND campaign = ? AND reply_id = ?"
)
_FOLLOW = "UPDATE reply SET claim = ? WHERE id = ? AND claim IS NOT NULL"


class Claims:
    """Whose claims the log holds, as of the last commit; one per connection."""

    def __init__(self, crowd: int = CROWD) -> None:
        self._crowd = crowd
        self.logged: set[bytes] = set()
        self._logging: list[bytes] = []  # in the transaction that runs
        self._moved = False  # in the transaction that runs
        self._found: Mapping[ClaimKey, Claim] = {}

    def load(self, db: sqlite3.Connection) -> None:
        """What whoever ran before left in the log."""
        self.logged = {row[0] for row in db.execute("SELECT pseudonym FROM claim_log")}

    def read(self, db: sqlite3.Connection, known: Known, pseudonyms: Iterable[bytes]) -> None:
        """Every claim of these senders."""
        if not self.logged.isdisjoint(pseudonyms):
            self.move(db)
        found = known.claims
        for pseudonym, campaign, *claim in sql.rows_in(db, _FIND, pseudonyms):
            found[pseudonym, campaign] = Claim._make(claim)
        self._found = found

    def write(self, db: sqlite3.Connection, changes: Changes) -> None:
        """What the turn claimed, moved to another key, and gave back."""
        if self.logged and (changes.claims_freed or len(self.logged) >= LOGGED_MOST):
            self.move(db)
        if changes.claims_dropped:
            db.executemany(_DROP, changes.claims_dropped)
        if changes.claims:
            self._put(db, changes)
        if changes.claims_moved:  # before they are freed: a reply finds its claim by this
            moved = [
                (bytearray(pseudonym), reply_id) for pseudonym, reply_id in changes.claims_moved
            ]
            db.executemany(_FOLLOW, moved)
        if changes.claims_freed:
            db.executemany(_FREE, changes.claims_freed)

    def _put(self, db: sqlite3.Connection, changes: Changes) -> None:
        claims = changes.claims
        first = [key for key in claims if key not in self._found]
        if len(first) < self._crowd or changes.claims_freed:
            first = []
        if first:
            sqlite_runs.log_claims(db, [(key, claims[key]) for key in first])
            self._logging = [pseudonym for pseudonym, _ in first]
        if len(first) < len(claims):
            at_once = claims.keys() - first
            db.executemany(_PUT, [(bytearray(key[0]), key[1], *claims[key]) for key in at_once])

    def move(self, db: sqlite3.Connection) -> None:
        """Empty the log into the table, in the transaction that runs."""
        db.execute(_MOVE)
        db.execute("DELETE FROM claim_log")
        self._moved = True

    def committed(self) -> None:
        """The transaction is on the disk."""
        if self._moved:
            self.logged.clear()
        self.logged.update(self._logging)
        self.forget()

    def forget(self) -> None:
        """The transaction is over; when it was not committed the log is as it was."""
        self._logging = []
        self._moved = False
