"""node-smpp as the ESME, against `smppd simulate`."""

from pathlib import Path

import pytest

from tests.interop.simulate import ASKED, Simulate, asked_and_answered, settled, told_by

pytestmark = [pytest.mark.peer("node-smpp"), pytest.mark.slow]
ESME_RINVPASWD = 0x0E
DELIVERED = 2  # message_state, section 5.2.28


def test_bind_receive_submit_receipt_unbind(tmp_path: Path) -> None:
    with Simulate(tmp_path, *ASKED) as smsc:
        events = told_by("node", "node_client.js", port=smsc.port)
        settled(smsc)
    asked_and_answered(events)
    [receipt] = events["receipt"]
    assert receipt["state"] == DELIVERED
    assert receipt["words"].startswith(f"id:{receipt['id']} sub:001 dlvrd:001 ")
    assert [answer["status"] for answer in events["unbind_resp"]] == [0]
    assert len(events["close"]) == 1
    assert "error" not in events


def test_a_wrong_password(tmp_path: Path) -> None:
    with Simulate(tmp_path) as smsc:
        events = told_by("node", "node_client.js", port=smsc.port, password="guessed")
    assert events == {"bind_transceiver_resp": [{"status": ESME_RINVPASWD}], "close": [{}]}
