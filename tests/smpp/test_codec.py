"""Reading and writing PDUs: vectors of many implementations, laws, and what must be refused."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.smpp import schema as s
from smpp_server.smpp.codec import FramingError, PduError, cut, decode, encode
from smpp_server.smpp.constants import RESPONSE_BIT, CommandStatus, Tag
from smpp_server.smpp.declare import Items, Octets, Pdu
from tests.spec import spec
from tests.strategies import pdus, tlv_lists

Vector = Mapping[str, Any]
VECTORS: list[Vector] = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "vectors" / "pdus.jsonl").read_text().splitlines()
]


def vectors(*names: str) -> Any:
    """Parametrizes a test with the vectors of a class or, if malformed, of a reason."""
    chosen = [v for v in VECTORS if v["cls"] in names or v["reason"] in names]
    assert chosen
    return pytest.mark.parametrize("vector", chosen, ids=[v["id"] for v in chosen])


def first_frame(vector: Vector) -> bytes:
    """The first frame of a vector, which must be as long as it says, and leave the rest alone."""
    octets = bytes.fromhex(vector["hex"])
    frames, _ = cut(bytearray(octets))
    assert len(frames[0]) == int.from_bytes(octets[:4], "big")
    return frames[0]


def said(pdu: Pdu) -> dict[str, object]:
    """The PDU in the words of the vectors."""
    shown: dict[str, object] = {
        "command_id": pdu.command_id,
        "command_status": pdu.command_status,
        "sequence_number": pdu.sequence_number,
        "tlvs": [(tag, value.hex()) for tag, value in pdu.tlvs],
    }
    for field in pdu.fields:
        value = getattr(pdu, field.name)
        if not pdu.body_present:
            shown[field.name] = None
        elif isinstance(field, Items):
            shown[field.name] = [
                ({"dest_flag": shape.flag} if shape.flag else {}) | item._asdict()
                for item in value
                for shape in field.shapes
                if shape.make is type(item)
            ]
            shown[field.counter] = len(value)
        elif isinstance(field, Octets):
            shown[field.name], shown[field.counter] = value.hex(), len(value)
        else:
            shown[field.name] = value
    return shown


def check(vector: Vector, pdu: Pdu, but: frozenset[str] = frozenset()) -> None:
    """Everything the vector expects is there."""
    expected = dict(vector["expect"])
    if "tlvs" in expected:
        expected["tlvs"] = [(tlv["tag"], tlv["value"]) for tlv in expected["tlvs"]]
    shown = said(pdu)
    wanted = expected.keys() - {"command_length"} - but
    assert {name: shown[name] for name in wanted} == {name: expected[name] for name in wanted}
    if "command_length" in expected and pdu.body_present and not pdu.stray_octets and not but:
        assert expected["command_length"] == len(first_frame(vector))


@vectors("conformant")
def test_conformant_vectors_are_read_and_written_again(vector: Vector) -> None:
    frame = first_frame(vector)
    pdu = decode(frame)
    check(vector, pdu)
    assert encode(pdu) == frame


@vectors("tolerable")
def test_tolerable_vectors_are_read(vector: Vector) -> None:
    check(vector, decode(first_frame(vector)))


@vectors("malformed_body", "malformed_tlv")
def test_malformed_vectors_show_what_was_readable(vector: Vector) -> None:
    frame = first_frame(vector)
    try:
        pdu = decode(frame)
    except PduError as error:
        assert error.partial is not None
        assert (error.command_id, error.sequence_number) == (
            vector["expect"]["command_id"],
            vector["expect"]["sequence_number"],
        )
        assert error.command_status in {
            CommandStatus.ESME_RINVMSGLEN,
            CommandStatus.ESME_RINVPARLEN,
            CommandStatus.ESME_RINVOPTPARSTREAM,
            CommandStatus.ESME_RINVDESTFLAG,
            CommandStatus.ESME_RINVNUMDESTS,
        }
        check(vector, error.partial, frozenset({"sm_length", "number_of_dests", "no_unsuccess"}))
    else:
        assert 1 <= pdu.stray_octets <= 3
        check(vector, pdu)


@vectors("unknown_command")
@spec("3.3", "4.3.1")
def test_an_unknown_command_is_an_error_of_one_pdu(vector: Vector) -> None:
    with pytest.raises(PduError) as caught:
        decode(first_frame(vector))
    assert caught.value.command_status == CommandStatus.ESME_RINVCMDID
    assert caught.value.command_id == vector["expect"].get("command_id", 0)
    assert caught.value.sequence_number == vector["expect"]["sequence_number"]
    assert (caught.value.field, caught.value.partial) == ("command_id", None)


@vectors("frame_length")
@spec("3.2", "5.1.1")
def test_a_length_that_cannot_be_loses_the_frame(vector: Vector) -> None:
    frames, error = cut(bytearray.fromhex(vector["hex"]))
    assert frames == []
    assert error is not None
    assert error.command_length == vector["expect"]["command_length"]
    assert (error.command_status, error.sequence_number) == (CommandStatus.ESME_RINVCMDLEN, 0)


@vectors("incomplete")
@spec("2.4")
def test_an_incomplete_frame_waits(vector: Vector) -> None:
    buffer = bytearray.fromhex(vector["hex"])
    assert cut(buffer) == ([], None)
    assert buffer.hex() == vector["hex"]


@spec("3.2", "4.3.1")
def test_frames_before_a_lost_one_are_still_given() -> None:
    good = encode(s.EnquireLink(sequence_number=1))
    buffer = bytearray(good + good + b"HTTP/1.1 400")
    frames, error = cut(buffer)
    assert frames == [good, good]
    assert error is not None and error.command_length == int.from_bytes(b"HTTP", "big")
    assert cut(buffer)[0] == []  # and nothing is ever found behind it


def test_the_cap_is_the_callers_and_holds_the_largest_message() -> None:
    large = s.Tlv(Tag.MESSAGE_PAYLOAD, bytes(0xFFFF))
    frame = encode(s.DataSm(sequence_number=1, tlvs=(large,)))
    assert cut(bytearray(frame)) == ([frame], None)
    assert cut(bytearray(frame), cap=len(frame)) == ([frame], None)
    assert cut(bytearray(frame), cap=len(frame) - 1)[1] is not None


@pytest.mark.parametrize("frame", [b"", bytes(15), pack(">4I", 17, 6, 0, 1), bytes(16)])
def test_what_is_no_whole_frame_is_no_pdu(frame: bytes) -> None:
    with pytest.raises(FramingError):
        decode(frame)


@spec("4.1.1", "4.1.2", "4.1.3", "4.1.4", "4.1.5", "4.1.6", "4.1.7", "4.2.1", "4.2.2", "4.3.1")
@spec("4.4.1", "4.4.2", "4.5.1", "4.5.2", "4.6.1", "4.6.2", "4.7.1", "4.7.2", "4.8.1", "4.8.2")
@spec("4.9.1", "4.9.2", "4.10.1", "4.10.2", "4.11.1", "4.11.2", "4.12.1")
@pytest.mark.parametrize("kind", s.PDUS.values(), ids=lambda kind: kind.name)
@given(data=st.data())
def test_what_is_written_is_read_again(kind: type[Pdu], data: st.DataObject) -> None:
    pdu = data.draw(pdus(kind))
    frame = encode(pdu)
    assert int.from_bytes(frame[:4], "big") == len(frame)
    again = decode(frame)
    assert again == pdu
    assert encode(again) == frame
    assert again.stray_octets == 0


@given(pdus(), st.data())
def test_a_pdu_cut_short_is_refused_where_it_breaks(pdu: Pdu, data: st.DataObject) -> None:
    frame = encode(pdu)
    left = data.draw(st.integers(16, len(frame)))
    cut_off = pack(">I", left) + frame[4:left]
    try:
        read = decode(cut_off)
    except PduError as error:
        assert error.partial is not None
        assert not (pdu.command_id & RESPONSE_BIT and pdu.command_status)
        assert left < len(frame)
        names = [field.name for field in pdu.fields]
        whole = names[: names.index(error.field)] if error.field in names else names
        assert [getattr(error.partial, n) for n in whole] == [getattr(pdu, n) for n in whole]
    else:
        assert read.command_status == pdu.command_status
        assert read.tlvs == pdu.tlvs[: len(read.tlvs)] or pdu.command_status


@given(pdus(), st.binary(min_size=1, max_size=3))
def test_up_to_three_octets_behind_the_last_field_are_passed_over(pdu: Pdu, tail: bytes) -> None:
    frame = encode(pdu)
    longer = pack(">I", len(frame) + len(tail)) + frame[4:] + tail
    read = decode(longer)
    if not pdu.command_status:
        assert read == pdu
        assert read.stray_octets == len(tail)


@given(st.sampled_from(sorted(s.PDUS)), st.integers(0, 0xFFFFFFFF), st.binary(max_size=80))
def test_any_octets_give_a_pdu_or_one_error(command_id: int, status: int, body: bytes) -> None:
    frame = pack(">4I", 16 + len(body), command_id, status, 7) + body
    try:
        pdu = decode(frame)
    except PduError as error:
        assert not (command_id & RESPONSE_BIT and status)
        assert (error.command_id, error.sequence_number) == (command_id, 7)
        pdu = error.partial or pytest.fail("a known command has a partial PDU")
    assert (pdu.command_id, pdu.command_status, pdu.sequence_number) == (command_id, status, 7)
    assert all(hasattr(pdu, field.name) for field in pdu.fields)
    repr(pdu)


@given(st.binary(max_size=200))
def test_any_stream_is_cut_into_whole_frames(octets: bytes) -> None:
    buffer = bytearray(octets)
    frames, error = cut(buffer)
    assert b"".join(frames) + buffer == octets
    assert all(int.from_bytes(frame[:4], "big") == len(frame) for frame in frames)
    assert error is not None or len(buffer) < 4 or int.from_bytes(buffer[:4], "big") > len(buffer)


def pieces(octets: bytes, borders: list[int]) -> Iterator[bytes]:
    ends = sorted({border % (len(octets) + 1) for border in borders} | {len(octets)})
    start = 0
    for end in ends:
        yield octets[start:end]
        start = end


@given(st.lists(pdus(), max_size=5), st.lists(st.integers(0, 5000), max_size=12), st.booleans())
def test_where_the_stream_is_split_changes_nothing(
    sent: list[Pdu], borders: list[int], broken: bool
) -> None:
    octets = b"".join(map(encode, sent)) + b"GET " * broken
    buffer, read, error = bytearray(), list[Pdu](), None
    for piece in pieces(octets, borders):
        buffer += piece
        frames, error = cut(buffer)
        read += map(decode, frames)
    assert read == sent
    assert (error is not None) == broken


@given(pdus(*s.PDUS.values()))
def test_three_feeds_give_the_same(pdu: Pdu) -> None:
    """Whole, octet by octet, and with the beginning of the next."""
    frame = encode(pdu)
    whole, _ = cut(bytearray(frame))
    buffer, single = bytearray(), list[bytes]()
    for octet in frame:
        buffer.append(octet)
        single += cut(buffer)[0]
    behind = bytearray(frame + frame[:15])
    trailing, _ = cut(behind)
    assert whole == single == trailing == [frame]
    assert behind == frame[:15]


@given(pdus(s.DeliverSm, s.SubmitSm, s.BindTransceiver), tlv_lists())
def test_parameters_keep_their_order_and_repeats(pdu: Pdu, tlvs: tuple[s.Tlv, ...]) -> None:
    pdu.tlvs = ()
    optional = b"".join(pack(">2H", tag, len(value)) + value for tag, value in tlvs * 2)
    frame = encode(pdu)
    read = decode(pack(">I", len(frame) + len(optional)) + frame[4:] + optional)
    assert read.tlvs == tlvs * 2


@pytest.mark.parametrize(
    ("length", "read"), [(15, False), (16, True), (131072, True), (131073, False)]
)
def test_the_lengths_a_frame_may_have(length: int, read: bool) -> None:
    """Section 3.2 sets the least; the most is ours."""
    frame = bytearray(length.to_bytes(4, "big") + bytes(length - 4))
    frames, error = cut(frame)
    assert [len(one) for one in frames] == [length] * read
    assert str(error) == (str(None) if read else f"command_length {length}")
