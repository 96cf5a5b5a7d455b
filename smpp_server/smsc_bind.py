"""One connection of an ESME to the simulated SMSC, and the agenda of what the SMSC does later."""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol, cast

from twisted.internet import protocol
from twisted.internet.interfaces import IAddress, IDelayedCall, ITransport
from twisted.python.failure import Failure

from smpp_server.smpp.happenings import Event
from smpp_server.smpp.matrix import Role, State
from smpp_server.smpp.session import Session
from smpp_server.smpp.timers import SessionLimits
from smpp_server.smsc_mailbox import Mailbox
from smpp_server.smsc_octets import SubmitTap

NS = 1_000_000_000
WAKE_LATE_S = 1e-6  # rather than early by a rounding, which would wake us again at once


class Tap(Protocol):
    """Told of every octet that passes, and of every connection."""

    def opened(self, bind_id: int) -> None:
        """A connection was made."""

    def received(self, bind_id: int, data: bytes) -> None:
        """Octets of the ESME."""

    def sent(self, bind_id: int, data: bytes) -> None:
        """Octets of the SMSC."""

    def closed(self, bind_id: int) -> None:
        """The connection is gone."""


class Owner(Protocol):
    """What a connection needs of the SMSC it belongs to."""

    reactor: Any
    limits: SessionLimits
    tap: Tap | None

    def now_ns(self) -> int:
        """The reactor's clock in nanoseconds."""

    def come(self, bind: "SmscBind") -> None:
        """A connection was made."""

    def gone(self, bind: "SmscBind") -> None:
        """A bind has died, by our will or not; may be told twice."""

    def left(self, bind: "SmscBind") -> None:
        """A connection has been closed."""

    def spend(self, octets: int) -> int:
        """How many of these octets may still be written before the connection is cut."""

    def react(self, bind: "SmscBind", events: Iterable[Event], frames: Iterator[bytes]) -> None:
        """Everything one read or one timer brought, with the submit_sm frames it held."""


class Agenda:
    """What is to be done later, under one timer of the reactor; `after` follows each round."""

    def __init__(self, reactor: Any, after: Callable[[], None]) -> None:
        self._reactor = reactor
        self._after = after
        self._heap: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        self._timer: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, delay_s: float, action: Callable[[], object]) -> None:
        """Do this after `delay_s`; equals in the order they were added."""
        entry = (self._reactor.seconds() + delay_s, next(self._order), action)
        heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._arm()

    def clear(self) -> None:
        """Forget everything."""
        self._heap.clear()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            delay_s = max(0, self._heap[0][0] - self._reactor.seconds())
            self._timer = self._reactor.callLater(delay_s + WAKE_LATE_S, self._run)

    def _run(self) -> None:
        self._timer = None
        now_s = self._reactor.seconds()
        while self._heap and self._heap[0][0] <= now_s:
            heappop(self._heap)[2]()
        if self._timer is None:
            self._arm()
        self._after()


class SmscBind(protocol.Protocol):
    """One connection of an ESME: octets in, octets out, and one timer."""

    def __init__(self, smsc: Owner, bind_id: int) -> None:
        self.bind_id = bind_id
        self.session = Session(Role.SMSC, smsc.limits)
        self.account = ""
        self.mailbox: Mailbox | None = None
        self._smsc = smsc
        self._tap = SubmitTap()
        self._wake: IDelayedCall | None = None
        self._wake_at = 0
        self._cut = False
        self.silent = False

    def connectionMade(self) -> None:
        """The ESME is here; its time to bind runs."""
        if self._smsc.tap is not None:
            self._smsc.tap.opened(self.bind_id)
        self.session.connected(self._smsc.now_ns())
        self._smsc.come(self)

    def dataReceived(self, data: bytes) -> None:
        """One read: all its PDUs, then one write."""
        if self._smsc.tap is not None:
            self._smsc.tap.received(self.bind_id, data)
        if not (self._cut or self.silent):
            frames = iter(self._tap.feed(data))
            self._smsc.react(self, self.session.receive(data, self._smsc.now_ns()), frames)

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """The connection is gone, wanted or not."""
        if self._smsc.tap is not None:
            self._smsc.tap.closed(self.bind_id)
        self._smsc.gone(self)
        self.arm()
        self._smsc.left(self)

    def write(self) -> None:
        """Write what the session has queued, close the connection if it has ended."""
        if self.transport is None or self._cut or self.silent:
            return
        if (data := self.session.data_to_send()) and not self._put(data):
            self.cut()
            return
        if self.session.state is State.CLOSED:
            self.transport.loseConnection()
        self.arm()

    def inject(self, octets: bytes) -> None:
        """Write these octets as they are, behind what is queued; the session is not told."""
        self.write()
        if self.transport is not None and not (self._cut or self.silent):
            if not self._put(octets):
                self.cut()

    def hush(self) -> None:
        """Fall silent: the connection stands, nothing is read or written any more (Q33)."""
        self.write()
        self.silent = True
        self.arm()

    def _put(self, data: bytes) -> bool:
        """Write what may be written; False when that was not all."""
        kept = data[: self._smsc.spend(len(data))]
        if self._smsc.tap is not None and kept:
            self._smsc.tap.sent(self.bind_id, kept)
        cast(ITransport, self.transport).write(kept)
        return len(kept) == len(data)

    def cut(self) -> None:
        """Die as a crashed SMSC does: what was written arrives, what comes back is not read."""
        self.write()
        self._cut = True
        if self.transport is not None:
            self.transport.loseConnection()
        self._smsc.gone(self)
        self.arm()

    def arm(self) -> None:
        """Set the one timer to the session's deadline; it may stand earlier, never later."""
        deadline = None if self.silent else self.session.deadline()
        if self._wake is not None and self._wake.active():
            if deadline is not None and self._wake_at <= deadline:
                return
            self._wake.cancel()
        self._wake = None
        if deadline is not None:
            self._wake_at = deadline
            delay_s = max(0, deadline - self._smsc.now_ns()) / NS + WAKE_LATE_S
            self._wake = self._smsc.reactor.callLater(delay_s, self._woken)

    def _woken(self) -> None:
        self._wake = None
        self._smsc.react(self, self.session.expire(self._smsc.now_ns()), iter(()))


class SmscFactory(protocol.Factory):
    """Makes one `SmscBind` for each connection."""

    noisy = False

    def __init__(self, smsc: Owner) -> None:
        self._smsc = smsc
        self._numbers = count(1)

    def buildProtocol(self, addr: IAddress | None) -> SmscBind:
        """See `IProtocolFactory.buildProtocol`."""
        return SmscBind(self._smsc, next(self._numbers))
