"""The port of the simulated SMSC: who is connected, and how that begins and ends."""

from typing import Any, cast

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IDelayedCall, IListeningPort, ITCPTransport

from smpp_server.smpp.matrix import State
from smpp_server.smsc_bind import NS, SmscBind


class SmscPort:
    """Connections of ESMEs, oldest first, and the port they come from."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.factory: Any = None  # set by whoever knows what a connection belongs to
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
