"""Receipts as the field writes them: each dialect reproduces its sample, octet for octet."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from smpp_server.smpp import receipts
from smpp_server.smpp.constants import MessageState, Tag
from smpp_server.smpp.receipts import Fate
from smpp_server.smsc_plan import Habits
from smpp_server.smsc_receipts import DIALECTS, STATE_WORDS
from tests.server.smsc_wire import SENDER, Esme, a_simulator

VECTORS: dict[str, Mapping[str, Any]] = {
    vector["id"]: vector
    for line in (Path(__file__).parent.parent / "vectors" / "receipts.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
    for vector in [json.loads(line)]
}
STATES = {word: state for state, word in STATE_WORDS.items()}
NUMBER = 0x10000001  # of the first message


def test_every_sample_has_its_dialect() -> None:
    assert list(DIALECTS) == list(VECTORS)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_writes_its_sample(name: str) -> None:
    vector, dialect = VECTORS[name], DIALECTS[name]
    expect = vector["expect"]
    message_id = receipts.read(4, bytes.fromhex(vector["hex"]), vector["data_coding"])
    assert message_id is not None
    said = message_id.text_id or vector["tlvs"].get("receipted_message_id", "")
    if name == "ch-typo-id":
        said = "0123456789"
    state = STATES.get((expect["stat"] or "").upper(), MessageState.DELIVERED)
    octets = dialect.octets(said, expect["submit_date"] or "", expect["done_date"] or "", state)
    assert octets == bytes.fromhex(vector["hex"])
    assert dialect.data_coding == vector["data_coding"]
    tags = {Tag.RECEIPTED_MESSAGE_ID: "receipted_message_id", Tag.MESSAGE_STATE: "message_state"}
    found: dict[str, Any] = {}
    for tag, value in dialect.tlvs(said, state):
        text = tags[Tag(tag)] == "receipted_message_id"
        found[tags[Tag(tag)]] = value[:-1].decode() if text else value[0]
    assert found == vector["tlvs"]


@pytest.mark.parametrize("name", DIALECTS)
def test_a_simulator_that_speaks_it_is_understood(name: str) -> None:
    """What the sample tells is told of our message too: its id and its end."""
    smsc = a_simulator(MemoryReactorClock())
    smsc.habits = Habits(dialect=name)
    esme = Esme(smsc).bind()
    esme.submit(SENDER, registered_delivery=1)
    [(_, _, message_id)] = esme.answers()
    smsc.reactor.advance(0.001)
    esme.exchange()
    [pdu] = esme.heard()
    text = pdu.short_message or pdu.tlv(Tag.MESSAGE_PAYLOAD) or b""
    receipt = receipts.read(pdu.esm_class, text, pdu.data_coding, pdu.tlvs)
    assert receipt is not None
    expect = VECTORS[name]["expect"]
    assert bool(receipt.id) == bool(expect["id"])
    if receipt.id and receipt.id != "0":
        assert int(receipt.id, 16 if receipt.id != receipt.text_id and receipt.text_id else 10) in (
            NUMBER,
            int(message_id),
        )
    if expect["stat"] == "DELIVRD" and not expect["state"] == MessageState.ACCEPTED:
        assert receipt.fate is Fate.DELIVERED
    form = "%y%m%d%H%M"
    if DIALECTS[name].dates == form and expect["submit_date"] not in (None, "0000000000"):
        assert receipt.submit_date == "2311142213"
