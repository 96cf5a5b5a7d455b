"""Starts that must not be: a sentence says what stands in the way, and nothing is touched."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from smpp_server.store.sqlite import SCHEMA
from tests.end_to_end.server import Server, configured


@contextmanager
def served(server: Server) -> Iterator[None]:
    """A server runs on it."""
    server.start().ready()
    yield
    server.stop()


@contextmanager
def no_room(server: Server) -> Iterator[None]:
    """There is no room for a single octet."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Another program writes to it, and does not end."""
    with closing(sqlite3.connect(server.state / "smppd.db", isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def newer(server: Server) -> Iterator[None]:
    """A newer program has written the database."""
    with closing(sqlite3.connect(server.state / "smppd.db")) as db:
        db.execute("PRAGMA user_version = 99")
    yield


REFUSED = {
    served: "is in use by another smppd; stop it, or name another state_dir",
    no_room: "state: the database cannot be used (open: SQLITE_IOERR_SHMOPEN); check space",
    locked: "(open: SQLITE_BUSY); check space, permissions and health of its disk, and that no",
    newer: f"smppd.db has schema 99, this program knows {SCHEMA}: run the newer smpp-server",
}


@pytest.mark.slow
def test_starts_that_are_refused(tmp_path: Path) -> None:
    """With a sentence that says what to do, and the status that `smppd run --help` names."""
    with Server(tmp_path, configured(1)) as server:
        for way, sentence in REFUSED.items():
            with way(server):
                told = server.smppd("run", "--config", str(server.file))
            assert told.returncode == 1, (way, told)
            assert sentence in told.stderr and "Traceback" not in told.stderr, told
