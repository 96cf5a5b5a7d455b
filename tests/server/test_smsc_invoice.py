"""The simulator's invoice: segments from octets, exact prices, sums and the CDR file."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.smpp import text as product_text
from smpp_server.smsc_invoice import (
    Invoice,
    PriceFault,
    Prices,
    SubmitTap,
    UnreadableSubmit,
    count_segments,
    format_nanos,
    parse_nanos,
    read_submission,
)

UDH8 = bytes((5, 0x00, 3, 7, 2, 1))  # part 1 of 2, 8-bit reference
UDH16 = bytes((6, 0x08, 4, 0, 7, 2, 1))  # the same with a 16-bit reference
PORTS = bytes((6, 0x05, 4, 0x0B, 0x84, 0, 0))  # application ports, no part

PRICE_FILE = """\
direction,prefix,label,price
# an aggregator's list, shortened
out,33,France,0.0495
out,336,France mobile,0.041
out,33700,France M2M,0.12
out,590,Guadeloupe,0.0955
in,33,any French number,0.0075
"""


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


def submit_sm(
    octets: bytes = b"ok",
    data_coding: int = 0,
    esm_class: int = 0,
    tlvs: bytes = b"",
    destination: bytes = b"33612345678",
    sequence_number: int = 9,
) -> bytes:
    """A submit_sm written by hand after SMPP 3.4 section 4.4.1."""
    body = b"\0" + b"\x01\x0133644649021\0" + b"\x01\x01" + destination + b"\0"
    body += bytes((esm_class, 0, 0)) + b"\0" + b"000000010000000R\0" + bytes((1, 0, data_coding, 0))
    body += bytes((len(octets),)) + octets + tlvs
    return struct.pack(">IIII", 16 + len(body), 4, 0, sequence_number) + body


SURROGATES = "\U0001f600".encode("utf-16-be")


@pytest.mark.parametrize(
    ("octets", "data_coding", "has_header", "is_part", "segments"),
    [
        # GSM 03.38, one septet per octet
        (b"", 0, False, False, 1),
        (b"a" * 160, 0, False, False, 1),
        (b"a" * 161, 0, False, False, 2),
        (b"a" * 306, 0, False, False, 2),
        (b"a" * 307, 0, False, False, 3),
        (b"a" * 152 + b"\x1b\x65" + b"a" * 151, 0, False, False, 2),  # the pair moves: 152 | 153
        (b"a" * 152 + b"\x1b\x65" + b"a" * 152, 0, False, False, 3),
        # ASCII and Latin-1 are turned into the default alphabet
        (b"a" * 160, 1, False, False, 1),
        (b"a" * 161, 3, False, False, 2),
        # UCS2
        (b"\0a" * 70, 8, False, False, 1),
        (b"\0a" * 71, 8, False, False, 2),
        (b"\0a" * 134, 8, False, False, 2),
        (b"\0a" * 135, 8, False, False, 3),
        (b"\0a" * 66 + SURROGATES + b"\0a" * 66, 8, False, False, 3),  # 66 | 67 | 1
        (b"\0a" * 66 + SURROGATES + b"\0a" * 65, 8, False, False, 2),  # 66 | 67
        (b"\0a" * 71, 0x18, False, False, 2),  # GSM class 0, UCS2
        (b"\0a" * 71, 0xE0, False, False, 2),  # message waiting, UCS2
        # 8-bit data
        (b"\xff" * 140, 4, False, False, 1),
        (b"\xff" * 141, 4, False, False, 2),
        (b"\xff" * 269, 2, False, False, 3),
        (b"\xff" * 141, 0xF5, False, False, 2),
        (b"a" * 160, 0xF1, False, False, 1),
        # a user data header takes room: 153, 152 septets; 134, 133 octets
        (UDH8 + b"a" * 153, 0, True, False, 1),
        (UDH8 + b"a" * 154, 0, True, False, 2),
        (UDH16 + b"a" * 152, 0, True, False, 1),
        (UDH16 + b"a" * 153, 0, True, False, 2),
        (UDH8 + b"\0a" * 67, 8, True, False, 1),
        (UDH16 + b"\0a" * 67, 8, True, False, 2),
        (PORTS + b"\xff" * 133, 4, True, False, 1),
        (PORTS + b"\xff" * 134, 4, True, False, 2),  # then 128 a part: the reference joins it
        (PORTS + b"\xff" * 256, 4, True, False, 2),
        (PORTS + b"\xff" * 257, 4, True, False, 3),
        (b"", 0, True, False, 1),
        (b"\xf0" + b"a" * 159, 0, True, False, 1),  # header longer than the text: none
        # sar_* TLVs become a header
        (b"a" * 153, 0, False, True, 1),
        (b"a" * 154, 0, False, True, 2),
        (b"\0a" * 68, 8, False, True, 2),
    ],
)
def test_segments(
    octets: bytes, data_coding: int, has_header: bool, is_part: bool, segments: int
) -> None:
    assert count_segments(octets, data_coding, has_header, is_part) == segments


@given(st.text(st.sampled_from("aé€[]ç@😀ê\n"), max_size=400))
def test_counts_as_the_product_counts(words: str) -> None:
    """Two independent counts, one from characters and one from octets, agree."""
    counted = product_text.count(words)
    octets = product_text.encode(words, counted.data_coding)
    assert count_segments(octets, counted.data_coding) == counted.segments


def test_reads_what_the_price_needs() -> None:
    submission = read_submission(submit_sm())
    assert submission == (9, "33644649021", "33612345678", 1)


@pytest.mark.parametrize(
    ("frame", "segments"),
    [
        (submit_sm(b"a" * 254), 2),
        (submit_sm(b"", tlvs=tlv(0x0424, b"a" * 460)), 4),
        (submit_sm(b"a", tlvs=tlv(0x0424, b"a" * 460)), 1),  # both: short_message counts
        (submit_sm(UDH8 + b"a" * 153, esm_class=0x40), 1),
        (submit_sm(b"", esm_class=0x40, tlvs=tlv(0x0424, UDH8 + b"a" * 154)), 2),
        (
            submit_sm(
                b"a" * 154,
                tlvs=tlv(0x020C, b"\0\x07") + tlv(0x020E, b"\x02") + tlv(0x020F, b"\x01"),
            ),
            2,
        ),
        (submit_sm(b"a" * 154, tlvs=tlv(0x020C, b"\0\x07")), 1),  # sar set not complete
        (submit_sm(b"a" * 20, tlvs=b"\x02"), 1),  # stray tail
    ],
)
def test_segments_of_frames(frame: bytes, segments: int) -> None:
    assert read_submission(frame).segments == segments


@pytest.mark.parametrize("octets", [b"", b"hello", b"a" * 254])
def test_every_truncation_is_refused(octets: bytes) -> None:
    frame = submit_sm(octets)
    for end in range(len(frame)):
        cut = struct.pack(">I", end) + frame[4:end]
        with pytest.raises(UnreadableSubmit):
            read_submission(cut)


def test_other_commands_are_refused() -> None:
    frame = bytearray(submit_sm())
    frame[7] = 5
    with pytest.raises(UnreadableSubmit):
        read_submission(bytes(frame))


@given(st.lists(st.integers(1, 60), max_size=40))
def test_tap_finds_frames_wherever_reads_are_cut(cuts: list[int]) -> None:
    enquire_link = struct.pack(">IIII", 16, 0x15, 0, 1)
    frames = [submit_sm(b"x" * n, sequence_number=n + 1) for n in (0, 5, 40)]
    stream = enquire_link + frames[0] + frames[1] + enquire_link + frames[2] + enquire_link
    tap, at, found = SubmitTap(), 0, []
    for step in [*cuts, len(stream)]:
        found += tap.feed(stream[at : at + step])
        at += step
    assert found == frames


def test_longest_prefix_decides() -> None:
    prices = Prices.read(PRICE_FILE.splitlines())
    for destination, label, nanos in [
        ("33144445555", "France", 49_500_000),
        ("33612345678", "France mobile", 41_000_000),
        ("33700123456789", "France M2M", 120_000_000),
        ("590690123456", "Guadeloupe", 95_500_000),
        ("33", "France", 49_500_000),
    ]:
        price = prices.outbound(destination)
        assert price is not None
        assert (price.label, price.nanos) == (label, nanos)
    assert prices.outbound("447700900123") is None
    assert prices.outbound("") is None
    assert prices.inbound("447700900123") is None


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("out,33,France", "line 2: expected"),
        ("sideways,33,France,1", "line 2: expected"),
        ("out,+33,France,1", "is not digits"),
        ("out,33,France,0.1234567891", "at most 9 decimals"),
        ("out,33,France,-1", "is not an amount"),
        ("out,33,France,1e3", "is not an amount"),
        ("out,33,France,NaN", "is not an amount"),
        ("out,1,again,1", "stands twice"),
    ],
)
def test_faults_of_a_price_file_name_their_line(row: str, sentence: str) -> None:
    with pytest.raises(PriceFault, match="line 2: ") as caught:
        Prices.read(["out,1,somewhere,0.01", row])
    assert sentence in str(caught.value)


@given(st.integers(0, 10**15))
def test_amounts_round_trip(nanos: int) -> None:
    assert parse_nanos(format_nanos(nanos)) == nanos


def test_sums_lines_and_cdr() -> None:
    invoice = Invoice(Prices.read(PRICE_FILE.splitlines()))
    for destination, octets, message_id in [
        (b"33612345678", b"a" * 161, "A1"),
        (b"590690123456", b"ok", "A2"),
        (b"33698765432", b"ok", "A3"),
    ]:
        submission = read_submission(submit_sm(octets, destination=destination))
        price = invoice.prices.outbound(submission.destination)
        assert price is not None
        invoice.accept(submission, price, message_id, accepted_at_s=12.5)
    invoice.delivered("33644649021")
    invoice.delivered("447700900123")
    assert invoice.outbound_nanos == 3 * 41_000_000 + 95_500_000
    assert sum(line.nanos for line in invoice.lines) == invoice.outbound_nanos
    summary = invoice.summary()
    assert summary["outbound"] == {"messages": 3, "segments": 4, "amount": "0.2185"}
    assert summary["inbound"] == {"texts": 2, "amount": "0.0075"}
    assert "12345678" not in str(summary)
