"""Chapter 4 of SMPP 3.4 as data: every PDU, one line a field with its section.

Each class becomes a slotted class with a keyword constructor; `codec` makes from the same lines
the functions that read and write it. Sections are those of SMPP 3.4 Issue 1.2.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from smpp_server.smpp.constants import Tag
from smpp_server.smpp.declare import PDUS as PDUS
from smpp_server.smpp.declare import CString, Integer, Shape, cstr, integer, items, octets, pdu
from smpp_server.smpp.declare import Pdu as Pdu
from smpp_server.smpp.declare import Tlv as Tlv
from smpp_server.smpp.declare import time as a_time


class SmeAddress(NamedTuple):
    """A destination of submit_multi with dest_flag 1 (section 4.5.1.1)."""

    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""


class DistributionList(NamedTuple):
    """A destination of submit_multi with dest_flag 2 (section 4.5.1.2)."""

    dl_name: str = ""


class UnsuccessSme(NamedTuple):
    """A destination that submit_multi did not reach, and why (section 4.5.2.1)."""

    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    error_status_code: int = 0


_ADDRESS = (
    Integer(1, "5.2.5", "dest_addr_ton"),
    Integer(1, "5.2.6", "dest_addr_npi"),
    CString(21, "5.2.9", "destination_addr"),
)
_TO_SME = Shape(1, SmeAddress, _ADDRESS)
_TO_LIST = Shape(2, DistributionList, (CString(21, "5.2.27", "dl_name"),))
_NOT_SENT = Shape(None, UnsuccessSme, (*_ADDRESS, Integer(4, "5.1.3", "error_status_code")))


class _Bind(Pdu):
    __slots__ = ()

    system_id: str = cstr(16, "5.2.1")
    password: str = cstr(9, "5.2.2", limited=False)  # operators issue longer ones: sent whole
    system_type: str = cstr(13, "5.2.3")
    interface_version: int = integer(1, "5.2.4")
    addr_ton: int = integer(1, "5.2.5")
    addr_npi: int = integer(1, "5.2.6")
    address_range: str = cstr(41, "5.2.7")


class _BindResp(Pdu):
    __slots__ = ()

    system_id: str = cstr(16, "5.2.1")


@pdu(0x00000001, "4.1.3")
class BindReceiver(_Bind):
    """ESME asks to receive messages."""


@pdu(0x80000001, "4.1.4", error_body=False)
class BindReceiverResp(_BindResp):
    """The SMSC names itself."""


@pdu(0x00000002, "4.1.1")
class BindTransmitter(_Bind):
    """ESME asks to send messages."""


@pdu(0x80000002, "4.1.2", error_body=False)
class BindTransmitterResp(_BindResp):
    """The SMSC names itself."""


@pdu(0x00000009, "4.1.5")
class BindTransceiver(_Bind):
    """ESME asks for both directions on one connection."""


@pdu(0x80000009, "4.1.6", error_body=False)
class BindTransceiverResp(_BindResp):
    """The SMSC names itself."""


@pdu(0x0000000B, "4.1.7")
class Outbind(Pdu):
    """SMSC asks the ESME to bind as receiver; it has no response."""

    system_id: str = cstr(16, "5.2.1")
    password: str = cstr(9, "5.2.2", limited=False)


@pdu(0x00000006, "4.2.1")
class Unbind(Pdu):
    """Either side ends the session."""


@pdu(0x80000006, "4.2.2")
class UnbindResp(Pdu):
    """The session has ended."""


@pdu(0x80000000, "4.3.1")
class GenericNack(Pdu):
    """A PDU could not be read or is not known."""


@pdu(0x00000015, "4.11.1")
class EnquireLink(Pdu):
    """Are you there?"""


@pdu(0x80000015, "4.11.2")
class EnquireLinkResp(Pdu):
    """Yes."""


class _Addressed(Pdu):
    __slots__ = ()

    service_type: str = cstr(6, "5.2.11")
    source_addr_ton: int = integer(1, "5.2.5")
    source_addr_npi: int = integer(1, "5.2.6")
    source_addr: str = cstr(21, "5.2.8")


@pdu(0x00000004, "4.4.1")
class SubmitSm(_Addressed):
    """ESME sends a message."""

    dest_addr_ton: int = integer(1, "5.2.5")
    dest_addr_npi: int = integer(1, "5.2.6")
    destination_addr: str = cstr(21, "5.2.9")
    esm_class: int = integer(1, "5.2.12")
    protocol_id: int = integer(1, "5.2.13")
    priority_flag: int = integer(1, "5.2.14")
    schedule_delivery_time: str = a_time("5.2.15")
    validity_period: str = a_time("5.2.16")
    registered_delivery: int = integer(1, "5.2.17")
    replace_if_present_flag: int = integer(1, "5.2.18")
    data_coding: int = integer(1, "5.2.19")
    sm_default_msg_id: int = integer(1, "5.2.20")
    short_message: bytes = octets(254, "5.2.22", "sm_length")


@pdu(0x80000004, "4.4.2", error_body=False)
class SubmitSmResp(Pdu):
    """The SMSC has taken the message."""

    message_id: str = cstr(65, "5.2.23")


@pdu(0x00000021, "4.5.1")
class SubmitMulti(_Addressed):
    """ESME sends a message to several destinations."""

    dest_address: tuple[SmeAddress | DistributionList, ...] = items(
        1, 254, "5.2.24", "number_of_dests", _TO_SME, _TO_LIST
    )
    esm_class: int = integer(1, "5.2.12")
    protocol_id: int = integer(1, "5.2.13")
    priority_flag: int = integer(1, "5.2.14")
    schedule_delivery_time: str = a_time("5.2.15")
    validity_period: str = a_time("5.2.16")
    registered_delivery: int = integer(1, "5.2.17")
    replace_if_present_flag: int = integer(1, "5.2.18")
    data_coding: int = integer(1, "5.2.19")
    sm_default_msg_id: int = integer(1, "5.2.20")
    short_message: bytes = octets(254, "5.2.22", "sm_length")


@pdu(0x80000021, "4.5.2")
class SubmitMultiResp(Pdu):
    """The SMSC has taken the message for all destinations but those listed."""

    message_id: str = cstr(65, "5.2.23")
    unsuccess_sme: tuple[UnsuccessSme, ...] = items(0, 255, "5.2.26", "no_unsuccess", _NOT_SENT)


@pdu(0x00000005, "4.6.1")
class DeliverSm(_Addressed):
    """SMSC brings a message or a receipt; the fields of one octet must stay empty."""

    dest_addr_ton: int = integer(1, "5.2.5")
    dest_addr_npi: int = integer(1, "5.2.6")
    destination_addr: str = cstr(21, "5.2.9")
    esm_class: int = integer(1, "5.2.12")
    protocol_id: int = integer(1, "5.2.13")
    priority_flag: int = integer(1, "5.2.14")
    schedule_delivery_time: str = cstr(1, "5.2.15")
    validity_period: str = cstr(1, "5.2.16")
    registered_delivery: int = integer(1, "5.2.17")
    replace_if_present_flag: int = integer(1, "5.2.18")
    data_coding: int = integer(1, "5.2.19")
    sm_default_msg_id: int = integer(1, "5.2.20")
    short_message: bytes = octets(254, "5.2.22", "sm_length")


@pdu(0x80000005, "4.6.2")
class DeliverSmResp(Pdu):
    """The ESME has taken the message; message_id is not used and stays empty."""

    message_id: str = cstr(1, "5.2.23")


@pdu(0x00000103, "4.7.1")
class DataSm(Pdu):
    """Either side sends a message, whose octets are in message_payload."""

    service_type: str = cstr(6, "5.2.11")
    source_addr_ton: int = integer(1, "5.2.5")
    source_addr_npi: int = integer(1, "5.2.6")
    source_addr: str = cstr(65, "5.2.8")
    dest_addr_ton: int = integer(1, "5.2.5")
    dest_addr_npi: int = integer(1, "5.2.6")
    destination_addr: str = cstr(65, "5.2.9")
    esm_class: int = integer(1, "5.2.12")
    registered_delivery: int = integer(1, "5.2.17")
    data_coding: int = integer(1, "5.2.19")


@pdu(0x80000103, "4.7.2")
class DataSmResp(Pdu):
    """The message was taken, or parameters tell why not."""

    message_id: str = cstr(65, "5.2.23")


@pdu(0x00000003, "4.8.1")
class QuerySm(Pdu):
    """ESME asks what became of a message."""

    message_id: str = cstr(65, "5.2.23")
    source_addr_ton: int = integer(1, "5.2.5")
    source_addr_npi: int = integer(1, "5.2.6")
    source_addr: str = cstr(21, "5.2.8")


@pdu(0x80000003, "4.8.2")
class QuerySmResp(Pdu):
    """Its state; error_code is the network's."""

    message_id: str = cstr(65, "5.2.23")
    final_date: str = a_time("4.8.2")
    message_state: int = integer(1, "5.2.28")
    error_code: int = integer(1, "4.8.2")


@pdu(0x00000008, "4.9.1")
class CancelSm(Pdu):
    """ESME takes back a message, or all between two addresses when message_id is empty."""

    service_type: str = cstr(6, "5.2.11")
    message_id: str = cstr(65, "5.2.23")
    source_addr_ton: int = integer(1, "5.2.5")
    source_addr_npi: int = integer(1, "5.2.6")
    source_addr: str = cstr(21, "5.2.8")
    dest_addr_ton: int = integer(1, "5.2.5")
    dest_addr_npi: int = integer(1, "5.2.6")
    destination_addr: str = cstr(21, "5.2.9")


@pdu(0x80000008, "4.9.2")
class CancelSmResp(Pdu):
    """Done."""


@pdu(0x00000007, "4.10.1")
class ReplaceSm(Pdu):
    """ESME changes a message that still waits."""

    message_id: str = cstr(65, "5.2.23")
    source_addr_ton: int = integer(1, "5.2.5")
    source_addr_npi: int = integer(1, "5.2.6")
    source_addr: str = cstr(21, "5.2.8")
    schedule_delivery_time: str = a_time("5.2.15")
    validity_period: str = a_time("5.2.16")
    registered_delivery: int = integer(1, "5.2.17")
    sm_default_msg_id: int = integer(1, "5.2.20")
    short_message: bytes = octets(254, "5.2.22", "sm_length")


@pdu(0x80000007, "4.10.2")
class ReplaceSmResp(Pdu):
    """Done."""


@pdu(0x00000102, "4.12.1")
class AlertNotification(Pdu):
    """SMSC tells that a phone can be reached again; it has no response."""

    source_addr_ton: int = integer(1, "5.2.5")
    source_addr_npi: int = integer(1, "5.2.6")
    source_addr: str = cstr(65, "5.2.8")
    esme_addr_ton: int = integer(1, "5.2.5")
    esme_addr_npi: int = integer(1, "5.2.6")
    esme_addr: str = cstr(65, "5.2.10")


class TlvRule(NamedTuple):
    """What 3.4 says of the value of an optional parameter; sizes in octets."""

    least: int
    most: int
    section: str
    text: bool = False  # a C-octet string: its NUL is counted
    repeats: bool = False


TLVS: Mapping[int, TlvRule] = MappingProxyType(
    {
        Tag.DEST_ADDR_SUBUNIT: TlvRule(1, 1, "5.3.2.1"),
        Tag.SOURCE_ADDR_SUBUNIT: TlvRule(1, 1, "5.3.2.2"),
        Tag.DEST_NETWORK_TYPE: TlvRule(1, 1, "5.3.2.3"),
        Tag.SOURCE_NETWORK_TYPE: TlvRule(1, 1, "5.3.2.4"),
        Tag.DEST_BEARER_TYPE: TlvRule(1, 1, "5.3.2.5"),
        Tag.SOURCE_BEARER_TYPE: TlvRule(1, 1, "5.3.2.6"),
        Tag.DEST_TELEMATICS_ID: TlvRule(2, 2, "5.3.2.7"),
        Tag.SOURCE_TELEMATICS_ID: TlvRule(1, 1, "5.3.2.8"),
        Tag.QOS_TIME_TO_LIVE: TlvRule(4, 4, "5.3.2.9"),
        Tag.PAYLOAD_TYPE: TlvRule(1, 1, "5.3.2.10"),
        Tag.ADDITIONAL_STATUS_INFO_TEXT: TlvRule(1, 256, "5.3.2.11", text=True),
        Tag.RECEIPTED_MESSAGE_ID: TlvRule(1, 65, "5.3.2.12", text=True),
        Tag.MS_MSG_WAIT_FACILITIES: TlvRule(1, 1, "5.3.2.13"),
        Tag.PRIVACY_INDICATOR: TlvRule(1, 1, "5.3.2.14"),
        Tag.SOURCE_SUBADDRESS: TlvRule(2, 23, "5.3.2.15"),
        Tag.DEST_SUBADDRESS: TlvRule(2, 23, "5.3.2.16"),
        Tag.USER_MESSAGE_REFERENCE: TlvRule(2, 2, "5.3.2.17"),
        Tag.USER_RESPONSE_CODE: TlvRule(1, 1, "5.3.2.18"),
        Tag.LANGUAGE_INDICATOR: TlvRule(1, 1, "5.3.2.19"),
        Tag.SOURCE_PORT: TlvRule(2, 2, "5.3.2.20"),
        Tag.DESTINATION_PORT: TlvRule(2, 2, "5.3.2.21"),
        Tag.SAR_MSG_REF_NUM: TlvRule(2, 2, "5.3.2.22"),
        Tag.SAR_TOTAL_SEGMENTS: TlvRule(1, 1, "5.3.2.23"),
        Tag.SAR_SEGMENT_SEQNUM: TlvRule(1, 1, "5.3.2.24"),
        Tag.SC_INTERFACE_VERSION: TlvRule(1, 1, "5.3.2.25"),
        Tag.DISPLAY_TIME: TlvRule(1, 1, "5.3.2.26"),
        Tag.MS_VALIDITY: TlvRule(1, 1, "5.3.2.27"),
        Tag.DPF_RESULT: TlvRule(1, 1, "5.3.2.28"),
        Tag.SET_DPF: TlvRule(1, 1, "5.3.2.29"),
        Tag.MS_AVAILABILITY_STATUS: TlvRule(1, 1, "5.3.2.30"),
        Tag.NETWORK_ERROR_CODE: TlvRule(3, 3, "5.3.2.31"),
        Tag.MESSAGE_PAYLOAD: TlvRule(0, 65535, "5.3.2.32"),
        Tag.DELIVERY_FAILURE_REASON: TlvRule(1, 1, "5.3.2.33"),
        Tag.MORE_MESSAGES_TO_SEND: TlvRule(1, 1, "5.3.2.34"),
        Tag.MESSAGE_STATE: TlvRule(1, 1, "5.3.2.35"),
        Tag.CALLBACK_NUM: TlvRule(4, 19, "5.3.2.36", repeats=True),
        Tag.CALLBACK_NUM_PRES_IND: TlvRule(1, 1, "5.3.2.37", repeats=True),
        Tag.CALLBACK_NUM_ATAG: TlvRule(0, 65, "5.3.2.38", repeats=True),
        Tag.NUMBER_OF_MESSAGES: TlvRule(1, 1, "5.3.2.39"),
        Tag.SMS_SIGNAL: TlvRule(2, 2, "5.3.2.40"),
        Tag.ALERT_ON_MESSAGE_DELIVERY: TlvRule(0, 0, "5.3.2.41"),
        Tag.ITS_REPLY_TYPE: TlvRule(1, 1, "5.3.2.42"),
        Tag.ITS_SESSION_INFO: TlvRule(2, 2, "5.3.2.43"),
        Tag.USSD_SERVICE_OP: TlvRule(1, 1, "5.3.2.44"),
    }
)
