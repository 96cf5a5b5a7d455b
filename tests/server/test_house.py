"""The house: what leaves only after the commit, back-pressure, a store that fails, commands."""

import sqlite3
from pathlib import Path
from typing import Any

from smpp_server import house as house_module
from smpp_server.store.sqlite import SqliteStore
from tests.server.houses import Town

CROWD = [f"336123400{n:02}" for n in range(40)]
SAID_NO = "the store cannot write now; nothing was changed"
FAILED, WELL = ("store_failed", "", True), ("store_failed", "", False)


class Broken(sqlite3.Connection):
    """A database whose COMMIT fails while told to."""

    failing = False

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # type: ignore[override]
        if sql == "COMMIT" and Broken.failing:
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *values)


def fragile(town: Town) -> None:
    """From the next opening on, the disk of this town may fail."""

    def opened(path: Path) -> SqliteStore:
        if Broken.failing and town.full:
            raise house_module.Failure(OSError()).type("no space")
        return SqliteStore(
            path, lambda *args, **options: sqlite3.connect(*args, factory=Broken, **options)
        )

    town.disk = opened
