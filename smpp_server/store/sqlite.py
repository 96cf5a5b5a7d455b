"""The embedded store: one SQLite file on one host, one connection that writes and checkpoints."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from routing.rate_rows import Row
from routing.records import Flight, Lane, Now
from routing.standing import Changes, Known
from smpp_server.store import (
    Ages,
    Keys,
    Loaded,
    Seal,
    StoredCard,
    StoreFailed,
    StoreRefused,
    Unseal,
    sqlite_guard,
    sqlite_money,
    sqlite_rates,
    sqlite_receipts,
)
from smpp_server.store import sqlite_rows as sql
from smpp_server.store.sqlite_claims import CROWD, Claims
from smpp_server.store.sqlite_read import read
from smpp_server.store.sqlite_write import write

APPLICATION_ID = 0x534D5053
SCHEMA = 2
WAL_MOST = 256 * 1024 * 1024
COPY_NS = 2_000_000_000  # under load the log is copied so often, some milliseconds each ...
ERASE_NS = 60_000_000_000  # ... and cut to nothing so often: that takes a tenth of a second
PRAGMAS = {
    "synchronous": 2,  # FULL: a commit is on the disk when it returns
    "secure_delete": 1,
    "temp_store": 2,  # memory: nothing is spilled to a file nobody erases
    "wal_autocheckpoint": 0,
    "cache_size": -65536,
}


@contextmanager
def _failing(operation: str) -> Iterator[None]:
    """Turn the driver's errors into ours; their text could quote a value."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorname", type(error).__name__)
        raise StoreFailed(f"{operation}: {code}") from None


class SqliteStore:
    """See `smpp_server.store.Store`. `crowd`: how many first claims of one turn are logged."""

    def __init__(
        self,
        path: Path,
        connect: Callable[..., sqlite3.Connection] = sqlite3.connect,
        crowd: int = CROWD,
    ):
        self._path = path
        self._wal = Path(f"{path}-wal")
        self._copied_ns = 0
        self._erased_ns = 0
        self._guard = sqlite_guard.FIRST_KEY  # where retention goes on among them
        self._dirty = True  # whoever ran before may have left a WAL
        self._claims = Claims(crowd)
        _make_private(path)
        with _failing("open"):
            self._db = connect(
                str(path),
                isolation_level=None,
                check_same_thread=False,  # opened by one thread, then used by the turn's alone
                cached_statements=256,
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        db = self._db
        db.execute("PRAGMA busy_timeout = 5000")
        version = self._recognise()
        if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise StoreRefused(
                f"{self._path} is on a file system without shared memory, as network ones are:"
                " put state_dir on a local disk"
            )
        for pragma, value in PRAGMAS.items():
            db.execute(f"PRAGMA {pragma} = {value}")
        for number in range(version + 1, SCHEMA + 1):
            script = files("smpp_server.store").joinpath(f"migrations/sqlite_{number:03}.sql")
            db.executescript(
                f"BEGIN IMMEDIATE;\n{script.read_text(encoding='utf-8')}\n"
                f"PRAGMA application_id = {APPLICATION_ID};\n"
                f"PRAGMA user_version = {number};\nCOMMIT;"
            )
        self._claims.load(db)

    def _recognise(self) -> int:
        """Version of the schema found, 0 in an empty file. Nothing was written when it refuses."""
        db, name = self._db, self._path.name
        try:
            version: int = db.execute("PRAGMA user_version").fetchone()[0]
            owner = db.execute("PRAGMA application_id").fetchone()[0]
            empty = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorname", "") != "SQLITE_NOTADB":
                raise
            raise StoreRefused(f"{name} is not a database: move it away") from None
        if owner != APPLICATION_ID and not (empty and owner == version == 0):
            raise StoreRefused(f"{name} is the database of another program: move it away")
        if version > SCHEMA:
            raise StoreRefused(
                f"{name} has schema {version}, this program knows {SCHEMA}:"
                " run the newer smpp-server that wrote it"
            )
        return version

    @contextmanager
    def _transaction(self, operation: str) -> Iterator[sqlite3.Connection]:
        """A transaction of its own, all or nothing."""
        with _failing(operation):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._end()
            except BaseException:
                self.rollback()
                raise
        self._dirty = True

    def load(self) -> Loaded:
        """See Store.load."""
        with _failing("load"):
            db = self._db
            flights: dict[int, Flight] = {
                row[0]: sql.flight_of(row) for row in db.execute(sql.LOAD)
            }
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
                return read(self._db, self._claims, keys, quota, now, ages, unseal)
        except BaseException:
            self.rollback()
            raise

    def commit(self, changes: Changes, seal: Seal) -> None:
        """See Store.commit."""
        try:
            with _failing("write"):
                write(self._db, self._claims, changes, seal)
                self._end()
        except BaseException:
            self.rollback()
            raise
        self._dirty = True

    def _end(self) -> None:
        self._db.execute("COMMIT")
        self._claims.committed()

    def rollback(self) -> None:
        """See Store.rollback."""
        self._claims.forget()
        with _failing("rollback"):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def note_keys(self, epoch: int, began_ns: int, optout_fingerprint: str) -> None:
        """See Store.note_keys."""
        with self._transaction("note keys") as db:
            db.executemany(sql.PUT_STATE, (("epoch", epoch), ("epoch_began", began_ns)))
            db.execute(
                "INSERT OR REPLACE INTO fingerprint VALUES ('optout', ?)", (optout_fingerprint,)
            )

    def forgettable_epochs(self, current: int) -> list[int]:
        """See Store.forgettable_epochs.

        Epochs older than the oldest in use: a reply that came back is sealed under a newer key
        than its row tells.
        """
        with _failing("read"):
            oldest = [row[0] for query in sql.OLDEST for row in self._db.execute(query)]
        return list(range(1, min([current, *oldest])))

    def tidy(self, now_ns: int, ages: Ages, limit: int) -> bool:
        """See Store.tidy."""
        with self._transaction("tidy") as db:
            self._claims.move(db)
            epochs = [row[0] for row in db.execute(sql.CLAIM_EPOCHS)]
            claims = [(sql.OLD_CLAIMS, (epoch, now_ns - ages.claim_ns)) for epoch in epochs]
            ended_ns = now_ns - ages.reconcile_ns
            gone = 0
            for statement, values in (
                *claims,
                (sql.OLD_REPLIES, (ended_ns,)),
                (sqlite_receipts.OLD, (now_ns - sqlite_receipts.KEPT_NS,)),
                (sql.OLD_ALARMS, (ended_ns,)),
                (sqlite_rates.DROPPED_RATES, ()),
                (sqlite_rates.DROPPED_CARDS, ()),
            ):
                gone += db.execute(statement, (*values, limit - gone)).rowcount
            guards, self._guard = sqlite_guard.tidy(db, self._guard, now_ns, limit - gone)
            gone += guards
            gone += sqlite_money.tidy(db, limit - gone)
        return gone >= limit

    def disagreement(self) -> str:
        """See Store.disagreement."""
        with _failing("read"):
            return sqlite_money.disagreement(self._db)

    def cards(self) -> list[StoredCard]:
        """See Store.cards."""
        with _failing("read"):
            return sqlite_rates.cards(self._db)

    def card_rows(self, card: StoredCard) -> tuple[Row, ...]:
        """See Store.card_rows."""
        with _failing("read"):
            return sqlite_rates.rows_of(self._db, card)

    def put_card(self, card: StoredCard, rows: Sequence[Row]) -> None:
        """See Store.put_card."""
        with self._transaction("put card") as db:
            sqlite_rates.put_card(db, card, rows)

    def wants_rest(self, monotonic_ns: int) -> bool:
        """See Store.wants_rest."""
        if not self._dirty:
            self._copied_ns = self._erased_ns = monotonic_ns
        return monotonic_ns - self._copied_ns >= COPY_NS

    def rest(self, monotonic_ns: int, idle: bool = True) -> None:
        """See Store.rest.

        TRUNCATE erases what secure_delete could not reach in the WAL. After PASSIVE the next commit
        begins at the WAL's start: it stays small, and writing to it again is quicker than growing.
        """
        if not self._dirty:
            return
        late = monotonic_ns - self._erased_ns >= ERASE_NS or self._wal_octets() >= WAL_MOST
        erases = idle or late
        if idle and self._claims.logged:
            with self._transaction("move claims") as db:
                self._claims.move(db)
        with _failing("checkpoint"):
            self._db.execute("PRAGMA busy_timeout = 0")
            try:
                how = "TRUNCATE" if erases else "PASSIVE"
                busy = self._db.execute(f"PRAGMA wal_checkpoint({how})").fetchone()[0]
            finally:
                self._db.execute("PRAGMA busy_timeout = 5000")
        self._copied_ns = monotonic_ns
        if erases and not busy:
            self._dirty = False
            self._erased_ns = monotonic_ns

    def _wal_octets(self) -> int:
        try:
            return os.stat(self._wal).st_size
        except OSError:
            return 0

    def close(self) -> None:
        """See Store.close."""
        with _failing("close"):
            self._db.close()


def _make_private(path: Path) -> None:
    """The database file, for its owner alone; its log and shared memory take after it."""
    try:
        try:
            # An existing file is not opened: closing it would drop the locks others have on it.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            os.chmod(path, 0o600)
            return
        directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StoreFailed(f"open: {error.strerror}") from None
