"""The simulated SMSC: what becomes of submits, its faults and its delivery receipts."""

import pytest
from twisted.internet.testing import MemoryReactorClock

from smpp_server.smpp import schema as s
from smpp_server.smpp.codec import encode
from smpp_server.smpp.constants import CommandStatus, MessageState, Tag
from smpp_server.smsc_plan import Faults, Habits, Reception, Text
from smpp_server.smsc_simulator import Simulator
from tests.server.smsc_wire import FRANCE, OUR_NUMBER, ROK, SENDER, Esme, a_simulator, texts
from tests.spec import spec

THROTTLED, RX_T_APPN = CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RX_T_APPN
RX_P_APPN, FAILED = CommandStatus.ESME_RX_P_APPN, CommandStatus.ESME_RSUBMITFAIL


@pytest.fixture
def reactor() -> MemoryReactorClock:
    return MemoryReactorClock()


@pytest.fixture
def smsc(reactor: MemoryReactorClock) -> Simulator:
    return a_simulator(reactor)


@spec("4.4")
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


RECEIPT_WORDS = (
    "id:{} sub:001 dlvrd:001 submit date:2311142213 done date:2311142213 stat:DELIVRD err:000 text:"
)


@spec("5.2.17")
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


@spec("B")
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
    assert (
        esme.wire.value()[4:16]
        == b"\x80\0\0\x04" + CommandStatus.ESME_RINVBNDSTS.to_bytes(4) + b"\0\0\0\x05"
    )
    assert smsc.counts.submits == 0


def test_latency_of_a_reply(smsc: Simulator, reactor: MemoryReactorClock) -> None:
    esme = Esme(smsc).bind()
    smsc.deliver(Text(SENDER, OUR_NUMBER, "hello"))
    esme.exchange()
    esme.acknowledge(esme.heard())
    reactor.advance(0.5)
    esme.submit(SENDER, SENDER)  # a second one answers nothing
    assert list(smsc.reply_latency_ns) == [500_000_000]
