"""What a session has to tell: the events of `receive` and `expire`, and our own faults."""

from typing import NamedTuple

from smpp_server.smpp.codec import PduError
from smpp_server.smpp.schema import Pdu


class SessionError(Exception):
    """We tried what the state or the window forbids: a fault of ours, nothing was queued."""


class Received(NamedTuple):
    """A request of the peer, legal in this state. It waits for `answer` or `respond`."""

    pdu: Pdu


class Answered(NamedTuple):
    """The response, or a generic_nack, to the outstanding request with this token."""

    token: int
    pdu: Pdu


class Expired(NamedTuple):
    """No response in time: what became of the request is not known (section 2.9)."""

    token: int


class Late(NamedTuple):
    """The response to a request that has expired before."""

    token: int
    pdu: Pdu


class Stray(NamedTuple):
    """A PDU that changes nothing: a response nobody awaits, or a request out of state.

    Such a request has been refused already; outbind and alert_notification have no response.
    """

    pdu: Pdu


class Malformed(NamedTuple):
    """A request that could not be read, or an unknown command. It has been answered already.

    `error.partial` holds what was readable, if its mandatory part was.
    """

    error: PduError


class Bound(NamedTuple):
    """Our bind was accepted; the body of the response may be missing (Q18, Q20)."""

    pdu: Pdu


class BindRefused(NamedTuple):
    """Our bind was refused; the session is OPEN again."""

    status: int


class PeerUnbound(NamedTuple):
    """The peer sent unbind; unbind_resp is queued. `Unbound` follows when nothing is awaited."""


class Unbound(NamedTuple):
    """The session ended in order: write what is queued, then close the connection."""

    answered: bool = True  # False: the wait for the rest was given up


class Lost(NamedTuple):
    """The session is of no more use: write what is queued, then close the connection.

    The reason is "framing" or a value of `timers.Over`.
    """

    reason: str


Event = (
    Received
    | Answered
    | Expired
    | Late
    | Stray
    | Malformed
    | Bound
    | BindRefused
    | PeerUnbound
    | Unbound
    | Lost
)
