"""A real server in a process of its own: its configuration, its life, its admin socket."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from tests.end_to_end.wire import WAIT_S

ROOT = Path(__file__).parent.parent.parent
NOW, LATER = "33937000001", "33937000002"  # our numbers: answered at once, answered after a delay
DELAY_S = 2
OUT_NANOS, IN_NANOS = 49_500_000, 7_500_000
RATES = """\
prefix,direction,price,currency,country,note
33,out,0.0495,EUR,FR,France
33,in,0.0075,EUR,,texts to our numbers
"""
# Guards and breaker are on, above the load of a test.
BASE = f"""\
[money]
budget_day = "100000"

[guard.prefix]
segments_per_hour = 1000000
segments_per_day = 1000000

[guard.home]
segments_per_hour = 1000000
segments_per_day = 1000000

[breaker]
repeated_percent = 100
range_percent = 100
fresh_senders = 1000000
spend_percent = 100

[campaign.now]
delay_s = 0
spread_s = 0

[campaign.later]
delay_s = {DELAY_S}
spread_s = 0

[number.now]
msisdn = "{NOW}"
campaign = "now"
links = ["main"]

[number.later]
msisdn = "{LATER}"
campaign = "later"
links = ["main"]

[carrier.main]
rate_card = "rate_card.csv"

[link.main]
carrier = "main"
host = "127.0.0.1"
port = 2775
system_id = "us"
password = "tiptoe42"
window = 20
"""
READY = "until the server answers its admin socket"


def configured(port: int, **lines: str) -> str:
    """BASE with this port; each keyword adds lines to a table, as link_main='unbind_...'."""
    text = BASE.replace("port = 2775", f"port = {port}")
    for table, added in lines.items():
        head = f"[{table.replace('_', '.', 1)}]\n"
        if head in text:
            text = text.replace(head, f"{head}{added}\n")
        else:
            text += f"\n{head}{added}\n"
    return text


def until(wanted: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
    """Polls until `wanted()`; fails with `what` when it does not come about."""
    ends = time.monotonic() + timeout_s
    while not wanted():
        assert time.monotonic() < ends, f"waited {timeout_s} s in vain {what}"
        time.sleep(0.01)


class _Socket(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=WAIT_S)
        self._path = path

    def connect(self) -> None:
        """See `HTTPConnection.connect`."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WAIT_S)
        self.sock.connect(str(self._path))


class Server:
    """`smppd run` on a folder of its own; may be started again after any end.

    `module` is what runs: the program itself, or one that hands it other clocks.
    """

    def __init__(self, folder: Path, config: str, module: str = "smpp_server") -> None:
        self.module = module
        self.folder = folder
        self.state = folder / "state"
        self.log = folder / "log"
        self.file = folder / "server.toml"
        self.file.write_text(config, "utf-8")
        self.file.chmod(0o600)
        (folder / "rate_card.csv").write_text(RATES, "utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, before: Callable[[], None] | None = None) -> Self:
        """A new process, not yet ready; `before` runs in it first."""
        command = [sys.executable, "-m", self.module, "run", "--config", str(self.file)]
        command += ["--state-dir", str(self.state)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=before,
                env=self._environment(),
            )
        return self

    def _environment(self) -> dict[str, str]:
        """What it writes lies in the folder."""
        return {
            **os.environ,
            "TMPDIR": str(self.folder),
            "LEVERS": str(self.folder / "levers"),
        }

    def smppd(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command line, as an operator types it on the same machine."""
        return subprocess.run(
            [sys.executable, "-m", "smpp_server", *words, "--state-dir", str(self.state)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            env=self._environment(),
        )

    def ready(self) -> Self:
        """Wait until it answers questions."""
        until(self._answers, READY, 2 * WAIT_S)  # its imports take long where all are busy
        return self

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log.read_text()
        try:
            self.status()
        except (OSError, http.client.HTTPException):
            return False
        return True

    def fund(self, amount: str = "10000") -> Self:
        """Give money, through the admin socket as `smppd fund` does."""
        self.ready()
        assert self.ask("POST", "/fund", {"amount": amount}) == {"result": "done"}
        return self

    def ask(self, method: str, path: str, fields: Mapping[str, str] | None = None) -> Any:
        """One request to the admin socket."""
        connection = _Socket(self.state / "admin.sock")
        try:
            connection.request(method, path, json.dumps(fields) if fields else None)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def status(self) -> Any:
        """What `smppd status` shows."""
        return self.ask("GET", "/status")

    def alarms(self) -> set[tuple[str, str]]:
        """(code, subject) of the alarms that last."""
        return {(alarm["code"], alarm["subject"]) for alarm in self.status()["alarms"]}

    def tally(self, what: str) -> int:
        """How often something happened since the start."""
        return int(self.status()["tallies"].get(what, 0))

    def alarmed(self, code: str) -> bool:
        """Whether an alarm of this code lasts."""
        return any(code == lasting for lasting, _ in self.alarms())

    def at_rest(self) -> bool:
        """Whether no reply waits and none is on its way."""
        status = self.status()
        return not status["waiting"] and not status["in_flight"]

    def kill(self) -> None:
        """kill -9; nothing happens when it does not run."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(WAIT_S)
            self.process = None

    def stop(self) -> None:
        """SIGTERM, as a service manager does; it must end well and in bounded time."""
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(WAIT_S) == 0, self.log.read_text()
        finally:
            process.kill()

    def faults(self) -> list[str]:
        """Lines of the log that tell of a fault of our own."""
        text = self.log.read_text("utf-8")
        return [line for line in text.splitlines() if "critical" in line or "Traceback" in line]
