"""Wireshark's dissector reads what we write: every PDU, and all of a server's life."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from smpp_server.smpp import schema as s
from smpp_server.smpp.codec import cut, decode, encode
from smpp_server.smpp.declare import CString, Integer, Octets
from tests.end_to_end import wire
from tests.end_to_end.server import NOW, Server, configured, until
from tests.end_to_end.smsc import Smsc
from tests.end_to_end.wire import Frame
from tests.interop.wireshark import complaints, dissect

pytestmark = pytest.mark.peer("tshark")
VECTORS = Path(__file__).parent.parent / "vectors" / "pdus.jsonl"
MOST_PAYLOAD = 65_000  # Wireshark takes PDUs of up to 64 KiB for SMPP
SAR = (s.Tlv(0x020C, b"\0\1"), s.Tlv(0x020E, b"\2"), s.Tlv(0x020F, b"\1"))
PEOPLE = [f"336123400{n:02d}" for n in range(4)]
DATA_SM, UNKNOWN = 0x103, 0x0BAD


def full(kind: type[s.Pdu]) -> s.Pdu:
    """All fields as long as they may be."""
    pdu = kind(sequence_number=0x7FFFFFFF)
    for field in kind.fields:
        if isinstance(field, CString):
            setattr(pdu, field.name, "000001000000000R" if field.time else "1" * (field.size - 1))
        elif isinstance(field, Integer):
            setattr(pdu, field.name, 0x21)
        elif isinstance(field, Octets):
            setattr(pdu, field.name, b"a" * field.size)
        elif field.name == "dest_address":
            pdu.dest_address = (s.SmeAddress(1, 1, "1" * 20), s.DistributionList("l" * 20)) * 127
        else:
            setattr(pdu, field.name, (s.UnsuccessSme(1, 1, "1" * 20, 0x0B),) * 255)
    return pdu


def shortest(kind: type[s.Pdu]) -> s.Pdu:
    """All fields empty that may be."""
    pdu = kind(sequence_number=1)
    if isinstance(pdu, s.SubmitMulti):
        pdu.dest_address = (s.SmeAddress(1, 1, "1"),)
    return pdu


def with_parameters() -> Iterator[s.Pdu]:
    """Every optional parameter, at its least and at its greatest size."""
    for tag, rule in s.TLVS.items():
        for size in {rule.least, min(rule.most, MOST_PAYLOAD)}:
            value = b"1" * (size - 1) + b"\0" if rule.text else b"\2" * size
            tlvs = SAR if tag in {tlv.tag for tlv in SAR} else (s.Tlv(int(tag), value),)
            yield s.DeliverSm(sequence_number=1, tlvs=tlvs)


def from_vectors() -> Iterator[s.Pdu]:
    """What other implementations write and 3.4 allows, read and to be written again."""
    for line in VECTORS.read_text("utf-8").splitlines():
        vector = json.loads(line)
        if vector["valid"] and vector["cls"] == "conformant":
            yield from map(decode, cut(bytearray.fromhex(vector["hex"]))[0])


def shown(pdu: s.Pdu) -> str:
    """The name under which Wireshark lists it."""
    name = pdu.name.removesuffix("_resp").capitalize()
    return f"{name} - resp: " if pdu.name.endswith("_resp") else name


def test_every_pdu_the_codec_writes(tmp_path: Path) -> None:
    kinds = list(s.PDUS.values())
    pdus = [*map(shortest, kinds), *map(full, kinds), *with_parameters(), *from_vectors()]
    pdus += [kind(sequence_number=1, command_status=8) for kind in kinds if not kind.error_body]
    assert len(pdus) > 250
    found = dissect(
        tmp_path, [encode(pdu) for pdu in pdus], ["_ws.col.Info", "smpp.sequence_number"]
    )
    for pdu, packets in zip(pdus, found, strict=True):
        assert len(packets) == 1, (pdu, packets)
        [packet] = packets
        assert not complaints(packets), (pdu, packets)
        assert packet["_ws.col.Info"].startswith(shown(pdu))
        assert int(packet["smpp.command_id"], 0) == pdu.command_id
        assert int(packet["smpp.sequence_number"], 0) == pdu.sequence_number


def test_a_complaint_is_seen(tmp_path: Path) -> None:
    """A text that is said to be longer than its PDU."""
    octets = bytearray(encode(s.SubmitSm(sequence_number=1, short_message=b"abc")))
    octets[-4] = 200
    [packets] = dissect(tmp_path, [bytes(octets)], [])
    assert complaints(packets)


def life(folder: Path) -> tuple[list[Frame], list[tuple[str, str]]]:
    """What a server wrote from its first bind to its last unbind, and the replies among it."""
    with Smsc(receipts=True) as smsc, Server(folder, configured(smsc.port)) as server:
        server.start().fund()
        until(lambda: smsc.bound, "for the bind")
        for person in PEOPLE:
            smsc.text(person, NOW)
        smsc.enquire()
        smsc.write(Frame(UNKNOWN, 0, 0x60000000).octets())
        smsc.write(Frame(wire.SUBMIT_SM, 0, 0x60000001).octets())
        smsc.write(Frame(wire.DELIVER_SM, 0, 0x60000002, b"\0\1").octets())
        body = b"\0\1\1" + PEOPLE[0].encode() + b"\0\1\1" + NOW.encode() + b"\0\0\0\0"
        smsc.write(Frame(DATA_SM, 0, 0x60000003, body).octets())
        until(lambda: smsc.submits == len(PEOPLE) and smsc.idle, "for the replies")
        smsc.write(Frame(wire.UNBIND, 0, 0x60000004).octets())
        until(lambda: smsc.binds == 2 and smsc.bound, "for the second bind")
        server.stop()
        until(lambda: smsc.unbinds == 1, "for the unbind")
        return smsc.heard, list(smsc.accepted)


@pytest.mark.slow
def test_all_that_a_server_writes(tmp_path: Path) -> None:
    """Cut into segments of 100 octets, so that PDUs are put together from several."""
    heard, accepted = life(tmp_path)
    fields = ["smpp.sequence_number", "smpp.source_addr", "smpp.destination_addr"]
    stream = b"".join(frame.octets() for frame in heard)
    [packets] = dissect(tmp_path, [stream], fields, segment=100)
    assert not complaints(packets)

    def all_of(field: str) -> list[str]:
        return [value for packet in packets for value in packet[field].split(",") if value]

    ids = [int(value, 0) for value in all_of("smpp.command_id")]
    numbers = [int(value, 0) for value in all_of("smpp.sequence_number")]
    assert list(zip(ids, numbers, strict=True)) == [
        (frame.command_id, frame.number) for frame in heard
    ]
    requests = {s.BindTransceiver, s.SubmitSm, s.Unbind}
    responses = {s.DeliverSmResp, s.DataSmResp, s.EnquireLinkResp, s.GenericNack, s.UnbindResp}
    refused = {s.SubmitSmResp}  # we are no SMSC
    assert {s.PDUS[command_id] for command_id in ids} == requests | responses | refused
    pairs = zip(all_of("smpp.destination_addr"), all_of("smpp.source_addr"), strict=True)
    assert sorted(pairs) == sorted(accepted)
    assert {person for person, _ in accepted} == set(PEOPLE)
