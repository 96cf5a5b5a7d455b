"""Sessions in any state, and octets to feed them, for the tests of the session."""

from struct import pack, unpack_from

from smpp_server.smpp import schema as s
from smpp_server.smpp.codec import encode
from smpp_server.smpp.matrix import Role, State
from smpp_server.smpp.session import Session
from smpp_server.smpp.timers import SessionLimits

ESME, SMSC = Role.ESME, Role.SMSC
TX, RX, TRX = State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX
LIMITS = SessionLimits(
    window=4,
    bind_timeout_ns=5,
    response_timeout_ns=7,
    enquire_link_ns=10,
    inactivity_ns=100,
    unbind_timeout_ns=3,
    silent_intervals=3,
    late_memory=2,
)
RESPONSE = 0x80000000
NACK = 0x80000000
RINVMSGLEN, RINVCMDLEN, RINVCMDID, RINVBNDSTS, RALYBND = 1, 2, 3, 4, 5
RTHROTTLED = 0x58
KINDS = {kind.name: kind for kind in s.PDUS.values()}
BINDS: dict[State, type[s.Pdu]] = {
    TX: s.BindTransmitter,
    RX: s.BindReceiver,
    TRX: s.BindTransceiver,
}


def sample(name: str, number: int = 77) -> s.Pdu:
    """A PDU of this name that may be sent."""
    if name == "submit_multi":
        return s.SubmitMulti(sequence_number=number, dest_address=(s.SmeAddress(),))
    return KINDS[name](sequence_number=number)


def octets(*pdus: s.Pdu) -> bytes:
    return b"".join(encode(pdu) for pdu in pdus)


def header(command_id: int, status: int, number: int, body: bytes = b"") -> bytes:
    return pack(">4I", 16 + len(body), command_id, status, number) + body


def sent(session: Session) -> list[tuple[int, int, int, int]]:
    """The headers of all that is queued: (length, command_id, command_status, number)."""
    data, headers = session.data_to_send(), []
    while data:
        headers.append(unpack_from(">4I", data))
        data = data[headers[-1][0] :]
    return headers


def at(role: Role, state: State, limits: SessionLimits = LIMITS) -> Session:
    """A session that came to this state by the octets that lead there."""
    session = Session(role, limits)
    session.connected(0)
    if state is State.OPEN:
        return session
    bind = BINDS.get(state, s.BindTransceiver)(sequence_number=9)
    if role is ESME:
        session.bind(bind, 0)
        if state is not State.BINDING:
            session.receive(header(bind.command_id | RESPONSE, 0, 1), 0)
    else:
        session.receive(octets(bind), 0)
        if state is not State.BINDING:
            session.accept_bind(bind, KINDS[bind.name + "_resp"](), 0)
    if state is State.UNBINDING:
        session.unbind(0)
    if state is State.CLOSED:
        session.disconnected()
    session.data_to_send()
    assert session.state is state
    return session
