"""`smppd simulate` in a process of its own, for clients that no one here wrote."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

from tests.end_to_end.server import ROOT, until
from tests.end_to_end.wire import WAIT_S

OUR_NUMBER, SENDER = "33644649021", "33612345678"
SYSTEM_ID, PASSWORD = "shop", "secret"
ASKED = ["Bonjour {toi} à 5 €", "Vous êtes ouverts ?"]  # GSM alphabet, UCS-2
ANSWER = "Répondu {à l'instant} : 5 €"
PRICES = """\
direction,prefix,label,price
out,33,France,0.0495
in,33,texts received,0.0010
"""

Events = dict[str, list[dict[str, Any]]]


class Simulate:
    """The command with its texts to deliver; `said` holds the lines it has shown."""

    def __init__(self, folder: Path, *texts: str) -> None:
        prices = folder / "prices.csv"
        prices.write_text(PRICES, "utf-8")
        command = [sys.executable, "-m", "smpp_server", "simulate", "--port", "0"]
        command += ["--system-id", SYSTEM_ID, "--password", PASSWORD, "--to", OUR_NUMBER]
        command += ["--prices", str(prices)]
        for text in texts:
            command += ["--text", f"{SENDER}:{text}"]
        self.said: list[str] = []
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self.until("An SMSC listens on ")
        found = re.search(r" port (\d+): ", self.said[0])
        assert found is not None, self.said
        self.port = int(found[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(WAIT_S)
        self._thread.join(WAIT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line.rstrip("\n"))

    def until(self, words: str) -> None:
        """Wait for a line with these words."""
        until(lambda: any(words in line for line in list(self.said)), f"for {words}: {self.said}")

    def stop(self) -> list[list[str]]:
        """SIGTERM; the lines of its invoice, as words."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(WAIT_S) == 0, self.said
        self._thread.join(WAIT_S)
        return [line.split() for line in self.said[self.said.index("Invoice") + 1 :]]


def told_by(*client: str, port: int, password: str = PASSWORD) -> Events:
    """Run a client to its end: what it heard, by kind."""
    command = [*client, str(port), SYSTEM_ID, password, str(len(ASKED)), ANSWER]
    ran = subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, encoding="utf-8", timeout=WAIT_S
    )
    assert ran.returncode == 0, ran.stderr
    events: Events = {}
    for line in ran.stdout.splitlines():
        event = json.loads(line)
        events.setdefault(event.pop("heard"), []).append(event)
    return events


def asked_and_answered(events: Events) -> None:
    """It was bound, was given both texts, and its reply was accepted and has its receipt."""
    assert events["bind_transceiver_resp"] == [{"status": 0, "system_id": "SMSC"}]
    assert len(events["enquire_link_resp"]) >= 1
    assert events["text"] == [
        {"source": SENDER, "destination": OUR_NUMBER, "text": words} for words in ASKED
    ]
    [accepted], [receipt] = events["submit_sm_resp"], events["receipt"]
    assert accepted["status"] == 0
    assert (receipt["source"], receipt["destination"]) == (SENDER, OUR_NUMBER)
    assert receipt["id"] == accepted["message_id"]


def settled(simulate: Simulate, texts: int = len(ASKED)) -> None:
    """It was given these texts, has sent one reply, and each is billed at its price.

    A text is billed when its deliver_sm was answered with ESME_ROK.
    """
    assert [line for line in simulate.said if line.startswith("->")] == [
        f"-> {SENDER}  1 segment  {ANSWER}"
    ]
    assert simulate.stop() == [
        ["France", "1", "reply", "1", "segment", "0.0495", "EUR"],
        ["received", str(texts), "texts", f"0.{texts:03d}", "EUR"],
    ]
