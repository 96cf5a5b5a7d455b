"""Where the server runs: its reactor, its clocks and its configuration, one life at a time."""

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smpp_server.config import load
from smpp_server.config_records import Config
from tests.simulation.swarm import RATES, Shape, replies, settings
from tests.simulation.wire import Net, Wire

if TYPE_CHECKING:
    from tests.simulation.world import World

NS = 10**9


@cache
def config_of(shape: Shape) -> Config:
    """As the server reads it; the numbering plan takes seconds to compile, once a process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rate_card.csv").write_text(RATES)
        (folder / "replies.toml").write_text(replies(shape))
        path = folder / "server.toml"
        path.write_text(settings(shape))
        path.chmod(0o600)
        return load(path, environ={})


class Clocks:
    """What the server takes for the time, in one life of its machine."""

    def __init__(self, world: "World", began_ns: int) -> None:
        self._world = world
        self._began_ns = began_ns

    def wall_ns(self) -> int:
        return int((self._world.wall_s() + self._world.skew_s) * NS)

    def monotonic_ns(self) -> int:
        return self._began_ns + int(self._world.time.seconds() * NS)


class Machine:
    """One life of the server's process, as its reactor: its timers and sockets die with it."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.dead = False
        self._calls: list[Any] = []

    def seconds(self) -> float:
        return self.net.time.seconds()

    def callLater(self, delay_s: float, what: Any, *args: Any, **kw: Any) -> Any:
        call = self.net.time.callLater(delay_s, what, *args, **kw)
        self._calls.append(call)
        if len(self._calls) > 100:
            self._calls = self.getDelayedCalls()
        if self.dead:
            call.cancel()
        return call

    def getDelayedCalls(self) -> list[Any]:
        return [call for call in self._calls if call.active()]

    def connectTCP(  # type: ignore[no-untyped-def]
        self, host, port, factory, timeout=30, bindAddress=None
    ):
        return self.net.connect(self, factory, timeout)

    def wires(self) -> list[Wire]:
        """Connections of this life."""
        return [wire for wire in self.net.wires if wire.near.machine is self]

    def die(self) -> None:
        """Without a word."""
        self.dead = True
        for wire in self.wires():
            wire.near_died()
        for call in self.getDelayedCalls():
            call.cancel()
