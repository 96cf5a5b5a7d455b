"""The ways SMSCs write a delivery receipt, as data: from Appendix B to what the field makes of it.

Each dialect is named as its sample in tests/vectors/receipts.jsonl. Words of its own ("BUFFRED",
an id of "0") a dialect says whatever became of the message: they are what makes it one.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from smpp_server.smpp.constants import MessageState, Tag
from smpp_server.smpp.schema import Tlv

# Appendix B, Table B-2
STATE_WORDS: Mapping[int, str] = {
    MessageState.ENROUTE: "ENROUTE",
    MessageState.DELIVERED: "DELIVRD",
    MessageState.EXPIRED: "EXPIRED",
    MessageState.DELETED: "DELETED",
    MessageState.UNDELIVERABLE: "UNDELIV",
    MessageState.ACCEPTED: "ACCEPTD",
    MessageState.UNKNOWN: "UNKNOWN",
    MessageState.REJECTED: "REJECTD",
}
WHEN = " submit date:{submit} done date:{done}"
PLAIN = "id:{id} sub:001 dlvrd:001" + WHEN + " stat:{stat} err:000"


class TlvId(Enum):
    """What the TLV receipted_message_id holds."""

    NONE = 0  # neither it nor message_state is sent
    SAME = 1  # what the text says
    HEX = 2  # hexadecimal where the text is a decimal (Q55)
    ZERO = 3  # "0", which is no id


class Dialect(NamedTuple):
    """One way to write a receipt."""

    text: str  # with {id} {submit} {done} {stat} {lower} {state} where these are told
    tlv_id: TlvId = TlvId.NONE
    tlv_state: int = 0  # message_state when it is not the true one
    dates: str = "%y%m%d%H%M"
    data_coding: int = 0
    payload: bool = False  # in message_payload, not in short_message

    def date(self, at_s: float) -> str:
        """Seconds since the Unix epoch as this dialect writes them, in UTC."""
        return datetime.fromtimestamp(at_s, UTC).strftime(self.dates)

    def octets(self, message_id: str, submit: str, done: str, state: int) -> bytes:
        """The text, in its alphabet; dates as `date` writes them."""
        word = STATE_WORDS[state]
        text = self.text.format(
            id=message_id, submit=submit, done=done, stat=word, lower=word.lower(), state=state
        )
        return text.encode("utf-16-be" if self.data_coding == 8 else "latin-1")

    def tlvs(self, message_id: str, state: int) -> tuple[Tlv, ...]:
        """receipted_message_id and message_state, where this dialect has them."""
        match self.tlv_id:
            case TlvId.NONE:
                return ()
            case TlvId.SAME:
                told = message_id
            case TlvId.HEX:
                told = f"{int(message_id):x}" if message_id.isdecimal() else message_id.lower()
            case TlvId.ZERO:
                told = "0"
        return (
            Tlv(Tag.RECEIPTED_MESSAGE_ID, told.encode("ascii") + b"\0"),
            Tlv(Tag.MESSAGE_STATE, bytes((self.tlv_state or state,))),
        )


DIALECTS: Mapping[str, Dialect] = {
    "appendix-b": Dialect(PLAIN + " Text:Hello world 1234567"),
    "ch-simulator": Dialect(PLAIN + " Text:Hello"),
    "ch-real-world-0-tlv": Dialect(PLAIN + " text:@$#!%&/:", tlv_id=TlvId.HEX),
    "ch-seconds": Dialect(PLAIN + " text:", dates="%y%m%d%H%M%S"),
    "ch-out-of-order": Dialect(
        "sub:001 id:{id} err:000 dlvrd:001 done date:{done} submit date:{submit} text: stat:{stat}",
        dates="%y%m%d%H%M%S",
    ),
    "ch-err-alnum": Dialect(
        "id:{id} sub:002 dlvrd:001" + WHEN + " stat:{stat} err:21b text:This is a sample mes"
    ),
    "ch-zero-dates": Dialect(
        "id:{id} sub:000 dlvrd:000 submit date:0000000000 done date:0000000000 stat:BADSTAT"
        " err:000 text:"
    ),
    "ch-epoch": Dialect(PLAIN + " text:text"),
    "ch-only-submit-date": Dialect("submit date:{submit}", dates="%y%m%d%H%M%S"),
    "ch-typo-id": Dialect(
        "i:{id} sub:002 dlvrd:001" + WHEN + " stat:{stat} err:012 text:This is a sample mes"
    ),
    "ch-typo-stat": Dialect(
        "id:{id} sub:002 dlvrd:001" + WHEN + " sat:{stat} err:012 text:This is a sample mes"
    ),
    "ch-netfors": Dialect(PLAIN + " te"),
    "ch-accepted-107": Dialect(
        "id:{id} sub:001 dlvrd:001" + WHEN + " stat:{stat} err:107 text: 26F102"
    ),
    "ch-dlr0": Dialect(PLAIN + " Text:Hello               "),
    "jasmin-standard": Dialect(PLAIN + " text:DLVRD TO MOBILE"),
    "jasmin-empty-text": Dialect(PLAIN + " text:"),
    "jasmin-195": Dialect(
        "id:{id} submit date:{submit} done date:{done} stat:{stat} err:000", dates="%Y%m%d%H%M"
    ),
    "jasmin-goip": Dialect("id:{id} sub:1 dlvrd:13" + WHEN + " stat:{stat} err:0 Text:\x04\x1a"),
    "jasmin-mmg": Dialect("{id} {state}", tlv_id=TlvId.SAME),
    "jasmin-tlv-state-first": Dialect(
        "id:{id} submit date:{submit} done date:{done} stat:{stat} err:000",
        tlv_id=TlvId.SAME,
        dates="%Y%m%d%H%M",
        tlv_state=6,
    ),
    "jasmin-err-4": Dialect(PLAIN + "0 text:Test (hmehi)"),
    "jasmin-billing-text": Dialect(PLAIN + "0 text:GW2500 MCC=270 MNC=1 BillingMCC=10"),
    "jasmin-payload-nul": Dialect(
        "id:{id} submit date:{submit} done date:{done} stat:{stat} err:000\x00",
        tlv_id=TlvId.HEX,
        payload=True,
    ),
    "jasmin-non-ascii": Dialect(
        PLAIN + " text:\x84A\x89O\x88 ENTO\x84H. \x8cAPAKA", tlv_id=TlvId.HEX
    ),
    "jasmin-undeliv": Dialect(
        "id:{id} sub:001 dlvrd:000" + WHEN + " stat:{stat} err:000 text:",
        dates="%y%m%d%H%M%S",
    ),
    "jasmin-753": Dialect(
        "id:{id} submit date:{submit} done date:{done} stat:{stat} err:030", dates="%Y%m%d%H%M"
    ),
    "larvit-tlv": Dialect(PLAIN + "0 text: baff", tlv_id=TlvId.SAME),
    "jsmpp-no-text-key": Dialect(PLAIN + " testing jSMPP bow"),
    "jsmpp-seconds": Dialect(PLAIN + " testing jSMPP bow", dates="%y%m%d%H%M%S"),
    "jsmpp-no-sub": Dialect("id:{id}" + WHEN + " stat:{stat} err:000 text:testing jSMPP bow"),
    "jsmpp-only-stat": Dialect("stat:{stat}"),
    "jsmpp-short": Dialect(
        "id:{id} sub:234 dlvrd:000 submit date:{submit} done date:{done} stat:{stat}"
    ),
    "smppex-46": Dialect(
        "id:{id} sub:000 dlvrd:000 submit date:{submit} done date:{done} stat:{stat} err:000",
        dates="%y%m%d%H%M%S000+",
    ),
    "ksmppd-108": Dialect(
        "id:{id} sub:000 dlvrd:000 submit date:{submit} done date:{done} {stat} err:000 Text:",
        dates="%y%m%d%H%M%S",
    ),
    "nodesmpp-199": Dialect(PLAIN + " text:", dates="%y%m%d%H%M%S"),
    "jsmpp-62": Dialect(
        "id:{id} submit date:{submit} done date:{done} stat:{stat} err:000 text:hellow"
    ),
    "vumi-template": Dialect(
        "id:{id} sub:... dlvrd:..." + WHEN + " stat:{stat} err:... text:Meep",
        dates="%Y%m%d%H%M",
    ),
    "vumi-failed": Dialect(
        "id:{id} sub:... dlvrd:..." + WHEN + " stat:FAILED err:042 text:Meep",
        dates="%Y%m%d%H%M",
    ),
    "vumi-no-content": Dialect(""),
    "vumi-ucs2": Dialect(PLAIN + " text:", dates="%y%m%d%H%M%S", data_coding=8),
    "zilberc-3": Dialect(
        "id:{id} sub:001 dlvrd:0" + WHEN + " stat:{stat} err:1 text:This is an Acti"
    ),
    "phpsmpp-70": Dialect(PLAIN + "0 text:H\x1bello world"),
    "phpsmpp-29": Dialect("id:{id} sub:001 dlvrd:001" + WHEN + " stat:{stat} err: 0 text:x"),
    "ajankovic-8": Dialect(
        "id:0 sub:001 dlvrd:001" + WHEN + " stat:{stat} err:000 Text:Test msg",
        tlv_id=TlvId.ZERO,
    ),
    "kannel-buffred": Dialect("id:{id} sub:001 dlvrd:000" + WHEN + " stat:BUFFRED err:000 text:"),
    "kannel-acked": Dialect("id:{id} stat:ACKED"),
    "kannel-bufferd": Dialect(
        "id:{id} sub:001 dlvrd:000 submit date:{submit} done date:{done} stat:BUFFERD err:000"
    ),
    "upper-keys": Dialect(
        "id:{id} SUB:000 DLVRD:000 SUBMIT DATE:{submit} DONE DATE:{done} STAT:{stat} ERR:0 TEXT:",
        dates="%y%m%d%H%M%S",
    ),
    "compact-tabs": Dialect("id:{id}\tsubmitdate:{submit}\tdonedate:{done}\tstat:{stat}\terr:058"),
    "stat-first": Dialect("stat:{stat} err:001 id:{id}"),
    "msgid-key": Dialect("message_id:{id} stat:{stat} err:000"),
    "vendor-fields": Dialect(
        "id:{id} mccmnc:61202 dlvrd:1 vendorRef:xyz stat:{stat} err:000 price:0.02"
    ),
    "text-swallows": Dialect("id:{id} stat:{stat} text:call me at 10:30 id:not-an-id"),
    "first-id-wins": Dialect("id:{id} stat:{stat} id:SECOND"),
    "suffix-key": Dialect("myid:7 xstat:DELIVRD id:{id}"),
    "mixed-case-stat": Dialect("id:{id} stat:{lower}"),
    "nexmo": Dialect(PLAIN + " text:none"),
    "smppcenter": Dialect(PLAIN + " text:Hello World", dates="%y%m%d%H%M%S"),
    "eclipsing-nul-bytes": Dialect("id:{id} stat:{stat} err:000\x00\x00"),
    "dlvrd-mismatch": Dialect("id:{id} sub:001 dlvrd:000" + WHEN + " stat:{stat} err:000 text:"),
}
