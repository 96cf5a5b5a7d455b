"""Who may send what in which state: Table 2-1 of section 2.3 as two tables, one for each side.

What a side may receive is what its peer may send. A response may go where its request may come.
"""

from collections.abc import Mapping
from enum import Enum

from smpp_server.smpp import schema as s


class Role(Enum):
    """Which side of the connection a session plays."""

    ESME = "ESME"
    SMSC = "SMSC"

    @property
    def peer(self) -> "Role":
        """The other side."""
        return Role.SMSC if self is Role.ESME else Role.ESME


class State(Enum):
    """Section 2.2, and the two in which an answer to bind or unbind is awaited."""

    OPEN = "open"
    BINDING = "binding"
    BOUND_TX = "bound as transmitter"
    BOUND_RX = "bound as receiver"
    BOUND_TRX = "bound as transceiver"
    UNBINDING = "unbinding"
    CLOSED = "closed"


BOUND = frozenset({State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX})

# The state a bind leads to (sections 4.1.1, 4.1.3, 4.1.5).
BINDS: Mapping[int, State] = {
    s.BindTransmitter.command_id: State.BOUND_TX,
    s.BindReceiver.command_id: State.BOUND_RX,
    s.BindTransceiver.command_id: State.BOUND_TRX,
}

# Have no response (sections 4.1.7, 4.12.1).
UNANSWERED = frozenset({s.Outbind.command_id, s.AlertNotification.command_id})

_NOTHING: frozenset[int] = frozenset()
_ANY_BOUND = frozenset({s.DataSm.command_id, s.Unbind.command_id, s.EnquireLink.command_id})

# replace_sm stands under TX only in Table 2-1, but section 2.7 lists it for a transceiver too.
_ESME_TX = _ANY_BOUND | {
    s.SubmitSm.command_id,
    s.SubmitMulti.command_id,
    s.QuerySm.command_id,
    s.CancelSm.command_id,
    s.ReplaceSm.command_id,
}
_ESME_RX = _ANY_BOUND
_SMSC_TX = _ANY_BOUND
_SMSC_RX = _ANY_BOUND | {s.DeliverSm.command_id, s.AlertNotification.command_id}

_REQUESTS: Mapping[Role, Mapping[State, frozenset[int]]] = {
    Role.ESME: {
        State.OPEN: frozenset(BINDS),
        State.BOUND_TX: _ESME_TX,
        State.BOUND_RX: _ESME_RX,
        State.BOUND_TRX: _ESME_TX | _ESME_RX,
    },
    Role.SMSC: {
        State.OPEN: frozenset({s.Outbind.command_id}),
        State.BOUND_TX: _SMSC_TX,
        State.BOUND_RX: _SMSC_RX,
        State.BOUND_TRX: _SMSC_TX | _SMSC_RX,
    },
}


def requests(role: Role, state: State) -> frozenset[int]:
    """The requests this side may send in this state; none while a bind or unbind is awaited."""
    return _REQUESTS[role].get(state, _NOTHING)


def opens_window(role: Role, state: State) -> bool:
    """Whether the state lets this side send messages: submit_sm, or deliver_sm."""
    message = s.SubmitSm if role is Role.ESME else s.DeliverSm
    return message.command_id in requests(role, state)
