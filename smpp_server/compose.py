"""Replies → submit_sm: the mirror of `recognise`. Prepared once per link, number and text."""

from collections.abc import Mapping
from struct import Struct
from typing import NamedTuple

from routing.records import ReplyText, Submit, made
from smpp_server.config_records import LinkConfig
from smpp_server.smpp.codec import encode
from smpp_server.smpp.schema import SubmitSm, Tlv
from smpp_server.smpp.text import encode as encode_text

_SUBMIT_SM = SubmitSm.command_id
_HEADER = Struct(">4I")
_REFERENCE = Struct(">3H")  # tag, length, value
_USER_MESSAGE_REFERENCE = 0x0204  # SMPP 3.4 section 5.3.2.17
_MESSAGE_PAYLOAD = 0x0424
_SHORT_MOST = 254
_INTERNATIONAL = 1
_E164 = 1


class Prepared(NamedTuple):
    """One submit_sm in which only the sequence number is open."""

    command_id: int
    body: bytes

    def encode(self, sequence_number: int) -> bytes:
        """The same octets as `codec.encode` of the whole PDU (SMPP 3.4 section 4.4.1)."""
        body = self.body
        return _HEADER.pack(16 + len(body), self.command_id, 0, sequence_number) + body


class Composer:
    """Turns `Submit`s into PDUs by the link's own way of writing."""

    def __init__(self, links: Mapping[str, LinkConfig], texts: Mapping[str, ReplyText]) -> None:
        self._links = links
        self._texts = texts
        self._forms: dict[tuple[str, str, str], tuple[bytes, bytes, bool]] = {}

    def compose(self, submit: Submit) -> Prepared:
        """The PDU of one reply, all but its sequence number."""
        key = (submit.link, submit.number, submit.text_id)
        form = self._forms.get(key)
        if form is None:
            form = self._forms[key] = self._prepare(*key)
        head, tail, referenced = form
        if referenced:
            tail += _REFERENCE.pack(_USER_MESSAGE_REFERENCE, 2, submit.reply_id & 0xFFFF)
        body = head + submit.msisdn.encode("ascii") + tail
        return made(Prepared, (_SUBMIT_SM, body))

    def _prepare(self, link_name: str, number: str, text_id: str) -> tuple[bytes, bytes, bool]:
        pdu = self.pdu(link_name, number, text_id, "")
        pdu.sequence_number = 1  # any legal one: the header is cut off
        whole = encode(pdu)
        link = self._links[link_name]
        source = link.sources[number]
        cut = 16 + len(link.service_type) + 1 + 2 + len(source.value.encode("latin-1")) + 1 + 2
        return whole[16:cut], whole[cut:], link.reference

    def pdu(self, link_name: str, number: str, text_id: str, destination: str) -> SubmitSm:
        """The same reply as a plain PDU: what `compose` must agree with, octet by octet."""
        link, text = self._links[link_name], self._texts[text_id]
        source = link.sources[number]
        octets = encode_text(text.words, text.data_coding)
        long = len(octets) > _SHORT_MOST or text.segments > 1
        return SubmitSm(
            service_type=link.service_type,
            source_addr_ton=source.ton,
            source_addr_npi=source.npi,
            source_addr=source.value,
            dest_addr_ton=_INTERNATIONAL,
            dest_addr_npi=_E164,
            destination_addr=destination,
            priority_flag=link.priority_flag,
            validity_period=link.validity_period,
            registered_delivery=link.registered_delivery,
            data_coding=text.data_coding,
            short_message=b"" if long else octets,
            tlvs=(Tlv(_MESSAGE_PAYLOAD, octets),) if long else (),
        )
