"""The simulated SMSC: binds, the texts it delivers and delivers again, and how it stops."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from twisted.internet.testing import MemoryReactorClock

from smpp_server.smpp import schema as s
from smpp_server.smpp import text as sms
from smpp_server.smpp.codec import encode
from smpp_server.smpp.constants import CommandStatus, Tag
from smpp_server.smpp.happenings import BindRefused, Bound, Unbound
from smpp_server.smpp.matrix import State
from smpp_server.smsc_plan import Account, Faults, Habits, Text
from smpp_server.smsc_simulator import Simulator
from tests.server.smsc_wire import (
    OUR_NUMBER,
    PRICES,
    ROK,
    SENDER,
    Esme,
    a_simulator,
    senders,
    texts,
)
from tests.spec import spec

THROTTLED, RX_T_APPN = CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RX_T_APPN
RX_P_APPN, FAILED = CommandStatus.ESME_RX_P_APPN, CommandStatus.ESME_RSUBMITFAIL


@pytest.fixture
def reactor() -> MemoryReactorClock:
    return MemoryReactorClock()


@pytest.fixture
def smsc(reactor: MemoryReactorClock) -> Simulator:
    return a_simulator(reactor)


def test_listens_on_loopback(smsc: Simulator, reactor: MemoryReactorClock) -> None:
    ports: list[int] = []
    smsc.listen(2775).addCallback(ports.append)
    assert ports == [2775]
    port, factory, _, interface = reactor.tcpServers[0]
    assert (port, factory, interface) == (2775, smsc.factory, "127.0.0.1")


@spec("4.1")
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


@pytest.mark.parametrize(
    ("text", "short_message", "tags"),
    [
        (Text(SENDER, OUR_NUMBER, octets=b"\x00\xff", data_coding=4), b"\x00\xff", []),
        (Text(SENDER, OUR_NUMBER, "é", data_coding=8), b"\x00\xe9", []),
        (Text(SENDER, OUR_NUMBER, "a" * 161, way=sms.Way.PAYLOAD), b"", [Tag.MESSAGE_PAYLOAD]),
        (
            Text(SENDER, OUR_NUMBER, tlvs=(s.Tlv(Tag.USER_MESSAGE_REFERENCE, b"\0\1"),)),
            b"",
            [Tag.USER_MESSAGE_REFERENCE],
        ),
    ],
)
def test_forms_of_texts(smsc: Simulator, text: Text, short_message: bytes, tags: list[Tag]) -> None:
    esme = Esme(smsc).bind()
    smsc.deliver(text)
    esme.exchange()
    [pdu] = esme.heard()
    assert pdu.short_message == short_message
    assert [tag for tag, _ in pdu.tlvs] == tags


def test_window_is_kept_and_a_feed_is_drawn_only_when_there_is_room(smsc: Simulator) -> None:
    drawn: list[Text] = []

    def crowd() -> Iterator[Text]:
        for text in texts(25):
            drawn.append(text)
            yield text

    esme = Esme(smsc).bind()
    smsc.feed(crowd())
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


def test_all_connections_die_at_once(smsc: Simulator) -> None:
    first, second = Esme(smsc).bind(), Esme(smsc)
    smsc.deliver(*texts(2))
    smsc.cut()
    first.session.answer([(s.DeliverSm.command_id, 1)])  # too late: nobody reads it
    first.exchange()
    second.exchange()
    assert first.gone and second.gone
    assert smsc.invoice.inbound_texts == 0
    assert senders(Esme(smsc).bind().heard()) == [0, 1]


@spec("3.3")
def test_what_cannot_be_read_is_refused_and_counted(smsc: Simulator) -> None:
    esme = Esme(smsc).bind()
    whole = encode(s.SubmitSm(destination_addr=SENDER, short_message=b"ok", sequence_number=8))
    esme.far.dataReceived(len(whole[:-1]).to_bytes(4) + whole[4:-1] + whole)
    first, second = esme.wire.value()[:16], esme.wire.value()[16:]
    assert first[4:8] == second[4:8] == b"\x80\0\0\x04"
    assert int.from_bytes(first[8:12]) != ROK == int.from_bytes(second[8:12])
    assert (smsc.counts.malformed, smsc.counts.accepted) == (1, 1)


@pytest.mark.parametrize("command_length", [0, 15, 0xFFFFFFFF])
def test_lost_framing_ends_a_connection_even_behind_its_bind(
    smsc: Simulator, command_length: int
) -> None:
    esme = Esme(smsc)
    request = encode(s.BindTransceiver(system_id="shop", password="secret", sequence_number=1))
    esme.far.dataReceived(request + command_length.to_bytes(4) + bytes(12))
    assert esme.wire.disconnecting
    assert (smsc.binds, smsc.counts.lost) == ([], 1)


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
