"""One session, both roles: bind, requests and their responses, answers."""

from struct import unpack_from

import pytest

from smpp_server.smpp import schema as s
from smpp_server.smpp.codec import encode
from smpp_server.smpp.happenings import (
    Answered,
    BindRefused,
    Bound,
    Event,
    Expired,
    Late,
    Received,
    SessionError,
    Stray,
)
from smpp_server.smpp.matrix import State
from smpp_server.smpp.session import Session
from tests.smpp.sessions import (
    BINDS,
    ESME,
    LIMITS,
    NACK,
    RALYBND,
    RESPONSE,
    RINVBNDSTS,
    RINVCMDID,
    RTHROTTLED,
    RX,
    SMSC,
    TRX,
    TX,
    at,
    header,
    octets,
    sample,
    sent,
)


@pytest.mark.parametrize("state", [TX, RX, TRX])
def test_bind_without_a_body_counts_as_bound(state: State) -> None:
    """Sections 4.1.2, 4.1.4, 4.1.6; Q18, Q20: the status decides alone."""
    for body in (b"", b"SMSC\0", b"unterminated"):
        session = Session(ESME, LIMITS)
        session.bind(BINDS[state](system_id="us"), 0)
        command_id = BINDS[state].command_id
        assert [reply[1:] for reply in sent(session)] == [(command_id, 0, 1)]
        [event] = session.receive(header(command_id | RESPONSE, 0, 1, body), 3)
        assert isinstance(event, Bound)
        assert session.state is state
        assert session.free == (0 if state is RX else 4)


@pytest.mark.parametrize(
    ("command_id", "status", "number", "refused"),
    [
        (0x80000009, RALYBND, 1, True),
        (0x80000009, RALYBND, 0, True),
        (NACK, RINVCMDID, 1, True),  # section 4.1: no transceiver here
        (NACK, RINVBNDSTS, 0, True),
        (0x80000001, 0x0D, 1, True),
        (0x80000004, 0x0D, 1, True),
        (0x80000004, 0x0D, 2, False),
        (0x80000004, 0, 1, False),
    ],
)
def test_whatever_refuses_while_binding_refuses_the_bind(
    command_id: int, status: int, number: int, refused: bool
) -> None:
    """Q23: generic_nack, another response type, another number."""
    session = at(ESME, State.BINDING)
    [event] = session.receive(header(command_id, status, number), 1)
    if refused:
        assert event == BindRefused(status)
        assert session.state is State.OPEN
        session.bind(s.BindTransmitter(), 2)  # the connection may be used for another try
        assert session.deadline() == 7
    else:
        assert isinstance(event, Stray)
        assert session.state is State.BINDING


def test_bind_response_and_the_first_message_in_one_read() -> None:
    """Q1: what follows bind_resp in the same read is already bound."""
    session = at(ESME, State.BINDING)
    read = header(0x80000009, 0, 1) + octets(sample("deliver_sm"))
    assert [type(event) for event in session.receive(read, 1)] == [Bound, Received]


def test_message_before_bind_response_is_refused() -> None:
    """Q32; deliver_sm_resp is always one NUL (Q78)."""
    session = at(ESME, State.BINDING)
    read = octets(sample("deliver_sm"), sample("enquire_link", 78))
    assert [type(event) for event in session.receive(read, 1)] == [Stray]
    assert sent(session) == [(17, 0x80000005, RINVBNDSTS, 77), (16, 0x80000015, 0, 78)]
    assert session.deadline() == 5


def test_smsc_refuses_a_bind_and_takes_the_next() -> None:
    """Section 4.1.2: no body when command_status is not 0."""
    session = at(SMSC, State.BINDING)
    with pytest.raises(SessionError, match="command_status"):
        session.refuse_bind(9, 0)
    with pytest.raises(SessionError, match="number 8"):
        session.refuse_bind(8, 0x0D)
    session.refuse_bind(9, 0x0D)
    assert sent(session) == [(16, 0x80000009, 0x0D, 9)]
    assert session.state is State.OPEN
    bind = s.BindReceiver(sequence_number=10)
    session.receive(octets(bind), 0)
    session.refuse_bind(10, RALYBND)
    assert sent(session) == [(16, 0x80000001, RALYBND, 10)]
    bind = s.BindReceiver(sequence_number=11)
    assert session.receive(octets(bind), 0) == [Received(bind)]
    with pytest.raises(SessionError, match="does not accept"):
        session.accept_bind(bind, s.BindTransceiverResp(), 0)
    session.accept_bind(bind, s.BindReceiverResp(system_id="SMSC"), 0)
    assert sent(session) == [(21, 0x80000001, 0, 11)]
    assert session.state is RX
    assert session.free == 4
    with pytest.raises(SessionError):
        session.accept_bind(bind, s.BindReceiverResp(), 0)


# -- requests and responses ------------------------------------------------------------------


def submits(*tokens: int) -> list[tuple[int, s.Pdu]]:
    return [(token, s.SubmitSm(destination_addr="33612345678")) for token in tokens]


def asking(*tokens: int) -> Session:
    """Bound, with these tokens outstanding under the numbers 2, 3 ..."""
    session = at(ESME, TRX)
    session.request(submits(*tokens), 0)
    session.data_to_send()
    return session


def outcomes(events: list[Event]) -> list[tuple[int, int]]:
    return [(e.token, e.pdu.command_status) for e in events if isinstance(e, Answered)]


class Template:
    """A request that is no PDU object."""

    command_id = 0x00000004

    def encode(self, sequence_number: int) -> bytes:
        return encode(s.SubmitSm(sequence_number=sequence_number))


def test_requests_are_numbered_and_fill_the_window() -> None:
    session = at(ESME, TRX)
    session.request([*submits(11), (12, Template())], 0)
    assert [reply[1:] for reply in sent(session)] == [(4, 0, 2), (4, 0, 3)]
    assert session.data_to_send() == b""
    assert (session.free, session.outstanding()) == (2, [11, 12])
    with pytest.raises(SessionError, match="3 requests do not fit 2"):
        session.request(submits(13, 14, 15), 0)
    session.request(submits(13, 14), 0)
    assert session.free == 0
    assert session.expire(7) == [Expired(11), Expired(12), Expired(13), Expired(14)]
    assert (session.free, session.outstanding()) == (4, [])


def test_what_has_no_response_is_numbered_too() -> None:
    """Sections 4.1.7 and 5.1.4."""
    session = at(SMSC, State.OPEN)
    session.announce(s.Outbind())
    session.announce(s.Outbind())
    assert [number for *_, number in sent(session)] == [1, 2]


def test_requests_go_all_or_none() -> None:
    session = at(ESME, TRX)
    for wrong in (s.DeliverSm(), s.SubmitSm(source_addr="1" * 99)):
        with pytest.raises((SessionError, ValueError)):
            session.request([*submits(1), (2, wrong)], 0)
        assert (session.data_to_send(), session.outstanding()) == (b"", [])


def test_responses_in_any_order() -> None:
    """Section 2.7.1, Q27."""
    session = asking(11, 12, 13)
    ok = s.SubmitSmResp(sequence_number=4, message_id="a")
    busy = header(0x80000004, RTHROTTLED, 2)
    events = session.receive(octets(ok) + busy + header(NACK, RINVCMDID, 3), 1)
    assert outcomes(events) == [
        (13, 0),
        (11, RTHROTTLED),
        (12, RINVCMDID),  # section 4.3.1, Q24: a nack answers the request of its number
    ]
    assert session.outstanding() == []
    assert session.expire(7) == []


@pytest.mark.parametrize(
    ("command_id", "number"),
    [
        (0x80000004, 99),  # Q26: nobody asked
        (0x80000103, 2),  # Q28: data_sm_resp to a submit_sm
        (NACK, 0),  # Q24
        (0x80000006, 2),  # unbind_resp without unbind
        (0x80000009, 1),  # a second bind_resp
    ],
)
def test_strays_resolve_nothing(command_id: int, number: int) -> None:
    session = asking(11)
    [event] = session.receive(header(command_id, 0, number), 1)
    assert isinstance(event, Stray)
    assert (session.outstanding(), session.data_to_send()) == ([11], b"")


def test_late_response_finds_its_token_within_memory() -> None:
    """Q26: the last two expired requests are remembered."""
    session = asking(11, 12, 13)
    assert session.expire(7) == [Expired(11), Expired(12), Expired(13)]
    late = b"".join(header(0x80000004, 0, number) for number in (2, 3, 3))
    first, second, third = session.receive(late, 8)
    assert isinstance(first, Stray)
    assert isinstance(second, Late)
    assert second.token == 12
    assert isinstance(third, Stray)


def test_response_timers_stand_still_while_paused() -> None:
    session = asking(11)
    session.pause(1)
    assert session.expire(9) == []
    session.resume(9)
    assert session.deadline() == 15
    assert session.expire(15) == [Expired(11)]


def test_unreadable_response_counts_by_its_status() -> None:
    """Q10, Q16: the message_id without its NUL."""
    session = asking(11, 12)
    read = header(0x80000004, 0, 2, b"id") + header(0x80000004, RTHROTTLED, 3, b"id")
    events = session.receive(read, 1)
    assert outcomes(events) == [
        (11, 0),
        (12, RTHROTTLED),
    ]


def test_what_is_readable_of_a_response_is_kept() -> None:
    """Q10: the message_id before a broken TLV; nothing where even that is broken."""
    session = asking(11, 12)
    read = header(0x80000004, 0, 2, b"id\0\x04\x27\x00\x40\x02") + header(0x80000004, 0, 3, b"id")
    said = [event.pdu for event in session.receive(read, 1) if isinstance(event, Answered)]
    assert [(type(pdu), pdu.sequence_number) for pdu in said] == [
        (s.SubmitSmResp, 2),
        (s.SubmitSmResp, 3),
    ]
    assert [getattr(pdu, "message_id", None) for pdu in said] == ["id", ""]


def test_own_numbers_wrap_and_skip_what_is_outstanding() -> None:
    """Section 5.1.4, Q6."""
    session = Session(SMSC, LIMITS, first_sequence_number=0x7FFFFFFE)
    bind = s.BindTransceiver(sequence_number=1)
    session.receive(octets(bind), 0)
    session.accept_bind(bind, s.BindTransceiverResp(), 0)
    session.data_to_send()
    session.request([(n, s.DeliverSm()) for n in range(4)], 0)
    assert [reply[3] for reply in sent(session)] == [0x7FFFFFFE, 0x7FFFFFFF, 1, 2]


# -- answers ---------------------------------------------------------------------------------


def test_answers_are_one_nul_whatever_the_status() -> None:
    """Sections 4.6.2 and 4.7.2, Q78; Q5: any number is echoed."""
    session = at(ESME, TRX)
    session.answer([(0x05, 0), (0x05, 0xFFFFFFFF), (0x103, 7)])
    session.answer([(0x05, 8)], RTHROTTLED)
    data = session.data_to_send()
    assert data[16] == data[33] == 0
    session.answer([])
    assert len(data) == 4 * 17
    assert unpack_from(">4I", data, 17) == (17, 0x80000005, 0, 0xFFFFFFFF)
    assert unpack_from(">4I", data, 34) == (17, 0x80000103, 0, 7)
    assert unpack_from(">4I", data, 51) == (17, 0x80000005, RTHROTTLED, 8)


def test_smsc_answers() -> None:
    session = at(SMSC, TX)
    session.answer([(0x04, 5)], RTHROTTLED)
    assert sent(session) == [(16, 0x80000004, RTHROTTLED, 5)]
    with pytest.raises(ValueError, match="submit_sm has a body"):
        session.answer([(0x04, 5)])
    session.respond(s.SubmitSmResp(sequence_number=5, message_id="abc"))
    session.respond(s.GenericNack(sequence_number=6, command_status=RINVCMDID))
    assert [reply[1:] for reply in sent(session)] == [
        (0x80000004, 0, 5),
        (NACK, RINVCMDID, 6),
    ]


def test_answers_the_state_forbids_are_loud_but_not_after_the_end() -> None:
    for session, command_id in ((at(ESME, TX), 0x05), (at(ESME, RX), 0x102), (at(SMSC, RX), 0x04)):
        with pytest.raises(SessionError, match="may not send"):
            session.answer([(command_id, 1)])
    with pytest.raises(SessionError, match="deliver_sm_resp"):
        at(ESME, TX).respond(s.DeliverSmResp())
    with pytest.raises(SessionError, match="0x80000abc"):
        at(ESME, RX).answer([(0xABC, 1)])
    session = at(ESME, State.CLOSED)
    session.answer([(0x05, 1)])
    session.respond(s.DeliverSmResp())
    assert session.data_to_send() == b""
