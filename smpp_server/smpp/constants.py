"""The numbers of SMPP 3.4 as typed enums, made from smpplib's tables, and their names for logs.

Sections are those of SMPP 3.4 Issue 1.2; what smpplib lacks is written out here. A peer may send
other numbers than these: everything that is read stays a plain int.
"""

from collections.abc import Mapping
from enum import IntEnum, IntFlag
from types import MappingProxyType

from smpplib import command_codes, consts

_COMMANDS: Mapping[str, int] = command_codes.commands
_TAGS: Mapping[str, int] = consts.OPTIONAL_PARAMS

RESPONSE_BIT = 0x80000000  # section 5.1.2.1: a response is its request with this bit set


class CommandId(IntEnum):
    """command_id (section 5.1.2.1)."""

    GENERIC_NACK = _COMMANDS["generic_nack"]
    BIND_RECEIVER = _COMMANDS["bind_receiver"]
    BIND_RECEIVER_RESP = _COMMANDS["bind_receiver_resp"]
    BIND_TRANSMITTER = _COMMANDS["bind_transmitter"]
    BIND_TRANSMITTER_RESP = _COMMANDS["bind_transmitter_resp"]
    QUERY_SM = _COMMANDS["query_sm"]
    QUERY_SM_RESP = _COMMANDS["query_sm_resp"]
    SUBMIT_SM = _COMMANDS["submit_sm"]
    SUBMIT_SM_RESP = _COMMANDS["submit_sm_resp"]
    DELIVER_SM = _COMMANDS["deliver_sm"]
    DELIVER_SM_RESP = _COMMANDS["deliver_sm_resp"]
    UNBIND = _COMMANDS["unbind"]
    UNBIND_RESP = _COMMANDS["unbind_resp"]
    REPLACE_SM = _COMMANDS["replace_sm"]
    REPLACE_SM_RESP = _COMMANDS["replace_sm_resp"]
    CANCEL_SM = _COMMANDS["cancel_sm"]
    CANCEL_SM_RESP = _COMMANDS["cancel_sm_resp"]
    BIND_TRANSCEIVER = _COMMANDS["bind_transceiver"]
    BIND_TRANSCEIVER_RESP = _COMMANDS["bind_transceiver_resp"]
    OUTBIND = _COMMANDS["outbind"]
    ENQUIRE_LINK = _COMMANDS["enquire_link"]
    ENQUIRE_LINK_RESP = _COMMANDS["enquire_link_resp"]
    SUBMIT_MULTI = _COMMANDS["submit_multi"]
    SUBMIT_MULTI_RESP = _COMMANDS["submit_multi_resp"]
    ALERT_NOTIFICATION = _COMMANDS["alert_notification"]
    DATA_SM = _COMMANDS["data_sm"]
    DATA_SM_RESP = _COMMANDS["data_sm_resp"]


class CommandStatus(IntEnum):
    """command_status of a response (section 5.1.3)."""

    ESME_ROK = consts.SMPP_ESME_ROK
    ESME_RINVMSGLEN = consts.SMPP_ESME_RINVMSGLEN
    ESME_RINVCMDLEN = consts.SMPP_ESME_RINVCMDLEN
    ESME_RINVCMDID = consts.SMPP_ESME_RINVCMDID
    ESME_RINVBNDSTS = consts.SMPP_ESME_RINVBNDSTS
    ESME_RALYBND = consts.SMPP_ESME_RALYBND
    ESME_RINVPRTFLG = consts.SMPP_ESME_RINVPRTFLG
    ESME_RINVREGDLVFLG = consts.SMPP_ESME_RINVREGDLVFLG
    ESME_RSYSERR = consts.SMPP_ESME_RSYSERR
    ESME_RINVSRCADR = consts.SMPP_ESME_RINVSRCADR
    ESME_RINVDSTADR = consts.SMPP_ESME_RINVDSTADR
    ESME_RINVMSGID = consts.SMPP_ESME_RINVMSGID
    ESME_RBINDFAIL = consts.SMPP_ESME_RBINDFAIL
    ESME_RINVPASWD = consts.SMPP_ESME_RINVPASWD
    ESME_RINVSYSID = consts.SMPP_ESME_RINVSYSID
    ESME_RCANCELFAIL = consts.SMPP_ESME_RCANCELFAIL
    ESME_RREPLACEFAIL = consts.SMPP_ESME_RREPLACEFAIL
    ESME_RMSGQFUL = consts.SMPP_ESME_RMSGQFUL
    ESME_RINVSERTYP = consts.SMPP_ESME_RINVSERTYP
    ESME_RINVNUMDESTS = consts.SMPP_ESME_RINVNUMDESTS
    ESME_RINVDLNAME = consts.SMPP_ESME_RINVDLNAME
    ESME_RINVDESTFLAG = consts.SMPP_ESME_RINVDESTFLAG
    ESME_RINVSUBREP = consts.SMPP_ESME_RINVSUBREP
    ESME_RINVESMCLASS = consts.SMPP_ESME_RINVESMCLASS
    ESME_RCNTSUBDL = consts.SMPP_ESME_RCNTSUBDL
    ESME_RSUBMITFAIL = consts.SMPP_ESME_RSUBMITFAIL
    ESME_RINVSRCTON = consts.SMPP_ESME_RINVSRCTON
    ESME_RINVSRCNPI = consts.SMPP_ESME_RINVSRCNPI
    ESME_RINVDSTTON = consts.SMPP_ESME_RINVDSTTON
    ESME_RINVDSTNPI = consts.SMPP_ESME_RINVDSTNPI
    ESME_RINVSYSTYP = consts.SMPP_ESME_RINVSYSTYP
    ESME_RINVREPFLAG = consts.SMPP_ESME_RINVREPFLAG
    ESME_RINVNUMMSGS = consts.SMPP_ESME_RINVNUMMSGS
    ESME_RTHROTTLED = consts.SMPP_ESME_RTHROTTLED
    ESME_RINVSCHED = consts.SMPP_ESME_RINVSCHED
    ESME_RINVEXPIRY = consts.SMPP_ESME_RINVEXPIRY
    ESME_RINVDFTMSGID = consts.SMPP_ESME_RINVDFTMSGID
    ESME_RX_T_APPN = consts.SMPP_ESME_RX_T_APPN
    ESME_RX_P_APPN = consts.SMPP_ESME_RX_P_APPN
    ESME_RX_R_APPN = consts.SMPP_ESME_RX_R_APPN
    ESME_RQUERYFAIL = consts.SMPP_ESME_RQUERYFAIL
    ESME_RINVOPTPARSTREAM = consts.SMPP_ESME_RINVOPTPARSTREAM
    ESME_ROPTPARNOTALLWD = consts.SMPP_ESME_ROPTPARNOTALLWD
    ESME_RINVPARLEN = consts.SMPP_ESME_RINVPARLEN
    ESME_RMISSINGOPTPARAM = consts.SMPP_ESME_RMISSINGOPTPARAM
    ESME_RINVOPTPARAMVAL = consts.SMPP_ESME_RINVOPTPARAMVAL
    ESME_RDELIVERYFAILURE = consts.SMPP_ESME_RDELIVERYFAILURE
    ESME_RUNKNOWNERR = consts.SMPP_ESME_RUNKNOWNERR
    # SMPP 5.0, section 4.7.6; 3.4 links bring them too.
    ESME_RSERTYPUNAUTH = 0x100
    ESME_RPROHIBITED = 0x101
    ESME_RSERTYPUNAVAIL = 0x102
    ESME_RSERTYPDENIED = 0x103
    ESME_RINVDCS = 0x104


class InterfaceVersion(IntEnum):
    """interface_version of a bind (section 5.2.4); 5.0 is SMPP 5.0's own."""

    V3_3 = consts.SMPP_VERSION_33
    V3_4 = consts.SMPP_VERSION_34
    V5_0 = 0x50


class Ton(IntEnum):
    """Type of number (section 5.2.5)."""

    UNKNOWN = consts.SMPP_TON_UNK
    INTERNATIONAL = consts.SMPP_TON_INTL
    NATIONAL = consts.SMPP_TON_NATNL
    NETWORK_SPECIFIC = consts.SMPP_TON_NWSPEC
    SUBSCRIBER = consts.SMPP_TON_SBSCR
    ALPHANUMERIC = consts.SMPP_TON_ALNUM
    ABBREVIATED = consts.SMPP_TON_ABBREV


class Npi(IntEnum):
    """Numbering plan indicator (section 5.2.6)."""

    UNKNOWN = consts.SMPP_NPI_UNK
    E164 = consts.SMPP_NPI_ISDN
    X121 = consts.SMPP_NPI_DATA
    TELEX = consts.SMPP_NPI_TELEX
    E212 = consts.SMPP_NPI_LNDMBL
    NATIONAL = consts.SMPP_NPI_NATNL
    PRIVATE = consts.SMPP_NPI_PRVT
    ERMES = consts.SMPP_NPI_ERMES
    IP = consts.SMPP_NPI_IP
    WAP = consts.SMPP_NPI_WAP


class DataCoding(IntEnum):
    """data_coding (section 5.2.19); 0xC0 to 0xFF are GSM's and no single values."""

    SMSC_DEFAULT = consts.SMPP_ENCODING_DEFAULT
    ASCII = consts.SMPP_ENCODING_IA5
    OCTETS = consts.SMPP_ENCODING_BINARY
    LATIN_1 = consts.SMPP_ENCODING_ISO88591
    OCTETS_8_BIT = consts.SMPP_ENCODING_BINARY2
    JIS = consts.SMPP_ENCODING_JIS
    CYRILLIC = consts.SMPP_ENCODING_ISO88595
    HEBREW = consts.SMPP_ENCODING_ISO88598
    UCS2 = consts.SMPP_ENCODING_ISO10646
    PICTOGRAM = consts.SMPP_ENCODING_PICTOGRAM
    ISO_2022_JP = consts.SMPP_ENCODING_ISO2022JP
    EXTENDED_KANJI = consts.SMPP_ENCODING_EXTJIS
    KS_C_5601 = consts.SMPP_ENCODING_KSC5601


class MessageMode(IntEnum):
    """esm_class bits 1-0, ESME to SMSC only (section 5.2.12)."""

    DEFAULT = consts.SMPP_MSGMODE_DEFAULT
    DATAGRAM = consts.SMPP_MSGMODE_DATAGRAM
    TRANSACTION = consts.SMPP_MSGMODE_FORWARD
    STORE_AND_FORWARD = consts.SMPP_MSGMODE_STOREFORWARD


class MessageType(IntEnum):
    """esm_class bits 5-2 (section 5.2.12)."""

    NORMAL = consts.SMPP_MSGTYPE_DEFAULT
    DELIVERY_RECEIPT = 0x04
    DELIVERY_ACKNOWLEDGEMENT = consts.SMPP_MSGTYPE_DELIVERYACK
    USER_ACKNOWLEDGEMENT = consts.SMPP_MSGTYPE_USERACK
    CONVERSATION_ABORT = 0x18
    INTERMEDIATE_NOTIFICATION = 0x20


class GsmFeature(IntFlag):
    """esm_class bits 7-6 (section 5.2.12)."""

    UDHI = consts.SMPP_GSMFEAT_UDHI
    REPLY_PATH = consts.SMPP_GSMFEAT_REPLYPATH


MODE_MASK = 0x03  # of esm_class
TYPE_MASK = 0x3C


class RegisteredDelivery(IntFlag):
    """registered_delivery (section 5.2.17).

    Its text puts the intermediate notification in bit 5, its pattern in bit 4; peers use bit 4.
    """

    NONE = consts.SMPP_SMSC_DELIVERY_RECEIPT_NONE
    FINAL = consts.SMPP_SMSC_DELIVERY_RECEIPT_BOTH
    FAILURE = consts.SMPP_SMSC_DELIVERY_RECEIPT_FAILURE
    SME_DELIVERY = consts.SMPP_SME_ACK_DELIVERY
    SME_MANUAL = consts.SMPP_SME_ACK_MANUAL
    INTERMEDIATE = consts.SMPP_INT_NOTIFICATION_REQUESTED


class MessageState(IntEnum):
    """message_state (section 5.2.28); the first and the last are SMPP 5.0's."""

    SCHEDULED = 0
    ENROUTE = consts.SMPP_MESSAGE_STATE_ENROUTE
    DELIVERED = consts.SMPP_MESSAGE_STATE_DELIVERED
    EXPIRED = consts.SMPP_MESSAGE_STATE_EXPIRED
    DELETED = consts.SMPP_MESSAGE_STATE_DELETED
    UNDELIVERABLE = consts.SMPP_MESSAGE_STATE_UNDELIVERABLE
    ACCEPTED = consts.SMPP_MESSAGE_STATE_ACCEPTED
    UNKNOWN = consts.SMPP_MESSAGE_STATE_UNKNOWN
    REJECTED = consts.SMPP_MESSAGE_STATE_REJECTED
    SKIPPED = 9


class MsAvailability(IntEnum):
    """ms_availability_status of alert_notification (section 5.3.2.30)."""

    AVAILABLE = consts.SMPP_MS_AVAILABILITY_STATUS_AVAILABLE
    DENIED = consts.SMPP_MS_AVAILABILITY_STATUS_DENIED
    UNAVAILABLE = consts.SMPP_MS_AVAILABILITY_STATUS_UNAVAILABLE


class Tag(IntEnum):
    """Tags of optional parameters (section 5.3.2); their sizes stand in `schema.TLVS`."""

    DEST_ADDR_SUBUNIT = _TAGS["dest_addr_subunit"]
    DEST_NETWORK_TYPE = _TAGS["dest_network_type"]
    DEST_BEARER_TYPE = _TAGS["dest_bearer_type"]
    DEST_TELEMATICS_ID = _TAGS["dest_telematics_id"]
    SOURCE_ADDR_SUBUNIT = _TAGS["source_addr_subunit"]
    SOURCE_NETWORK_TYPE = _TAGS["source_network_type"]
    SOURCE_BEARER_TYPE = _TAGS["source_bearer_type"]
    SOURCE_TELEMATICS_ID = _TAGS["source_telematics_id"]
    QOS_TIME_TO_LIVE = _TAGS["qos_time_to_live"]
    PAYLOAD_TYPE = _TAGS["payload_type"]
    ADDITIONAL_STATUS_INFO_TEXT = _TAGS["additional_status_info_text"]
    RECEIPTED_MESSAGE_ID = _TAGS["receipted_message_id"]
    MS_MSG_WAIT_FACILITIES = _TAGS["ms_msg_wait_facilities"]
    PRIVACY_INDICATOR = _TAGS["privacy_indicator"]
    SOURCE_SUBADDRESS = _TAGS["source_subaddress"]
    DEST_SUBADDRESS = _TAGS["dest_subaddress"]
    USER_MESSAGE_REFERENCE = _TAGS["user_message_reference"]
    USER_RESPONSE_CODE = _TAGS["user_response_code"]
    SOURCE_PORT = _TAGS["source_port"]
    DESTINATION_PORT = _TAGS["destination_port"]
    SAR_MSG_REF_NUM = _TAGS["sar_msg_ref_num"]
    LANGUAGE_INDICATOR = _TAGS["language_indicator"]
    SAR_TOTAL_SEGMENTS = _TAGS["sar_total_segments"]
    SAR_SEGMENT_SEQNUM = _TAGS["sar_segment_seqnum"]
    SC_INTERFACE_VERSION = _TAGS["sc_interface_version"]
    CALLBACK_NUM_PRES_IND = _TAGS["callback_num_pres_ind"]
    CALLBACK_NUM_ATAG = _TAGS["callback_num_atag"]
    NUMBER_OF_MESSAGES = _TAGS["number_of_messages"]
    CALLBACK_NUM = _TAGS["callback_num"]
    DPF_RESULT = _TAGS["dpf_result"]
    SET_DPF = _TAGS["set_dpf"]
    MS_AVAILABILITY_STATUS = _TAGS["ms_availability_status"]
    NETWORK_ERROR_CODE = _TAGS["network_error_code"]
    MESSAGE_PAYLOAD = _TAGS["message_payload"]
    DELIVERY_FAILURE_REASON = _TAGS["delivery_failure_reason"]
    MORE_MESSAGES_TO_SEND = _TAGS["more_messages_to_send"]
    MESSAGE_STATE = _TAGS["message_state"]
    USSD_SERVICE_OP = _TAGS["ussd_service_op"]
    DISPLAY_TIME = _TAGS["display_time"]
    SMS_SIGNAL = _TAGS["sms_signal"]
    MS_VALIDITY = _TAGS["ms_validity"]
    ALERT_ON_MESSAGE_DELIVERY = _TAGS["alert_on_message_delivery"]
    ITS_REPLY_TYPE = _TAGS["its_reply_type"]
    ITS_SESSION_INFO = _TAGS["its_session_info"]
    # SMPP 5.0, section 4.8.4.18; seen in submit_sm_resp on 3.4 links.
    CONGESTION_STATE = 0x0428


_STATUS_NAMES: Mapping[int, str] = {int(status): status.name for status in CommandStatus}
_TAG_NAMES: Mapping[int, str] = {int(tag): tag.name.lower() for tag in Tag}

STATUS_TEXTS: Mapping[int, str] = MappingProxyType(
    {
        **consts.DESCRIPTIONS,
        CommandStatus.ESME_RINVREGDLVFLG: "Invalid Registered Delivery Flag",
        CommandStatus.ESME_RSERTYPUNAUTH: "Not authorised to use this service_type",
        CommandStatus.ESME_RPROHIBITED: "Not authorised to use this operation",
        CommandStatus.ESME_RSERTYPUNAVAIL: "The service_type is unavailable",
        CommandStatus.ESME_RSERTYPDENIED: "The service_type is denied",
        CommandStatus.ESME_RINVDCS: "Invalid data_coding",
    }
)


def status_name(status: int) -> str:
    """Such as "ESME_RTHROTTLED"; a number that 3.4 does not define as "0x0410"."""
    return _STATUS_NAMES.get(status) or f"{status:#06x}"


def status_text(status: int) -> str:
    """What the status says, for people; "" when 3.4 does not define it."""
    return STATUS_TEXTS.get(status, "")


def tag_name(tag: int) -> str:
    """Such as "message_payload"; a tag that 3.4 does not define as "0x1403"."""
    return _TAG_NAMES.get(tag) or f"{tag:#06x}"
