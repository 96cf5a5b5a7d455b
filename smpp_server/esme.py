"""The Twisted shell of a link: its binds, over all their connections, and what can be sent.

A link is one transceiver bind, or a receiver and a transmitter that act as one. Nothing here
decides about messages: events go to the house, and what it gives back after the commit is written.
"""

from collections.abc import Callable
from typing import Any

from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from routing.records import LinkFact
from smpp_server import events as ev
from smpp_server.backoff import BackOff
from smpp_server.config_records import LinkConfig
from smpp_server.connect import Watched, endpoint_for, why_not
from smpp_server.esme_bind import Bind, House
from smpp_server.smpp.constants import status_name
from smpp_server.smpp.schema import BindReceiver, BindTransceiver, BindTransmitter, Pdu
from smpp_server.smpp.timers import SessionLimits

TRANSCEIVER, RECEIVER, TRANSMITTER = "transceiver", "receiver", "transmitter"
_BINDS = {TRANSCEIVER: BindTransceiver, RECEIVER: BindReceiver, TRANSMITTER: BindTransmitter}
_ALARMS = {"down": "link_down", "half": "link_half"}


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


class Side:
    """One bind of a link, over all its connections: service, back-off, state."""

    def __init__(self, link: "Link", kind: str, jitter: Callable[[], float]) -> None:
        self.link = link
        self.kind = kind
        self.house = link.house
        self.reactor = link.reactor
        self.limits = link.limits
        self.name = link.config.name
        self.bind: Bind | None = None  # the connection that is up
        self.since_ns = link.house.monotonic_ns()
        self.last_error = ""
        self.backoff = BackOff(link.config.bind_stable_ns, jitter)
        self._leaving: Deferred[Any] | None = None
        factory = Factory.forProtocol(lambda: Bind(self))
        factory.noisy = False
        self._service = ClientService(
            Watched(endpoint_for(link.reactor, link.config), self._unreachable),
            factory,
            retryPolicy=lambda attempts: self.backoff.wait_s(),  # Twisted's count is not ours
            clock=link.reactor,
        )

    def start(self) -> None:
        """Connect, and keep connecting."""
        self._service.startService()

    def stop(self) -> "Deferred[Any]":
        """Stop connecting; the connection that is up is closed. Fires when it is gone."""
        return self._service.stopService()

    def end(self) -> "Deferred[Any]":
        """Unbind if bound, then `stop`. Fires when the connection is gone."""
        if self.bind is not None and self.up:
            self._leaving = Deferred()
            self.bind.unbind()
            return self._leaving
        if self.bind is not None:
            self.bind.close()
        return self.stop()

    @property
    def up(self) -> bool:
        """Bound, and neither side has asked to unbind."""
        return self.bind is not None and self.bind.up

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

    def _unreachable(self, failure: Failure) -> None:
        """No connection came about."""
        self.backoff.failed()
        self.last_error = why_not(failure)
        self.link.changed()

    def bound(self) -> None:
        """The carrier accepted."""
        self.since_ns = self.house.monotonic_ns()
        self.last_error = ""
        self.backoff.bound(self.since_ns)
        self.link.changed()

    def refused(self, status: int) -> None:
        """The carrier refused the bind: how soon to ask again depends on why."""
        self.backoff.refused(status)
        self.link.refused(status)

    def leaving(self) -> None:
        """The carrier asked to unbind: nothing more is released to this bind."""
        self.last_error = "the carrier unbound"
        self.link.changed()

    def sent(self, submits: int) -> None:
        """So many submits leave with the next write."""
        self.link.rate.add(submits, self.house.monotonic_ns())

    def stray(self) -> None:
        """A PDU came that changes nothing."""
        self.link.strays += 1

    def lost(self, bind: Bind, reason: str) -> None:
        """The connection ended; a bind that was up long enough starts the back-off anew."""
        now = self.house.monotonic_ns()
        handshake = not self.backoff.is_bound and reason.startswith("TLS")
        self.backoff.lost(now)
        self.last_error = reason
        if self.bind is bind:
            self.bind = None
        self.since_ns = now
        self.link.changed()
        if handshake:
            self.house.offer(ev.Noticed("certificate", self.name, True, reason))
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            self.stop().chainDeferred(leaving)


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
        self._shown = ("", "")  # state, and the alarm that goes with it

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
        """A side came, went or failed: lanes may move, alarms begin or end.

        A side that is only under way, as at the start, is no reason for an alarm.
        """
        state = self.state
        errors = "; ".join(s.last_error for s in self.sides if s.last_error and not s.up)
        alarm = _ALARMS.get(state, "") if errors else ""
        before = self._shown
        if (state, alarm) == before:
            return
        self._shown = (state, alarm)
        name = self.config.name
        if state != before[0]:
            level = "warning" if alarm else "info"
            self.house.log(level, "link", link=name, state=state)
            self.house.offer(ev.LinkChanged(name))
        if state == "bound":  # also what an earlier run left standing
            for code in ("credentials", "certificate"):
                self.house.offer(ev.Noticed(code, name, False, ""))
        if alarm or state == "bound":
            for code in _ALARMS.values():
                self.house.offer(ev.Noticed(code, name, code == alarm, errors))

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

    def end(self) -> "Deferred[Any]":
        """End in order: the transmitter first, since the receiver still takes what comes."""
        ended = self.sides[-1].end()
        for side in self.sides[-2::-1]:
            ended = ended.addCallback(lambda _, other: other.end(), side)
        return ended

    def stop(self) -> "list[Deferred[Any]]":
        """Stop all sides at once. Deferreds that fire when the connections are gone."""
        return [side.stop() for side in self.sides]
