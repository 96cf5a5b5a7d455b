"""The capture: packets a reader can check, and tshark that takes the PDUs apart."""

import io
import json
import subprocess
from pathlib import Path
from struct import unpack

import pytest

from smpp_server.smsc_pcap import LINKTYPE_RAW, Capture, checksum
from tests.server.smsc_plays import bound, live, played
from tests.server.smsc_wire import OUR_NUMBER, SENDER

AT_S = 1_700_000_000.25


def packets(octets: bytes) -> list[tuple[float, bytes]]:
    """Time and packet of each record of a pcap file."""
    magic, major, minor, _, _, _, linktype = unpack("<IHHiIII", octets[:24])
    assert (magic, major, minor, linktype) == (0xA1B2C3D4, 2, 4, LINKTYPE_RAW)
    found, at = [], 24
    while at < len(octets):
        seconds, micros, kept, size = unpack("<IIII", octets[at : at + 16])
        assert kept == size
        found.append((seconds + micros / 1e6, octets[at + 16 : at + 16 + size]))
        at += 16 + size
    return found


def test_a_conversation() -> None:
    file = io.BytesIO()
    capture = Capture(file, lambda: AT_S)
    capture.opened(7)
    capture.received(7, b"a" * 2000)
    capture.sent(7, b"odd")
    capture.closed(7)
    told = []
    for at_s, packet in packets(file.getvalue()):
        assert at_s == AT_S
        assert checksum(packet[:20]) == 0
        source, destination, sequence, acknowledged = unpack(">HHII", packet[20:32])
        pseudo = packet[12:20] + b"\0\6" + (len(packet) - 20).to_bytes(2)
        assert checksum(pseudo + packet[20:]) == 0
        told.append((source, destination, sequence, acknowledged, packet[33], packet[40:]))
    esme, smsc = (49_159, 2775), (2775, 49_159)
    assert told == [
        (*esme, 1000, 0, 0x02, b""),
        (*smsc, 5000, 1001, 0x12, b""),
        (*esme, 1001, 5001, 0x10, b""),
        (*esme, 1001, 5001, 0x18, b"a" * 1460),
        (*esme, 2461, 5001, 0x18, b"a" * 540),
        (*smsc, 5001, 3001, 0x18, b"odd"),
        (*smsc, 5004, 3001, 0x11, b""),
        (*esme, 3001, 5005, 0x11, b""),
    ]


def captured(path: Path) -> None:
    """A bind, a text, an answer to it, a cut in the middle of things."""
    with path.open("wb") as file:
        lines = f'[crowd.x]\nshape = "steady"\nto = "{OUR_NUMBER}"\ntexts = 2\nlast_ms = 1000'
        play = played(lines, tap=Capture(file, lambda: AT_S))
        esme = bound(play)
        live(esme, 2)
        esme.submit(SENDER)
        play.simulator.cut()
        esme.hang_up()


def test_what_passed_is_what_was_captured(tmp_path: Path) -> None:
    captured(tmp_path / "run.pcap")
    octets = b"".join(packet[40:] for _, packet in packets((tmp_path / "run.pcap").read_bytes()))
    commands, at = [], 0
    while at < len(octets):
        length, command_id = unpack(">II", octets[at : at + 8])
        commands.append(f"{command_id:08x}")
        at += length
    assert commands == [
        "00000009", "80000009", "00000005", "80000005", "00000005", "80000005",
        "00000004", "80000004",
    ]  # fmt: skip


@pytest.mark.peer("tshark")
def test_tshark_takes_it_apart(tmp_path: Path) -> None:
    captured(tmp_path / "run.pcap")
    told = subprocess.run(
        ["tshark", "-r", tmp_path / "run.pcap", "-T", "json", "-o", "tcp.check_checksum:TRUE",
         "-o", "ip.check_checksum:TRUE", "-j", "smpp tcp"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    layers = [packet["_source"]["layers"] for packet in json.loads(told.stdout)]
    assert len(layers) == 3 + 8 + 2
    commands = [layer["smpp"]["smpp.command_id"] for layer in layers if "smpp" in layer]
    assert [command.lower() for command in commands] == [
        "0x00000009", "0x80000009", "0x00000005", "0x80000005", "0x00000005", "0x80000005",
        "0x00000004", "0x80000004",
    ]  # fmt: skip
    for layer in layers:
        assert layer["tcp"]["tcp.checksum.status"] == "1", layer["tcp"]
    doubts = subprocess.run(
        ["tshark", "-r", tmp_path / "run.pcap", "-Y", "tcp.analysis.flags or _ws.malformed"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert doubts.stdout == b""
