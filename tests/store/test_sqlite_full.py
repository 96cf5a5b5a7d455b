"""A full disk: the turn fails whole, and the next one works once there is room again."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smpp_server.store import Keys, StoreFailed
from smpp_server.store.sqlite import SqliteStore
from tests.store.model import AGES
from tests.store.small_turns import NOW, begin, cancel, wait

Full = Callable[[SqliteStore, Path], object]
LONG = 4000


def sealed(msisdn: str, reply_id: int) -> bytes:
    """So long that few replies fill what is left."""
    return reply_id.to_bytes(8, "big") * (LONG // 8)


@contextmanager
def no_more_pages(store: SqliteStore, folder: Path) -> Iterator[None]:
    """The database may not grow."""
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages + 20}")
    yield
    store._db.execute("PRAGMA max_page_count = 1073741823")


@contextmanager
def no_longer_files(store: SqliteStore, folder: Path) -> Iterator[None]:
    """The system lets no file of this process grow: writes to the log fail."""
    size = Path(f"{store._path}-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def no_room(store: SqliteStore, folder: Path) -> Iterator[None]:
    """The file system is full."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(65536))
    yield
    filler.unlink()


def mounted(folder: Path) -> bool:
    """A small file system of its own at `folder`, where the system lets us."""
    folder.mkdir(exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        return subprocess.run(words, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


WAYS: dict[str, Full] = {"pages": no_more_pages, "file size": no_longer_files}


@pytest.fixture
def ways(tmp_path: Path) -> Iterator[dict[str, Full]]:
    """Every way to be out of room this system knows; the mounted one lies in `disk`."""
    disk = tmp_path / "disk"
    if not mounted(disk):
        yield WAYS
        return
    yield {**WAYS, "file system": no_room}
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_fails_the_whole_turn(ways: dict[str, Full], tmp_path: Path) -> None:
    for name, full in ways.items():
        folder = tmp_path / "disk"
        path = folder / f"{name.replace(' ', '_')}.db"
        store = SqliteStore(path)
        wait(store, range(1, 11), sealed)
        with full(store, folder):  # type: ignore[attr-defined]
            for _ in range(2):
                with pytest.raises(StoreFailed, match=r"SQLITE_(FULL|IOERR_WRITE)") as caught:
                    wait(store, range(11, 1011), sealed)
                assert caught.value.__cause__ is None  # no value of a row in any report
                known = begin(store, Keys(outcomes=range(1100)))
                assert (list(known.stored), known.waiting) == (list(range(1, 11)), 10)
                assert known.journal_seq == 1
                store.rollback()
        wait(store, range(11, 61), sealed)
        store.close()
        store = SqliteStore(path)
        known = begin(store, Keys(outcomes=range(1100)))
        assert (len(known.stored), known.waiting, known.journal_seq) == (60, 60, 2), name
        store.rollback()
        store.close()
        path.unlink()


def test_housekeeping_that_fails_leaves_the_store_usable(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "smppd.db")
    wait(store, range(1, 601))
    cancel(store, range(1, 601))
    later = NOW.wall_ns + AGES.reconcile_ns
    with no_longer_files(store, tmp_path):
        store._db.execute("PRAGMA cache_size = 1")
        size = Path(f"{store._path}-wal").stat().st_size
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        )
        with pytest.raises(StoreFailed, match="tidy: SQLITE_"):
            store.tidy(later, AGES, 1000)
        with pytest.raises(StoreFailed, match="note keys: SQLITE_"):
            store.note_keys(2, 5, "f00d")
    assert store.load().epoch == 0
    store.note_keys(2, 5, "f00d")
    assert store.load().epoch == 2
    assert store.tidy(later, AGES, 400) and not store.tidy(later, AGES, 400)
    assert begin(store, Keys(outcomes=range(700))).stored == {}
    store.rollback()
    store.close()
