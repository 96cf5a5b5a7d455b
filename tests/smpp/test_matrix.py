"""Table 2-1: every state, request and role, sent and received."""

from collections.abc import Iterator
from itertools import product

import pytest

from smpp_server.smpp import schema as s
from smpp_server.smpp.happenings import PeerUnbound, Received, SessionError, Stray
from smpp_server.smpp.matrix import Role, State
from smpp_server.smpp.session import Session
from tests.smpp.sessions import (
    BINDS,
    ESME,
    KINDS,
    RALYBND,
    RESPONSE,
    RINVBNDSTS,
    RX,
    SMSC,
    TRX,
    TX,
    at,
    octets,
    sample,
    sent,
)

# Table 2-1 (section 2.3): the states in which each side may send the request. replace_sm also
# as transceiver, by section 2.7.
TABLE_2_1 = """
bind_transmitter    open       -          4.1.1
bind_receiver       open       -          4.1.3
bind_transceiver    open       -          4.1.5
outbind             -          open       4.1.7
unbind              tx,rx,trx  tx,rx,trx  4.2.1
submit_sm           tx,trx     -          4.4.1
submit_multi        tx,trx     -          4.5.1
deliver_sm          -          rx,trx     4.6.1
data_sm             tx,rx,trx  tx,rx,trx  4.7.1
query_sm            tx,trx     -          4.8.1
cancel_sm           tx,trx     -          4.9.1
replace_sm          tx,trx     -          4.10.1
enquire_link        tx,rx,trx  tx,rx,trx  4.11.1
alert_notification  -          rx,trx     4.12.1
"""
STATES = {"open": State.OPEN, "tx": TX, "rx": RX, "trx": TRX}


def rows() -> Iterator[tuple[str, Role, frozenset[State], str]]:
    for line in TABLE_2_1.strip().splitlines():
        name, esme, smsc, section = line.split()
        for role, words in ((ESME, esme), (SMSC, smsc)):
            yield name, role, frozenset(STATES[w] for w in words.split(",") if w != "-"), section


def send(session: Session, pdu: s.Pdu) -> None:
    """By the method that is made for this request."""
    if isinstance(pdu, tuple(BINDS.values())):
        session.bind(pdu, 0)
    elif isinstance(pdu, s.Unbind):
        session.unbind(0)
    elif isinstance(pdu, s.Outbind | s.AlertNotification):
        session.announce(pdu)
    elif isinstance(pdu, s.EnquireLink):
        session.expire(10)
        if not session.bound:
            raise SessionError
    else:
        session.request([(1, pdu)], 0)


EVERY_PAIR = [
    pytest.param(
        name,
        role,
        state,
        state in states,
        id=f"{role.value}-{state.name}-{name}",
        marks=pytest.mark.spec(section),
    )
    for (name, role, states, section), state in product(rows(), State)
]


def test_the_table_names_every_request() -> None:
    requests = {kind.name for kind in s.PDUS.values() if not kind.command_id & RESPONSE}
    assert {name for name, _, _, _ in rows()} == requests


@pytest.mark.parametrize(("name", "role", "state", "legal"), EVERY_PAIR)
def test_table_2_1_sending(name: str, role: Role, state: State, legal: bool) -> None:
    session = at(role, state)
    if legal:
        send(session, sample(name))
        assert [command_id for _, command_id, _, _ in sent(session)] == [KINDS[name].command_id]
    else:
        with pytest.raises(SessionError):
            send(session, sample(name))
        assert session.data_to_send() == b""


@pytest.mark.parametrize(("name", "role", "state", "legal"), EVERY_PAIR)
def test_table_2_1_receiving(name: str, role: Role, state: State, legal: bool) -> None:
    """Receiving is the peer's sending. Out of state: the own response with RINVBNDSTS."""
    session = at(role.peer, state)
    legal = legal or (state is State.UNBINDING and (name, role, TRX) in LEGAL_WHEN_BOUND)
    pdu = sample(name)
    events = session.receive(octets(pdu), 0)
    replies = sent(session)
    response = (pdu.command_id | RESPONSE, 77)
    if state is State.CLOSED:
        assert (events, replies) == ([], [])
    elif name == "enquire_link":  # Q32, Q34: answered in every state
        assert (events, replies) == ([], [(16, response[0], 0, 77)])
    elif name == "unbind":
        assert events[0] == PeerUnbound()
        assert replies == [(16, response[0], 0, 77)]
    elif legal:
        assert [type(event) for event in events] == [Received]
        assert replies == []
    else:
        assert [type(event) for event in events] == [Stray]
        rebind = name.startswith("bind") and role is ESME
        status = RALYBND if rebind else RINVBNDSTS
        answers = [] if name in ("outbind", "alert_notification") else [(status, 77)]
        assert [reply[2:] for reply in replies] == answers
        assert all(reply[1] == response[0] for reply in replies)


LEGAL_WHEN_BOUND = {(name, role, TRX) for name, role, states, _ in rows() if TRX in states}
