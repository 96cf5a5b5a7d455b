"""A capture of what went over the wire, in the pcap format, for Wireshark and tshark.

The octets are those of the run; the IPv4 and TCP headers around them are made up here. The SMSC
is always 127.0.0.1 port 2775, so that its PDUs are taken apart without any setting. It is meant
for simulated texts alone: nothing of the server itself writes such a file.
"""

from collections.abc import Callable
from struct import pack, unpack
from typing import BinaryIO

LINKTYPE_RAW = 101  # packets begin with their IP header
MICROSECONDS = 0xA1B2C3D4
LOOPBACK = bytes((127, 0, 0, 1))
SMPP_PORT = 2775
FIRST_PORT, PORTS = 49_152, 16_384  # RFC 6335: for clients
SEGMENT = 1460  # octets of TCP data in one packet
FIN, SYN, PSH, ACK = 0x01, 0x02, 0x08, 0x10
TCP = 6


class Capture:
    """Writes each octet as it passes; a `Tap`. `wall_s` gives seconds since the Unix epoch."""

    def __init__(self, file: BinaryIO, wall_s: Callable[[], float]) -> None:
        self._file = file
        self._wall_s = wall_s
        self._next: dict[int, list[int]] = {}  # bind_id: TCP numbers of the ESME, of the SMSC
        file.write(pack("<IHHiIII", MICROSECONDS, 2, 4, 0, 0, 0xFFFF, LINKTYPE_RAW))

    def opened(self, bind_id: int) -> None:
        """Three packets: SYN, SYN and ACK, ACK."""
        self._next[bind_id] = [1000, 5000]
        self._packet(bind_id, 0, SYN)
        self._packet(bind_id, 1, SYN | ACK)
        self._packet(bind_id, 0, ACK)

    def received(self, bind_id: int, data: bytes) -> None:
        """Octets of the ESME."""
        self._data(bind_id, 0, data)

    def sent(self, bind_id: int, data: bytes) -> None:
        """Octets of the SMSC."""
        self._data(bind_id, 1, data)

    def closed(self, bind_id: int) -> None:
        """FIN from both sides."""
        self._packet(bind_id, 1, FIN | ACK)
        self._packet(bind_id, 0, FIN | ACK)
        del self._next[bind_id]

    def _data(self, bind_id: int, side: int, data: bytes) -> None:
        for at in range(0, len(data), SEGMENT):
            self._packet(bind_id, side, PSH | ACK, data[at : at + SEGMENT])

    def _packet(self, bind_id: int, side: int, flags: int, data: bytes = b"") -> None:
        """One packet from the ESME (side 0) or the SMSC (side 1)."""
        numbers = self._next[bind_id]
        ports = (FIRST_PORT + bind_id % PORTS, SMPP_PORT)
        answered = numbers[1 - side] if flags & ACK else 0
        head = pack(
            ">HHIIBBH", ports[side], ports[1 - side], numbers[side], answered, 0x50, flags, 65_535
        )
        pseudo = LOOPBACK + LOOPBACK + pack(">BBH", 0, TCP, 20 + len(data))
        total = checksum(pseudo + head + bytes(4) + data)
        segment = head + pack(">HH", total, 0) + data
        start = pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, TCP, 0)
        total = checksum(start + LOOPBACK + LOOPBACK)
        packet = start[:10] + pack(">H", total) + LOOPBACK + LOOPBACK + segment
        seconds, rest = divmod(int(self._wall_s() * 1_000_000), 1_000_000)
        self._file.write(pack("<IIII", seconds, rest, len(packet), len(packet)) + packet)
        gone = len(data) + bool(flags & (SYN | FIN))
        numbers[side] = (numbers[side] + gone) & 0xFFFFFFFF


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
