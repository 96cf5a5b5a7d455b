"""A whole server against the simulated SMSC on imagined cables, in imagined time."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    TimeoutError,
)
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from smpp_server import app
from smpp_server.config import load
from smpp_server.config_records import Config
from smpp_server.smsc_invoice import Price, Prices
from smpp_server.smsc_plan import Account, Text
from smpp_server.smsc_simulator import Simulator
from smpp_server.store import Store
from smpp_server.store.sqlite import SqliteStore
from tests.server.configs import REPLIES, write

OURS, ANNA, BERT = "33937000001", "33612340001", "33612340002"
PASSWORD = "tiptoe42"
NS = 1_000_000_000
WALL_NS = 1_790_000_000 * NS
MONOTONIC_NS = 7_000 * NS
CARRIER = """
[carrier.main]
rate_card = "rate_card.csv"
registered_delivery = 0
"""
LINK = f"""
[link.main]
carrier = "main"
host = "127.0.0.1"
system_id = "us"
password = "{PASSWORD}"
"""


def settings(*, number: str = "", link: str = "", more: str = "", delay_s: int = 0) -> str:
    """A configuration of one number and one link, with lines added to either table."""
    head = f"""
[money]
budget_day = "20.00"
budget_total = "1000"
[campaign.default]
delay_s = {delay_s}
spread_s = 0
[number.main]
msisdn = "{OURS}"
links = ["main"]
text = "fr.N"
"""
    return head + number + "\n" + CARRIER + LINK + link + "\n" + more


def read_config(folder: Path, text: str, replies: str = REPLIES) -> Config:
    """The configuration as the server reads it."""
    return load(write(folder, f'server.state_dir = "state"\n{text}', replies), environ={})


class Wire(StringTransport):
    """One end of a cable: remembers each write apart."""

    def __init__(self) -> None:
        super().__init__(lenient=True)
        self.writes: list[bytes] = []
        self.options: list[str] = []

    def write(self, data: bytes) -> None:
        if not self.disconnecting:  # as TCP: what is written after the end is dropped
            self.writes.append(data)
            super().write(data)

    def unregisterProducer(self) -> None:
        self.producer = None

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.options.append("no delay")

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.options.append("keep alive")

    def take(self) -> bytes:
        """What was written since last time."""
        data = self.value()
        self.clear()
        return data


class Cable:
    """Between one bind of ours and the SMSC."""

    def __init__(self, ours: Any, theirs: Any) -> None:
        self.ours, self.theirs = ours, theirs
        self.near, self.far = Wire(), Wire()
        self.gone = False
        self.dead = False  # nothing arrives any more, and nobody is told
        self.stuck = False  # closing takes for ever: the peer does not let go

    def plug(self) -> None:
        self.theirs.makeConnection(self.far)
        self.ours.makeConnection(self.near)

    def carry(self) -> bool:
        """Moves what was written, both ways; whether anything moved."""
        if self.gone:
            return False
        moved = False
        if not self.dead:
            if there := self.near.take():
                self.theirs.dataReceived(there)
                moved = True
            if self.near.producerState == "producing" and (back := self.far.take()):
                self.ours.dataReceived(back)
                moved = True
        if self.near.disconnected or (self.near.disconnecting and not self.stuck):
            self.cut(ConnectionDone())
        elif (self.far.disconnecting or self.far.disconnected) and not self.dead:
            self.cut(ConnectionDone())
        return moved or self.gone

    def cut(self, error: Exception | None = None) -> None:
        """The connection is over for both."""
        self.gone = True
        self.ours.connectionLost(Failure(error or ConnectionLost()))
        self.theirs.connectionLost(Failure(ConnectionDone()))


class Net(MemoryReactorClock):
    """A reactor whose connections lead to the SMSC, fail, or hang."""

    def __init__(self) -> None:
        super().__init__()
        self.mode = "open"
        self.listener: Any = None
        self.cables: list[Cable] = []
        self.dialled_s: list[float] = []

    def connectTCP(  # type: ignore[no-untyped-def]
        self, host, port, factory, timeout=30, bindAddress=None
    ):
        connector = super().connectTCP(host, port, factory, timeout, bindAddress)
        self.dialled_s.append(self.seconds())
        if self.mode == "open":
            self.callLater(0, self._join, factory)
        elif self.mode == "refuse":
            why = Failure(ConnectionRefusedError())
            self.callLater(0, factory.clientConnectionFailed, connector, why)
        else:
            why = Failure(TimeoutError())
            late = self.callLater(timeout, factory.clientConnectionFailed, connector, why)
            connector.stopConnecting = late.cancel
        return connector

    def _join(self, factory: Any) -> None:
        cable = Cable(factory.buildProtocol(None), self.listener.buildProtocol(None))
        self.cables.append(cable)
        cable.plug()

    @property
    def cable(self) -> Cable:
        """The youngest."""
        return self.cables[-1]

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        moved = True
        while moved:
            self.advance(0)
            moved = sum([cable.carry() for cable in list(self.cables)]) > 0
            moved = moved or any(call.getTime() <= self.seconds() for call in self.calls)

    def pass_s(self, span_s: float) -> None:
        """Let time pass, stopping wherever something is due."""
        ends = self.seconds() + span_s
        self.settle()
        while self.calls and (due := min(call.getTime() for call in self.calls)) <= ends:
            self.advance(max(0, due - self.seconds()))
            self.settle()
        self.advance(max(0, ends - self.seconds()))
        self.settle()


class Clocks:
    """The reactor's time as the server reads it."""

    def __init__(self, net: Net) -> None:
        self._net = net

    def wall_ns(self) -> int:
        return WALL_NS + int(self._net.seconds() * NS)

    def monotonic_ns(self) -> int:
        return MONOTONIC_NS + int(self._net.seconds() * NS)


class Workshop:
    """Where turns run: at once, or, while `slow`, when `work` is called."""

    def __init__(self) -> None:
        self.slow = False
        self.queue: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def __call__(self, work: Callable[[], Any]) -> "Deferred[Any]":
        if not self.slow:
            return maybeDeferred(work)
        done: Deferred[Any] = Deferred()
        self.queue.append((work, done))
        return done

    def work(self) -> None:
        """Do what waits."""
        while self.queue:
            work, done = self.queue.pop(0)
            maybeDeferred(work).chainDeferred(done)


class Town:
    """One server, one SMSC, the net between them, and what was logged and told."""

    def __init__(self, folder: Path, text: str = "", replies: str = REPLIES) -> None:
        self.config = read_config(folder, text or settings(), replies)
        self.net = Net()
        self.smsc = Simulator(
            self.net,
            [Account("us", PASSWORD)],
            Prices([Price("33", "France", 49_500_000)], [Price("33", "ours", 7_500_000)]),
        )
        self.net.listener = self.smsc.factory
        self.run = Workshop()
        self.lines: list[tuple[str, str, dict[str, object]]] = []
        self.alarms: list[tuple[str, str, bool]] = []
        self.path = self.config.server.state_dir / "smppd.db"
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        self.disk: Callable[[Path], Store] = SqliteStore
        self.stopped: list[object] = []
        self.house = app.build(
            self.config,
            self.net,
            Clocks(self.net),
            random.Random(1).randbytes,
            lambda: 1,
            self.run,
            lambda: self.disk(self.path),
            lambda level, what, **fields: self.lines.append((level, what, fields)),
            lambda change, _: self.alarms.append((change.code, change.subject, change.begins)),
        )

    def start(self) -> "Town":
        """Up, with money, and bound if the SMSC lets us."""
        self.house.ask("fund", "", 1000 * NS)
        self.house.start()
        self.net.settle()
        return self

    def texts(self, *senders: str, words: str = "bonjour") -> None:
        """One text from each."""
        self.smsc.deliver(*(Text(sender, OURS, words) for sender in senders))
        self.net.settle()

    def stop(self) -> None:
        """As the first signal does."""
        self.house.stop().addCallback(self.stopped.append)
        self.net.settle()

    def end(self) -> None:
        """Stops whatever still runs; no timer may be left on either side."""
        if not self.house.is_stopping:
            self.stop()
        self.run.slow = False
        self.run.work()
        self.net.pass_s(60)
        assert self.stopped == [None]
        self.smsc.stop()
        self.net.settle()
        assert self.net.getDelayedCalls() == []

    def state(self, link: str = "main") -> str:
        """The link as an operator sees it."""
        return self.house.links[link].state

    def replied(self) -> list[str]:
        """Whom the SMSC was given a reply for, in order."""
        return [submit.destination for submit in self.smsc.submits]
