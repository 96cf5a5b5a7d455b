"""Octets as Wireshark's dissector reads them: a capture written by hand, and what tshark tells."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from struct import pack

SMSC_PORT = 2775
LINKTYPE_IPV4 = 228  # each record is one IPv4 packet
PSH_ACK = 0x18
# A complaint is any remark of the expert, and any packet that is malformed for any dissector.
COMPLAINTS = ("_ws.malformed", "_ws.expert.message")

Packet = dict[str, str]


def capture(streams: Sequence[bytes], segment: int) -> bytes:
    """A pcap file: each stream is a TCP connection of its own to the SMSC's port.

    It is cut into segments of this many octets, wherever its PDUs begin and end.
    """
    file = bytearray(pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, LINKTYPE_IPV4))
    for source, octets in enumerate(streams, 10_000):
        for at in range(0, len(octets), segment):
            data = octets[at : at + segment]
            tcp = pack(">HHIIBBHHH", source, SMSC_PORT, 1 + at, 1, 5 << 4, PSH_ACK, 0xFFFF, 0, 0)
            size = 20 + len(tcp) + len(data)
            ip = pack(">BBHIBBHII", 0x45, 0, size, 0, 64, 6, 0, 0x7F000001, 0x7F000001)
            file += pack(">4I", 0, 0, size, size) + ip + tcp + data
    return bytes(file)


def dissect(
    folder: Path, streams: Sequence[bytes], fields: Sequence[str], segment: int = 1448
) -> list[list[Packet]]:
    """For each stream the packets in which a PDU ends: field -> what tshark shows for it.

    What occurs more than once in a packet is joined by commas.
    """
    path = folder / "capture.pcap"
    path.write_bytes(capture(streams, segment))
    names = ["tcp.stream", "smpp.command_id", *fields, *COMPLAINTS]
    command = ["tshark", "-n", "-2", "-r", str(path), "-d", f"tcp.port=={SMSC_PORT},smpp"]
    command += ["--disable-protocol", "wsp"]  # a text to port 9200 need not be a WAP page
    command += ["-T", "fields", *(part for name in names for part in ("-e", name))]
    told = subprocess.run(command, capture_output=True, check=True, encoding="utf-8", timeout=120)
    found: list[list[Packet]] = [[] for _ in streams]
    for line in told.stdout.splitlines():
        packet = dict(zip(names, line.split("\t"), strict=True))
        if packet["smpp.command_id"] or any(packet[name] for name in COMPLAINTS):
            found[int(packet["tcp.stream"])].append(packet)
    return found


def complaints(packets: Sequence[Packet]) -> list[Packet]:
    """The packets tshark complains of."""
    return [packet for packet in packets if any(packet[name] for name in COMPLAINTS)]
