"""The declarations: classes that are slotted, comparable, fit for logs, and tied to tests."""

import ast
import linecache
from pathlib import Path

import pytest

from smpp_server.smpp import schema as s
from smpp_server.smpp.constants import RESPONSE_BIT, CommandId, Tag
from smpp_server.smpp.declare import Items
from tests.spec import spec

HERE = Path(__file__).parent
BLANK = [kind() for kind in s.PDUS.values()]


@spec("5.1.2.1")
def test_every_command_of_3_4_is_declared_under_its_own_name() -> None:
    assert {kind.command_id: kind.name for kind in s.PDUS.values()} == {
        int(command): command.name.lower() for command in CommandId
    }
    assert all(s.PDUS[command_id].command_id == command_id for command_id in s.PDUS)


@spec("5.3.2")
def test_every_tag_of_3_4_has_a_rule_with_a_section_of_its_own() -> None:
    assert set(s.TLVS) == set(Tag) - {Tag.CONGESTION_STATE}
    assert sorted(int(rule.section.rpartition(".")[2]) for rule in s.TLVS.values()) == list(
        range(1, 45)
    )


@pytest.mark.parametrize("pdu", BLANK, ids=lambda pdu: pdu.name)
def test_a_new_pdu_is_empty_and_has_no_room_for_misspelt_fields(pdu: s.Pdu) -> None:
    assert (pdu.command_status, pdu.sequence_number, pdu.tlvs) == (0, 0, ())
    assert (pdu.body_present, pdu.stray_octets) == (True, 0)
    assert all(not getattr(pdu, field.name) for field in pdu.fields)
    with pytest.raises(AttributeError):
        pdu.mesage_id = "x"  # type: ignore[attr-defined]


@spec("4.5.1")
def test_fields_shared_by_kinds_come_before_their_own() -> None:
    assert [field.name for field in s.SubmitMulti.fields][:6] == [
        "service_type",
        "source_addr_ton",
        "source_addr_npi",
        "source_addr",
        "dest_address",
        "esm_class",
    ]
    [listed] = [field for field in s.SubmitMulti.fields if isinstance(field, Items)]
    assert (listed.counter, listed.least, listed.size) == ("number_of_dests", 1, 254)


def test_equal_means_that_they_say_the_same() -> None:
    one = s.DeliverSm(source_addr="33612340001", short_message=b"hi")
    assert one == s.DeliverSm(source_addr="33612340001", short_message=b"hi", stray_octets=2)
    for other in (
        s.DeliverSm(source_addr="33612340001", short_message=b"ho"),
        s.DeliverSm(source_addr="33612340001", short_message=b"hi", sequence_number=1),
        s.DeliverSm(source_addr="33612340001", short_message=b"hi", tlvs=(s.Tlv(5, b""),)),
        s.SubmitSm(source_addr="33612340001", short_message=b"hi"),
        "hi",
    ):
        assert one != other
    with pytest.raises(TypeError):
        hash(one)


def test_the_first_of_repeated_parameters_wins() -> None:
    pdu = s.DeliverSm(tlvs=(s.Tlv(0x0424, b"one"), s.Tlv(0x0424, b"two"), s.Tlv(0x0204, b"\0\1")))
    assert pdu.tlv(Tag.MESSAGE_PAYLOAD) == b"one"
    assert pdu.tlv(Tag.USER_MESSAGE_REFERENCE) == b"\0\1"
    assert pdu.tlv(Tag.MESSAGE_STATE) is None


def test_shown_in_a_log_no_text_no_address_and_no_secret_appears() -> None:
    shown = repr(
        s.DeliverSm(
            sequence_number=7,
            source_addr="33612340001",
            data_coding=8,
            short_message=b"private",
            tlvs=(s.Tlv(0x0424, b"private too"), s.Tlv(0x1403, b"33612340002")),
        )
    )
    for part in ("deliver_sm ESME_ROK sequence_number=7 ", "source_addr=[11]", "data_coding=8"):
        assert part in shown
    for part in ("short_message=[7]", "message_payload=[11]", "0x1403=[11]"):
        assert part in shown
    assert "private" not in shown and "336" not in shown
    assert "sesame" not in repr(s.BindTransceiver(system_id="user", password="sesame"))


def test_generated_source_is_there_for_tracebacks() -> None:
    lines = linecache.getlines("<smpp DeliverSm.__init__>")
    linecache.checkcache()
    assert any("self.short_message = short_message" in line for line in lines)
    assert linecache.getlines("<smpp DeliverSm.__init__>") == lines


def test_only_alerts_and_outbind_have_no_response() -> None:
    requests = {command_id for command_id in s.PDUS if not command_id & RESPONSE_BIT}
    unanswered = {c for c in requests if c | RESPONSE_BIT not in s.PDUS}
    assert unanswered == {CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION}


def test_each_pdu_has_a_test_marked_with_its_section() -> None:
    marked = {
        argument.value
        for path in HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "spec"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    assert {kind.name: kind.section for kind in s.PDUS.values() if kind.section not in marked} == {}
