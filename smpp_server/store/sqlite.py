"""The embedded store: one SQLite file on one host, one connection that writes and checkpoints."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from routing.budget import day_account
from routing.ledger import ACCOUNTS
from routing.records import Flight, Lane, Now, Reply
from routing.standing import Changes, Claim, HeldReceipt, Hold, Known, Stored
from routing.throttle import from_octets
from smpp_server.store import Ages, Keys, Loaded, Seal, StoreFailed, StoreRefused, Unseal
from smpp_server.store import sqlite_rows as sql
from smpp_server.store.sqlite_write import write

APPLICATION_ID = 0x534D5053
SCHEMA = 1
WAL_MOST = 256 * 1024 * 1024
CHECKPOINT_MOST_NS = 60_000_000_000
OLD_MOST = 500  # rows too old that one turn cancels


@contextmanager
def _failing(operation: str) -> Any:
    """Turn the driver's errors into ours; their text could quote a value."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", type(error).__name__)
        raise StoreFailed(f"{operation}: {code}") from None


class SqliteStore:
    """See `smpp_server.store.Store`."""

    def __init__(self, path: Path, connect: Callable[..., sqlite3.Connection] = sqlite3.connect):
        self._path = path
        self._wal = Path(f"{path}-wal")
        self._checkpointed_ns = 0
        self._dirty = False
        with _failing("open"):
            self._db = connect(
                str(path),
                isolation_level=None,
                check_same_thread=False,  # opened by one thread, then used by the turn's alone
                cached_statements=256,
            )
            os.chmod(path, 0o600)
            self._prepare()

    def _prepare(self) -> None:
        db = self._db
        db.execute("PRAGMA busy_timeout = 5000")
        db.execute("PRAGMA journal_mode = WAL")
        for pragma in (
            "synchronous = FULL",
            "secure_delete = ON",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            "wal_autocheckpoint = 0",
            "cache_size = -65536",
        ):
            db.execute(f"PRAGMA {pragma}")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        owner = db.execute("PRAGMA application_id").fetchone()[0]
        if version > SCHEMA:
            raise StoreRefused(
                f"{self._path.name} has schema {version}, this program knows {SCHEMA}:"
                " run the newer smpp-server that wrote it"
            )
        if version and owner != APPLICATION_ID:
            raise StoreRefused(f"{self._path.name} is the database of another program")
        for number in range(version + 1, SCHEMA + 1):
            script = files("smpp_server.store").joinpath(f"migrations/sqlite_{number:03}.sql")
            db.executescript(
                f"BEGIN IMMEDIATE;\n{script.read_text()}\n"
                f"PRAGMA application_id = {APPLICATION_ID};\n"
                f"PRAGMA user_version = {number};\nCOMMIT;"
            )

    def load(self) -> Loaded:
        """See Store.load."""
        with _failing("load"):
            db = self._db
            rows = db.execute(
                f"SELECT {sql.REPLY.removesuffix(', sealed')}, carrier, link, price, rate_version,"
                " exact, day, submitted FROM reply WHERE state = 1 ORDER BY id"
            )
            flights: dict[int, Flight] = {row[0]: sql.flight_of(row) for row in rows}
            alarms = frozenset(db.execute("SELECT code, subject FROM alarm WHERE ended IS NULL"))
            state = dict(db.execute("SELECT key, value FROM state"))
            prints = dict(db.execute("SELECT name, value FROM fingerprint"))
        return Loaded(
            flights,
            alarms,
            state.get("epoch", 0),
            state.get("epoch_began", 0),
            prints.get("optout", ""),
            state.get("wall", 0),
        )

    def last_wall_ns(self) -> int:
        """See Store.last_wall_ns."""
        with _failing("read"):
            row = self._db.execute("SELECT value FROM state WHERE key = 'wall'").fetchone()
        return row[0] if row else 0

    def begin(
        self, keys: Keys, quota: Mapping[Lane, int], now: Now, ages: Ages, unseal: Unseal
    ) -> Known:
        """See Store.begin."""
        with _failing("begin"):
            self._db.execute("BEGIN IMMEDIATE")
        try:
            with _failing("read"):
                return self._read(keys, quota, now, ages, unseal)
        except BaseException:
            self.rollback()
            raise

    def _read(
        self, keys: Keys, quota: Mapping[Lane, int], now: Now, ages: Ages, unseal: Unseal
    ) -> Known:
        db = self._db
        state = dict(db.execute("SELECT key, value FROM state"))
        head = db.execute("SELECT seq, digest FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        accounts = (*ACCOUNTS, day_account(now.day))
        known = Known(
            waiting=state.get("waiting", 0),
            next_id=state.get("next_id", 1),
            last_wall_ns=state.get("wall", 0),
            epoch=state.get("epoch", 0),
        )
        if head is not None:
            known.journal_seq, known.journal_digest = head
        known.balances = dict(
            db.execute(
                f"SELECT account, nanos FROM balance WHERE account IN ({sql.marks(accounts)})",
                accounts,
            )
        )
        for scope, span, slot, slots in db.execute("SELECT * FROM counter"):
            known.counters[scope, span] = from_octets(slot, slots)
        for scope, reason, until in db.execute("SELECT * FROM hold"):
            known.holds[scope] = Hold(reason, until)
        self._read_due(known, quota, now, ages, unseal)
        optouts = [*keys.optouts, *(r.optout for lane in known.due.values() for r in lane)]
        for chunk in sql.chunks(optouts):
            query = f"SELECT pseudonym FROM optout WHERE pseudonym IN ({sql.marks(chunk)})"
            known.optouts.update(row[0] for row in db.execute(query, chunk))
        for chunk in sql.chunks(keys.claims):
            query = f"SELECT * FROM claim WHERE pseudonym IN ({sql.marks(chunk)})"
            for pseudonym, campaign, *claim in db.execute(query, chunk):
                known.claims[pseudonym, campaign] = Claim(*claim)
        self._read_rare(known, keys, now, ages, unseal)
        return known

    def _read_due(
        self, known: Known, quota: Mapping[Lane, int], now: Now, ages: Ages, unseal: Unseal
    ) -> None:
        """Due replies per lane, one more than may leave: it tells when to look again."""
        query = (
            f"SELECT {sql.REPLY} FROM reply WHERE state = 0 AND number = ? AND campaign = ?"
            " ORDER BY due, id LIMIT ?"
        )
        for (number, campaign), room in quota.items():
            rows = self._db.execute(query, (number, campaign, room + 1)).fetchall()
            if rows:
                known.due[number, campaign] = _replies(rows, now.wall_ns, unseal)
        old = self._db.execute(
            f"SELECT {sql.REPLY} FROM reply WHERE state = 0 AND created <= ?"
            " ORDER BY created LIMIT ?",
            (now.wall_ns - ages.reply_max_ns, OLD_MOST),
        )
        known.too_old = [sql.reply_of(row, "", b"") for row in old.fetchall()]

    def _read_rare(
        self, known: Known, keys: Keys, now: Now, ages: Ages, unseal: Unseal
    ) -> None:
        """What few turns need: late outcomes, receipts, stop words, housekeeping."""
        for chunk in sql.chunks(keys.outcomes):
            where = f"id IN ({sql.marks(chunk)})"
            known.stored.update((s.reply_id, s) for s in self._stored(where, chunk))
        for carrier, message_id in keys.messages:
            where = "tracked = 1 AND message_id = ? AND carrier = ?"
            for stored in self._stored(where, (message_id, carrier)):
                known.by_message[carrier, message_id] = stored
        for pseudonym in keys.unknown:
            known.unknown_of[pseudonym] = self._stored("state = 4 AND claim = ?", (pseudonym,))
        for carrier, message_id in keys.accepted:
            row = self._db.execute(
                "SELECT * FROM held_receipt WHERE carrier = ? AND message_id = ?",
                (carrier, message_id),
            ).fetchone()
            if row is not None:
                known.held_receipts[carrier, message_id] = HeldReceipt(
                    row[0], row[1], bool(row[2]), row[3]
                )
        for pseudonym in keys.stops:
            rows = self._db.execute(
                f"SELECT {sql.REPLY} FROM reply WHERE state = 0 AND id IN"
                " (SELECT reply_id FROM claim WHERE pseudonym = ?)",
                (pseudonym,),
            )
            known.stopped.update((r[0], sql.reply_of(r, "", b"")) for r in rows.fetchall())
        if keys.tick:
            where = (
                "state IN (2, 4) AND submitted <= CASE state WHEN 4 THEN ? ELSE ? END"
                " ORDER BY submitted LIMIT 500"
            )
            spans = (now.wall_ns - ages.unknown_ns, now.wall_ns - ages.receipt_ns)
            known.aged = self._stored(where, spans)

    def _stored(self, where: str, values: Iterable[Any]) -> list[Stored]:
        query = f"SELECT {sql.STORED} FROM reply WHERE {where}"
        return [sql.stored_of(row) for row in self._db.execute(query, tuple(values))]

    def commit(self, changes: Changes, seal: Seal) -> None:
        """See Store.commit."""
        try:
            with _failing("write"):
                write(self._db, changes, seal)
                self._db.execute("COMMIT")
        except BaseException:
            self.rollback()
            raise
        self._dirty = True

    def rollback(self) -> None:
        """See Store.rollback."""
        with _failing("rollback"):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def note_keys(self, epoch: int, began_ns: int, optout_fingerprint: str) -> None:
        """See Store.note_keys."""
        with _failing("note keys"):
            self._db.execute("BEGIN IMMEDIATE")
            state = (("epoch", epoch), ("epoch_began", began_ns))
            self._db.executemany(sql.PUT_STATE, state)
            self._db.execute(
                "INSERT OR REPLACE INTO fingerprint VALUES ('optout', ?)", (optout_fingerprint,)
            )
            self._db.execute("COMMIT")

    def forgettable_epochs(self, current: int) -> list[int]:
        """See Store.forgettable_epochs."""
        with _failing("read"):
            used = {
                row[0]
                for table in ("claim", "reply WHERE state IN (0, 1, 4)")
                for row in self._db.execute(f"SELECT DISTINCT epoch FROM {table}")
            }
        return [epoch for epoch in range(1, current) if epoch not in used]

    def tidy(self, now_ns: int, ages: Ages, limit: int) -> bool:
        """See Store.tidy."""
        with _failing("tidy"):
            self._db.execute("BEGIN IMMEDIATE")
            gone = 0
            for statement, before in (
                (
                    "DELETE FROM claim WHERE (pseudonym, campaign) IN (SELECT pseudonym, campaign"
                    " FROM claim WHERE period_start <= ? LIMIT ?)",
                    now_ns - ages.claim_ns,
                ),
                (
                    "DELETE FROM reply WHERE id IN (SELECT id FROM reply WHERE ended <= ?"
                    " ORDER BY id LIMIT ?)",
                    now_ns - ages.reconcile_ns,
                ),
                (
                    "DELETE FROM held_receipt WHERE (carrier, message_id) IN (SELECT carrier,"
                    " message_id FROM held_receipt WHERE until <= ? LIMIT ?)",
                    now_ns,
                ),
                (
                    "DELETE FROM alarm WHERE id IN (SELECT id FROM alarm WHERE ended <= ? LIMIT ?)",
                    now_ns - ages.reconcile_ns,
                ),
            ):
                gone += self._db.execute(statement, (before, limit - gone)).rowcount
            self._db.execute("COMMIT")
        self._dirty = self._dirty or gone > 0
        return gone >= limit

    def wants_rest(self, monotonic_ns: int) -> bool:
        """See Store.wants_rest."""
        if not self._dirty:
            self._checkpointed_ns = monotonic_ns
            return False
        late = monotonic_ns - self._checkpointed_ns >= CHECKPOINT_MOST_NS
        return late or self._wal_octets() >= WAL_MOST

    def rest(self, monotonic_ns: int) -> None:
        """See Store.rest: TRUNCATE erases what secure_delete could not reach in the WAL."""
        if not self._dirty:
            return
        with _failing("checkpoint"):
            self._db.execute("PRAGMA busy_timeout = 0")
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            self._db.execute("PRAGMA busy_timeout = 5000")
        self._checkpointed_ns = monotonic_ns
        self._dirty = bool(busy)

    def _wal_octets(self) -> int:
        try:
            return os.stat(self._wal).st_size
        except OSError:
            return 0

    def close(self) -> None:
        """See Store.close."""
        with _failing("close"):
            self._db.close()


def _replies(rows: list[sql.Row], now_ns: int, unseal: Unseal) -> list[Reply]:
    """Rows of REPLY in order of due time; those that are due have their numbers read back."""
    replies = []
    for row in rows:
        if row[11] <= now_ns:
            replies.append(sql.reply_of(row, *unseal(row[13], row[0])))
        else:
            replies.append(sql.reply_of(row, "", b""))
    return replies
