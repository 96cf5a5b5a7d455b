"""What the embedded store's file is: durable at commit, ours alone, private, never scanned."""

import re
import shutil
import sqlite3
import stat
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from routing.records import ReplyState
from routing.standing import Changes, Claim, Standing
from smpp_server import events as ev
from smpp_server.store import Keys, StoreFailed, StoreRefused
from smpp_server.store.sqlite import APPLICATION_ID, PRAGMAS, SCHEMA, SqliteStore
from tests.store.model import AGES
from tests.store.small_turns import begin, end, leave, wait
from tests.store.turns import SECOND, Bench, configuration


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database stands."""
    return tmp_path / "smppd.db"


def copy(path: Path, folder: Path) -> SqliteStore:
    """What a machine that lost power now would find: database and log, no shared memory."""
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", folder / f"{path.name}{suffix}")
    return SqliteStore(folder / path.name)


def test_the_settings_are_in_force(path: Path) -> None:
    store = SqliteStore(path)
    for pragma, value in {**PRAGMAS, "busy_timeout": 5000, "user_version": SCHEMA}.items():
        assert store._db.execute(f"PRAGMA {pragma}").fetchone()[0] == value, pragma
    assert store._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert PRAGMAS["synchronous"] == 2 and PRAGMAS["secure_delete"] == 1
    assert PRAGMAS["wal_autocheckpoint"] == 0
    store.rest(1)
    assert store._db.execute("PRAGMA busy_timeout").fetchone()[0] == 5000
    tables = store._db.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
    assert [name for name, strict in tables if not strict] == ["sqlite_schema"]
    store.close()


def test_what_was_committed_is_in_database_and_log(path: Path, tmp_path: Path) -> None:
    store = SqliteStore(path)
    wait(store, range(1, 400))
    leave(store, range(1, 100))
    begin(store)
    store._db.execute("DELETE FROM reply")  # a turn that has written, and is not committed
    crashed = copy(path, tmp_path / "crash")
    assert len(crashed.load().flights) == 99
    assert begin(crashed, Keys(outcomes=range(400))).stored.keys() == set(range(1, 400))
    crashed.rollback()
    crashed.close()
    store.rollback()
    store.rest(1)
    assert Path(f"{path}-wal").stat().st_size == 0
    rested = copy(path, tmp_path / "rested")
    assert len(rested.load().flights) == 99
    rested.close()
    store.close()


def test_a_crash_before_the_commit_leaves_nothing_of_the_turn(path: Path, tmp_path: Path) -> None:
    store = SqliteStore(path)
    wait(store, [1])
    crashes: list[SqliteStore] = []

    def crash(msisdn: str, reply_id: int) -> bytes:
        if not crashes:
            store._db.execute("PRAGMA cache_size = 1")  # spills into the log before the commit
        if reply_id == 3000:
            crashes.append(copy(path, tmp_path / "crash"))
        return bytes(800)

    begin(store)
    with pytest.raises(ZeroDivisionError):
        store.commit(_Breaking(Standing()), crash)
    wait(store, range(2, 3001), crash)
    known = begin(crashes[0], Keys(outcomes=range(1, 3001)))
    assert list(known.stored) == [1] and known.journal_seq == 1 and known.next_id == 2
    crashes[0].rollback()
    crashes[0].close()
    store.close()


class _Breaking(Changes):
    """Breaks after the first table was written."""

    @property
    def audit(self) -> list[tuple[str, str]]:  # type: ignore[override]
        """The last thing that is written."""
        raise ZeroDivisionError

    @audit.setter
    def audit(self, value: object) -> None:
        pass


def test_the_first_schema_is_brought_up_to_date(path: Path) -> None:
    """What stands in its tables stays."""
    first = files("smpp_server.store").joinpath("migrations/sqlite_001.sql").read_text("utf-8")
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"{first}PRAGMA application_id = {APPLICATION_ID};")
        db.execute("PRAGMA user_version = 1")
        db.execute("INSERT INTO claim VALUES (x'07', 'default', 1, 1, 5, 1, 9, 0, 0)")
        db.commit()
    store = SqliteStore(path)
    assert store._db.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    assert begin(store, Keys(claims=[b"\7"])).claims == {
        (b"\7", "default"): Claim(1, 1, 5, 1, 9),
    }
    store.rollback()
    store.close()


def test_a_newer_schema_is_refused_untouched(path: Path) -> None:
    SqliteStore(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match=f"schema {SCHEMA + 1}.*run the newer smpp-server"):
        SqliteStore(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE bookmarks (url)",
        "PRAGMA application_id = 77",
        "PRAGMA user_version = 1",
        f"CREATE TABLE a (b); PRAGMA application_id = {APPLICATION_ID + 1};"
        " PRAGMA user_version = 1",
    ],
)
def test_another_programs_database_is_refused_untouched(path: Path, script: str) -> None:
    db = sqlite3.connect(path)
    db.executescript(script)
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreRefused, match="another program"):
        SqliteStore(path)
    assert path.read_bytes() == before and not Path(f"{path}-wal").exists()


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"a letter to a friend, longer than one header. " * 200)
    with pytest.raises(StoreRefused, match=r"smppd\.db is not a database"):
        SqliteStore(path)


def test_a_place_that_cannot_be_written_is_a_failure(path: Path) -> None:
    with pytest.raises(StoreFailed, match="open: No such file or directory"):
        SqliteStore(path.parent / "nowhere" / path.name)


def test_the_files_are_for_their_owner_alone(path: Path) -> None:
    for _ in range(2):
        store = SqliteStore(path)
        wait(store, [])
        files = [Path(f"{path}{suffix}") for suffix in ("", "-wal", "-shm")]
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
        store.close()
        path.chmod(0o644)


def test_the_log_is_copied_every_two_seconds_and_erased_every_minute(path: Path) -> None:
    store, log = SqliteStore(path), Path(f"{path}-wal")
    store.rest(0)
    assert not store.wants_rest(6 * SECOND)
    for second in range(6, 66, 2):
        wait(store, [second])
        assert not store.wants_rest((second + 1) * SECOND)
        assert store.wants_rest((second + 2) * SECOND)
        before = log.stat().st_size
        store.rest((second + 2) * SECOND, idle=False)
        assert log.stat().st_size == (before if second < 64 else 0)
    assert not store.wants_rest(200 * SECOND)
    store.close()


def test_a_large_log_is_erased_whenever_that_is(path: Path) -> None:
    """As it is where a reader stood in the way for long."""
    store, log = SqliteStore(path), Path(f"{path}-wal")
    store.rest(SECOND)
    wait(store, [1])
    with open(log, "r+b") as file:
        file.truncate(256 * 1024 * 1024)  # sparse
    store.rest(2 * SECOND, idle=False)
    assert log.stat().st_size == 0
    store.close()


def test_a_copied_log_is_written_again_from_its_start(path: Path, tmp_path: Path) -> None:
    """It does not grow any more, and what stands in it and in the database is all there is."""
    store, log = SqliteStore(path), Path(f"{path}-wal")
    sizes = []
    for turn in range(1, 21):
        wait(store, range(turn * 50, turn * 50 + 50))
        sizes.append(log.stat().st_size)
        store.rest(turn, idle=False)
    assert sizes[0] * 2 > max(sizes)
    wait(store, [5000])
    crashed = copy(path, tmp_path / "crash")
    assert crashed._db.execute("SELECT count(*) FROM reply").fetchone() == (1001,)
    crashed.close()
    store.close()


def test_a_journal_row_closes_money_once(path: Path) -> None:
    """A receipt moves no money, so the reply keeps the journal row that settled it."""
    store = SqliteStore(path)
    state = ReplyState
    wait(store, [1, 2, 3])  # journal row 1
    leave(store, [1, 2, 3])
    end(store, state.SUBMITTING, state.ACCEPTED, [1])
    end(store, state.SUBMITTING, state.UNKNOWN, [2])
    end(store, state.SUBMITTING, state.REFUSED, [3])
    end(store, state.ACCEPTED, state.DELIVERED, [1])
    end(store, state.UNKNOWN, state.ASSUMED_SENT, [2])
    end(store, state.ASSUMED_SENT, state.DELIVERED, [2])
    end(store, state.REFUSED, state.DELIVERED, [3])
    rows = store._db.execute("SELECT id, reserve_journal, close_journal, prefix, claim FROM reply")
    assert rows.fetchall() == [(1, 2, 3, None, None), (2, 2, 7, None, None), (3, 2, 9, None, None)]
    store.close()


def test_no_statement_walks_a_large_table(tmp_path: Path) -> None:
    """Turns, retention and key epochs cost what they touch, not what is stored."""
    edits = [("registered_delivery = 0", "registered_delivery = 1")]
    bench = Bench(tmp_path, configuration(tmp_path, 2, edits))
    bench.funded()
    statements: list[str] = []
    bench.store._db.set_trace_callback(statements.append)
    bench.run(bench.texts("33612340001", "33612340002"), bench.texts("33612340003", words=b"stop"))
    bench.run()
    out = bench.run(ev.Tick())
    bench.run(bench.accepted(out), bench.accepted(out))
    keys = Keys(
        [b"a"], [b"b"], [b"c"], [1], [("d", "e")], [b"f"], [("g", "h")], tick=True
    )._replace(references=[("g", 5)])
    begin(bench.store, keys, room=3)
    bench.store.rollback()
    bench.store.tidy(1, AGES, 500)
    bench.store.forgettable_epochs(9)
    bench.store.load()
    bench.store._db.set_trace_callback(None)
    read = {s for s in statements if s.startswith(("SELECT", "WITH", "UPDATE", "DELETE"))}
    assert len(read) > 25
    for statement in read:
        plan = bench.store._db.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        for *_, step in plan:
            assert not re.fullmatch("SCAN (reply|claim|optout|guard)", step), statement
    bench.store.close()
