"""The SMSC simulator against the product's own session as ESME, in virtual time."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from smpp_server.smpp import schema as s
from smpp_server.smpp import text as sms
from smpp_server.smpp.codec import encode
from smpp_server.smpp.constants import CommandStatus, MessageState, Tag
from smpp_server.smpp.happenings import Answered, BindRefused, Bound, Event, Received, Unbound
from smpp_server.smpp.matrix import Role, State
from smpp_server.smpp.session import Session
from smpp_server.smpp.timers import SessionLimits
from smpp_server.smsc_invoice import Price, Prices
from smpp_server.smsc_plan import Account, Faults, Habits, Reception, Text
from smpp_server.smsc_simulator import Simulator

ROK, RINVBNDSTS = CommandStatus.ESME_ROK, CommandStatus.ESME_RINVBNDSTS
THROTTLED, RX_T_APPN = CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RX_T_APPN
RX_P_APPN, FAILED = CommandStatus.ESME_RX_P_APPN, CommandStatus.ESME_RSUBMITFAIL
OUR_NUMBER, SENDER = "33644649021", "33612345678"
FRANCE = Price("33", "France", 49_500_000)
PRICES = Prices([FRANCE], [Price("33", "ours", 7_500_000)])


class Wire(StringTransport):
    """Keeps what was written, and how often."""

    writes = 0

    def write(self, data: bytes) -> None:
        self.writes += 1
        super().write(data)


class Esme:
    """One ESME on a wire of its own."""

    def __init__(self, smsc: Simulator, window: int = 100) -> None:
        self.smsc = smsc
        self.session = Session(Role.ESME, SessionLimits(window=window, enquire_link_ns=0))
        self.events: list[Event] = []
        self.wire = Wire()
        self.far = smsc.factory.buildProtocol(None)
        self.far.makeConnection(self.wire)
        self.session.connected(smsc.now_ns())
        self.token = 0
        self.gone = False

    def exchange(self) -> None:
        """Carry octets both ways until both sides are silent."""
        while not self.gone:
            there, back = self.session.data_to_send(), self.wire.value()
            self.wire.clear()
            if there:
                self.far.dataReceived(there)
            self.events += self.session.receive(back, self.smsc.now_ns())
            if self.wire.disconnecting or self.wire.disconnected:
                self.hang_up()
            elif not (there or back):
                return

    def hang_up(self) -> None:
        """The connection is lost for both."""
        self.events += self.session.receive(self.wire.value(), self.smsc.now_ns())
        self.gone = True
        self.session.disconnected()
        self.far.connectionLost(Failure(ConnectionDone()))

    def bind(
        self,
        kind: Callable[..., s.Pdu] = s.BindTransceiver,
        system_id: str = "shop",
        password: str = "secret",
    ) -> "Esme":
        """Ask to be bound and hear the answer."""
        request = kind(system_id=system_id, password=password, interface_version=0x34)
        self.session.bind(request, self.smsc.now_ns())
        self.exchange()
        return self

    def submit(self, *destinations: str, **fields: object) -> None:
        """Submit one message to each, all in one write; tokens count from 1."""
        pairs = []
        for destination in destinations:
            self.token += 1
            values = {"short_message": b"ok", "source_addr": OUR_NUMBER, **fields}
            pairs.append((self.token, s.SubmitSm(destination_addr=destination, **values)))
        self.session.request(pairs, self.smsc.now_ns())
        self.exchange()

    def acknowledge(self, deliveries: Sequence[s.Pdu], status: int = ROK) -> None:
        """Answer these deliver_sm."""
        self.session.answer([(d.command_id, d.sequence_number) for d in deliveries], status)
        self.exchange()

    def heard(self) -> list[s.DeliverSm]:
        """deliver_sm since last asked."""
        found = [event.pdu for event in self.events if isinstance(event, Received)]
        self.events = [event for event in self.events if not isinstance(event, Received)]
        assert all(isinstance(pdu, s.DeliverSm) for pdu in found)
        return [pdu for pdu in found if isinstance(pdu, s.DeliverSm)]

    def answers(self) -> list[tuple[int, int, str]]:
        """(token, status, message_id) since last asked."""
        found = [event for event in self.events if isinstance(event, Answered)]
        self.events = [event for event in self.events if not isinstance(event, Answered)]
        return [
            (event.token, event.pdu.command_status, getattr(event.pdu, "message_id", ""))
            for event in found
        ]

    def statuses(self) -> list[int]:
        """Statuses of the answers since last asked."""
        return [status for _, status, _ in self.answers()]


@pytest.fixture
def reactor() -> MemoryReactorClock:
    return MemoryReactorClock()


@pytest.fixture
def smsc(reactor: MemoryReactorClock) -> Simulator:
    accounts = [Account("shop", "secret", max_binds=2), Account("other", "hidden")]
    return Simulator(reactor, accounts, PRICES, window=10, wall_s=lambda: 1_700_000_000)


def texts(count: int) -> list[Text]:
    return [Text(f"336{n:08d}", OUR_NUMBER, f"text {n}") for n in range(count)]


def senders(deliveries: Sequence[s.DeliverSm]) -> list[int]:
    return [int(pdu.source_addr[3:]) for pdu in deliveries]


def test_listens_on_loopback(smsc: Simulator, reactor: MemoryReactorClock) -> None:
    ports: list[int] = []
    smsc.listen(2775).addCallback(ports.append)
    assert ports == [2775]
    port, factory, _, interface = reactor.tcpServers[0]
    assert (port, factory, interface) == (2775, smsc.factory, "127.0.0.1")


@pytest.mark.spec("4.1")
@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (s.BindTransceiver, State.BOUND_TRX),
        (s.BindTransmitter, State.BOUND_TX),
        (s.BindReceiver, State.BOUND_RX),
    ],
)
def test_binds(smsc: Simulator, kind: Callable[..., s.Pdu], state: State) -> None:
    esme = Esme(smsc).bind(kind)
    [bound] = esme.events
    assert isinstance(bound, Bound)
    assert isinstance(bound.pdu, s.BindTransceiverResp | s.BindTransmitterResp | s.BindReceiverResp)
    assert bound.pdu.system_id == "SMSC"
    assert bound.pdu.tlv(Tag.SC_INTERFACE_VERSION) == b"\x34"
    assert esme.session.state is state
    assert [bind.account for bind in smsc.binds] == ["shop"]


@pytest.mark.parametrize(
    ("system_id", "password", "status"),
    [
        ("shop", "wrong", CommandStatus.ESME_RINVPASWD),
        ("shop", "hidden", CommandStatus.ESME_RINVPASWD),
        ("nobody", "secret", CommandStatus.ESME_RINVSYSID),
    ],
)
def test_strangers_are_refused(smsc: Simulator, system_id: str, password: str, status: int) -> None:
    esme = Esme(smsc).bind(system_id=system_id, password=password)
    assert esme.events == [BindRefused(status)]
    assert not smsc.binds


def test_as_many_binds_as_the_account_has(smsc: Simulator) -> None:
    first, second = Esme(smsc).bind(), Esme(smsc).bind()
    third = Esme(smsc).bind()
    assert third.events == [BindRefused(CommandStatus.ESME_RALYBND)]
    assert len(smsc.binds) == 2
    Esme(smsc).bind(system_id="other", password="hidden")
    assert len(smsc.binds) == 3
    first.hang_up()
    assert isinstance(Esme(smsc).bind().events[0], Bound)
    assert second.session.bound


def test_first_binds_refused_by_plan(smsc: Simulator) -> None:
    smsc.plan = Faults(refuse_binds=2, bind_status=CommandStatus.ESME_RALYBND)
    results = [type(Esme(smsc).bind().events[0]) for _ in range(3)]
    assert results == [BindRefused, BindRefused, Bound]


def test_a_text_arrives_and_is_billed_once_it_is_confirmed(smsc: Simulator) -> None:
    esme = Esme(smsc).bind()
    smsc.deliver(Text(SENDER, OUR_NUMBER, "Ça va ?"))
    esme.exchange()
    [pdu] = esme.heard()
    assert (pdu.source_addr, pdu.source_addr_ton, pdu.destination_addr) == (SENDER, 1, OUR_NUMBER)
    assert sms.decode(pdu.short_message, pdu.data_coding, False) == "Ça va ?"
    assert smsc.invoice.inbound_nanos == 0
    assert not smsc.idle
    esme.acknowledge([pdu])
    assert (smsc.invoice.inbound_texts, smsc.invoice.inbound_nanos) == (1, 7_500_000)
    assert smsc.idle


def test_a_long_text_comes_in_parts(smsc: Simulator) -> None:
    esme = Esme(smsc).bind()
    words = "un long message avec des accents é à è " * 12
    tokens = smsc.deliver(Text(SENDER, OUR_NUMBER, words))
    esme.exchange()
    parts = esme.heard()
    assert len(parts) == len(tokens) == 4
    headers = [sms.udh(part.short_message) for part in parts]
    concats = [header.concat for header in headers if header and header.concat]
    assert [(concat.part, concat.total) for concat in concats] == [(n, 4) for n in range(1, 5)]
    assert len({concat.reference for concat in concats}) == 1
    assert "".join(sms.decode(part.short_message, 0, True) for part in parts) == words


def test_window_is_kept_and_a_feed_is_drawn_only_when_there_is_room(smsc: Simulator) -> None:
    drawn: list[Text] = []

    def crowd() -> object:
        for text in texts(25):
            drawn.append(text)
            yield text

    esme = Esme(smsc).bind()
    smsc.feed(crowd())  # type: ignore[arg-type]
    esme.exchange()
    first = esme.heard()
    assert len(first) == len(drawn) == 10
    esme.acknowledge(first[:3])
    assert senders(esme.heard()) == [10, 11, 12]
    assert len(drawn) == 13
    esme.acknowledge(first[3:])
    assert senders(esme.heard()) == list(range(13, 20))


def test_one_write_for_each_read(smsc: Simulator) -> None:
    esme = Esme(smsc).bind()
    smsc.deliver(*texts(20))
    esme.exchange()
    deliveries = esme.heard()
    before = esme.wire.writes
    esme.session.answer([(pdu.command_id, pdu.sequence_number) for pdu in deliveries])
    esme.submit(*(pdu.source_addr for pdu in deliveries))
    assert len(esme.answers()) == len(esme.heard()) == 10
    assert esme.wire.writes == before + 1


def test_what_was_not_confirmed_comes_again_after_a_reconnect(smsc: Simulator) -> None:
    """Q76: in order, before what is new, and not what was confirmed."""
    esme = Esme(smsc).bind()
    smsc.deliver(*texts(4))
    esme.exchange()
    deliveries = esme.heard()
    esme.acknowledge(deliveries[1:2])
    esme.hang_up()
    smsc.deliver(*texts(5)[4:])
    again = Esme(smsc).bind()
    assert senders(again.heard()) == [0, 2, 3, 4]
    assert smsc.counts.redeliveries == 3


def test_another_bind_takes_over_what_a_lost_one_held(smsc: Simulator) -> None:
    first, second = Esme(smsc).bind(), Esme(smsc).bind()
    smsc.deliver(*texts(12))
    first.exchange()
    second.exchange()
    assert len(first.heard()) == 10
    second.acknowledge(second.heard())
    first.hang_up()
    second.exchange()
    assert senders(second.heard()) == list(range(10))


def test_a_transmitter_is_given_no_texts(smsc: Simulator) -> None:
    transmitter, receiver = Esme(smsc).bind(s.BindTransmitter), Esme(smsc).bind(s.BindReceiver)
    smsc.deliver(*texts(1))
    transmitter.exchange()
    receiver.exchange()
    assert (len(transmitter.heard()), len(receiver.heard())) == (0, 1)


def test_accounts_are_apart(smsc: Simulator) -> None:
    esme = Esme(smsc).bind()
    smsc.deliver(*texts(1), account="other")
    esme.exchange()
    assert not esme.heard()
    assert len(Esme(smsc).bind(system_id="other", password="hidden").heard()) == 1


@pytest.mark.parametrize("status", [RX_T_APPN, CommandStatus.ESME_RMSGQFUL, THROTTLED])
def test_a_temporary_refusal_is_tried_again(
    smsc: Simulator, reactor: MemoryReactorClock, status: int
) -> None:
    esme = Esme(smsc).bind()
    smsc.deliver(*texts(2))
    esme.exchange()
    first, second = esme.heard()
    esme.acknowledge([first], status)
    esme.acknowledge([second])
    reactor.advance(4.9)
    esme.exchange()
    assert not esme.heard()
    reactor.advance(0.2)
    esme.exchange()
    [again] = esme.heard()
    assert again.source_addr == first.source_addr
    assert again.sequence_number != first.sequence_number
    assert smsc.invoice.inbound_texts == 1
    assert smsc.counts.put_off == 1


def test_a_permanent_refusal_is_the_end(smsc: Simulator) -> None:
    esme = Esme(smsc).bind()
    smsc.deliver(*texts(1))
    esme.exchange()
    esme.acknowledge(esme.heard(), RX_P_APPN)
    assert smsc.idle
    assert (smsc.counts.dropped, smsc.invoice.inbound_texts) == (1, 0)


def test_unanswered_texts_come_again_in_order(smsc: Simulator, reactor: MemoryReactorClock) -> None:
    esme = Esme(smsc).bind()
    smsc.deliver(*texts(3))
    esme.exchange()
    first = esme.heard()
    reactor.advance(30.1)
    esme.exchange()
    again = esme.heard()
    assert senders(again) == [0, 1, 2]
    assert {pdu.sequence_number for pdu in first}.isdisjoint(p.sequence_number for p in again)


@pytest.mark.spec("4.4")
def test_submits_get_unique_ids_and_stand_on_the_invoice(smsc: Simulator) -> None:
    seen = []
    smsc.on_submit = seen.append
    esme = Esme(smsc).bind()
    esme.submit("33612345678", "33698765432", data_coding=8, short_message=b"\0a" * 71)
    answers = esme.answers()
    ids = [message_id for _, _, message_id in answers]
    assert [(token, status) for token, status, _ in answers] == [(1, ROK), (2, ROK)]
    assert len(set(ids)) == 2
    assert [line.message_id for line in smsc.invoice.lines] == ids
    assert [line.nanos for line in smsc.invoice.lines] == [2 * FRANCE.nanos] * 2
    assert [submit.message_id for submit in seen] == ids
    assert list(smsc.submits) == seen
    assert seen[0].octets == b"\0a" * 71


def test_a_payload_is_billed_by_its_true_length(smsc: Simulator) -> None:
    esme = Esme(smsc).bind()
    esme.submit(SENDER, short_message=b"", tlvs=(s.Tlv(Tag.MESSAGE_PAYLOAD, b"a" * 460),))
    assert esme.statuses() == [ROK]
    assert [line.segments for line in smsc.invoice.lines] == [4]
    assert smsc.submits[0].octets == b"a" * 460


def test_a_destination_without_price_is_refused(smsc: Simulator) -> None:
    esme = Esme(smsc).bind()
    esme.submit("447700900123", "")
    assert esme.statuses() == [CommandStatus.ESME_RINVDSTADR] * 2
    assert not smsc.invoice.lines


def test_equal_sequence_numbers_in_one_read_are_two_messages(smsc: Simulator) -> None:
    """Q5, Q7: numbers are the peer's affair; each frame is counted by its own octets."""
    esme = Esme(smsc).bind()
    frames = [
        s.SubmitSm(destination_addr=SENDER, short_message=b"a" * length, sequence_number=0)
        for length in (10, 200)
    ]
    esme.far.dataReceived(b"".join(encode_loosely(frame) for frame in frames))
    assert [line.segments for line in smsc.invoice.lines] == [1, 2]


def encode_loosely(pdu: s.Pdu) -> bytes:
    """The frame with sequence_number 0, which our own codec may not send in a request."""
    pdu.sequence_number = 1
    frame = bytearray(encode(pdu))
    frame[12:16] = bytes(4)
    return bytes(frame)


@pytest.mark.parametrize(
    ("faults", "statuses", "billed"),
    [
        (Faults(), [ROK, ROK, ROK, ROK], 4),
        (Faults(throttle_every=2), [ROK, THROTTLED, ROK, THROTTLED], 2),
        (Faults(submit_status=FAILED), [FAILED] * 4, 0),
        (Faults(submit_status=0x0410), [0x0410] * 4, 0),
        (Faults(swallow_every=1), [], 0),
        (Faults(swallow_every=4), [ROK, ROK, ROK], 3),
        (Faults(lose_every=1), [], 4),
        (Faults(lose_every=2, throttle_every=3), [ROK, THROTTLED], 3),
    ],
)
def test_faults_of_submits(
    smsc: Simulator, faults: Faults, statuses: list[int], billed: int
) -> None:
    smsc.plan = faults
    esme = Esme(smsc).bind()
    esme.submit(*[SENDER] * 4)
    assert esme.statuses() == statuses
    assert smsc.invoice.outbound_messages == smsc.counts.accepted == billed
    esme.far.dataReceived(bytes.fromhex("00000010 00000015 00000000 00000077"))
    assert esme.wire.value() == bytes.fromhex("00000010 80000015 00000000 00000077")


def test_a_response_may_come_twice(smsc: Simulator) -> None:
    smsc.plan = Faults(double_every=1)
    esme = Esme(smsc).bind()
    esme.submit(SENDER)
    assert [type(event).__name__ for event in esme.events] == ["Bound", "Answered", "Stray"]


def test_responses_may_come_late(smsc: Simulator, reactor: MemoryReactorClock) -> None:
    smsc.plan = Faults(response_delay_s=3)
    esme = Esme(smsc).bind()
    esme.submit(SENDER, SENDER)
    reactor.advance(2.9)
    esme.exchange()
    assert not esme.answers()
    assert smsc.invoice.outbound_messages == 2
    reactor.advance(0.2)
    esme.exchange()
    assert esme.statuses() == [ROK, ROK]


def test_a_scripted_plan_is_asked_at_every_decision(smsc: Simulator) -> None:
    class Script:
        asked: list[tuple[str, int]]

        def __init__(self) -> None:
            self.asked = []

        def bind(self, nth: int) -> int:
            self.asked.append(("bind", nth))
            return 0

        def submit(self, nth: int) -> Reception:
            self.asked.append(("submit", nth))
            return Reception(status=THROTTLED if nth == 1 else ROK)

        def cuts(self, delivered: int) -> bool:
            self.asked.append(("cuts", delivered))
            return False

    script = Script()
    smsc.plan = script
    esme = Esme(smsc).bind()
    esme.submit(SENDER, SENDER)
    smsc.deliver(*texts(1))
    assert script.asked == [("bind", 1), ("submit", 1), ("submit", 2), ("cuts", 1)]
    assert esme.statuses() == [THROTTLED, ROK]


def test_the_connection_dies_after_so_many_deliveries(smsc: Simulator) -> None:
    """Written texts arrive, their acknowledgements do not: they come again (Q76)."""
    smsc.plan = Faults(cut_after=3, cut_times=1)
    esme = Esme(smsc).bind()
    smsc.deliver(*texts(5))
    esme.exchange()
    assert esme.gone
    assert senders(esme.heard()) == [0, 1, 2]
    again = Esme(smsc).bind()
    assert senders(again.heard()) == [0, 1, 2, 3, 4]
    assert not again.gone


RECEIPT_WORDS = (
    "id:{} sub:001 dlvrd:001 submit date:2311142213 done date:2311142213 stat:DELIVRD err:000 text:"
)


@pytest.mark.spec("5.2.17")
@pytest.mark.parametrize(
    ("registered_delivery", "state", "asked"),
    [
        (0, MessageState.DELIVERED, False),
        (1, MessageState.DELIVERED, True),
        (1, MessageState.UNDELIVERABLE, True),
        (2, MessageState.DELIVERED, False),
        (2, MessageState.EXPIRED, True),
        (3, MessageState.DELIVERED, True),
        (3, MessageState.REJECTED, False),
        (0x10, MessageState.DELIVERED, False),
    ],
)
def test_receipts_come_when_asked(
    smsc: Simulator, registered_delivery: int, state: int, asked: bool
) -> None:
    smsc.habits = Habits(receipt_state=state)
    esme = Esme(smsc).bind()
    esme.submit(SENDER, registered_delivery=registered_delivery)
    smsc.reactor.advance(0.001)
    esme.exchange()
    receipts = esme.heard()
    assert len(receipts) == smsc.counts.receipts == asked
    esme.acknowledge(receipts)
    assert smsc.invoice.inbound_texts == 0


@pytest.mark.spec("B")
@pytest.mark.parametrize(
    ("habits", "in_response", "in_text", "in_tlv"),
    [
        (Habits(), "0268435457", "0268435457", b"0268435457\0"),
        (Habits(hex_ids=True), "10000001", "10000001", b"10000001\0"),
        (
            Habits(hex_ids=True, hex_receipt_ids=False),
            "10000001",
            "0268435457",
            b"0268435457\0",
        ),
        (Habits(receipt_tlvs=False), "0268435457", "0268435457", None),
        (Habits(receipt_text=False), "0268435457", None, b"0268435457\0"),
    ],
)
def test_forms_of_receipts(
    smsc: Simulator, habits: Habits, in_response: str, in_text: str | None, in_tlv: bytes | None
) -> None:
    smsc.habits = habits
    esme = Esme(smsc).bind()
    esme.submit(SENDER, registered_delivery=1, dest_addr_ton=1)
    [(_, _, message_id)] = esme.answers()
    assert message_id == in_response
    smsc.reactor.advance(0.001)
    esme.exchange()
    [receipt] = esme.heard()
    assert receipt.esm_class == 0x04
    assert (receipt.source_addr, receipt.source_addr_ton) == (SENDER, 1)
    assert receipt.destination_addr == OUR_NUMBER
    words = RECEIPT_WORDS.format(in_text) if in_text else ""
    assert receipt.short_message.decode() == words
    assert receipt.tlv(Tag.RECEIPTED_MESSAGE_ID) == in_tlv
    assert receipt.tlv(Tag.MESSAGE_STATE) == (b"\x02" if in_tlv else None)


def test_receipt_before_its_response(smsc: Simulator) -> None:
    """Q58."""
    smsc.habits = Habits(receipt_first=True)
    esme = Esme(smsc).bind()
    esme.submit(SENDER, registered_delivery=1)
    kinds = [type(event).__name__ for event in esme.events]
    assert kinds == ["Bound", "Received", "Answered"]


def test_receipt_after_a_delay(smsc: Simulator, reactor: MemoryReactorClock) -> None:
    smsc.habits = Habits(receipt_delay_s=60)
    esme = Esme(smsc).bind()
    esme.submit(SENDER, registered_delivery=1)
    reactor.advance(15)
    esme.exchange()
    assert not esme.heard()
    reactor.advance(46)
    esme.exchange()
    assert len(esme.heard()) == 1


@pytest.mark.parametrize(
    ("request_pdu", "status"),
    [
        (s.QuerySm(message_id="1"), CommandStatus.ESME_RQUERYFAIL),
        (s.CancelSm(message_id="1"), CommandStatus.ESME_RCANCELFAIL),
        (s.ReplaceSm(message_id="1"), CommandStatus.ESME_RREPLACEFAIL),
        (
            s.SubmitMulti(dest_address=(s.SmeAddress(1, 1, SENDER),)),
            CommandStatus.ESME_RINVCMDID,
        ),
        (s.DataSm(destination_addr=SENDER), CommandStatus.ESME_RINVCMDID),
    ],
)
def test_other_operations_are_refused(smsc: Simulator, request_pdu: s.Pdu, status: int) -> None:
    esme = Esme(smsc).bind()
    esme.session.request([(1, request_pdu)], smsc.now_ns())
    esme.exchange()
    assert esme.statuses() == [status]


def test_a_receiver_may_not_submit(smsc: Simulator) -> None:
    esme = Esme(smsc).bind(s.BindReceiver)
    esme.far.dataReceived(encode(s.SubmitSm(destination_addr=SENDER, sequence_number=5)))
    assert esme.wire.value()[4:16] == b"\x80\0\0\x04" + RINVBNDSTS.to_bytes(4) + b"\0\0\0\x05"
    assert smsc.counts.submits == 0


def test_latency_of_a_reply(smsc: Simulator, reactor: MemoryReactorClock) -> None:
    esme = Esme(smsc).bind()
    smsc.deliver(Text(SENDER, OUR_NUMBER, "hello"))
    esme.exchange()
    esme.acknowledge(esme.heard())
    reactor.advance(0.5)
    esme.submit(SENDER, SENDER)  # a second one answers nothing
    assert list(smsc.reply_latency_ns) == [500_000_000]


def test_silent_connections_are_dropped(smsc: Simulator, reactor: MemoryReactorClock) -> None:
    esme = Esme(smsc)
    reactor.advance(10.1)  # session_init
    assert esme.wire.disconnecting
    assert smsc.counts.lost == 1


def test_unbind_from_the_smsc(smsc: Simulator) -> None:
    esme = Esme(smsc).bind()
    smsc.unbind()
    esme.exchange()
    assert [type(event).__name__ for event in esme.events] == ["Bound", "PeerUnbound", "Unbound"]
    assert isinstance(Esme(smsc).bind().events[0], Bound)


def test_unbind_from_the_esme(smsc: Simulator) -> None:
    esme = Esme(smsc).bind()
    esme.session.unbind(smsc.now_ns())
    esme.exchange()
    assert esme.events[-1] == Unbound()
    assert not smsc.binds


def stopped(smsc: Simulator) -> list[None]:
    done: list[None] = []
    smsc.stop().addCallback(done.append)
    return done


def test_stop_leaves_no_connection_and_no_timer(
    smsc: Simulator, reactor: MemoryReactorClock
) -> None:
    smsc.listen(2775)
    smsc.habits = Habits(receipt_delay_s=60)
    bound, unbound = Esme(smsc).bind(), Esme(smsc)
    smsc.deliver(*texts(3))
    bound.submit(SENDER, registered_delivery=1)
    bound.acknowledge(bound.heard())
    done = stopped(smsc)
    assert not done
    bound.exchange()
    unbound.exchange()
    assert done == [None]
    assert not reactor.getDelayedCalls()
    assert stopped(smsc) == [None]


def test_stop_does_not_wait_for_ever(smsc: Simulator, reactor: MemoryReactorClock) -> None:
    esme = Esme(smsc).bind()
    done = stopped(smsc)
    reactor.advance(5.1)
    assert esme.wire.disconnected or esme.wire.disconnecting
    esme.hang_up()
    assert done == [None]
    assert not reactor.getDelayedCalls()


def test_unusable_settings_are_refused(reactor: MemoryReactorClock) -> None:
    with pytest.raises(ValueError, match="at least one account"):
        Simulator(reactor, [], PRICES)
    with pytest.raises(ValueError, match="window"):
        Simulator(reactor, [Account("a", "b")], PRICES, window=0)
    assert replace(Faults(), cut_after=2).cuts(2)
