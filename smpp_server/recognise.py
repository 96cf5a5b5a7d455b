"""PDUs → contacts, outcomes and receipts. The words of a message are read here, once, and dropped.

Nothing that leaves this module has a field for them: a stop word becomes a flag, our own text
coming back a reason for silence.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from routing.jobs import ABOUT_A_PERSON
from routing.numbering import MoForm, Reading
from routing.records import (
    AckRef,
    Contact,
    Outcome,
    OutcomeKind,
    Receipt,
    ReceiptKind,
    ReplyText,
    Rules,
    SenderKeys,
    Silence,
    made,
)
from routing.standing import CdrStep, Command, Seen
from smpp_server import events as ev
from smpp_server.config_records import LinkConfig
from smpp_server.config_texts import stop_form
from smpp_server.phrases import Phrases
from smpp_server.smpp import receipts, text
from smpp_server.smpp.constants import Tag, status_name
from smpp_server.smpp.happenings import Answered, Expired, Late, Malformed, Received
from smpp_server.smpp.schema import DataSm, DeliverSm, Pdu, SubmitSmResp

_FAULTS = {
    "alphanumeric": Silence.ALPHANUMERIC,
    "short": Silence.SHORT,
    "none": Silence.NO_SENDER,
    "network": Silence.NETWORK_NUMBER,
    "unreadable": Silence.UNREADABLE_NUMBER,
    "never": Silence.NEVER_ANSWER,
}

OUTCOMES: Mapping[int, OutcomeKind] = {
    0x58: OutcomeKind.PAUSE,
    0x14: OutcomeKind.PAUSE,
    0x08: OutcomeKind.RETRY,
    0x45: OutcomeKind.RETRY,
    0x64: OutcomeKind.RETRY,
    0x04: OutcomeKind.SESSION,
} | dict.fromkeys((0x03, 0x0A, 0x15, 0x48, 0x49, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4), OutcomeKind.ACCOUNT)
"""command_status → what it means for a submit; all others refuse this one reply for good."""

_RECEIPT_KINDS = {
    receipts.Fate.DELIVERED: ReceiptKind.DELIVERED,
    receipts.Fate.FAILED: ReceiptKind.FAILED,
    receipts.Fate.INTERMEDIATE: ReceiptKind.INTERMEDIATE,
}
_MESSAGE_PAYLOAD = 0x0424
ECHO_LETTERS = 40  # a robot that quotes us, or cuts us short, is known by our first letters
ECHO_LEAST = 20  # a shorter text of ours comes back whole
_USER_MESSAGE_REFERENCE = 0x0204
_UDHI = 0x40
_MOST_CONGESTED = 100
_NETWORK = re.compile(rb"[^0-9]?([2-7][0-9]{2})[^0-9]?([0-9]{2,3})[^0-9]?")  # E.212: MCC, MNC
_STOP_START = 3  # letters by which most texts are told from every stop word
_NOT_A_TEXT = 0x3C  # esm_class bits 5-2: receipts, acknowledgements, notifications

_ACCEPTED = OutcomeKind.ACCEPTED  # an attribute of an enumeration is dear to read


class Recognised(NamedTuple):
    """One batch, and whom it is owed an answer."""

    seen: Seen
    acks: dict[int, list[tuple[int, int]]]  # bind → (command_id, sequence_number)
    noticed: list[ev.Noticed]
    explained: list[tuple[int, Contact]]  # (ticket, contact)


@dataclass(frozen=True, slots=True)
class _Link:
    """How one link writes what it delivers."""

    name: str
    carrier: str
    form: MoForm
    alphabet: str
    outcomes: Mapping[int, OutcomeKind]
    network_tags: tuple[int, ...]
    id_match: receipts.IdMatch
    reference: bool


class Recogniser:
    """Reads batches by the configuration. Keeps nothing between them."""

    def __init__(
        self,
        rules: Rules,
        links: Mapping[str, LinkConfig],
        sender_keys: Callable[[str], SenderKeys],
    ) -> None:
        self._rules = rules
        self._read = rules.plan.read
        self._sender_keys = sender_keys
        self._links = {
            link.name: _Link(
                link.name,
                link.carrier,
                rules.mo_forms[link.name],
                link.default_alphabet,
                {**OUTCOMES, **link.outcomes},
                link.network_tags,
                receipts.IdMatch(link.id_match),
                link.reference,
            )
            for link in links.values()
        }
        self._numbers = {number.msisdn: number.name for number in rules.numbers.values()}
        self._called: dict[str, str] = dict(self._numbers)
        self._sources = {
            (link.carrier, source.value): name
            for link in links.values()
            for name, source in link.sources.items()
        }
        self._own_octets = _own_octets(rules.texts)
        numbers = rules.numbers.values()
        used = {text_id for n in numbers for text_id in (*n.text_ids, n.stop_text_id) if text_id}
        own = [rules.texts[text_id].words for text_id in sorted(used)]
        echoes = [words[:ECHO_LETTERS] for words in own if len(words) >= ECHO_LEAST]
        self._echoes = Phrases(echoes)
        self._machines = Phrases([*echoes, *rules.robot_words])
        self._own_countries = {
            number.msisdn: rules.plan.country_of(number.msisdn) for number in rules.numbers.values()
        }
        longest = max((len(word) for word in rules.stop_words), default=0)
        self._stop_octets = longest + 16  # with room for spaces; twice as many in UCS-2
        self._stop_starts = {word[:_STOP_START].encode() for word in rules.stop_words}

    def recognise(self, events: Sequence[ev.Event]) -> Recognised:
        """One batch, in order. Never raises for what a peer sent."""
        seen = Seen()
        acks: dict[int, list[tuple[int, int]]] = {}
        noticed: list[ev.Noticed] = []
        explained: list[tuple[int, Contact]] = []
        tick = False
        for event in events:
            if type(event) is ev.Heard:
                owed = acks.setdefault(event.bind_id, [])
                self._heard(event, seen, owed)
            elif type(event) is ev.LinkDown:
                lost = [Outcome(token, OutcomeKind.LINK_LOST) for token in event.unanswered]
                seen.outcomes.extend(lost)
            elif type(event) is ev.NotSent:
                back = [Outcome(reply_id, OutcomeKind.NOT_SENT) for reply_id in event.reply_ids]
                seen.outcomes.extend(back)
            elif type(event) is ev.Noticed:
                noticed.append(event)
            elif type(event) is ev.Asked:
                seen.commands.append(self._order(event.command))
            elif type(event) is ev.Explained:
                explained.append((event.ticket, self._imagined(event)))
            elif type(event) is ev.Tick:
                tick = True
        if tick:
            seen = replace(seen, tick=True)
        return Recognised(seen, acks, noticed, explained)

    def _heard(self, heard: ev.Heard, seen: Seen, owed: list[tuple[int, int]]) -> None:
        """One read of one bind."""
        link = self._links[heard.link]
        bind_id = heard.bind_id
        outcomes = seen.outcomes
        for event in heard.events:
            kind = type(event)
            if kind is Received:
                pdu = event.pdu  # type: ignore[union-attr]
                if type(pdu) is DeliverSm or type(pdu) is DataSm:
                    request = (pdu.command_id, pdu.sequence_number)
                    owed.append(request)
                    self._message(link, pdu, (bind_id, *request), seen)
            elif kind is Answered or kind is Late:
                pdu = event.pdu  # type: ignore[union-attr]
                token = event.token  # type: ignore[union-attr]
                if type(pdu) is SubmitSmResp and pdu.command_status == 0:
                    accepted = (token, _ACCEPTED, pdu.message_id, "")
                    outcomes.append(made(Outcome, accepted))
                else:
                    outcomes.append(_refused(link, token, pdu))
                if pdu.tlvs:
                    _load(link, pdu, seen)
            elif kind is Expired:
                token = event.token  # type: ignore[union-attr]
                outcomes.append(Outcome(token, OutcomeKind.NO_ANSWER))
            elif kind is Malformed:
                error = event.error  # type: ignore[union-attr]
                self._malformed(link, error.partial, bind_id, seen)

    def _malformed(self, link: _Link, partial: Pdu | None, bind_id: int, seen: Seen) -> None:
        """A receipt that is readable all the same counts; the session has answered already."""
        if isinstance(partial, DeliverSm | DataSm):
            ref = (bind_id, partial.command_id, partial.sequence_number)
            receipt = self._receipt(link, partial, ref)
            if receipt is not None:
                seen.receipts.append(receipt)

    def _message(self, link: _Link, pdu: DeliverSm | DataSm, ref: AckRef, seen: Seen) -> None:
        """A text or a receipt."""
        if pdu.esm_class & _NOT_A_TEXT or pdu.tlvs:
            receipt = self._receipt(link, pdu, ref)
            if receipt is not None:
                seen.receipts.append(receipt)
                return
            if pdu.esm_class & _NOT_A_TEXT:
                seen.contacts.append(Contact(ref, "", "", "", None, Silence.RECEIPT, False))
                return
        number = self._called.get(pdu.destination_addr) or self._called_number(pdu)
        msisdn, country, fault = self._read(pdu.source_addr, pdu.source_addr_ton, link.form)
        silence, stop, part = self._words(link, pdu)
        if silence is None and not number:
            silence = Silence.NOT_OURS
        if fault is not None:
            silence = silence or _FAULTS[fault]
        elif msisdn in self._numbers:
            silence = Silence.OWN_NUMBER
        keys = None if silence is not None else self._sender_keys(msisdn)
        network = _network(link, pdu) if pdu.tlvs and keys is not None else ""
        fields = (ref, number, msisdn, country, keys, silence, stop, part, network)
        seen.contacts.append(made(Contact, fields))

    def _called_number(self, pdu: DeliverSm | DataSm) -> str:
        """Name of our number that was called, "" when it is none of ours."""
        written = pdu.destination_addr
        name = self._called.get(written)
        if name is not None:
            return name
        digits = written.removeprefix("+")
        digits = digits.removeprefix("00") if digits.startswith("00") else digits
        name = self._numbers.get(digits, "")
        if not name and len(digits) > 1:
            for msisdn, country in self._own_countries.items():
                form = MoForm.national(country) if country else None
                if form is not None:
                    reading = self._read(written, 2, form)
                    if reading.msisdn == msisdn:
                        name = self._numbers[msisdn]
        if len(self._called) < 1000:  # a peer's inventions must not fill the memory
            self._called[written] = name
        return name

    def _words(self, link: _Link, pdu: DeliverSm | DataSm) -> tuple[Silence | None, bool, int]:
        """(why they get no answer, are they a stop word, part number); then they are gone."""
        octets = pdu.short_message if type(pdu) is DeliverSm else b""
        coding = pdu.data_coding
        udhi, part = False, 1
        if pdu.esm_class & _UDHI or pdu.tlvs:
            udhi = bool(pdu.esm_class & _UDHI)
            octets = octets or pdu.tlv(_MESSAGE_PAYLOAD) or b""
            header = text.udh(octets) if udhi else None
            if text.ports_of(header, pdu.tlvs) is not None:
                return Silence.BINARY, False, 1
            piece = text.concat_of(header, pdu.tlvs)
            part = piece.part if piece is not None else 1
        if coding and text.alphabet(coding) is text.Alphabet.BINARY:
            return Silence.BINARY, False, part
        if octets in self._own_octets:
            return Silence.ECHO, False, part
        if self._machines.stand_in(octets):
            echo = self._echoes.stand_in(octets)
            return Silence.ECHO if echo else Silence.ROBOT, False, part
        if len(octets) > self._stop_octets and (not coding or len(octets) > self._stop_octets * 2):
            return None, False, part
        if not (coding or udhi):
            start = octets[:_STOP_START]  # letters are ASCII in all we read without a coding
            if start.isalpha() and start.upper() not in self._stop_starts:
                return None, False, part
        words = stop_form(text.decode(octets, coding, udhi, link.alphabet))
        return None, words in self._rules.stop_words, part

    def _receipt(self, link: _Link, pdu: DeliverSm | DataSm, ref: AckRef) -> Receipt | None:
        octets = pdu.short_message if type(pdu) is DeliverSm else b""
        if not octets:
            octets = pdu.tlv(_MESSAGE_PAYLOAD) or b""
        fields = receipts.read(pdu.esm_class, octets, pdu.data_coding, pdu.tlvs)
        if fields is None:
            return None
        reading = self._read(pdu.source_addr, pdu.source_addr_ton, link.form)
        keys = self._sender_keys(reading.msisdn) if reading.msisdn else None
        return Receipt(
            ref,
            link.carrier,
            receipts.id_candidates(fields, link.id_match),
            _RECEIPT_KINDS[fields.fate],
            self._called_number(pdu),
            keys,
            _reference(pdu) if link.reference else -1,
        )

    def _charged(self, step: CdrStep) -> CdrStep:
        """A carrier's lines with the pseudonyms of the numbers they name, and without these."""
        form = next(
            self._rules.mo_forms[link.name]
            for link in self._links.values()
            if link.carrier == step.carrier
        )
        rows = []
        for row in step.rows:
            number, keys = "", None
            if row.destination:
                source, digits = _international(row.source), _international(row.destination)
                number = self._numbers.get(source, "") or self._sources.get(
                    (step.carrier, row.source), ""
                )
                reading = self._read(digits, 1, form)
                if not reading.msisdn:
                    reading = self._read(row.destination, 0, form)
                keys = self._sender_keys(reading.msisdn) if reading.msisdn else None
            rows.append(row._replace(source="", destination="", number=number, keys=keys))
        return step._replace(rows=tuple(rows))

    def _order(self, command: Command) -> Command:
        """An operator's order; a number in it becomes pseudonyms here, and goes no further."""
        if command.cdr is not None:
            return command._replace(cdr=self._charged(command.cdr))
        if command.name not in ABOUT_A_PERSON:
            return command
        msisdn = self._typed(command.text, next(iter(self._rules.numbers))).msisdn
        keys = self._sender_keys(msisdn) if msisdn else None
        return command._replace(text="", keys=keys)

    def _typed(self, address: str, number: str) -> Reading:
        """A sender as an operator writes them, read as the first link of our number would."""
        form = self._rules.mo_forms[self._rules.numbers[number].links[0]]
        ton = 1 if address.startswith(("+", "00")) else 0
        return self._read(address, ton, form)

    def _imagined(self, event: ev.Explained) -> Contact:
        """The contact a text from `address` would be."""
        number = event.number or next(iter(self._rules.numbers))
        reading = self._typed(event.address, number)
        silence = _FAULTS[reading.fault] if reading.fault is not None else None
        if reading.msisdn in self._numbers:
            silence = Silence.OWN_NUMBER
        keys = None if silence is not None else self._sender_keys(reading.msisdn)
        return Contact(
            (0, 0, 0), number, reading.msisdn, reading.country, keys, silence, stop=False
        )


def _reference(pdu: DeliverSm | DataSm) -> int:
    """user_message_reference (section 5.3.2.17), -1 when there is none."""
    told = pdu.tlv(_USER_MESSAGE_REFERENCE)
    return int.from_bytes(told) if told and len(told) <= 2 else -1


def _international(written: str) -> str:
    """The digits of a number as CDRs write it: bare, or after "+" or "00"."""
    return written.removeprefix("+").removeprefix("00")


def _refused(link: _Link, token: int, pdu: Pdu) -> Outcome:
    status = pdu.command_status
    kind = link.outcomes.get(status, OutcomeKind.REFUSED)
    return Outcome(token, kind, "", status_name(status))


def _load(link: _Link, pdu: Pdu, seen: Seen) -> None:
    """congestion_state, 0 to 100 (SMPP 5.0 section 4.8.4.18): the heaviest of the batch counts."""
    told = pdu.tlv(Tag.CONGESTION_STATE)
    if told is not None and len(told) == 1 and told[0] <= _MOST_CONGESTED:
        seen.loads[link.carrier] = max(told[0], seen.loads.get(link.carrier, 0))


def _network(link: _Link, pdu: DeliverSm | DataSm) -> str:
    """MCC and MNC of the sender's network as digits, "" when the message does not tell them.

    Carriers write "20801", "208-01", a closing NUL, a type octet in front (SMPP 5.0 section
    4.8.4.57), or MCC and MNC in a tag each.
    """
    told = b"".join((pdu.tlv(tag) or b"") for tag in link.network_tags)
    found = _NETWORK.fullmatch(told)
    return (found[1] + found[2]).decode("ascii") if found else ""


def _own_octets(texts: Mapping[str, ReplyText]) -> frozenset[bytes]:
    """Our own texts as they would come back from a robot, in either alphabet."""
    written = set()
    for reply in texts.values():
        written.add(text.encode(reply.words, reply.data_coding))
        written.add(text.encode(reply.words, 8))
    return frozenset(written)
