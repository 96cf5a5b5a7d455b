"""Responses that need no PDU object: acknowledgements by the hundred, and refusals."""

from collections.abc import Iterable
from struct import Struct

from smpp_server.smpp import schema as s
from smpp_server.smpp.constants import RESPONSE_BIT as RESPONSE
from smpp_server.smpp.matrix import UNANSWERED

HEADER = Struct(">4I")  # section 3.2: command_length, _id, _status, sequence_number
_HEADER_AND_NUL = Struct(">4Ix")

# Their responses carry an empty message_id whatever the status (sections 4.6.2, 4.7.2; Q78).
_ANSWERED_BY_NUL = frozenset({s.DeliverSm.command_id, s.DataSm.command_id})


def bare(command_id: int, status: int, number: int) -> bytes:
    """A PDU that is only a header."""
    return HEADER.pack(16, command_id, status, number)


def acknowledgements(received: Iterable[tuple[int, int]], status: int) -> list[bytes]:
    """The response to each (command_id, sequence_number), all with this command_status.

    Raises ValueError for a positive response that has a body of its own.
    """
    pack = _HEADER_AND_NUL.pack
    frames = []
    for command_id, number in received:
        if command_id in _ANSWERED_BY_NUL:
            frames.append(pack(17, command_id | RESPONSE, status, number))
        elif status:
            frames.append(bare(command_id | RESPONSE, status, number))
        else:
            raise ValueError(f"a positive response to {name_of(command_id)} has a body")
    return frames


def refusal(command_id: int, status: int, number: int) -> list[bytes]:
    """What to say to a request that cannot be taken: nothing if it has no response.

    A command that is not known gets a generic_nack, unless it is itself a response (section 3.3).
    """
    if command_id & RESPONSE or command_id in UNANSWERED:
        return []
    if command_id in s.PDUS:
        return acknowledgements([(command_id, number)], status)
    return [bare(s.GenericNack.command_id, status, number)]


def name_of(command_id: int) -> str:
    """Its name in the specification, or the number in hexadecimal."""
    kind = s.PDUS.get(command_id)
    return kind.name if kind else f"{command_id:#010x}"
