"""The Twisted shell of a link: connect, bind, back off, octets in, octets out.

A link is one transceiver bind, or a receiver and a transmitter that act as one. Nothing here
decides about messages: events go to the house, and what it gives back after the commit is written.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.application.internet import ClientService
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from routing.records import LinkFact
from smpp_server import events as ev
from smpp_server.backoff import BackOff, seconds
from smpp_server.config_records import LinkConfig
from smpp_server.connect import endpoint_for, why_closed
from smpp_server.smpp import happenings as hp
from smpp_server.smpp.constants import status_name
from smpp_server.smpp.matrix import Role, State
from smpp_server.smpp.schema import BindReceiver, BindTransceiver, BindTransmitter, Pdu
from smpp_server.smpp.session import Session
from smpp_server.smpp.timers import SessionLimits

TRANSCEIVER, RECEIVER, TRANSMITTER = "transceiver", "receiver", "transmitter"
_BINDS = {TRANSCEIVER: BindTransceiver, RECEIVER: BindReceiver, TRANSMITTER: BindTransmitter}
_MESSAGES = (hp.Received, hp.Answered, hp.Late, hp.Expired, hp.Malformed)


class House(Protocol):
    """What a link needs of the server around it."""

    def offer(self, event: ev.Event, octets: int = 0) -> None:
        """Something happened; it is part of the next turn."""

    def new_bind_id(self) -> int:
        """A number no bind of this process had before."""

    def monotonic_ns(self) -> int:
        """The clock of all timers."""

    def log(self, level: str, what: str, **fields: object) -> None:
        """One line for the operator."""


class Rate:
    """Submits of the last minute, in 61 slots of a second."""

    def __init__(self) -> None:
        self._slots = [0] * 61
        self._head = 0

    def add(self, submits: int, now_ns: int) -> None:
        """So many left now."""
        self._advance(now_ns)
        self._slots[self._head % 61] += submits

    def shown(self, now_ns: int) -> str:
        """Submits per second over the last whole minute, one decimal."""
        self._advance(now_ns)
        tenths = (sum(self._slots) - self._slots[self._head % 61]) * 10 // 60
        return f"{tenths // 10}.{tenths % 10}"

    def _advance(self, now_ns: int) -> None:
        second = now_ns // 1_000_000_000
        for slot in range(max(self._head + 1, second - 60), second + 1):
            self._slots[slot % 61] = 0
        self._head = max(self._head, second)


class Bind(TwistedProtocol):
    """One connection's life: a session, its timer, and the side of the link it serves."""

    def __init__(self, side: "Side") -> None:
        self.side = side
        self.house = side.link.house
        self.bind_id = self.house.new_bind_id()
        self.session = Session(Role.ESME, side.link.limits)
        self.paused = False  # the transport takes no more
        self.stopped_reading = False
        self.reason = ""
        self._timer: IDelayedCall | None = None
        self._wakes_at = 0

    def connectionMade(self) -> None:
        """Bind at once; what the carrier says to it decides whether the attempt counts."""
        now = self.house.monotonic_ns()
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]
        self.transport.setTcpKeepAlive(1)  # type: ignore[union-attr]
        self.transport.registerProducer(self, True)  # type: ignore[union-attr]
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
        messages = [event for event in events if isinstance(event, _MESSAGES)]
        for event in events:
            if not isinstance(event, _MESSAGES):
                self._housekeeping(event)
        if messages:
            self.house.offer(ev.Heard(self.bind_id, self.side.link.config.name, messages), octets)

    def _housekeeping(self, event: hp.Event) -> None:
        if isinstance(event, hp.Bound):
            self.side.bound(self)
        elif isinstance(event, hp.BindRefused):
            self.reason = f"bind refused: {status_name(event.status)}"
            self.side.refused(event.status)
            self.close()
        elif isinstance(event, hp.PeerUnbound):
            self.reason = "the carrier unbound"
        elif isinstance(event, hp.Unbound):
            self.close()
        elif isinstance(event, hp.Lost):
            self.reason = f"given up: {event.reason}"
            self.close()
        elif isinstance(event, hp.Stray):
            self.side.link.strays += 1

    def close(self) -> None:
        """Write what is queued, then close."""
        self.flush()
        self.transport.unregisterProducer()  # type: ignore[union-attr]
        self.transport.loseConnection()  # type: ignore[union-attr]

    def abort(self, reason: str) -> None:
        """Drop the connection now; nothing queued leaves."""
        self.reason = self.reason or reason
        self.transport.abortConnection()  # type: ignore[union-attr]

    def flush(self) -> None:
        """Everything queued leaves in one write; the timer follows the session."""
        data = self.session.data_to_send()
        if data:
            self.transport.write(data)  # type: ignore[union-attr]
        self._set_timer()

    def _set_timer(self) -> None:
        deadline = self.session.deadline()
        timer = self._timer
        if deadline is None:
            if timer is not None and timer.active():
                timer.cancel()
            self._timer = None
            return
        wait = max(0, deadline - self.house.monotonic_ns())
        if timer is not None and timer.active():
            if self._wakes_at <= deadline:
                return  # it wakes early and looks again: cheaper than a new timer for each read
            timer.cancel()
        self._wakes_at = deadline
        self._timer = self.side.link.reactor.callLater(seconds(wait), self._look)

    def _look(self) -> None:
        """Let the reactor read what has arrived before anything is called late."""
        self._timer = self.side.link.reactor.callLater(0, self._expire)

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
        self.house.offer(ev.LinkChanged(self.side.link.config.name))

    def stopProducing(self) -> None:
        """The connection ends."""

    def stop_reading(self) -> None:
        """Turns are behind: leave the next octets to the peer's window."""
        if not self.stopped_reading:
            self.stopped_reading = True
            self.session.pause(self.house.monotonic_ns())
            self.transport.pauseProducing()  # type: ignore[union-attr]

    def read_on(self) -> None:
        """Turns have caught up."""
        if self.stopped_reading:
            self.stopped_reading = False
            self.session.resume(self.house.monotonic_ns())
            self.transport.resumeProducing()  # type: ignore[union-attr]
            self._set_timer()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Name every submit without an answer; the session is over."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        unanswered = self.session.outstanding()
        self.session.disconnected()
        self.side.lost(self, self.reason or why_closed(reason))
        name = self.side.link.config.name
        self.house.offer(ev.LinkDown(self.bind_id, name, unanswered))


class Side:
    """One bind of a link, over all its connections: service, back-off, state."""

    def __init__(self, link: "Link", kind: str, jitter: Callable[[], float]) -> None:
        self.link = link
        self.kind = kind
        self.bind: Bind | None = None  # the connection that is up
        self.since_ns = link.house.monotonic_ns()
        self.last_error = ""
        self.backoff = BackOff(link.config.bind_stable_ns, jitter)
        self._service = self._new_service()

    def _new_service(self) -> ClientService:
        factory = Factory.forProtocol(lambda: Bind(self))
        factory.noisy = False
        return ClientService(
            endpoint_for(self.link.reactor, self.link.config),
            factory,
            retryPolicy=self._retry,
            clock=self.link.reactor,
        )

    def _retry(self, attempts: int) -> float:
        """Twisted forgets failures at each TCP connect; a bind must stay up to count."""
        if attempts:
            self.backoff.failed()
        wait = self.backoff.wait_s()
        if attempts and not self.last_error:
            self.last_error = "cannot connect"
        return wait

    def start(self) -> None:
        """Connect, and keep connecting."""
        self._service.startService()

    def stop(self) -> Any:
        """Stop connecting; the connection that is up is closed. A Deferred."""
        return self._service.stopService()

    @property
    def up(self) -> bool:
        """Bound, and neither side has asked to unbind."""
        return self.bind is not None and self.bind.session.bound

    def bind_pdu(self) -> Pdu:
        """The bind request of this side (SMPP 3.4 section 4.1)."""
        config = self.link.config
        return _BINDS[self.kind](
            system_id=config.system_id,
            password=config.password.reveal(),
            system_type=config.system_type,
            interface_version=config.interface_version,
            addr_ton=config.addr_ton,
            addr_npi=config.addr_npi,
            address_range=config.address_range,
        )

    def connected(self, bind: Bind) -> None:
        """TCP (and perhaps TLS) is up; nothing is bound yet."""
        self.bind = bind

    def bound(self, bind: Bind) -> None:
        """The carrier accepted."""
        self.since_ns = self.link.house.monotonic_ns()
        self.last_error = ""
        self.backoff.bound(self.since_ns)
        self.link.changed()

    def refused(self, status: int) -> None:
        """The carrier refused the bind: how soon to ask again depends on why."""
        self.backoff.refused(status)
        self.link.refused(status)

    def lost(self, bind: Bind, reason: str) -> None:
        """The connection ended; a bind that was up long enough starts the back-off anew."""
        now = self.link.house.monotonic_ns()
        self.backoff.lost(now)
        self.last_error = reason
        if self.bind is bind:
            self.bind = None
        self.since_ns = now
        self.link.changed()


class Link:
    """A configured link: what it can send and what the operator sees of it."""

    def __init__(
        self, config: LinkConfig, house: House, reactor: Any, jitter: Callable[[], float]
    ) -> None:
        self.config = config
        self.house = house
        self.reactor = reactor
        self.limits = SessionLimits(
            window=config.window,
            bind_timeout_ns=config.bind_timeout_ns,
            response_timeout_ns=config.response_timeout_ns,
            enquire_link_ns=config.enquire_link_ns,
            inactivity_ns=config.inactivity_ns,
            unbind_timeout_ns=config.unbind_timeout_ns,
        )
        pair = config.bind == "pair"
        kinds = (RECEIVER, TRANSMITTER) if pair else (TRANSCEIVER,)
        self.sides = [Side(self, kind, jitter) for kind in kinds]
        self.draining = False
        self.rate = Rate()
        self.strays = 0
        self._state = ""

    def start(self) -> None:
        """Bring every side up."""
        for side in self.sides:
            side.start()

    @property
    def state(self) -> str:
        """bound, half, draining or down, as an operator sees it."""
        up = [side.up for side in self.sides]
        if self.draining:
            return "draining"
        return "bound" if all(up) else "half" if any(up) else "down"

    @property
    def sender(self) -> Bind | None:
        """The bind that takes submits; a transmitter alone releases nothing."""
        if self.draining or not all(side.up for side in self.sides):
            return None
        return self.sides[-1].bind

    def fact(self) -> LinkFact:
        """What a turn may know of this link."""
        sender = self.sender
        if sender is None:
            return LinkFact(self.config.name, self.config.carrier, 0, 0)
        free = 0 if sender.paused else sender.session.free
        return LinkFact(self.config.name, self.config.carrier, sender.bind_id, free)

    def binds(self) -> list[Bind]:
        """Connections that are up, bound or not."""
        return [side.bind for side in self.sides if side.bind is not None]

    def changed(self) -> None:
        """A side came or went: lanes may move, alarms begin or end."""
        state = self.state
        if state == self._state:
            return
        before, self._state = self._state, state
        name = self.config.name
        self.house.log("info" if state == "bound" else "warning", "link", link=name, state=state)
        self.house.offer(ev.LinkChanged(name))
        if state == "draining":
            return
        errors = "; ".join(side.last_error for side in self.sides if side.last_error)
        for code, wanted in (("link_down", "down"), ("link_half", "half")):
            if state == wanted or before == wanted:
                self.house.offer(ev.Noticed(code, name, state == wanted, errors))
        if state == "bound":
            self.house.offer(ev.Noticed("credentials", name, False, ""))

    def refused(self, status: int) -> None:
        """Wrong credentials are an operator's matter, and asked about again only slowly."""
        name = self.config.name
        self.house.log("warning", "bind refused", link=name, status=status_name(status))
        if BackOff.is_credentials(status):
            what = ev.Noticed("credentials", name, True, status_name(status))
            self.house.offer(what)

    def abort(self, reason: str) -> None:
        """Drop every connection now."""
        for bind in self.binds():
            bind.abort(reason)

    def unbind(self) -> None:
        """Ask to end in order: the transmitter first, since the receiver still takes texts."""
        now = self.house.monotonic_ns()
        for side in reversed(self.sides):
            if side.bind is not None and side.bind.session.state is not State.CLOSED:
                if side.up:
                    side.bind.session.unbind(now)
                    side.bind.flush()
                else:
                    side.bind.close()

    def stop(self) -> list[Any]:
        """Stop all sides. Deferreds that fire when the connections are gone."""
        return [side.stop() for side in self.sides]
