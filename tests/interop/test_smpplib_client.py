"""smpplib's Client, an independent ESME, against our simulator over loopback."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from smpplib import exceptions
from smpplib.client import Client

ROOT = Path(__file__).parent.parent.parent
OUR_NUMBER, SENDER = "33644649021", "33612345678"
WAIT_S = 20  # never waited for when all is well


@pytest.fixture
def smsc() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.interop.simulator_process"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def client(smsc: subprocess.Popen[str]) -> Iterator[Client]:
    assert smsc.stdout is not None
    port = int(smsc.stdout.readline())
    esme = Client("127.0.0.1", port, timeout=WAIT_S, allow_unknown_opt_params=True)
    esme.connect()
    yield esme
    esme.disconnect()


def test_a_whole_conversation(smsc: subprocess.Popen[str], client: Client) -> None:
    """Bind, a text arrives, a reply is accepted, its receipt arrives, unbind."""
    texts: list[Any] = []
    accepted: list[Any] = []
    client.set_message_received_handler(lambda pdu: texts.append(pdu))
    client.set_message_sent_handler(lambda pdu: accepted.append(pdu))

    bound = client.bind_transceiver(system_id="shop", password="secret")
    assert bound.system_id == b"SMSC"
    while not texts:
        client.read_once()
    assert (texts[0].source_addr, texts[0].destination_addr) == (
        SENDER.encode(),
        OUR_NUMBER.encode(),
    )
    assert texts[0].data_coding == 8
    assert texts[0].short_message.decode("utf-16-be") == "Vous êtes ouverts ?"

    client.send_message(
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr=OUR_NUMBER,
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=SENDER,
        short_message=b"Oui, jusqu'a 19 h",
        registered_delivery=1,
    )
    while not (accepted and len(texts) == 2):
        client.read_once()
    message_id = accepted[0].message_id
    receipt = texts[1]
    assert receipt.esm_class == 0x04
    assert receipt.receipted_message_id.rstrip(b"\0") == message_id
    assert receipt.short_message.startswith(b"id:" + message_id + b" sub:001 dlvrd:001 ")
    assert client.unbind().command == "unbind_resp"

    smsc.terminate()
    told = json.loads(smsc.communicate(timeout=WAIT_S)[0])
    assert (told["binds"], told["confirmed"], told["receipts"]) == (1, 2, 1)
    assert told["outbound"] == {"messages": 1, "segments": 1, "amount": "0.0495"}
    assert told["inbound"] == {"texts": 1, "amount": "0.0075"}
    assert smsc.returncode == 0


def test_a_wrong_password(client: Client) -> None:
    with pytest.raises(exceptions.PDUError, match="Invalid Password"):
        client.bind_transmitter(system_id="shop", password="guessed")
