"""The life of a session: time, unbind, octets that are wrong, and two sessions back to back."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.smpp import schema as s
from smpp_server.smpp.happenings import (
    Answered,
    Bound,
    Event,
    Expired,
    Lost,
    Malformed,
    PeerUnbound,
    Received,
    SessionError,
    Stray,
    Unbound,
)
from smpp_server.smpp.matrix import Role, State
from smpp_server.smpp.session import Session
from smpp_server.smpp.timers import SessionLimits
from tests.smpp.sessions import (
    ESME,
    LIMITS,
    NACK,
    RINVCMDID,
    RINVCMDLEN,
    SMSC,
    TRX,
    at,
    header,
    octets,
    sample,
    sent,
)

ENQUIRY = (16, 0x15, 0, 2)
MESSAGE = octets(s.DeliverSm(sequence_number=77, source_addr="33612345678", short_message=b"Hi"))


def asking(*tokens: int) -> Session:
    """An ESME, bound, with these tokens outstanding under the numbers 2, 3 ..."""
    session = at(ESME, TRX)
    session.request([(token, s.SubmitSm()) for token in tokens], 0)
    session.data_to_send()
    return session


def refuses_messages(session: Session) -> bool:
    with pytest.raises(SessionError):
        session.request([(1, s.SubmitSm())], 0)
    return session.free == 0


# Time (section 7.2)


def test_not_bound_in_time() -> None:
    for role, state in ((SMSC, State.OPEN), (SMSC, State.BINDING), (ESME, State.BINDING)):
        session = at(role, state)
        assert session.deadline() == 5
        assert session.expire(5) == [Lost("bind")]
        assert (session.state, session.deadline()) == (State.CLOSED, None)
        assert session.expire(50) == []


def test_silent_peer_is_asked_then_lost() -> None:
    """Q33: two questions, three intervals. What was outstanding stays named."""
    session = at(ESME, TRX, SessionLimits(enquire_link_ns=10, silent_intervals=3))
    session.request([(11, s.SubmitSm())], 0)
    session.data_to_send()
    assert session.expire(10) == []
    assert sent(session) == [(16, 0x15, 0, 3)]
    assert session.expire(20) == []
    assert session.expire(30) == [Lost("silent")]
    assert session.outstanding() == [11]


@pytest.mark.parametrize(
    "life",
    [header(0x80000015, 0, 2), header(0x80000015, 8, 2), header(NACK, RINVCMDID, 2)],
    ids=["answer", "answer with an error", "nack of a peer without enquire_link"],
)
def test_any_answer_to_enquire_link_is_life_and_nothing_else(life: bytes) -> None:
    """Section 4.11, Q35. It takes no window slot."""
    session = at(ESME, TRX)
    assert session.expire(10) == []
    assert sent(session) == [ENQUIRY]
    assert session.free == 4
    assert session.receive(life, 11) == []
    assert session.deadline() == 21


def test_unused_link_ends() -> None:
    """Section 7.2, inactivity_timer: keep-alive is no use of the link."""
    session = at(ESME, TRX)
    session.receive(MESSAGE, 50)
    for now in range(55, 150, 5):
        session.receive(header(0x80000015, 0, 2) + header(0x15, 0, now), now)
    assert session.expire(149) == []
    assert session.expire(150) == [Lost("inactive")]


# Unbind (section 4.2)


def test_unbind_in_order() -> None:
    session = asking(11)
    session.unbind(1)
    assert sent(session) == [(16, 0x06, 0, 3)]
    assert refuses_messages(session)
    read = header(0x80000004, 0, 2) + MESSAGE
    answered, received = session.receive(read, 2)
    assert isinstance(answered, Answered)
    assert isinstance(received, Received)  # Q38: or it is delivered twice
    session.answer([(0x05, 77)])
    assert sent(session) == [(17, 0x80000005, 0, 77)]
    assert session.receive(header(0x80000006, 0, 3) + MESSAGE, 3) == [Unbound()]
    assert session.state is State.CLOSED
    assert session.receive(MESSAGE, 3) == []


def test_a_nack_ends_an_unbind_too() -> None:
    session = at(ESME, TRX)
    session.unbind(0)
    [stray, end] = session.receive(header(NACK, 3, 9) + header(NACK, 3, 2), 0)
    assert isinstance(stray, Stray)
    assert end == Unbound()


def test_unbind_response_that_never_comes() -> None:
    """Q37: a bounded wait; what was asked stays named."""
    session = asking(11)
    session.unbind(1)
    assert session.deadline() == 4
    assert session.expire(4) == [Unbound(answered=False)]
    assert session.outstanding() == [11]


def test_crossing_unbinds() -> None:
    """Q39: ours is still to be answered, theirs is answered, the response in ends it."""
    session = at(ESME, TRX)
    session.unbind(0)
    assert session.receive(header(0x06, 0, 5), 1) == [PeerUnbound()]
    assert sent(session) == [(16, 0x06, 0, 2), (16, 0x80000006, 0, 5)]
    assert session.receive(header(0x80000006, 0, 2), 2) == [Unbound()]


def test_unbind_of_the_peer_ends_with_the_last_response() -> None:
    """Q36: stop submitting, hear what is outstanding; a text on its way is still taken."""
    session = asking(11, 12)
    assert session.receive(header(0x06, 0, 5), 1) == [PeerUnbound()]
    assert sent(session) == [(16, 0x80000006, 0, 5)]
    assert refuses_messages(session)
    with pytest.raises(SessionError):
        session.unbind(1)
    assert session.receive(header(0x06, 0, 6), 1) == []
    assert sent(session) == [(16, 0x80000006, 0, 6)]
    [stray] = session.receive(header(0x80000006, 0, 6), 1)  # we asked for none
    assert isinstance(stray, Stray) and not session.closed
    assert session.deadline() == 1 + 3
    assert len(session.receive(header(0x80000004, 0, 3) + MESSAGE, 2)) == 2
    last = session.receive(header(0x80000004, 0, 2), 3)
    assert [type(event) for event in last] == [Answered, Unbound]
    assert session.expire(10) == []


def test_unbind_of_the_peer_with_nothing_outstanding_ends_at_once() -> None:
    session = at(SMSC, State.BINDING)
    assert session.receive(header(0x06, 0, 5), 1) == [PeerUnbound(), Unbound()]
    assert sent(session) == [(16, 0x80000006, 0, 5)]


def test_unbind_of_the_peer_ends_when_the_rest_expires() -> None:
    session = asking(11)
    session.receive(header(0x06, 0, 5), 5)
    assert session.expire(7) == [Expired(11), Unbound()]


# Octets that are wrong (section 3.3, facts of the field)


@pytest.mark.parametrize(
    "wrong",
    [bytes(16), b"\0\0\0\x0f" + bytes(12), b"HTTP/1.1 400 Bad Request", b"\r\n\r\n", b"\xff" * 16],
)
def test_lost_framing_is_the_last_event(wrong: bytes) -> None:
    """Q2, Q3: whole frames before it count; one nack, and the end."""
    session = at(ESME, TRX)
    received, lost = session.receive(MESSAGE + wrong, 1)
    assert isinstance(received, Received)
    assert lost == Lost("framing")
    assert sent(session) == [(16, NACK, RINVCMDLEN, 0)]
    assert (session.state, session.deadline()) == (State.CLOSED, None)
    assert session.receive(MESSAGE, 2) == []


def test_framing_lost_behind_the_end_is_no_event() -> None:
    session = at(ESME, TRX)
    session.unbind(0)
    assert session.receive(header(0x80000006, 0, 2) + bytes(16), 1) == [Unbound()]


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (header(0x0111, 0, 7, b"xyz"), (16, NACK, RINVCMDID, 7)),  # Q9
        (header(0x800000FF, 0, 7), None),  # an unknown response is never nacked
        (header(0x05, 0, 7, b"no end"), (17, 0x80000005, ..., 7)),  # Q10, Q78
        (header(0x103, 0, 7, b"no end"), (17, 0x80000103, ..., 7)),
        (header(0x04, 0, 7, b"no end"), (16, 0x80000004, ..., 7)),
        (header(0x102, 0, 7, b"no end"), None),  # section 4.12: has no response
    ],
)
def test_unreadable_pdus_are_answered_and_the_session_goes_on(
    frame: bytes, answer: tuple[object, ...] | None
) -> None:
    session = at(ESME, TRX)
    malformed, received = session.receive(frame + MESSAGE, 1)
    assert isinstance(malformed, Malformed)
    assert isinstance(received, Received)
    replies = sent(session)
    assert len(replies) == (answer is not None)
    for reply in replies:
        assert answer is not None
        assert all(want in (..., got) for want, got in zip(answer, reply, strict=True))
        assert reply[2]


def test_bad_tlvs_keep_the_readable_part() -> None:
    """Q10: a receipt in the mandatory part still counts, though an error is answered."""
    session = at(ESME, TRX)
    body = MESSAGE[16:] + b"\x04\x27\x00\x40\x02"
    [event] = session.receive(header(0x05, 0, 7, body), 1)
    assert isinstance(event, Malformed)
    assert isinstance(event.error.partial, s.DeliverSm)
    assert event.error.partial.short_message == b"Hi"
    assert sent(session) == [(17, 0x80000005, event.error.command_status, 7)]


# Two sessions back to back


def pump(esme: Session, smsc: Session, now: int) -> tuple[list[Event], list[Event]]:
    """Carry octets both ways until both are still; the events of both."""
    heard: tuple[list[Event], list[Event]] = ([], [])
    still = False
    while not still:
        up, down = esme.data_to_send(), smsc.data_to_send()
        heard[1].extend(smsc.receive(up, now))
        heard[0].extend(esme.receive(down, now))
        still = not up and not down
    return heard


def numbers_of(events: list[Event]) -> list[int]:
    return [event.pdu.sequence_number for event in events if isinstance(event, Received)]


def tokens_of(events: list[Event]) -> list[int]:
    return [event.token for event in events if isinstance(event, Answered)]


def test_a_whole_life_between_two_sessions() -> None:
    esme, smsc = Session(ESME, LIMITS), Session(SMSC, LIMITS)
    smsc.connected(0)
    esme.bind(s.BindTransceiver(system_id="us", password="secret"), 0)
    [], [bind] = pump(esme, smsc, 0)
    assert isinstance(bind, Received)
    assert bind.pdu.sequence_number == 1
    smsc.accept_bind(bind.pdu, s.BindTransceiverResp(system_id="SMSC"), 0)
    assert [type(event) for event in pump(esme, smsc, 1)[0]] == [Bound]

    smsc.request([(n, s.DeliverSm(short_message=b"Hi")) for n in range(4)], 1)
    texts = pump(esme, smsc, 1)[0]
    assert smsc.free == 0
    esme.answer([(0x05, number) for number in numbers_of(texts)])
    esme.request([(100 + n, s.SubmitSm(short_message=b"Thanks")) for n in range(4)], 1)
    replies = pump(esme, smsc, 1)[1]
    assert [type(event) for event in replies] == [Answered] * 4 + [Received] * 4
    assert tokens_of(replies) == [0, 1, 2, 3]
    for number in reversed(numbers_of(replies)):
        smsc.respond(s.SubmitSmResp(sequence_number=number, message_id="x"))
    assert tokens_of(pump(esme, smsc, 2)[0]) == [103, 102, 101, 100]

    assert esme.expire(11) == smsc.expire(11) == []
    assert pump(esme, smsc, 11) == ([], [])
    assert (esme.free, smsc.free) == (4, 4)
    smsc.unbind(12)
    assert pump(esme, smsc, 12) == ([PeerUnbound(), Unbound()], [Unbound()])
    assert (esme.deadline(), smsc.deadline()) == (None, None)


# Laws

FRAMES = st.sampled_from(
    [
        MESSAGE,
        octets(sample("data_sm"), sample("alert_notification")),
        header(0x15, 0, 1),
        header(0x80000004, 0, 2),
        header(0x80000004, 0x58, 3, b"\0"),
        header(NACK, 3, 4),
        header(0x80000015, 0, 2),
        header(0x05, 0, 7, b"broken"),
        header(0x0ABC, 0, 7),
        header(0x06, 0, 8),
        b"\0\0\0\x01",
    ]
)


def fed(chunks: list[bytes], state: State) -> tuple[list[str], bytes, State]:
    """What a session makes of these reads; `repr` because errors compare by identity."""
    session = at(ESME, state)
    if state is TRX:
        session.request([(n, s.SubmitSm()) for n in range(3)], 0)
    events = [event for chunk in chunks for event in session.receive(chunk, 1)]
    return [repr(event) for event in events], session.data_to_send(), session.state


@given(st.lists(FRAMES, max_size=12), st.lists(st.integers(0, 600)), st.sampled_from(list(State)))
def test_any_chunking_gives_the_same_events(
    frames: list[bytes], cuts: list[int], state: State
) -> None:
    stream = b"".join(frames)
    borders = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(borders)]
    whole = fed([stream], state)
    assert fed(chunks, state) == whole
    assert fed([stream[i : i + 1] for i in range(len(stream))], state) == whole


@given(
    st.lists(FRAMES | st.binary(max_size=40), max_size=8),
    st.sampled_from(list(State)),
    st.sampled_from([ESME, SMSC]),
)
def test_no_octets_make_a_session_raise(reads: list[bytes], state: State, role: Role) -> None:
    """Only events come out; Lost and Unbound come last, once, and close it."""
    session = at(role, state)
    events = [event for read in reads for event in session.receive(read, 1)]
    ends = [event for event in events if isinstance(event, Lost | Unbound)]
    assert ends == ([events[-1]] if ends else [])
    assert not ends or session.state is State.CLOSED
    sent(session)
