"""`smppd` with levers a test moves from outside: both clocks, and how long a commit takes.

The program is the real one: its `main`, its sockets, its threads, its files. Only what the
composition root injects is exchanged here: the clocks, the reactor's idea of now, and the
connection the store opens. The levers are numbers in a small file that both processes map.

    LEVERS=FILE python -m tests.end_to_end.levers run --config ...
"""

import mmap
import os
import sqlite3
import time
from pathlib import Path
from struct import Struct
from typing import Any

from smpp_server import app, cli
from smpp_server.config_records import Config
from smpp_server.store.sqlite import SqliteStore

SECOND_NS = 1_000_000_000
_VALUES = Struct("<4q")  # wall_ns, monotonic_ns: offsets; hangs: 1 while commits may not end; met
_LOOK_S = 0.005


class Levers:
    """The numbers, as either process sees them."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_VALUES.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _VALUES.size)

    def _get(self, place: int) -> int:
        return int(_VALUES.unpack_from(self._map)[place])

    def _set(self, place: int, value: int) -> None:
        values = list(_VALUES.unpack_from(self._map))
        values[place] = value
        _VALUES.pack_into(self._map, 0, *values)

    def step_wall(self, span_s: float) -> None:
        """The wall clock jumps; nothing else does."""
        self._set(0, self._get(0) + int(span_s * SECOND_NS))

    def pass_s(self, span_s: float) -> None:
        """So much time goes by at once, on every clock. The process sees it when next it wakes."""
        self.step_wall(span_s)
        self._set(1, self._get(1) + int(span_s * SECOND_NS))

    def hang(self, hangs: bool) -> None:
        """From now on no commit ends, or every one does."""
        self._set(3, 0)
        self._set(2, hangs)

    @property
    def wall_ns(self) -> int:
        """How far the wall clock is off."""
        return self._get(0)

    @property
    def monotonic_ns(self) -> int:
        """How far every other clock is off."""
        return self._get(1)

    @property
    def met(self) -> bool:
        """Whether a commit hangs now."""
        return bool(self._get(3))

    def commit(self) -> None:
        """Wait as long as the lever says. In the server's process."""
        while self._get(2):
            self._set(3, 1)
            time.sleep(_LOOK_S)


def _run() -> None:
    levers = Levers(Path(os.environ["LEVERS"]))

    class Clocks(app.SystemClocks):
        """The machine's own, moved by the levers."""

        def wall_ns(self) -> int:
            return super().wall_ns() + levers.wall_ns

        def monotonic_ns(self) -> int:
            return super().monotonic_ns() + levers.monotonic_ns

    class Connection(sqlite3.Connection):
        """A disk that may be slow to confirm."""

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # type: ignore[override]
            if sql == "COMMIT":
                levers.commit()
            return super().execute(sql, *values)

    def opener(config: Config) -> Any:
        def connect(*where: Any, **how: Any) -> sqlite3.Connection:
            return sqlite3.connect(*where, factory=Connection, **how)

        return lambda: SqliteStore(config.server.state_dir / "smppd.db", connect)

    reactor = app.global_reactor()
    real = reactor.seconds
    reactor.seconds = lambda: real() + levers.monotonic_ns / SECOND_NS
    app.SystemClocks = Clocks  # type: ignore[misc]
    app.store_opener = opener
    cli.main()


if __name__ == "__main__":
    _run()
