"""node-smpp as the SMSC: it encodes by itself, in IA5, Latin-1 or UCS-2 as each text needs."""

from pathlib import Path

import pytest

from tests.end_to_end.server import NOW, until
from tests.interop.foreign_smsc import IN_GSM, ForeignSmsc, converse, served

pytestmark = [pytest.mark.peer("node-smpp"), pytest.mark.slow]
ESME_RTHROTTLED = 0x58


def test_a_transceiver(tmp_path: Path) -> None:
    with ForeignSmsc("node", "node_smsc.js") as smsc:
        converse(tmp_path, smsc, ["bind_transceiver"])


def test_a_receiver_and_a_transmitter(tmp_path: Path) -> None:
    with ForeignSmsc("node", "node_smsc.js") as smsc:
        converse(tmp_path, smsc, ["bind_receiver", "bind_transmitter"], 'bind = "pair"')


def test_a_throttled_reply_is_offered_again_and_accepted_once(tmp_path: Path) -> None:
    with (
        ForeignSmsc("node", "node_smsc.js", str(ESME_RTHROTTLED)) as smsc,
        served(tmp_path, smsc) as server,
    ):
        server.start().fund()
        smsc.until("bind_transceiver", 1)
        smsc.text("33612340001", NOW, "Bonjour")
        smsc.until("deliver_sm_resp", 2)  # the text, and the receipt of its reply
        until(server.at_rest, "for the reply")
        server.stop()
        smsc.until("close", 1)
        assert [(submit["status"], submit["text"]) for submit in smsc.of("submit_sm")] == [
            (ESME_RTHROTTLED, IN_GSM),
            (0, IN_GSM),
        ]
        assert server.faults() == []
