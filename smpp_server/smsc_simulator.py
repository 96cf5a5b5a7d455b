"""An SMSC on a port: the product's own session in the other role, a crowd to deliver, an invoice.

It accepts binds of its accounts, delivers texts, answers submits, sends receipts and writes the
invoice it would send. What goes wrong is decided by a `Plan`. Reactor and wall clock are given to
it, so that a test runs it without time passing.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from struct import pack
from typing import Any

from smpp_server.smpp import schema as s
from smpp_server.smpp.constants import CommandStatus, MessageState, Tag
from smpp_server.smpp.happenings import Answered, Event, Expired, Lost, Malformed, Received, Stray
from smpp_server.smpp.matrix import State
from smpp_server.smpp.timers import SessionLimits
from smpp_server.smsc_bind import Agenda, SmscBind, SmscFactory
from smpp_server.smsc_invoice import Invoice, Line, Prices, Submission, read_submission
from smpp_server.smsc_mailbox import Delivery, Mailbox
from smpp_server.smsc_plan import (
    REFUSED,
    TEMPORARY,
    Account,
    Counts,
    Faults,
    Habits,
    Plan,
    Reception,
    Submitted,
    Text,
)
from smpp_server.smsc_port import SmscPort

SC_INTERFACE_VERSION = s.Tlv(Tag.SC_INTERFACE_VERSION, b"\x34")
FIRST_NUMBER = 0x10000001  # of message_ids: so that hexadecimal and decimal are never alike

Bind = s.BindTransceiver | s.BindTransmitter | s.BindReceiver
BIND_RESPONSES = {
    s.BindTransceiver.command_id: s.BindTransceiverResp,
    s.BindTransmitter.command_id: s.BindTransmitterResp,
    s.BindReceiver.command_id: s.BindReceiverResp,
}


def bare_response(sequence_number: int) -> bytes:
    """A submit_sm_resp that says ESME_ROK and nothing else."""
    return pack(">IIII", 16, s.SubmitSmResp.command_id, 0, sequence_number)


class Simulator(SmscPort):
    """The SMSC. `plan` and `habits` may be exchanged at any time, `invoice` before its first line.

    `wall_s` gives seconds since the Unix epoch for receipts and the invoice. `keep` bounds what is
    remembered of each submit: `submits`, `reply_latency_ns` and the lines of the invoice. When a
    connection is lost, up to `again` confirmed deliveries of its account come again too, as from an
    SMSC that lost the acknowledgements (Q76); they are billed once.
    """

    def __init__(
        self,
        reactor: Any,
        accounts: Iterable[Account],
        prices: Prices,
        *,
        faults: Plan | None = None,
        habits: Habits | None = None,
        window: int = 10,
        limits: SessionLimits | None = None,
        wall_s: Callable[[], float] | None = None,
        on_submit: Callable[[Submitted], None] | None = None,
        keep: int = 1_000_000,
        again: int = 0,
    ) -> None:
        super().__init__(reactor)
        self.accounts = {account.system_id: account for account in accounts}
        if not self.accounts:
            raise ValueError("an SMSC needs at least one account")
        self.plan: Plan = faults or Faults()
        self.habits = habits or Habits()
        self.limits = replace(limits or SessionLimits(), window=window)
        self.on_submit = on_submit
        self.invoice = Invoice(prices, keep)
        self.counts = Counts()
        self.submits: deque[Submitted] = deque(maxlen=keep)
        self.reply_latency_ns = array("q")  # first delivery of a sender's text to our reply
        self.factory = SmscFactory(self)
        self._wall_s = wall_s or reactor.seconds
        self._keep = keep
        self._mailboxes = {system_id: Mailbox(again) for system_id in self.accounts}
        self._touched: dict[SmscBind, None] = {}
        self._asked_ns: dict[str, int] = {}
        self._next_number = FIRST_NUMBER
        self._agenda = Agenda(reactor, self._flush)

    # -- what its owner asks of it

    def deliver(self, *items: Text | s.Pdu, account: str | None = None) -> list[int]:
        """Queue texts (or deliver_sm, data_sm as they are) for an account, by default the first.

        Returns the token of each delivery. They survive a lost connection (Q76).
        """
        mailbox = self._mailbox(account)
        tokens = [token for item in items for token in mailbox.put(item)]
        self._serve(mailbox)
        self._flush()
        return tokens

    def feed(self, items: Iterable[Text | s.Pdu], account: str | None = None) -> None:
        """Deliver these as fast as the window allows, drawing each when there is room for it."""
        mailbox = self._mailbox(account)
        mailbox.feed(items)
        self._serve(mailbox)
        self._flush()

    @property
    def idle(self) -> bool:
        """Whether every delivery was confirmed or dropped, and no response or receipt is due."""
        return not self._agenda and all(box.idle for box in self._mailboxes.values())

    # -- what its connections tell it

    def gone(self, bind: SmscBind) -> None:
        """A bind has died: what it had not confirmed goes to the account's other binds."""
        bind.session.disconnected()
        mailbox, bind.mailbox = bind.mailbox, None
        if mailbox is not None:
            mailbox.recover(bind.session.outstanding())
            mailbox.doubt()
            self._serve(mailbox)
            self._flush()

    def react(self, bind: SmscBind, events: Iterable[Event], frames: Iterator[bytes]) -> None:
        """Everything one read or one timer brought, then one write.

        Each submit_sm frame is one event, good or bad, in the same order.
        """
        expired: list[int] = []
        for event in events:
            if isinstance(event, Received):
                self._received(bind, event.pdu, frames)
            elif isinstance(event, Answered):
                self._answered(bind, event.token, event.pdu.command_status)
            elif isinstance(event, Expired):
                expired.append(event.token)
            elif isinstance(event, Malformed):
                self.counts.malformed += 1
                if event.error.command_id == s.SubmitSm.command_id:
                    next(frames)
            elif isinstance(event, Stray) and isinstance(event.pdu, s.SubmitSm):
                next(frames)
            elif isinstance(event, Lost):
                self.counts.lost += 1
        if expired and bind.mailbox is not None:
            self.counts.expired += len(expired)
            bind.mailbox.recover(expired)
            self._serve(bind.mailbox)
        self._touched[bind] = None
        self._flush()

    # -- decisions

    def _received(self, bind: SmscBind, pdu: s.Pdu, frames: Iterator[bytes]) -> None:
        if isinstance(pdu, s.SubmitSm):
            self._submitted(bind, pdu, frames)
        elif (status := REFUSED.get(pdu.command_id)) is not None:
            bind.session.answer([(pdu.command_id, pdu.sequence_number)], status)
        elif isinstance(pdu, Bind):
            self._asked_to_bind(bind, pdu)

    def _asked_to_bind(self, bind: SmscBind, pdu: Bind) -> None:
        if bind.session.state is not State.BINDING:
            return  # the same read has ended the session
        self.counts.binds_asked += 1
        status = self.plan.bind(self.counts.binds_asked) or self._check(pdu.system_id, pdu.password)
        if status:
            bind.session.refuse_bind(pdu.sequence_number, status)
            return
        response = BIND_RESPONSES[pdu.command_id]
        accepted = response(system_id=self.habits.system_id, tlvs=(SC_INTERFACE_VERSION,))
        bind.session.accept_bind(pdu, accepted, self.now_ns())
        bind.account = pdu.system_id
        bind.mailbox = self._mailboxes[pdu.system_id]
        self.counts.binds += 1

    def _check(self, system_id: str, password: str) -> int:
        account = self.accounts.get(system_id)
        if account is None:
            return CommandStatus.ESME_RINVSYSID
        if account.password != password:
            return CommandStatus.ESME_RINVPASWD
        taken = sum(bind.account == system_id for bind in self.binds)
        return CommandStatus.ESME_RALYBND if taken >= account.max_binds else 0

    def _submitted(self, bind: SmscBind, pdu: s.SubmitSm, frames: Iterator[bytes]) -> None:
        frame = next(frames)
        self.counts.submits += 1
        reception = self.plan.submit(self.counts.submits)
        if not reception.taken or bind.session.state is State.CLOSED:
            self.counts.swallowed += 1
            return
        submission = read_submission(frame, self.invoice.tariff.clause)
        price = self.invoice.prices.outbound(submission.destination)
        status = reception.status
        numbers = self.accounts[bind.account].numbers
        if numbers and submission.source not in numbers:
            status = status or CommandStatus.ESME_RINVSRCADR
        if price is None:
            status = status or CommandStatus.ESME_RINVDSTADR
        number, at_s = self._next_number, self._wall_s()
        message_id = self.habits.message_id(number)
        if price is not None and not status:
            self._next_number += 1
            self.counts.accepted += 1
            line = self.invoice.accept(submission, price, message_id, at_s)
            self._note(bind, pdu, submission, line)
            self._promise_receipt(bind, pdu, number, line)
        else:
            self.counts.refused += 1
            if price is not None and self.invoice.tariff.refused:
                self._next_number += 1
                self.invoice.refuse(submission, price, message_id, at_s)
        answer = partial(self._answer, bind, pdu.sequence_number, status, number, reception)
        if reception.delay_s > 0:
            self._agenda.add(reception.delay_s, answer)
        else:
            answer()

    def _note(self, bind: SmscBind, pdu: s.SubmitSm, submission: Submission, line: Line) -> None:
        """Remember an accepted submit, within bounds, and tell of it."""
        asked_ns = self._asked_ns.pop(submission.destination, None)
        if asked_ns is not None and len(self.reply_latency_ns) < self._keep:
            self.reply_latency_ns.append(self.now_ns() - asked_ns)
        submitted = Submitted(
            bind.account,
            bind.bind_id,
            line.message_id,
            submission.source,
            submission.destination,
            pdu.data_coding,
            pdu.esm_class,
            pdu.short_message or pdu.tlv(Tag.MESSAGE_PAYLOAD) or b"",
            submission.segments,
            pdu.registered_delivery,
            line.accepted_at_s,
        )
        self.submits.append(submitted)
        if self.on_submit is not None:
            self.on_submit(submitted)

    def _answer(
        self, bind: SmscBind, sequence_number: int, status: int, number: int, reception: Reception
    ) -> None:
        for _ in range(reception.copies):
            if not (status or reception.body):
                bind.inject(bare_response(sequence_number))
            elif status:
                bind.session.answer([(s.SubmitSm.command_id, sequence_number)], status)
            else:
                response = s.SubmitSmResp(message_id=self.habits.message_id(number))
                response.sequence_number = sequence_number
                bind.session.respond(response)
        self._touched[bind] = None

    def _promise_receipt(self, bind: SmscBind, pdu: s.SubmitSm, number: int, line: Line) -> None:
        """The message reaches its end, and a receipt tells of it when one is wanted."""
        mailbox, sent_s = self._mailboxes[bind.account], self._wall_s()
        habits = self.habits.of(number)
        wanted = habits.wants_receipt(pdu.registered_delivery)

        def end() -> None:
            done_s = self._wall_s()
            self.invoice.finish(line, habits.receipt_state == MessageState.DELIVERED, done_s)
            if wanted:
                for _ in range(habits.receipt_copies):
                    mailbox.put(habits.receipt(pdu, number, sent_s, done_s), first=True)
                    self.counts.receipts += 1
                self._serve(mailbox)

        if wanted and habits.receipt_first:
            end()
            self._pump(bind)
        elif wanted or self.invoice.tariff.on_delivery:
            self._agenda.add(habits.receipt_delay_s, end)

    # -- deliveries

    def _mailbox(self, account: str | None) -> Mailbox:
        return self._mailboxes[next(iter(self.accounts)) if account is None else account]

    def _serve(self, mailbox: Mailbox) -> None:
        """Let all binds of this account take from it at the next write."""
        self._touched.update(dict.fromkeys(b for b in self._connected if b.mailbox is mailbox))

    def _answered(self, bind: SmscBind, token: int, status: int) -> None:
        mailbox = bind.mailbox
        delivery = mailbox.close(token, status == 0) if mailbox is not None else None
        if mailbox is None or delivery is None:
            return
        if status == 0:
            self.counts.confirmed += 1
            if delivery.is_text and not delivery.billed:
                delivery.billed = True
                self.invoice.delivered(delivery.our_number, delivery.sender, self._wall_s())
        elif status in TEMPORARY:
            self.counts.put_off += 1
            self._agenda.add(self.habits.retry_s, partial(self._retry, mailbox, delivery))
        else:
            self.counts.dropped += 1

    def _retry(self, mailbox: Mailbox, delivery: Delivery) -> None:
        mailbox.again([delivery])
        self._serve(mailbox)

    def _pump(self, bind: SmscBind) -> bool:
        """Queue what the window has room for; whether the plan then cuts the connection."""
        mailbox, room = bind.mailbox, bind.session.free
        if mailbox is None or room <= 0:
            return False
        pairs: list[tuple[int, s.Pdu]] = []
        cut, now_ns = False, self.now_ns()
        while len(pairs) < room and not cut and (delivery := mailbox.take()) is not None:
            pairs.append((delivery.token, delivery.pdu))
            self.counts.deliveries += 1
            if delivery.attempts > 1:
                self.counts.redeliveries += 1
            elif delivery.is_text and len(self._asked_ns) < self._keep:
                self._asked_ns.setdefault(delivery.sender, now_ns)
            cut = self.plan.cuts(self.counts.deliveries)
        if pairs:
            bind.session.request(pairs, now_ns)
        return cut

    def _flush(self) -> None:
        """Fill the windows of the binds touched since last time, and write once on each."""
        while self._touched:
            bind = next(iter(self._touched))
            del self._touched[bind]
            if self._pump(bind):
                bind.cut()
            else:
                bind.write()

    def forget(self) -> None:
        """Nothing is to be done later any more."""
        self._agenda.clear()
