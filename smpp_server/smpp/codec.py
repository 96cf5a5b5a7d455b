"""Octets to PDUs and back, by straight-line functions made from the schema at import.

What is read is taken as it comes wherever it can be read without doubt; what is sent obeys 3.4.
Two errors: after `PduError` the stream goes on, after `FramingError` it must be closed.
"""

from collections.abc import Iterable, Iterator
from struct import Struct
from struct import error as StructError

from smpp_server.smpp import schema
from smpp_server.smpp.constants import CommandStatus
from smpp_server.smpp.declare import Pdu
from smpp_server.smpp.reader import PduError as PduError
from smpp_server.smpp.reader import make_readers
from smpp_server.smpp.writer import make_writers

MOST_OCTETS = 131072  # a policy: 3.4 sets no limit, but message_payload alone may hold 65535

_HEADER = Struct(">4I")  # section 3.2: command_length, _id, _status, sequence_number
_LENGTH = Struct(">I")
_BEHIND_LENGTH = Struct(">4x3I")

# The schema is named, since importing it is what fills the table of PDUs.
READERS = make_readers(schema.PDUS)
_WRITERS = make_writers(schema.PDUS)


class FramingError(Exception):
    """Octet borders are lost: answer once with generic_nack and `command_status`, then close.

    `sequence_number` is 0: what stands behind a wrong length is not trusted.
    """

    command_status = CommandStatus.ESME_RINVCMDLEN
    sequence_number = 0

    def __init__(self, command_length: int) -> None:
        super().__init__(f"command_length {command_length}")
        self.command_length = command_length


def cut(buffer: bytearray, cap: int = MOST_OCTETS) -> tuple[list[bytes], FramingError | None]:
    """Takes the whole frames out of `buffer` and leaves the beginning of the next.

    A command_length below 16 or above `cap` ends it with an error, which comes after the frames
    before it; nothing can be read behind it.
    """
    frames: list[bytes] = []
    unpack, append = _LENGTH.unpack_from, frames.append
    start, end = 0, len(buffer)
    last = end - 4
    data = b""
    while start <= last:
        (length,) = unpack(buffer, start)
        if not 16 <= length <= cap:
            del buffer[:start]
            return frames, FramingError(length)
        stop = start + length
        if stop > end:
            break
        data = data or bytes(buffer)  # once, and not for every read of a frame that grows
        append(data[start:stop])
        start = stop
    del buffer[:start]
    return frames, None


def headers(frames: Iterable[bytes]) -> Iterator[tuple[int, int, int]]:
    """(command_id, command_status, sequence_number) of whole frames, as `READERS` need them."""
    return map(_BEHIND_LENGTH.unpack_from, frames)


def decode(frame: bytes) -> Pdu:
    """The PDU in one whole frame.

    Raises PduError, or FramingError when the frame is not as long as it says. A response with an
    error status never raises: an unreadable body leaves its fields empty.
    """
    try:
        length, command_id, status, sequence_number = _HEADER.unpack_from(frame)
    except StructError:
        raise FramingError(len(frame)) from None
    if length != len(frame):
        raise FramingError(length)
    return READERS[command_id](frame, status, sequence_number)


def encode(pdu: Pdu) -> bytes:
    """The octets of `pdu`; those of a conformant PDU that was decoded are the same again.

    Raises ValueError, with the name of the field, for what 3.4 does not let us send. A longer
    password is sent whole, since operators issue them.
    """
    return _WRITERS[pdu.command_id](pdu)
