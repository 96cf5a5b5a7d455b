"""A real house on a real store, turns inline, clocks standing still; and the ways to its admin."""

import http.client
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.testing import MemoryReactorClock, StringTransport

from smpp_server import app
from smpp_server import events as ev
from smpp_server.config import load
from smpp_server.web.admin import AdminSite
from tests.server.configs import BASE, write

WALL_NS = 1_790_000_000 * 10**9


class StillClocks:
    """Clocks that stand; `wall` may be set."""

    wall = WALL_NS

    def wall_ns(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return 10**9


def inline(work: Callable[[], Any]) -> "Deferred[Any]":
    return maybeDeferred(work)


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    value: Any


class Lodge:
    """The house and its admin site."""

    def __init__(self, folder: Path) -> None:
        self.config = load(write(folder, BASE), state_dir=folder / "state")
        (folder / "state").mkdir(mode=0o700, exist_ok=True)
        self.clocks = StillClocks()
        self.reactor = MemoryReactorClock()
        numbers = iter(range(1, 1 << 30))
        self.house = app.build(
            self.config,
            self.reactor,
            self.clocks,
            lambda octets: next(numbers).to_bytes(8, "big").rjust(octets, b"\x5a"),
            lambda: 1,
            inline,
            app.store_opener(self.config),
            lambda *words, **fields: None,
        )
        self.house.offer(ev.Tick())
        self.site: Any = AdminSite(self.reactor, self.house)

    def exchange(self, octets: bytes) -> bytes:
        """What a new connection that sends this gets back."""
        protocol = self.site.buildProtocol(UNIXAddress(None))
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(octets)
        return transport.value()

    def ask(self, method: str, target: str, body: bytes = b"", *lines: str) -> Answer:
        """One request over HTTP/1.1, as http.client understands its answer."""
        head = [f"{method} {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        request = "\r\n".join([*head, *lines, "", ""]).encode() + body
        return read(self.exchange(request), method)

    def get(self, target: str) -> Answer:
        """A look."""
        return self.ask("GET", target)

    def post(self, target: str, **fields: object) -> Answer:
        """A command."""
        return self.ask("POST", target, json.dumps(fields).encode())

    @contextmanager
    def served(self) -> Iterator[Path]:
        """The same admin at a UNIX socket in the state directory, served from another thread."""
        path = self.config.server.state_dir / "admin.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            thread = threading.Thread(target=self._serve, args=(listener,))
            thread.start()
            try:
                yield path
            finally:
                listener.shutdown(socket.SHUT_RDWR)  # accept() ends with an error
                thread.join()
                path.unlink()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                octets, answer = b"", b""
                while not answer and (read_now := connection.recv(65536)):
                    octets += read_now
                    answer = self.exchange(octets) if complete(octets) else b""
                connection.sendall(answer)

    def close(self) -> None:
        """Close the store."""
        for call in self.reactor.getDelayedCalls():
            call.cancel()
        self.house.turn.close()


def complete(octets: bytes) -> bool:
    """Whether a request's head and body are all there."""
    head, end, body = octets.partition(b"\r\n\r\n")
    lengths = [int(x[15:]) for x in head.lower().splitlines() if x.startswith(b"content-length:")]
    return bool(end) and len(body) >= sum(lengths)


class _Wire:
    """What http.client takes for a socket."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.octets)


def read(octets: bytes, method: str) -> Answer:
    """A response in octets."""
    response = http.client.HTTPResponse(_Wire(octets), method=method)  # type: ignore[arg-type]
    response.begin()
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, json.loads(body) if body else None)
