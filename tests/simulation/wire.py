"""Imagined time and imagined cables: octets take a while, are cut anywhere, or vanish."""

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    TimeoutError,
    UserError,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure

Tap = Callable[["End", bytes], None]


class Time(Clock):
    """The one clock; `step` lets exactly one thing happen."""

    def callLater(self, delay: float, what: Any, *args: Any, **kw: Any) -> DelayedCall:
        call = DelayedCall(
            self.rightNow + delay, what, args, kw, self.calls.remove, lambda _: None, self.seconds
        )
        self.calls.append(call)
        return call

    def step(self, until_s: float) -> bool:
        """Do what is due next, if it is due by then. False when nothing was, and it is then."""
        call = min(self.calls, key=DelayedCall.getTime, default=None)  # of equals the first made
        if call is None or call.getTime() > until_s:
            self.rightNow = max(self.rightNow, until_s)
            return False
        self.calls.remove(call)
        self.rightNow = max(self.rightNow, call.getTime())
        call.called = 1
        call.func(*call.args, **call.kw)
        return True


class End:
    """One end of a connection, as a Twisted transport."""

    disconnecting = False
    bufferSize = 0

    def __init__(self, wire: "Wire", machine: Any, name: str) -> None:
        self.wire = wire
        self.machine = machine  # whose callLater is used: what dies with it
        self.name = name
        self.protocol: Any = None
        self.producer: Any = None
        self.gone = False  # connectionLost was told, or never will be
        self.closing = False
        self._reading = True
        self._came: list[tuple[float, bytes | None]] = []  # on the way here; None is the end
        self._wake: Any = None

    # what a protocol asks of its transport

    def write(self, data: bytes) -> None:
        if not (self.closing or self.gone):
            self.wire.carry(self, data)

    def loseConnection(self) -> None:
        if not (self.closing or self.gone):
            self.closing = self.disconnecting = True
            self.wire.carry(self, None)
            self.machine.callLater(0, self.lose, ConnectionDone())

    def abortConnection(self) -> None:
        if not self.gone:
            self.closing = self.disconnecting = True
            self.wire.reset(self)
            self.machine.callLater(0, self.lose, ConnectionAborted())

    def pauseProducing(self) -> None:
        self._reading = False

    def resumeProducing(self) -> None:
        self._reading = True
        self._look(0)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def setTcpNoDelay(self, enabled: bool) -> None:
        """As TCP has it."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """As TCP has it."""

    def getPeer(self) -> str:
        return "peer"

    def getHost(self) -> str:
        return "host"

    # what the cable does

    def lose(self, error: Exception) -> None:
        """The connection is over for this end."""
        if not self.gone:
            self.vanish()
            self.wire.ended(self)
            self.protocol.connectionLost(Failure(error))

    def vanish(self) -> None:
        """Nothing more comes here."""
        self.gone = True
        self._came.clear()
        if self._wake is not None and self._wake.active():
            self._wake.cancel()

    def come(self, at_s: float, data: bytes | None) -> None:
        """These octets will be here then."""
        if not self.gone:
            if self._came:
                at_s = max(at_s, self._came[-1][0])
            self._came.append((at_s, data))
            self._look(at_s - self.wire.time.seconds())

    def forget(self, keep: int) -> None:
        """What is on its way does not come, but for so many octets, which are here now."""
        left = b"".join(data or b"" for _, data in self._came)[:keep]
        self._came = [(0.0, left)] if left else []
        self._look(0)

    @property
    def coming(self) -> int:
        """Octets on their way here."""
        return sum(len(data or b"") for _, data in self._came)

    def _look(self, wait_s: float) -> None:
        if self._wake is None or not self._wake.active():
            self._wake = self.wire.time.callLater(max(0, wait_s), self._read)

    def _read(self) -> None:
        if self.gone or not self._reading or self.closing:
            return
        now = self.wire.time.seconds()
        data, ends = b"", False
        while self._came and self._came[0][0] <= now + 1e-9 and not ends:
            _, chunk = self._came.pop(0)
            ends = chunk is None
            data += chunk or b""
        data, rest = self.wire.cut(data)
        if rest:
            self._came[:0] = [(now, rest)] + ([(now, None)] if ends else [])
            ends = False
        if data:
            self.wire.arrived(self, data)
            self.protocol.dataReceived(data)
        if ends:
            self.lose(ConnectionDone())
        elif self._came and not self.gone:
            self._look(max(self._came[0][0] - now, 0.001 if rest else 0))


class Wire:
    """A connection between the server (near) and the SMSC (far)."""

    def __init__(self, net: "Net", number: int, near: Any, far: Any) -> None:
        self.net = net
        self.time = net.time
        self.number = number
        self.silent = False
        self.near = End(self, near, "near")
        self.far = End(self, far, "far")

    def other(self, end: End) -> End:
        """The other end."""
        return self.far if end is self.near else self.near

    def carry(self, end: End, data: bytes | None) -> None:
        """Octets leave one end; None is the end of them."""
        if data is not None:
            data = self.net.tamper(end, data)
            self.net.wrote(end, data)
        if not self.silent:
            other = self.other(end)
            other.come(self.time.seconds() + self.net.latency_s(), data)

    def cut(self, data: bytes) -> tuple[bytes, bytes]:
        """What one read brings of what is there."""
        return self.net.cut(data)

    def arrived(self, end: End, data: bytes) -> None:
        """Octets reach one end."""
        self.net.arrived(end, data)

    def reset(self, end: End) -> None:
        """`end` drops the connection: what it wrote and has not arrived is lost, or is not."""
        other = self.other(end)
        if not (self.silent or other.gone):
            other.forget(self.net.chance.choice((0, other.coming)))
            wait_s = self.net.latency_s() + 0.001
            other.machine.callLater(wait_s, other.lose, ConnectionLost())

    def break_(self) -> None:
        """Both ends lose the connection; any number of octets on their way still arrive."""
        self.silent = True
        for end in (self.near, self.far):
            if not end.gone:
                end.forget(self.net.chance.randint(0, end.coming))
                wait_s = self.net.chance.random() + 0.001
                end.machine.callLater(wait_s, end.lose, ConnectionLost())

    def hush(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        self.silent = True
        for end in (self.near, self.far):
            end.forget(0)

    def ended(self, end: End) -> None:
        """One end is over."""
        if self.near.gone and self.far.gone:
            self.net.wires.remove(self)
        self.net.closed(end)

    def near_died(self) -> None:
        """The server's machine is gone: nothing reaches it, and the SMSC may be told."""
        self.near.vanish()
        self.net.closed(self.near)
        if self.far.gone:
            self.net.wires.remove(self)
        elif not self.silent:
            self.far.come(self.time.seconds() + self.net.latency_s(), None)


class Connector:
    """An attempt to connect."""

    def __init__(self, factory: Any) -> None:
        self.factory = factory
        self.call: Any = None

    def stopConnecting(self) -> None:
        self.call.cancel()
        self.factory.clientConnectionFailed(self, Failure(UserError()))

    def getDestination(self) -> str:
        return "smsc"


class Net:
    """All cables, and how they behave now."""

    def __init__(self, time: Time, chance: Random) -> None:
        self.time = time
        self.chance = chance
        self.listener: Any = None  # the SMSC's factory
        self.mode = "open"  # open, refuse, hang
        self.latency_most_s = 0.002
        self.splits = False
        self.wires: list[Wire] = []
        self.numbers = 0
        self.tamper: Callable[[End, bytes], bytes] = lambda end, data: data
        self.wrote: Tap = lambda end, data: None
        self.arrived: Tap = lambda end, data: None
        self.closed: Callable[[End], None] = lambda end: None

    def latency_s(self) -> float:
        """Of one write."""
        return self.latency_most_s * self.chance.random()

    def cut(self, data: bytes) -> tuple[bytes, bytes]:
        """Where the next read ends."""
        if self.splits and len(data) > 1 and self.chance.random() < 0.3:
            at = self.chance.randint(1, len(data) - 1)
            return data[:at], data[at:]
        return data, b""

    def connect(self, machine: Any, factory: Any, timeout_s: float) -> Connector:
        """What `connectTCP` of a machine does."""
        connector = Connector(factory)
        factory.doStart()
        factory.startedConnecting(connector)
        if self.mode == "open":
            connector.call = machine.callLater(self.latency_s(), self._join, machine, factory)
            return connector
        error: Exception = ConnectionRefusedError()
        wait_s = self.latency_s()
        if self.mode == "hang":
            error, wait_s = TimeoutError(), timeout_s
        why = Failure(error)
        connector.call = machine.callLater(wait_s, factory.clientConnectionFailed, connector, why)
        return connector

    def _join(self, machine: Any, factory: Any) -> None:
        self.numbers += 1
        wire = Wire(self, self.numbers, machine, self.time)
        wire.near.protocol = factory.buildProtocol(None)
        wire.far.protocol = self.listener.buildProtocol(None)
        self.wires.append(wire)
        wire.far.protocol.makeConnection(wire.far)
        wire.near.protocol.makeConnection(wire.near)
