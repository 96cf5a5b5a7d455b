"""The port of the simulated SMSC: who is connected, and how that begins and ends."""

from typing import Any, cast

from OpenSSL import SSL, crypto
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.error import VerifyError
from twisted.internet.interfaces import IDelayedCall, IListeningPort, ITCPTransport
from twisted.internet.ssl import PrivateCertificate

from smpp_server.smpp.matrix import State
from smpp_server.smsc_bind import NS, SmscBind, Tap


def server_tls(certificate: bytes, private_key: bytes) -> Any:
    """What `listen` needs to encrypt, from PEM. Raises ValueError."""
    try:
        pair = cast(Any, PrivateCertificate).loadPEM(certificate + b"\n" + private_key)
        options = pair.options()
        options.getContext()  # a pair that does not match is found out now
    except (SSL.Error, crypto.Error, VerifyError, ValueError) as error:
        raise ValueError("certificate and private_key are no pair of PEM files") from error
    return options


class SmscPort:
    """Connections of ESMEs, oldest first, and the port they come from."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.factory: Any = None  # set by whoever knows what a connection belongs to
        self.tap: Tap | None = None
        self.cut_after_octets = 0  # the connection that has written so many dies; 0: none does
        self.octet_cuts = 1  # so often; -1: for ever
        self._octets = 0
        self._connected: dict[SmscBind, None] = {}
        self._port: IListeningPort | None = None
        self._alone: Deferred[None] | None = None
        self._abort: IDelayedCall | None = None

    def listen(self, port: int = 0, interface: str = "127.0.0.1", tls: Any = None) -> Deferred[int]:
        """Accept connections; fires with the port, which the system chooses when it is 0.

        With `tls`, a context factory of Twisted, they are encrypted from their first octet.
        """
        if tls is None:
            self._port = self.reactor.listenTCP(port, self.factory, interface=interface)
        else:
            self._port = self.reactor.listenSSL(port, self.factory, tls, interface=interface)
        return succeed(cast(int, cast(Any, self._port.getHost()).port))

    def now_ns(self) -> int:
        """The reactor's clock in nanoseconds."""
        return int(self.reactor.seconds() * NS)

    @property
    def binds(self) -> list[SmscBind]:
        """Binds that stand now, oldest first."""
        return [bind for bind in self._connected if bind.session.bound]

    def come(self, bind: SmscBind) -> None:
        """A connection was made."""
        self._connected[bind] = None
        bind.arm()

    def left(self, bind: SmscBind) -> None:
        """A connection has been closed."""
        del self._connected[bind]
        self._end_if_alone()

    def unbind(self) -> None:
        """Ask all binds to end in order, as before maintenance (Q36); listening goes on."""
        for bind in self.binds:
            bind.session.unbind(self.now_ns())
            bind.write()

    def cut(self) -> None:
        """Let all connections die without a word; listening goes on."""
        for bind in list(self._connected):
            bind.cut()

    def spend(self, octets: int) -> int:
        """How many of these octets may still be written before the connection is cut."""
        if not (self.cut_after_octets and self.octet_cuts):
            return octets
        room = self.cut_after_octets - self._octets
        if octets <= room:
            self._octets += octets
            return octets
        self._octets = 0
        self.octet_cuts -= 1
        return room

    def hush(self) -> None:
        """Let all binds stand in silence: nothing is read or written on them any more."""
        for bind in self.binds:
            bind.hush()

    def inject(self, octets: bytes) -> None:
        """Write these octets as they are on every bind."""
        for bind in self.binds:
            bind.inject(octets)

    def stop(self, timeout_s: float = 5) -> Deferred[None]:
        """Stop listening, unbind, close; fires when no connection and no timer is left.

        Who has not answered after `timeout_s` is cut off.
        """
        port, self._port = self._port, None
        closing = (port.stopListening() if port else None) or succeed(None)
        if self._alone is None:
            self._alone = Deferred()
            self._abort = self.reactor.callLater(timeout_s, self._abort_all)
            self.unbind()
            for bind in self._connected:
                if bind.session.state in (State.OPEN, State.BINDING):
                    cast(ITCPTransport, bind.transport).loseConnection()
            self._end_if_alone()
        return gatherResults([closing, self._alone]).addCallback(lambda _: None)

    def forget(self) -> None:
        """Nothing is to be done later any more: the last connection has gone."""

    def _abort_all(self) -> None:
        self._abort = None
        for bind in list(self._connected):
            cast(ITCPTransport, bind.transport).abortConnection()

    def _end_if_alone(self) -> None:
        if self._alone is None or self._connected or self._alone.called:
            return
        self.forget()
        if self._abort is not None:
            self._abort.cancel()
            self._abort = None
        self._alone.callback(None)
