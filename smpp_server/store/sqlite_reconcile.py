"""Our side of a reconciliation: what one carrier should have billed, copied out of the database.

The copy is a nameless temporary database that vanishes with its connection. It holds reply ids,
message ids, states and amounts, no number and no pseudonym, and spills to disk, so memory stays
flat. It is read in steps of a few milliseconds each, so a running server is never in the way; and
its own index finds message ids, so the server's tables need none for it.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote

from smpp_server.store import StoreFailed

STEP: Final = 20_000  # replies read at once
CACHE_KIB: Final = 64 * 1024
_SLOT_NS: Final = 900_000_000_000  # time zones differ by quarters of an hour

_COPY = """
INSERT INTO reply (id, name, state, nanos, exact, submitted, number)
SELECT id, message_id, state, CASE WHEN state = 7 AND :undelivered = 0 THEN 0
  ELSE coalesce(billed, price) END, exact, submitted, number
FROM house.reply
WHERE id BETWEEN :first AND :last AND carrier = :carrier AND state IN (2, 4, 6, 7, 8, 9)
"""
_FIND = (
    "SELECT asked.key, reply.id, submitted FROM json_each(?) AS asked CROSS JOIN reply"
    " ON name = value ORDER BY asked.key, reply.id"
)
_BILL = "UPDATE reply SET theirs = theirs + ?, lines = lines + 1 WHERE id = ?"
_GROUPS = """
SELECT state, exact, sign(theirs - nanos), lines > 0, count(*), sum(theirs), sum(nanos) FROM reply
WHERE lines > 0 OR (nanos > 0 AND submitted >= ? AND submitted < ?)
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_UNKNOWN = "SELECT id, number, submitted, state FROM reply WHERE lines = 0 AND state IN (4, 9)"
_BELOW = (
    "SELECT id, theirs FROM reply WHERE lines = 1 AND exact = 0 AND theirs < nanos AND theirs >= 0"
    " AND state IN (2, 6, 7, 8) ORDER BY id"
)
_SUMS = """
SELECT submitted / :slot, country, mccmnc, coalesce(billed, price) / segments, exact, count(*),
  sum(segments), sum(coalesce(billed, price))
FROM house.reply
WHERE id BETWEEN :first AND :last AND carrier = :carrier AND submitted >= :begins
  AND submitted < :ends AND (state IN (2, 6, 8, 9) OR (state = 7 AND :undelivered = 1))
GROUP BY 1, 2, 3, 4, 5
"""
_DOUBT = """
SELECT count(*), coalesce(sum(coalesce(billed, price)), 0) FROM house.reply
WHERE state = 4 AND carrier = ? AND submitted >= ? AND submitted < ?
"""
# Postings that belong to no reply stand first in a row.
_JOURNAL = (
    "SELECT seq, substr(entries, 1, 1000) FROM house.journal"
    " WHERE seq > ? AND at >= ? AND at < ? ORDER BY seq LIMIT 500"
)


class Group(NamedTuple):
    """Replies that came to the same."""

    state: int
    exact: bool
    sign: int  # of theirs minus ours
    billed: bool  # they have lines
    replies: int
    theirs_nanos: int
    ours_nanos: int


class Doubtful(NamedTuple):
    """A reply of which we do not know whether the carrier took it."""

    reply_id: int
    number: str  # name of ours
    submitted_ns: int
    state: int


class Books:
    """One carrier's replies. Use as a context manager, which raises StoreFailed."""

    def __init__(self, path: Path, carrier: str, bill_undelivered: bool) -> None:
        self._what = {"carrier": carrier, "undelivered": int(bill_undelivered)}
        # An empty name is a temporary database on disk that no directory shows.
        self._db = sqlite3.connect("", uri=True, isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("ATTACH ? AS house", [f"file:{quote(str(path))}?mode=ro"])
        self._db.execute("PRAGMA busy_timeout = 1000")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, *more: object) -> None:
        self._db.close()
        if isinstance(error, sqlite3.Error):  # its text could quote a value
            code = getattr(error, "sqlite_errorname", type(error).__name__)
            raise StoreFailed(f"reconcile: {code}") from None

    def _steps(self) -> Iterator[dict[str, Any]]:
        """Ranges of reply ids, each read and let go by itself."""
        first = 0
        while True:
            query = "SELECT min(id) FROM house.reply WHERE id >= ?"
            [found] = self._db.execute(query, [first]).fetchone()
            if found is None:
                return
            yield {**self._what, "first": found, "last": found + STEP - 1}
            first = found + STEP

    def copy(self) -> int:
        """Copy our side and index it by message id; how many replies there are."""
        self._db.execute(
            "CREATE TABLE reply (id INTEGER PRIMARY KEY, name TEXT, state INTEGER, nanos INTEGER,"
            " exact INTEGER, submitted INTEGER, number TEXT, theirs INTEGER NOT NULL DEFAULT 0,"
            " lines INTEGER NOT NULL DEFAULT 0)"
        )
        count = 0
        for step in self._steps():
            count += self._db.execute(_COPY, step).rowcount
        self._db.execute("CREATE INDEX by_name ON reply (name) WHERE name IS NOT NULL")
        return count

    def find(self, names: Sequence[str]) -> dict[int, list[tuple[int, int]]]:
        """Place in `names` → (reply id, when submitted) of those with this message id."""
        found: dict[int, list[tuple[int, int]]] = {}
        for place, reply_id, submitted in self._db.execute(_FIND, [json.dumps(names)]):
            found.setdefault(place, []).append((reply_id, submitted))
        return found

    def bill(self, lines: Sequence[tuple[int, int]]) -> None:
        """(amount, reply id) of lines that found their reply."""
        self._db.execute("BEGIN")
        self._db.executemany(_BILL, lines)
        self._db.execute("COMMIT")

    def groups(self, begins_ns: int, ends_ns: int) -> list[Group]:
        """All that was billed, and what was not though it was submitted in that time."""
        rows = self._db.execute(_GROUPS, (begins_ns, ends_ns))
        return [
            Group(state, bool(exact), sign, bool(billed), *sums)
            for state, exact, sign, billed, *sums in rows
        ]

    def doubtful(self, begins_ns: int, ends_ns: int) -> list[Doubtful]:
        """UNKNOWN and ASSUMED_SENT without a line, submitted in that time."""
        query = f"{_UNKNOWN} AND submitted >= ? AND submitted < ? ORDER BY submitted"
        return [Doubtful._make(row) for row in self._db.execute(query, (begins_ns, ends_ns))]

    def below(self) -> list[tuple[int, int]]:
        """(reply id, amount) of what was billed below our upper bound."""
        return self._db.execute(_BELOW).fetchall()

    def sums(self, begins_ns: int, ends_ns: int) -> Iterator[tuple[Any, ...]]:
        """(wall time, country, network, rate, exact, replies, segments, nanos) by parts."""
        more = {"begins": begins_ns, "ends": ends_ns, "slot": _SLOT_NS}
        for step in self._steps():
            for slot, *rest in self._db.execute(_SUMS, step | more).fetchall():
                yield (slot * _SLOT_NS, *rest)

    def in_doubt(self, begins_ns: int, ends_ns: int) -> tuple[int, int]:
        """(how many, nanos) UNKNOWN replies of that time."""
        query = (self._what["carrier"], begins_ns, ends_ns)
        count, nanos = self._db.execute(_DOUBT, query).fetchone()
        return int(count), int(nanos)

    def inbound(self, begins_ns: int, ends_ns: int, currency: str, ours: bool) -> int:
        """Nano-units of `currency` a carrier bills for texts that reached us; `ours`: the currency
        is that of the books."""
        nanos = seq = 0
        while rows := self._db.execute(_JOURNAL, (seq, begins_ns, ends_ns)).fetchall():
            for _, entries in rows:
                nanos += _inbound(entries, currency, ours)
            seq = rows[-1][0]
        return nanos


def _inbound(entries: str, currency: str, ours: bool) -> int:
    """What the beginning of a journal row books for texts that reached us."""
    nanos = 0
    for item in f"{entries};".split(";"):
        reply_id, kind, amount, *more = (*item.split(" "), "", "")[:6]
        if reply_id != "0":
            break
        billed, told = more[1:3] if len(more) > 2 else ("", "")
        if kind == "inbound" and (told == currency or (ours and not told)):
            nanos += int(billed if told else amount)
    return nanos
