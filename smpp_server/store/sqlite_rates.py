"""Rate cards in the embedded store: every version there was, and drafts on their way to be one."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from routing.rate_rows import Row
from routing.standing import CardStep
from smpp_server.store import StoredCard

DROPPED_RATES = (
    "DELETE FROM rate WHERE (card, place) IN (SELECT card, place FROM rate"
    " WHERE card IN (SELECT id FROM card WHERE valid = 2) LIMIT ?)"
)
DROPPED_CARDS = (
    "DELETE FROM card WHERE id IN (SELECT id FROM card WHERE valid = 2"
    " AND NOT EXISTS (SELECT 1 FROM rate WHERE card = card.id) LIMIT ?)"
)
_NEW = (
    "INSERT INTO card (carrier, source, digest, version, currency, rows, imported, valid)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_CARDS = (
    "SELECT id, carrier, source, digest, version, currency, rows, imported, valid FROM card"
    " WHERE valid < 2 ORDER BY id"
)
_ROWS = (
    "SELECT line, prefix, direction, price, ?, country, mcc, mnc, valid_from, valid_to FROM rate"
    " WHERE card = ? ORDER BY place"
)
_PUT_ROW = "INSERT INTO rate VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_DRAFT = "SELECT id FROM card WHERE carrier = ? AND valid = 0"


def drafts(db: sqlite3.Connection) -> dict[str, tuple[str, int]]:
    """carrier → (digest, rows so far) of its draft."""
    query = "SELECT carrier, digest, rows FROM card WHERE valid = 0"
    return {carrier: (digest, rows) for carrier, digest, rows in db.execute(query)}


def write(db: sqlite3.Connection, steps: Iterable[CardStep], wall_ns: int) -> None:
    """What the turn decided about cards. A draft that another takes the place of is given up."""
    for step in steps:
        if step.what == "begin":
            db.execute("UPDATE card SET valid = 2 WHERE carrier = ? AND valid = 0", [step.carrier])
            new = (step.carrier, "import", step.digest, step.version, step.currency)
            db.execute(_NEW, (*new, 0, wall_ns, 0))
            continue
        [card_id] = db.execute(_DRAFT, [step.carrier]).fetchone()
        if step.what == "rows":
            _put_rows(db, card_id, step.place, step.rows)
            rows = step.place + len(step.rows)
            db.execute("UPDATE card SET rows = ? WHERE id = ?", (rows, card_id))
        else:
            valid = "UPDATE card SET valid = 1, imported = ? WHERE id = ?"
            db.execute(valid, (wall_ns, card_id))


def put_card(db: sqlite3.Connection, card: StoredCard, rows: Sequence[Row]) -> None:
    """A whole card at once."""
    card_id = db.execute(_NEW, card[1:]).lastrowid
    assert card_id is not None, "it was inserted"
    _put_rows(db, card_id, 0, rows)


def cards(db: sqlite3.Connection) -> list[StoredCard]:
    """Every version, and drafts, oldest first."""
    return [StoredCard._make(row) for row in db.execute(_CARDS)]


def rows_of(db: sqlite3.Connection, card: StoredCard) -> tuple[Row, ...]:
    """The rows of a card in their order."""
    return tuple(map(Row._make, db.execute(_ROWS, (card.currency, card.id))))


def look(path: Path) -> list[StoredCard]:
    """The cards of a database that a server may have open; none when there is no database."""
    if not path.exists():
        return []
    with closing(_reader(path)) as db:
        return cards(db)


def look_at(path: Path, card: StoredCard) -> tuple[Row, ...]:
    """The rows of one of them."""
    with closing(_reader(path)) as db:
        return rows_of(db, card)


def _reader(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    db.execute("PRAGMA busy_timeout = 1000")
    return db


def _put_rows(db: sqlite3.Connection, card_id: int, place: int, rows: Sequence[Row]) -> None:
    db.executemany(
        _PUT_ROW,
        [(card_id, place + index, *row[:4], *row[5:]) for index, row in enumerate(rows)],
    )
