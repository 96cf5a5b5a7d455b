"""Kannel: a bearerbox bound to an SMSC, the smsbox before it, and what it tells over HTTP."""

import http.client
import socket
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.end_to_end.server import until
from tests.end_to_end.wire import WAIT_S

# In URLs: %p sender, %P receiver, %b the text, %C its charset, %d the kind of a report.
CONFIG = """\
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = tiptoe
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
box-deny-ip = "*.*.*.*"
box-allow-ip = "127.0.0.1"
dlr-storage = internal
log-level = 0

group = smsc
smsc = smpp
smsc-id = sim
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
interface-version = 34
smsc-username = {system_id}
smsc-password = {password}
system-type = ""
source-addr-ton = 1
source-addr-npi = 1
dest-addr-ton = 1
dest-addr-npi = 1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-level = 0

group = sendsms-user
username = us
password = tiptoe

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "http://127.0.0.1:{told}/text?source=%p&destination=%P&text=%b&charset=%C"
"""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Told(ThreadingHTTPServer):
    """Where Kannel tells of texts and reports: `requests` holds (path, fields)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Request)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def of(self, path: str) -> list[dict[str, str]]:
        """The fields of all requests for this path."""
        return [fields for at, fields in list(self.requests) if at == path]


class _Request(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """One request of Kannel's."""
        url = urlsplit(self.path)
        fields = dict(parse_qsl(url.query, keep_blank_values=True, encoding="latin-1"))
        if "text" in fields:  # octets in this charset; all else is ASCII
            fields["text"] = fields["text"].encode("latin-1").decode(fields.pop("charset"))
        assert isinstance(self.server, Told)
        self.server.requests.append((url.path, fields))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


class Kannel:
    """Both boxes, on free ports of loopback, with an account at the SMSC on this port."""

    def __init__(self, folder: Path, port: int, system_id: str, password: str) -> None:
        self.told = Told()
        self.admin, boxes, self.sendsms = free_ports(3)
        known = {
            "admin": self.admin,
            "boxes": boxes,
            "sendsms": self.sendsms,
            "told": self.told.server_port,
            "smsc": port,
            "system_id": system_id,
            "password": password,
        }
        self._folder = folder
        self._boxes: dict[str, subprocess.Popen[bytes]] = {}
        self._file = folder / "kannel.conf"
        self._file.write_text(CONFIG.format(**known), "utf-8")
        self._start("bearerbox")
        self._until("bearerbox", lambda: "(online " in self.status())
        self._start("smsbox")
        self._until("smsbox", lambda: self.ask(self.sendsms, "/") != "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for box in self._boxes.values():
            box.kill()
            box.wait(WAIT_S)
        self.told.shutdown()
        self.told.server_close()

    def _start(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._boxes[name] = subprocess.Popen(
                [name, str(self._file)],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _until(self, name: str, wanted: Callable[[], bool]) -> None:
        def met() -> bool:
            assert self._boxes[name].poll() is None, self.log(name)
            try:
                return wanted()
            except (OSError, http.client.HTTPException):
                return False

        until(met, f"for {name}")

    def log(self, name: str) -> str:
        """What the box has logged, every PDU included."""
        return (self._folder / f"{name}.log").read_text("utf-8", "replace")

    def ask(self, port: int, path: str, **fields: str) -> str:
        """What one of its HTTP services says."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
        try:
            connection.request("GET", f"{path}?{urlencode(fields)}" if fields else path)
            return connection.getresponse().read().decode("utf-8", "replace")
        finally:
            connection.close()

    def status(self) -> str:
        """The status page of the bearerbox."""
        return self.ask(self.admin, "/status.txt")

    def send(self, source: str, destination: str, text: str) -> str:
        """Submit a text and ask for a report of its delivery."""
        report = f"http://127.0.0.1:{self.told.server_port}/report?kind=%d&source=%p&destination=%P"
        return self.ask(
            self.sendsms,
            "/cgi-bin/sendsms",
            username="us",
            password="tiptoe",
            **{"from": source, "to": destination, "text": text},
            charset="UTF-8",
            coding="0",
            **{"dlr-mask": "3", "dlr-url": report},
        )

    def stop(self) -> None:
        """SIGTERM to both; they must end by themselves."""
        for name in ("smsbox", "bearerbox"):
            box = self._boxes[name]
            box.terminate()
            box.wait(WAIT_S)
