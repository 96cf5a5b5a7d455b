"""SMPP octets written and read by hand, so that our codec cannot vouch for itself."""

import socket
from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple, Self

HEADER = Struct(">4I")  # section 3.2: command_length, _id, _status, sequence_number
RESPONSE = 0x80000000
SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK = 0x04, 0x05, 0x06, 0x15
BINDS = (0x01, 0x02, 0x09)
GENERIC_NACK = RESPONSE
RECEIPT = 0x04  # esm_class, section 5.2.12
GSM, UCS2 = 0, 8  # data_coding, section 5.2.19
WAIT_S = 30.0  # a bound, never waited for when all is well


class Frame(NamedTuple):
    """One PDU as it travels."""

    command_id: int
    status: int
    number: int
    body: bytes = b""

    def octets(self) -> bytes:
        """Header and body."""
        return HEADER.pack(16 + len(self.body), *self[:3]) + self.body

    def response(self, status: int = 0, body: bytes = b"") -> Self:
        """What answers it."""
        return type(self)(self.command_id | RESPONSE, status, self.number, body)


def cut(buffer: bytearray) -> list[Frame]:
    """Whole frames at the start of `buffer`, taken out of it."""
    frames = []
    while len(buffer) >= 16:
        length, *head = HEADER.unpack_from(buffer)
        if len(buffer) < length:
            break
        frames.append(Frame(*head, bytes(buffer[16:length])))
        del buffer[:length]
    return frames


def message(
    source: str,
    destination: str,
    octets: bytes,
    data_coding: int = GSM,
    esm_class: int = 0,
    tlvs: Sequence[tuple[int, bytes]] = (),
) -> bytes:
    """The body of a deliver_sm, section 4.6.1; addresses are international (TON 1, NPI 1)."""
    body = bytearray(b"\0")
    for address in (source, destination):
        body += b"\1\1" + address.encode("ascii") + b"\0"
    body += bytes((esm_class, 0, 0)) + b"\0\0" + bytes((0, 0, data_coding, 0, len(octets)))
    body += octets
    for tag, value in tlvs:
        body += tag.to_bytes(2) + len(value).to_bytes(2) + value
    return bytes(body)


def receipt(source: str, destination: str, message_id: str) -> bytes:
    """A final delivery receipt, sections 2.11 and Appendix B, with both of its forms."""
    words = (
        f"id:{message_id} sub:001 dlvrd:001 submit date:2601020304 done date:2601020305"
        " stat:DELIVRD err:000 text:"
    )
    tlvs = ((0x001E, message_id.encode("ascii") + b"\0"), (0x0427, b"\2"))
    return message(source, destination, words.encode("ascii"), GSM, RECEIPT, tlvs)


class Line:
    """The SMSC's end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(WAIT_S)
        self._buffer = bytearray()
        self._frames: list[Frame] = []
        self._number = 0x70000000

    def send(self, octets: bytes) -> None:
        """Write these octets as they are."""
        self.socket.sendall(octets)

    def read(self) -> Frame:
        """The next PDU. Raises EOFError when there will be none, TimeoutError after WAIT_S."""
        while not self._frames:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                raise EOFError(f"closed with {len(self._buffer)} octets of a PDU")
            self._buffer += data
            self._frames = cut(self._buffer)
        return self._frames.pop(0)

    def rest(self) -> list[Frame]:
        """All PDUs until the peer closes."""
        frames = []
        try:
            while True:
                frames.append(self.read())
        except EOFError:
            return frames

    def bind(self) -> Self:
        """Accept the bind that comes first, whoever asks."""
        request = self.read()
        assert request.command_id in BINDS, request
        self.send(request.response(body=b"SMSC\0").octets())
        return self

    def enquire(self) -> list[Frame]:
        """Ask whether the link lives; what came before the answer, which must come."""
        self._number += 1
        enquiry = Frame(ENQUIRE_LINK, 0, self._number)
        self.send(enquiry.octets())
        before = []
        while (frame := self.read()) != enquiry.response():
            before.append(frame)
        return before

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


class Port:
    """A listening socket on loopback."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.socket.settimeout(WAIT_S)
        self.number: int = self.socket.getsockname()[1]

    def accept(self) -> Line:
        """The next connection."""
        connection, _ = self.socket.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Line(connection)

    def close(self) -> None:
        """Listen no more."""
        self.socket.close()
