"""An SMSC written with somebody else's library, in a process of its own, and a real server to it.

The program takes orders as lines of JSON and tells in the same form what it heard.
"""

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.end_to_end.server import DELAY_S, LATER, NOW, Server, configured, until
from tests.end_to_end.wire import WAIT_S

HERE = Path(__file__).parent
GSM, UCS2 = 0, 8  # data_coding, section 5.2.19
IN_GSM = "Répondu {à l'instant} : c'est 5 € !"  # braces and euro are two septets each
IN_UCS2 = "Rêve plutôt à autre chose…"
REPLIES = f"""\
stop_words = ["ARRÊT"]
[text.fr.N]
words = "{IN_GSM}"
[text.fr.A]
words = "{IN_UCS2}"
allow_ucs2 = true
[text.fr.STOP]
words = "C'est noté."
"""
TEXTS = [  # (sender, number, words): what is answered
    ("33612340001", NOW, "Bonjour"),
    ("33612340002", NOW, "Vous êtes là ?"),
    ("33612340003", LATER, "Привет"),
    ("33612340004", LATER, "Coucou \U0001f642"),
]
SILENT = [  # not answered: a stop word that has no GSM form, one who comes again, another country
    ("33612340005", NOW, "Arrêt"),
    ("33612340001", NOW, "Allô ?"),
    ("4915112340006", NOW, "Hallo"),
]
TALLIES = {
    "contacts": len(TEXTS + SILENT),
    "accepted": len(TEXTS),
    "receipts": len(TEXTS),
    "silent: opted out now": 1,
    "silent: replied already": 1,
    "silent: country not opened": 1,
}
BINDS = {"bind_transceiver", "bind_receiver", "bind_transmitter"}


class ForeignSmsc:
    """The program; `heard` grows by one event for each PDU and for each end of a connection."""

    def __init__(self, *command: str) -> None:
        self.heard: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        until(lambda: bool(self.heard), "for the SMSC to listen")
        self.port: int = self.heard.pop(0)["port"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(WAIT_S)
        self._thread.join(WAIT_S)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.heard.append(json.loads(line))

    def order(self, send: str, **fields: str) -> None:
        """Have it send something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"send": send, **fields}) + "\n")
        self._process.stdin.flush()

    def text(self, sender: str, number: str, words: str) -> None:
        """Have it deliver a text."""
        self.order("text", source=sender, destination=number, text=words)

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """The events of these kinds, in order."""
        return [event for event in list(self.heard) if event["heard"] in kinds]

    def until(self, kind: str, times: int) -> None:
        """Wait until it has heard so many of a kind."""
        until(lambda: len(self.of(kind)) >= times, f"for {times} {kind}: {self.heard}")


def served(folder: Path, smsc: ForeignSmsc, link_main: str = "", **tables: str) -> Server:
    """A server for it, not yet started; nothing waits longer than it must."""
    (folder / "replies.toml").write_text(REPLIES, "utf-8")
    config = configured(
        smsc.port,
        server='replies = "replies.toml"',
        number_later='text = "fr.A"',
        campaign_now='countries = ["FR"]',
        link_main=link_main,
        **tables,
    )
    return Server(folder, config.replace(f"delay_s = {DELAY_S}", "delay_s = 0"))


def converse(folder: Path, smsc: ForeignSmsc, modes: Sequence[str], link_main: str = "") -> None:
    """Bind, texts, one reply a person, receipts, enquire_link both ways, unbind on SIGTERM."""
    with served(folder, smsc, f"enquire_link_s = 1\n{link_main}") as server:
        server.start().fund()
        until(lambda: len(smsc.of(*BINDS)) == len(modes), "for the binds")
        assert sorted(bind["heard"] for bind in smsc.of(*BINDS)) == sorted(modes)
        for bind in smsc.of(*BINDS):
            assert (bind["system_id"], bind["password"]) == ("us", "tiptoe42")
        smsc.until("enquire_link", len(modes))  # ours, which it answers

        for sender, number, words in TEXTS + SILENT:
            smsc.text(sender, number, words)
        everything = len(TEXTS + SILENT) + len(TEXTS)  # with the receipts
        smsc.until("deliver_sm_resp", everything)
        until(server.at_rest, "for the replies")
        smsc.order("enquire")
        smsc.until("enquire_link_resp", len(modes))  # nothing that was written before is missing
        check(smsc, server, everything)

        server.stop()
        smsc.until("close", len(modes))
        assert server.faults() == []
    ends = Counter(event["heard"] for event in smsc.of("unbind", "close"))
    assert ends == {"unbind": len(modes), "close": len(modes)}
    told = {event["heard"] for event in smsc.heard}
    answers = {"deliver_sm_resp", "enquire_link_resp"}
    assert told == {*modes, *answers, "submit_sm", "enquire_link", "unbind", "close"}


def check(smsc: ForeignSmsc, server: Server, everything: int) -> None:
    """What the SMSC got, and what the server believes."""
    answers = smsc.of("deliver_sm_resp")
    assert [answer["status"] for answer in answers] == [0] * everything
    wanted = {
        (sender, number, (GSM, IN_GSM) if number == NOW else (UCS2, IN_UCS2))
        for sender, number, _ in TEXTS
    }
    submits = smsc.of("submit_sm")
    assert len(submits) == len(TEXTS)
    assert {
        (submit["destination"], submit["source"], (submit["data_coding"], submit["text"]))
        for submit in submits
    } == wanted
    tallies = server.status()["tallies"]
    assert {what: tallies.get(what, 0) for what in TALLIES} == TALLIES
