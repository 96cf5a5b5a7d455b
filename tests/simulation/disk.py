"""The disk: real SQLite files; commits fail, and a crash leaves what stood there at its border."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smpp_server.store.sqlite import SqliteStore


class PowerCut(BaseException):
    """The machine has died inside a commit."""


class Connection(sqlite3.Connection):
    """Knows its commits. A crash copies files, so nothing needs to wait for a real disk."""

    disk: "Disk"

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            return self.disk.commit(lambda: super(Connection, self).execute(sql))
        return super().execute(sql.replace("synchronous = 2", "synchronous = 0"), *args)


class Disk:
    """One state_dir in one life of the server."""

    def __init__(self, folder: Path, fate: Callable[[], str], committed: Callable[[], None]):
        self.folder = folder
        self.path = folder / "smppd.db"
        self.wal = folder / "smppd.db-wal"
        self.commits = 0
        self.torn_at: int | None = None  # octets of the log that reached the disk
        self._fate = fate
        self._committed = committed
        self._wal_size = 0
        self.connection: Connection | None = None
        folder.mkdir(mode=0o700, exist_ok=True)

    def open(self) -> SqliteStore:
        """As the server opens it, but that two senders are a crowd: the swarms are small."""
        return SqliteStore(self.path, connect=self._connect, crowd=2)

    def _connect(self, path: str, **options: Any) -> Connection:
        connection = sqlite3.connect(path, factory=Connection, **options)
        connection.disk = self
        self.connection = connection
        return connection

    def commit(self, execute: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        """ok, full, unsure (done, and said to have failed), before, torn or after."""
        self.commits += 1
        fate = self._fate()
        if fate == "full":
            raise sqlite3.OperationalError("database or disk is full")
        if fate == "before":
            self.torn_at = self._size()
            raise PowerCut
        before = self._size()
        cursor = execute()
        if fate == "torn":
            self.torn_at = (before + self._size()) // 2
            raise PowerCut
        self._committed()
        if fate == "unsure":
            raise sqlite3.OperationalError("disk I/O error")
        if fate == "after":
            raise PowerCut
        return cursor

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What is stored."""
        assert self.connection is not None
        return self.connection.execute(query, values).fetchall()

    def _size(self) -> int:
        try:
            return os.stat(self.wal).st_size
        except FileNotFoundError:
            return 0

    def written(self) -> bytes:
        """What the log has gained since last asked."""
        size = self._size()
        start = self._wal_size if self._wal_size <= size else 0
        self._wal_size = size
        if size == start:
            return b""
        with open(self.wal, "rb") as file:
            file.seek(start)
            return file.read()

    def files(self) -> list[tuple[str, bytes]]:
        """Every file, by name."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return [(path.name, path.read_bytes()) for path in paths]

    def image(self, folder: Path) -> None:
        """Copy what a power cut leaves at this moment."""
        shutil.copytree(self.folder / "keys", folder / "keys")
        shutil.copyfile(self.path, folder / self.path.name)
        if self.wal.exists():
            shutil.copyfile(self.wal, folder / self.wal.name)
            if self.torn_at is not None:
                os.truncate(folder / self.wal.name, min(self.torn_at, self._size()))

    def close(self) -> None:
        """Let go of a dead server's files."""
        if self.connection is not None:
            self.connection.close()
