"""What the simulated SMSC is told and what it tells: accounts, texts, habits, faults, counts.

Values without I/O. `Plan` is the seam for faults: the simulator asks it at every
decision, so a scripted plan need only answer the same three questions as `Faults`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from smpp_server.smpp import text as sms
from smpp_server.smpp.constants import CommandStatus, MessageState, MessageType, Tag
from smpp_server.smpp.schema import (
    CancelSm,
    DataSm,
    DeliverSm,
    Pdu,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitSm,
    Tlv,
)
from smpp_server.smsc_receipts import DIALECTS, WHEN, Dialect, TlvId

# Answers to a deliver_sm after which it is tried again (Q77); after any other it is dropped.
TEMPORARY = frozenset(
    {
        CommandStatus.ESME_RSYSERR,
        CommandStatus.ESME_RMSGQFUL,
        CommandStatus.ESME_RTHROTTLED,
        CommandStatus.ESME_RX_T_APPN,
    }
)

# What a store-and-forward SMSC that keeps nothing answers to the rest of chapter 4.
REFUSED: Mapping[int, int] = {
    QuerySm.command_id: CommandStatus.ESME_RQUERYFAIL,
    CancelSm.command_id: CommandStatus.ESME_RCANCELFAIL,
    ReplaceSm.command_id: CommandStatus.ESME_RREPLACEFAIL,
    SubmitMulti.command_id: CommandStatus.ESME_RINVCMDID,
    DataSm.command_id: CommandStatus.ESME_RINVCMDID,
}


@dataclass(frozen=True, slots=True)
class Account:
    """Who may bind: a system_id, its password, how many binds at a time, and with which numbers."""

    system_id: str
    password: str
    max_binds: int = 10
    numbers: tuple[str, ...] = ()  # which of our numbers; () does not tell, and allows all


@dataclass(frozen=True, slots=True)
class Text:
    """A text somebody in the crowd sends: from whom, to which of our numbers, and its words.

    `octets` with a `data_coding` replace the words where a test wants them exact.
    """

    source: str
    destination: str
    words: str = ""
    source_ton: int = 1  # section 5.2.5: international
    source_npi: int = 1  # section 5.2.6: E.164
    destination_ton: int = 1
    destination_npi: int = 1
    esm_class: int = 0
    data_coding: int | None = None
    octets: bytes | None = None
    way: sms.Way = sms.Way.UDH8  # how a long text comes
    tlvs: tuple[Tlv, ...] = ()

    def pdus(self, reference: int) -> list[Pdu]:
        """One deliver_sm, or one for each part of a long text, marked by `reference`."""
        if self.octets is not None:
            return [self._pdu(sms.Part(self.octets), self.data_coding or 0)]
        coding = self.data_coding
        if coding is None:
            coding = sms.count(self.words).data_coding
        parts = sms.split(self.words, self.way, reference, coding)
        return [self._pdu(part, coding) for part in parts]

    def _pdu(self, part: sms.Part, data_coding: int) -> Pdu:
        return DeliverSm(
            source_addr_ton=self.source_ton,
            source_addr_npi=self.source_npi,
            source_addr=self.source,
            dest_addr_ton=self.destination_ton,
            dest_addr_npi=self.destination_npi,
            destination_addr=self.destination,
            esm_class=self.esm_class | part.esm_class,
            data_coding=data_coding,
            short_message=part.short_message,
            tlvs=(*self.tlvs, *(Tlv(tag, value) for tag, value in part.tlvs)),
        )


class Submitted(NamedTuple):
    """One submit_sm the SMSC has accepted."""

    account: str
    bind_id: int
    message_id: str
    source: str
    destination: str
    data_coding: int
    esm_class: int
    octets: bytes
    segments: int
    registered_delivery: int
    at_s: float


@dataclass(slots=True)
class Counts:
    """What happened so far."""

    binds: int = 0
    binds_asked: int = 0
    deliveries: int = 0  # deliver_sm written, redeliveries and receipts too
    redeliveries: int = 0
    confirmed: int = 0  # answered ESME_ROK
    put_off: int = 0  # answered with a temporary error, sent again later
    dropped: int = 0  # answered with a permanent error
    expired: int = 0  # not answered in time, sent again
    submits: int = 0
    accepted: int = 0
    refused: int = 0
    swallowed: int = 0
    receipts: int = 0
    malformed: int = 0
    lost: int = 0  # sessions that ended by a timer or by lost framing


@dataclass(frozen=True, slots=True)
class Habits:
    """How this SMSC behaves when nothing goes wrong; they differ from carrier to carrier."""

    system_id: str = "SMSC"
    hex_ids: bool = False  # message_id in submit_sm_resp: hexadecimal, else decimal
    hex_receipt_ids: bool | None = None  # the same in receipts; None: as in submit_sm_resp (Q54)
    receipt_text: bool = True  # Appendix B text
    receipt_tlvs: bool = True  # receipted_message_id, message_state
    receipt_state: int = MessageState.DELIVERED
    receipt_error: str = "000"
    receipt_delay_s: float = 0
    receipt_first: bool = False  # sent before the submit_sm_resp (Q58)
    receipt_copies: int = 1  # 0: never sent, whatever is asked for; 2: all come twice (Q60)
    dialect: str = ""  # of `smsc_receipts.DIALECTS`; "": as the keys above say
    retry_s: float = 5  # until a deliver_sm refused for now is sent again

    def of(self, number: int) -> "Habits":
        """The habits towards one message; here all are treated alike."""
        return self

    def message_id(self, number: int, in_receipt: bool = False) -> str:
        """The id of the message with this number, as written in a response or in a receipt."""
        as_hex = self.hex_ids
        if in_receipt and self.hex_receipt_ids is not None:
            as_hex = self.hex_receipt_ids
        return f"{number:X}" if as_hex else f"{number:010d}"

    def wants_receipt(self, registered_delivery: int) -> bool:
        """Whether these bits (section 5.2.17) ask to be told of `receipt_state`."""
        wish = registered_delivery & 0x03 if self.receipt_copies else 0
        good = self.receipt_state in (MessageState.DELIVERED, MessageState.ACCEPTED)
        return wish == 1 or (wish == 2 and not good) or (wish == 3 and good)

    def receipt(self, submit: SubmitSm, number: int, sent_s: float, done_s: float) -> DeliverSm:
        """The delivery receipt (section 2.11): addresses swapped; times from the Unix epoch."""
        message_id = self.message_id(number, in_receipt=True)
        dialect = DIALECTS[self.dialect] if self.dialect else self._plain()
        submit_date, done_date = dialect.date(sent_s), dialect.date(done_s)
        octets = dialect.octets(message_id, submit_date, done_date, self.receipt_state)
        tlvs = dialect.tlvs(message_id, self.receipt_state)
        if dialect.payload:
            octets, tlvs = b"", (*tlvs, Tlv(Tag.MESSAGE_PAYLOAD, octets))
        return DeliverSm(
            source_addr_ton=submit.dest_addr_ton,
            source_addr_npi=submit.dest_addr_npi,
            source_addr=submit.destination_addr,
            dest_addr_ton=submit.source_addr_ton,
            dest_addr_npi=submit.source_addr_npi,
            destination_addr=submit.source_addr,
            esm_class=MessageType.DELIVERY_RECEIPT,
            data_coding=dialect.data_coding,
            short_message=octets,
            tlvs=tlvs,
        )

    def _plain(self) -> Dialect:
        """Appendix B, with or without its text and its TLVs."""
        good = int(self.receipt_state == MessageState.DELIVERED)
        text = (
            f"id:{{id}} sub:001 dlvrd:{good:03d}{WHEN} stat:{{stat}} err:{self.receipt_error} text:"
        )
        tlv_id = TlvId.SAME if self.receipt_tlvs else TlvId.NONE
        return Dialect(text if self.receipt_text else "", tlv_id)


class Reception(NamedTuple):
    """What becomes of one submit_sm, unless the SMSC itself finds a fault in it."""

    status: int = 0  # command_status of the response; anything but 0 refuses
    copies: int = 1  # how often the response is sent; 0: it is lost
    delay_s: float = 0  # before the response
    taken: bool = True  # False: as if it had never arrived
    body: bool = True  # False: an ESME_ROK of 16 octets, without message_id (Q18)


class Plan(Protocol):
    """What goes wrong and when. Ordinals begin at 1."""

    def bind(self, nth: int) -> int:
        """The command_status for the n-th bind request; 0 leaves it to the accounts."""

    def submit(self, nth: int) -> Reception:
        """What becomes of the n-th submit_sm."""

    def cuts(self, delivered: int) -> bool:
        """Whether the connection dies after this many deliver_sm were written."""


@dataclass(frozen=True, slots=True)
class Faults:
    """The plain plan: each fault by one figure. As it stands, nothing goes wrong."""

    refuse_binds: int = 0  # this many of the first, all with `bind_status`
    bind_status: int = CommandStatus.ESME_RBINDFAIL
    submit_status: int = 0  # every submit_sm is refused so: credit used up, say
    throttle_every: int = 0  # every n-th submit_sm is refused with ESME_RTHROTTLED
    swallow_every: int = 0  # every n-th is neither billed nor answered; 1: all
    lose_every: int = 0  # every n-th is billed, and its response lost; 1: all
    double_every: int = 0  # the response to every n-th comes twice
    response_delay_s: float = 0
    cut_after: int = 0  # the connection dies each time this many deliver_sm were written
    cut_times: int = 1  # so often in all

    def bind(self, nth: int) -> int:
        """See `Plan.bind`."""
        return self.bind_status if nth <= self.refuse_binds else 0

    def submit(self, nth: int) -> Reception:
        """See `Plan.submit`."""
        if _every(self.swallow_every, nth):
            return Reception(taken=False)
        if self.submit_status:
            return Reception(self.submit_status, 1, self.response_delay_s)
        if _every(self.throttle_every, nth):
            return Reception(CommandStatus.ESME_RTHROTTLED, 1, self.response_delay_s)
        copies = 0 if _every(self.lose_every, nth) else 1 + _every(self.double_every, nth)
        return Reception(0, copies, self.response_delay_s)

    def cuts(self, delivered: int) -> bool:
        """See `Plan.cuts`."""
        return _every(self.cut_after, delivered) and delivered <= self.cut_after * self.cut_times


def _every(n: int, nth: int) -> bool:
    return n > 0 and nth % n == 0
