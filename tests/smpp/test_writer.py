"""What may not be sent: each rule of 3.4, with the name of the field in the refusal."""

from typing import Any

import pytest

from smpp_server.smpp import schema as s
from smpp_server.smpp.codec import decode, encode
from smpp_server.smpp.constants import Tag
from smpp_server.smpp.declare import CString, Integer, Octets, Pdu
from tests.spec import spec

PAYLOAD = s.Tlv(Tag.MESSAGE_PAYLOAD, b"text")
PORT = s.Tlv(Tag.SOURCE_PORT, b"\0\1")
REFERENCE, TOTAL, NUMBER = (
    s.Tlv(Tag.SAR_MSG_REF_NUM, b"\0\1"),
    s.Tlv(Tag.SAR_TOTAL_SEGMENTS, b"\2"),
    s.Tlv(Tag.SAR_SEGMENT_SEQNUM, b"\1"),
)
SCALARS = [
    pytest.param(kind, field, id=f"{kind.name}-{field.name}")
    for kind in s.PDUS.values()
    for field in kind.fields
    if isinstance(field, CString | Integer | Octets)
]


def made(kind: type[Pdu], **values: Any) -> Pdu:
    """A PDU that may be sent but for these values."""
    if kind is s.SubmitMulti:
        values.setdefault("dest_address", (s.DistributionList("gang"),))
    return kind(**{"sequence_number": 1} | values)


def refuse(pdu: Pdu, field: str) -> None:
    with pytest.raises(ValueError, match=rf"^{pdu.name}\.{field}: "):
        encode(pdu)


@spec("3.1")
@pytest.mark.parametrize(("kind", "field"), SCALARS)
def test_no_value_outside_its_field(kind: type[Pdu], field: CString | Integer | Octets) -> None:
    bad: list[object]
    if isinstance(field, Integer):
        good, bad = [0, 256**field.size - 1], [-1, 256**field.size]
    elif isinstance(field, Octets):
        good, bad = [b"", bytes(254)], [bytes(255)]
    else:
        good, bad = [""], ["é", "a\0b"]
        if not field.limited:
            good.append("p" * 100)
        elif field.time:
            good += ["240102030405648+", "999999999999000R"]
            bad += ["x", "2401020304056", "2401020304056490", "240102030405649-", "1" * 17]
        else:
            good.append("x" * (field.size - 1))
            bad.append("x" * field.size)
    for value in good:
        pdu = made(kind, **{field.name: value})
        assert decode(encode(pdu)) == pdu
    for value in bad:
        refuse(made(kind, **{field.name: value}), field.name)


@spec("3.2", "5.1.4")
def test_a_request_has_a_number_and_no_status() -> None:
    for number in (0, 0x80000000, -1):
        refuse(s.EnquireLink(sequence_number=number), "sequence_number")
    refuse(s.EnquireLink(sequence_number=1, command_status=1), "command_status")


def test_a_response_repeats_any_number_of_32_bits() -> None:
    for number in (0, 1, 0xFFFFFFFF):
        again = decode(encode(s.DeliverSmResp(sequence_number=number)))
        assert again.sequence_number == number
    refuse(s.DeliverSmResp(sequence_number=1 << 32), "sequence_number")
    refuse(s.UnbindResp(command_status=-1), "sequence_number")


@spec("4.1.2", "4.4.2")
def test_an_error_comes_without_the_body_where_the_specification_says_so() -> None:
    bodiless = {kind for kind in s.PDUS.values() if not kind.error_body}
    assert bodiless == {
        s.BindReceiverResp,
        s.BindTransmitterResp,
        s.BindTransceiverResp,
        s.SubmitSmResp,
    }
    for kind in bodiless:
        assert len(encode(kind(command_status=8))) == 16
        refuse(kind(command_status=8, tlvs=(PAYLOAD,)), "command_status")
    refuse(s.SubmitSmResp(command_status=8, message_id="x"), "command_status")
    assert len(encode(s.DeliverSmResp(command_status=8))) == 17


@spec("4.6.2")
def test_a_missing_body_is_not_passed_on() -> None:
    refuse(s.DeliverSmResp(body_present=False), "body_present")
    refuse(s.SubmitSmResp(body_present=False), "body_present")


@spec("5.3.2", "5.3.2.22", "5.2.12", "3.2.3")
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("message_payload", {"short_message": b"x", "tlvs": (PAYLOAD,)}),
        ("message_payload", {"tlvs": (PAYLOAD, PAYLOAD)}),
        ("source_port", {"tlvs": (s.Tlv(Tag.SOURCE_PORT, b"\1"),)}),
        ("receipted_message_id", {"tlvs": (s.Tlv(0x1E, b"id"),)}),
        ("receipted_message_id", {"tlvs": (s.Tlv(0x1E, b"i\0d\0"),)}),
        ("receipted_message_id", {"tlvs": (s.Tlv(0x1E, b"i" * 65 + b"\0"),)}),
        ("alert_on_message_delivery", {"tlvs": (s.Tlv(0x130C, b"\0"),)}),
        ("sar_msg_ref_num", {"tlvs": (REFERENCE,)}),
        ("sar_msg_ref_num", {"tlvs": (TOTAL, NUMBER)}),
        ("esm_class", {"esm_class": 0x40, "tlvs": (PORT,)}),
        ("esm_class", {"esm_class": 0x40, "tlvs": (REFERENCE, TOTAL, NUMBER)}),
        ("message_payload", {"tlvs": (s.Tlv(Tag.MESSAGE_PAYLOAD, bytes(1 << 16)),)}),
        ("0x1403", {"tlvs": (s.Tlv(0x1403, bytes(1 << 16)),)}),
        ("0x10000", {"tlvs": (s.Tlv(1 << 16, b""),)}),
    ],
)
def test_no_parameters_that_contradict_the_specification(
    field: str, values: dict[str, Any]
) -> None:
    refuse(made(s.SubmitSm, **values), field)


@spec("5.3.2.36", "5.3.2.22")
def test_what_may_stand_together() -> None:
    number = s.Tlv(Tag.CALLBACK_NUM, b"\1\1\1" + b"33612")
    vendor = s.Tlv(0x1403, b"")
    for values in (
        {"tlvs": (number, vendor, number, vendor)},
        {"tlvs": (NUMBER, TOTAL, REFERENCE, PORT)},
        {"esm_class": 0x40, "short_message": b"\5\0\3\1\2\1x", "tlvs": (vendor,)},
        {"esm_class": 0x40, "tlvs": (PAYLOAD,)},
    ):
        pdu = made(s.SubmitSm, **values)
        assert decode(encode(pdu)) == pdu


@spec("4.5.1", "4.5.2", "5.2.24")
@pytest.mark.parametrize(
    ("field", "addresses"),
    [
        ("dest_address", ()),
        ("dest_address", (s.DistributionList("gang"),) * 255),
        ("destination_addr", (s.SmeAddress(1, 1, "1" * 21),)),
        ("dest_addr_ton", (s.SmeAddress(256, 1, "1"),)),
        ("dl_name", (s.DistributionList("gäng"),)),
    ],
)
def test_destinations_obey_their_fields(field: str, addresses: tuple[Any, ...]) -> None:
    refuse(made(s.SubmitMulti, dest_address=addresses), field)


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(ValueError) as caught:
        encode(made(s.SubmitSm, destination_addr="33612340001336123400013"))
    assert "3361234" not in str(caught.value)
