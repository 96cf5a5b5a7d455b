"""One connection of a link: a session, its timer, octets in and octets out."""

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from smpp_server import events as ev
from smpp_server.backoff import seconds
from smpp_server.connect import why_closed
from smpp_server.smpp import happenings as hp
from smpp_server.smpp.constants import status_name
from smpp_server.smpp.matrix import Role
from smpp_server.smpp.schema import Pdu
from smpp_server.smpp.session import Session
from smpp_server.smpp.timers import Over, SessionLimits

_MESSAGES = frozenset({hp.Received, hp.Answered, hp.Late, hp.Expired, hp.Malformed})
_READ_MOST = 1 << 20  # octets of one read: what has arrived while a turn ran is one batch


class House(Protocol):
    """What a link needs of the server around it."""

    def offer(self, event: ev.Event, octets: int = 0) -> None:
        """Something happened; it is part of the next turn."""

    def new_bind_id(self) -> int:
        """A number no bind of this process had before."""

    def monotonic_ns(self) -> int:
        """The clock of all timers."""

    @property
    def log(self) -> Any:
        """One line for the operator: `log(level, what, **fields)`."""


class Owner(Protocol):
    """What a connection needs of the side of the link it serves."""

    @property
    def house(self) -> House:
        """Where events go."""

    @property
    def reactor(self) -> Any:
        """Where timers run."""

    @property
    def limits(self) -> SessionLimits:
        """Window and timers of the link."""

    @property
    def name(self) -> str:
        """Name of the link."""

    def bind_pdu(self) -> Pdu:
        """The bind request."""

    def connected(self, bind: "Bind") -> None:
        """TCP (and perhaps TLS) is up; nothing is bound yet."""

    def bound(self) -> None:
        """The carrier accepted."""

    def refused(self, status: int) -> None:
        """The carrier refused."""

    def leaving(self) -> None:
        """The carrier asked to unbind."""

    def sent(self, submits: int) -> None:
        """So many submits leave with the next write."""

    def stray(self) -> None:
        """A PDU came that changes nothing."""

    def lost(self, bind: "Bind", reason: str) -> None:
        """The connection is gone."""


class Bind(TwistedProtocol):
    """One connection's life. Every event of it carries its `bind_id`, never only the link."""

    transport: Any

    def __init__(self, side: Owner) -> None:
        self.side = side
        self.house = side.house
        self.bind_id = self.house.new_bind_id()
        self.session = Session(Role.ESME, side.limits)
        self.paused = False  # the transport takes no more
        self.stopped_reading = False
        self._waits = False  # a turn of this very traffic runs
        self.ending = False  # we have closed or dropped it: what is written now does not leave
        self.reason = ""
        self._timer: IDelayedCall | None = None
        self._wakes_at = 0

    @property
    def up(self) -> bool:
        """Bound, and neither side is about to end it."""
        return self.session.bound and not self.ending

    def connectionMade(self) -> None:
        """Bind at once; what the carrier says to it decides whether the attempt counts."""
        now = self.house.monotonic_ns()
        self.transport.setTcpNoDelay(True)
        self.transport.setTcpKeepAlive(1)
        self.transport.bufferSize = _READ_MOST
        self.transport.registerProducer(self, True)
        self.session.connected(now)
        self.session.bind(self.side.bind_pdu(), now)
        self.side.connected(self)
        self.flush()

    def dataReceived(self, data: bytes) -> None:
        """One read: housekeeping is answered now, messages after the commit."""
        events = self.session.receive(data, self.house.monotonic_ns())
        self._happened(events, len(data))
        self.flush()

    def _happened(self, events: Sequence[hp.Event], octets: int) -> None:
        messages = events
        if not _MESSAGES.issuperset(map(type, events)):
            messages = [event for event in events if type(event) in _MESSAGES]
            for event in events:
                if type(event) not in _MESSAGES:
                    self._housekeeping(event)
        if messages:
            self.house.offer(ev.Heard(self.bind_id, self.side.name, messages), octets)

    def _housekeeping(self, event: hp.Event) -> None:
        if isinstance(event, hp.Bound):
            self.side.bound()
        elif isinstance(event, hp.BindRefused):
            self.reason = f"bind refused: {status_name(event.status)}"
            self.side.refused(event.status)
            self.close()
        elif isinstance(event, hp.PeerUnbound):
            self.reason = "the carrier unbound"
            self.side.leaving()
        elif isinstance(event, hp.Unbound):
            self.close()
        elif isinstance(event, hp.Lost):
            self.reason = f"given up: {event.reason}"
            if event.reason == Over.SILENT:
                self.abort(self.reason)  # nobody is there to read what is queued
            else:
                self.close()
        elif isinstance(event, hp.Stray):
            self.side.stray()

    def unbind(self) -> None:
        """Ask to end in order; what still comes until then is heard."""
        self.session.unbind(self.house.monotonic_ns())
        self.flush()

    def close(self) -> None:
        """Write what is queued, then close; a peer that does not let us is dropped."""
        if self.ending:
            return
        self.flush()
        self.ending = True
        self.transport.unregisterProducer()  # with one, TLS would wait for it for ever
        self.transport.loseConnection()
        self._cancel_timer()
        wait = seconds(self.side.limits.unbind_timeout_ns)
        self._timer = self.side.reactor.callLater(wait, self.transport.abortConnection)

    def abort(self, reason: str) -> None:
        """Drop the connection now; nothing queued leaves."""
        self.reason = self.reason or reason
        self.ending = True
        self.transport.abortConnection()

    def flush(self) -> None:
        """Everything queued leaves in one write; the timer follows the session."""
        data = self.session.data_to_send()
        if data:
            self.transport.write(data)
        self._set_timer()

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _set_timer(self) -> None:
        if self.ending:
            return
        deadline = self.session.deadline()
        if deadline is None:
            self._cancel_timer()
            return
        if self._timer is not None and self._timer.active() and self._wakes_at <= deadline:
            return  # it wakes early and looks again: cheaper than a new timer for each read
        self._cancel_timer()
        self._wakes_at = deadline
        wait = max(0, deadline - self.house.monotonic_ns())
        self._timer = self.side.reactor.callLater(seconds(wait), self._look)

    def _look(self) -> None:
        """Let the reactor read what has arrived before anything is called late."""
        self._timer = self.side.reactor.callLater(0, self._expire)

    def _expire(self) -> None:
        self._timer = None
        events = self.session.expire(self.house.monotonic_ns())
        self._happened(events, 0)
        self.flush()

    def pauseProducing(self) -> None:
        """The peer does not read: nothing more is released to it."""
        self.paused = True

    def resumeProducing(self) -> None:
        """The peer reads again."""
        self.paused = False
        self.house.offer(ev.LinkChanged(self.side.name))

    def stopProducing(self) -> None:
        """The connection ends."""

    def stop_reading(self) -> None:
        """Turns are behind: leave the next octets to the peer's window."""
        if not self.stopped_reading and not self.ending:
            self.stopped_reading = True
            self.session.pause(self.house.monotonic_ns())
            self.transport.pauseProducing()

    def read_on(self) -> None:
        """Turns have caught up."""
        if self.stopped_reading and not self.ending:
            self.stopped_reading = False
            self.session.resume(self.house.monotonic_ns())
            self.transport.resumeProducing()
            self._set_timer()

    def wait(self) -> None:
        """A turn runs: what comes next is read when it is done, as one batch.

        Two threads that both have work slow each other down by a fifth. Not for long: see
        `go_on`. Nothing is called late meanwhile, since what has arrived is read first.
        """
        if not (self.stopped_reading or self.ending or self._waits):
            self._waits = True
            self.transport.pauseProducing()

    def go_on(self) -> None:
        """The turn is done, or it takes so long that the peer must hear from us."""
        if self._waits:
            self._waits = False
            if not (self.stopped_reading or self.ending):
                self.transport.resumeProducing()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Name every submit without an answer; the session is over."""
        self.ending = True
        self._cancel_timer()
        unanswered = self.session.outstanding()
        self.session.disconnected()
        self.side.lost(self, self.reason or why_closed(reason))
        self.house.offer(ev.LinkDown(self.bind_id, self.side.name, unanswered))
