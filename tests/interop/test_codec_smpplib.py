"""The same octets as smpplib, both ways, for what smpplib reads and writes rightly."""

import logging

from hypothesis import given
from hypothesis import strategies as st
from smpplib import command

from smpp_server.smpp import schema as s
from smpp_server.smpp.codec import decode, encode
from smpp_server.smpp.constants import RESPONSE_BIT, Tag
from smpp_server.smpp.declare import CString, Octets, Pdu
from tests.strategies import pdus, tlv_lists

logging.getLogger("smpplib").setLevel(logging.CRITICAL)

# smpplib cuts longer passwords, has no submit_multi, and gives an error response a body.
KINDS = (
    s.BindReceiver,
    s.BindReceiverResp,
    s.BindTransmitter,
    s.BindTransmitterResp,
    s.BindTransceiver,
    s.BindTransceiverResp,
    s.Unbind,
    s.UnbindResp,
    s.EnquireLink,
    s.EnquireLinkResp,
    s.GenericNack,
    s.SubmitSm,
    s.SubmitSmResp,
    s.DeliverSm,
    s.DeliverSmResp,
    s.DataSm,
    s.DataSmResp,
    s.QuerySmResp,
    s.AlertNotification,
)
INTEGERS = {Tag.USER_MESSAGE_REFERENCE: 2, Tag.MESSAGE_STATE: 1}
PARAMETERS = (  # in the order in which smpplib writes them
    Tag.USER_MESSAGE_REFERENCE,
    Tag.NETWORK_ERROR_CODE,
    Tag.MESSAGE_STATE,
    Tag.RECEIPTED_MESSAGE_ID,
)


@st.composite
def shared(draw: st.DrawFn) -> Pdu:
    """A PDU that smpplib can write too."""
    pdu = draw(pdus(*KINDS))
    pdu.command_status = 0
    pdu.tlvs = ()
    if isinstance(pdu, s.DeliverSm):
        given_tlvs = {tlv.tag: tlv for tlv in draw(tlv_lists())}
        pdu.tlvs = tuple(
            given_tlvs[tag] for tag in PARAMETERS if given_tlvs.get(tag, (0, b"\0"))[1] != b"\0"
        )
    if isinstance(pdu, s.AlertNotification | s.DataSm):  # 65 octets in 3.4, 21 in smpplib
        for name in {"source_addr", "esme_addr", "destination_addr"} & {f.name for f in pdu.fields}:
            setattr(pdu, name, getattr(pdu, name)[:20])
    if hasattr(pdu, "password"):
        pdu.password = pdu.password[:8]
    return pdu


def theirs(pdu: Pdu) -> command.Command:
    made = command.factory(pdu.name, sequence=0)
    made.sequence = pdu.sequence_number
    for field in pdu.fields:
        setattr(made, field.name, getattr(pdu, field.name))
    for tag, value in pdu.tlvs:
        shown: object = value
        if tag in INTEGERS:
            shown = int.from_bytes(value, "big")
        elif tag == Tag.RECEIPTED_MESSAGE_ID:
            shown = value[:-1].decode()
        setattr(made, Tag(tag).name.lower(), shown)
    return made


@given(shared())
def test_our_octets_are_theirs(pdu: Pdu) -> None:
    assert encode(pdu) == theirs(pdu).generate()


@given(shared())
def test_our_reading_is_theirs(pdu: Pdu) -> None:
    frame = encode(pdu)
    read = command.factory(pdu.name, sequence=0)
    read.parse(frame)
    mine = decode(frame)
    assert (read.command, read.status, read.sequence) == (
        mine.name,
        mine.command_status,
        mine.sequence_number,
    )
    assert read.is_response() == bool(mine.command_id & RESPONSE_BIT)
    for field in mine.fields:
        said = getattr(read, field.name)
        if isinstance(field, CString):
            said = said.decode("latin-1")
        elif isinstance(field, Octets):
            said = said or b""  # smpplib does not read an empty last field
        assert said == getattr(mine, field.name)
    for tag, value in mine.tlvs:
        said = getattr(read, Tag(tag).name.lower())
        if tag in INTEGERS:
            said = said.to_bytes(INTEGERS[Tag(tag)], "big")
        elif tag == Tag.RECEIPTED_MESSAGE_ID:
            said += b"\0"
        assert said == value
