"""What is made of frames that break the rules: responses above all, where status decides alone."""

import linecache
import traceback
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.smpp import schema as s
from smpp_server.smpp.codec import PduError, decode, encode
from smpp_server.smpp.constants import CommandStatus as Status
from smpp_server.smpp.declare import Pdu
from tests.spec import spec
from tests.strategies import pdus

SUBMIT_RESP, BIND_RESP = s.SubmitSmResp.command_id, s.BindTransceiverResp.command_id
THROTTLED = Status.ESME_RTHROTTLED


def frame(command_id: int, body: bytes, status: int = 0, number: int = 9) -> bytes:
    return pack(">4I", 16 + len(body), command_id, status, number) + body


def refused(octets: bytes) -> PduError:
    with pytest.raises(PduError) as caught:
        decode(octets)
    return caught.value


@spec("4.4.2")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", s.SubmitSmResp(body_present=False)),
        (b"\0", s.SubmitSmResp()),
        (b"id\0", s.SubmitSmResp(message_id="id")),
        (b"id\0\x04\x25\0\1\5", s.SubmitSmResp(message_id="id", tlvs=(s.Tlv(0x425, b"\5"),))),
        (b"\x21\x53\0\2\1\x77", s.SubmitSmResp(tlvs=(s.Tlv(0x2153, b"\1\x77"),))),
        (b"\x21\x53\1\1" + b"~" * 257, s.SubmitSmResp(tlvs=(s.Tlv(0x2153, b"~" * 257),))),
        (b"id\0\7", s.SubmitSmResp(message_id="id", stray_octets=1)),
        (b"id\0\7\7\7\7\7", s.SubmitSmResp(message_id="id", stray_octets=5)),
        (b"no end", s.SubmitSmResp(body_present=False, stray_octets=6)),
    ],
)
def test_a_failed_response_is_read_as_far_as_it_goes(body: bytes, expected: Pdu) -> None:
    """First as 3.4 has it, then as parameters alone; else without its body."""
    expected.command_status, expected.sequence_number = THROTTLED, 9
    read = decode(frame(SUBMIT_RESP, body, THROTTLED))
    assert read == expected
    assert (read.body_present, read.stray_octets) == (expected.body_present, expected.stray_octets)


@spec("4.1.6", "3.4")
@pytest.mark.parametrize("command_id", sorted(c for c, kind in s.PDUS.items() if kind.fields))
def test_a_positive_response_may_come_without_its_body(command_id: int) -> None:
    octets = frame(command_id, b"")
    if command_id & 0x80000000:
        assert decode(octets).body_present is False
    else:
        assert refused(octets).field == s.PDUS[command_id].fields[0].name


@spec("4.1.6")
@pytest.mark.parametrize(
    ("body", "field", "system_id"),
    [
        (b"SMSC", "system_id", ""),
        (b"SMSC\0\2\x10\0\2\x34", "tlvs", "SMSC"),
    ],
)
def test_a_positive_response_that_breaks_off_keeps_what_was_read(
    body: bytes, field: str, system_id: str
) -> None:
    error = refused(frame(BIND_RESP, body))
    assert (error.field, error.command_id, error.sequence_number) == (field, BIND_RESP, 9)
    assert isinstance(error.partial, s.BindTransceiverResp)
    assert error.partial.system_id == system_id
    assert str(error) == f"{field} of bind_transceiver_resp"


@spec("4.11.2", "4.2.1")
def test_a_body_where_none_belongs() -> None:
    assert decode(frame(s.EnquireLinkResp.command_id, b"\0")).stray_octets == 1
    assert decode(frame(s.Unbind.command_id, b"\x14\0\0\1x")).tlvs == (s.Tlv(0x1400, b"x"),)
    assert refused(frame(s.Unbind.command_id, b"hello")).field == "tlvs"
    assert decode(frame(s.UnbindResp.command_id, b"hello", 8)).stray_octets == 5


@spec("5.2.25", "5.2.24", "4.5.1")
@pytest.mark.parametrize(
    ("body", "status", "kept"),
    [
        (b"\0\0\0\0\1\3\0", Status.ESME_RINVDESTFLAG, ()),
        (b"\0\0\0\0\2\2gang\0\7", Status.ESME_RINVDESTFLAG, (s.DistributionList("gang"),)),
        (b"\0\0\0\0\2\1\1\x01336\0", Status.ESME_RINVNUMDESTS, (s.SmeAddress(1, 1, "336"),)),
        (b"\0\0\0\0\1\2gang", Status.ESME_RINVNUMDESTS, ()),
    ],
)
def test_destinations_are_kept_up_to_the_first_bad_one(
    body: bytes, status: int, kept: tuple[s.SmeAddress | s.DistributionList, ...]
) -> None:
    error = refused(frame(s.SubmitMulti.command_id, body))
    assert (error.command_status, error.field) == (status, "dest_address")
    assert isinstance(error.partial, s.SubmitMulti)
    assert error.partial.dest_address == kept


@spec("3.1")
def test_strings_are_read_at_any_length_and_in_any_octets() -> None:
    body = b"service\0\1\1" + "Café".encode("latin-1") * 10 + b"\0\1\1\0\0\0\0R\0R\0\0\0\0\0\1x"
    read = decode(frame(s.DeliverSm.command_id, body))
    assert isinstance(read, s.DeliverSm)
    assert (read.service_type, read.source_addr) == ("service", "Café" * 10)
    assert (read.validity_period, read.short_message) == ("R", b"x")


@spec("3.1", "4.6.1")
@given(pdus(s.DeliverSm), st.sampled_from(["schedule_delivery_time", "validity_period"]))
def test_a_string_where_none_belongs_moves_no_other_field(pdu: s.DeliverSm, name: str) -> None:
    """Such a frame is read field by field: the same values as in one go, and this one beside."""
    whole = encode(pdu)
    place = 16 + sum(map(len, (pdu.service_type, pdu.source_addr, pdu.destination_addr))) + 10
    place += name == "validity_period"
    read = decode(frame(pdu.command_id, whole[16:place] + b"caf\xe9" + whole[place:], number=3))
    setattr(pdu, name, "café")
    pdu.sequence_number = 3
    assert read == pdu


def test_a_fault_inside_generated_code_shows_its_line() -> None:
    try:
        encode(s.SubmitSmResp(message_id=None))  # type: ignore[arg-type]
    except TypeError as fault:
        assert "len(message_id)" in "".join(traceback.format_exception(fault))
    assert any("pdu.short_message" in line for line in linecache.getlines("<smpp read_deliver_sm>"))
