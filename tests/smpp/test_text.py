"""Alphabets, counting and splitting: the vectors, 3GPP's rules, and laws over any text."""

import json
from pathlib import Path
from typing import Any

import gsm0338
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.smpp import gsm
from smpp_server.smpp import text as t
from smpp_server.smpp.segments import MAX_SEGMENTS
from tests.spec import spec

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "gsm.json").read_text(encoding="utf-8")
)
BY_ID = [pytest.param(case, id=case["id"]) for case in FACTS["cases"] if case["text"] is not None]
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
GSM_TEXT = st.text(st.sampled_from(sorted(gsm.CODES)), max_size=700)
# Much of what makes cutting hard: pairs beside single units.
WIDE_TEXT = st.text(st.sampled_from("aê😀"), max_size=400)
TEXTS = st.one_of(ANY_TEXT, GSM_TEXT, WIDE_TEXT, st.text(st.sampled_from("a€"), max_size=700))
WAYS = st.sampled_from(t.Way)


@pytest.mark.parametrize("case", BY_ID)
def test_counts_and_cuts_as_the_vectors_say(case: dict[str, Any]) -> None:
    words = case["text"]
    coding = case["data_coding"]
    octets = bytes.fromhex(case["hex"])
    assert t.encode(words, coding) == octets
    assert t.count(words) == (coding, case["units"], case["segments"])
    assert t.count(words, 16) == (coding, case["units"], case["segments_ref16"])
    unit = 2 if coding == t.UCS2 else 1
    for way, key in ((t.Way.UDH8, "segment_units"), (t.Way.UDH16, "segment_units_ref16")):
        parts = t.split(words, way, 1)
        bodies = [body(part) for part in parts]
        assert [len(octets) // unit for octets in bodies] == case[key]
        assert b"".join(bodies) == octets


def body(part: t.Part) -> bytes:
    """The text of a part behind its header."""
    header = t.udh(part.short_message) if part.esm_class else None
    return part.short_message[header.size :] if header else part.short_message


@pytest.mark.parametrize("case", FACTS["decode_cases"], ids=lambda case: str(case["hex"]))
def test_reads_gsm_as_the_vectors_say(case: dict[str, Any]) -> None:
    read = t.decode(bytes.fromhex(case["hex"]), 0)
    assert read in (*case["text"].split(" or "), case["text"].replace("?", "\x80"))


@pytest.mark.parametrize("case", FACTS["packed_cases"], ids=lambda case: f"{case['septets']}")
def test_packs_as_the_vectors_say(case: dict[str, Any]) -> None:
    unpacked, packed = bytes.fromhex(case["unpacked"]), bytes.fromhex(case["packed"])
    assert gsm.encode(case["text"]) == unpacked
    assert t.pack(unpacked) == packed
    assert t.unpack(packed) == t.unpack(packed, case["septets"]) == unpacked
    assert t.decode(packed, 0, default="packed") == case["text"]
    assert t.encode(case["text"], 0, "packed") == packed
    if filled := case.get("packed_alt", ""):  # CR as the filler
        assert t.unpack(bytes.fromhex(filled), case["septets"]) == unpacked


def test_what_is_no_septet_is_not_packed() -> None:
    with pytest.raises(ValueError, match="0x7F"):
        t.pack(b"a\x80")


def test_the_tables_are_those_of_the_vectors() -> None:
    default = ["\x1b" if shown == "ESC" else shown for shown in FACTS["default"]]
    assert list(gsm.DEFAULT) == default
    assert gsm.EXTENSION == {int(code, 16): c for code, c in FACTS["extension"].items()}
    for language, facts in FACTS["national"].items():
        locking = facts["locking"] or default
        shown = ["\x1b" if character == "ESC" else character for character in locking]
        assert list(gsm.LOCKING.get(int(language), gsm.DEFAULT)) == shown
        single = {int(code, 16): c for code, c in facts["single"].items()}
        assert gsm.SINGLE[int(language)] == single


def test_an_independent_codec_agrees_on_every_character() -> None:
    oracle = gsm0338.Codec()
    for point in (*range(0xD800), *range(0xE000, 0x10000)):
        character = chr(point)
        if character == "\x1b":  # it writes the escape alone, which shows nothing
            continue
        try:
            expected = oracle.encode(character)[0]
        except UnicodeEncodeError:
            assert character not in gsm.CODES
            assert t.count(character).data_coding == t.UCS2
        else:
            assert gsm.encode(character) == expected
            assert t.decode(expected, 0) == oracle.decode(expected)[0] == character


@given(GSM_TEXT)
def test_gsm_comes_back(words: str) -> None:
    octets = t.encode(words, t.GSM)
    assert t.decode(octets, t.GSM) == words
    assert t.unpack(t.pack(octets), len(octets)) == octets


@given(ANY_TEXT)
def test_ucs2_comes_back_in_either_order_of_octets(words: str) -> None:
    octets = t.encode(words, t.UCS2)
    assert t.decode(b"\xfe\xff" + octets, t.UCS2) == words
    assert t.decode(b"\xff\xfe" + words.encode("utf-16-le"), t.UCS2) == words
    if not words.startswith(("\ufeff", "\ufffe")):
        assert t.decode(octets, t.UCS2) == words


@given(TEXTS, WAYS, st.integers(0, 100_000))
def test_parts_join_to_the_text_and_are_as_many_as_counted(
    words: str, way: t.Way, reference: int
) -> None:
    counted = t.count(words, 16 if way is t.Way.UDH16 else 8)
    parts = t.split(words, way, reference)
    payload = [value for part in parts for tag, value in part.tlvs if tag == 0x0424]
    assert len(parts) == (1 if way is t.Way.PAYLOAD else counted.segments)
    assert len(payload) == (way is t.Way.PAYLOAD and counted.segments > 1)
    octets = payload or [part.short_message for part in parts]
    udhi = bool(parts[0].esm_class)
    if not words.startswith(("\ufeff", "\ufffe")):
        assert t.join(octets, counted.data_coding, udhi) == words
        # No pair is cut, so parts may also be read one by one.
        each = [t.decode(octet, counted.data_coding, udhi) for octet in octets]
        if "\ufeff" not in words and "\ufffe" not in words:
            assert "".join(each) == words
    assert all(len(part.short_message) <= 160 for part in parts)
    if len(parts) > 1:
        told = [t.concat_of(t.udh(p.short_message) if udhi else None, p.tlvs) for p in parts]
        bits = 8 if way is t.Way.UDH8 else 16
        assert told == [
            (reference % 2**bits, bits, len(parts), place) for place in range(1, len(parts) + 1)
        ]


@given(st.binary(max_size=200), st.integers(-1, 300), st.booleans(), st.text(max_size=6))
def test_reading_never_raises(octets: bytes, coding: int, udhi: bool, default: str) -> None:
    for alphabet in (default, *t.Alphabet):
        assert isinstance(t.decode(octets, coding, udhi, alphabet), str)
        assert isinstance(t.join([octets, octets[1:]], coding, udhi, alphabet), str)


@given(st.binary(max_size=40))
def test_a_header_is_read_whole_or_not_at_all(octets: bytes) -> None:
    header = t.udh(octets)
    if header is not None:
        assert header.size == octets[0] + 1 <= len(octets)
        written = b"".join(bytes((tag, len(value))) + value for tag, value in header.elements)
        assert octets[1 : header.size] == written


GSM_, EIGHT, WIDE = t.Alphabet.GSM, t.Alphabet.BINARY, t.Alphabet.UCS2


@spec("5.2.19")
@pytest.mark.parametrize(
    ("codings", "alphabet"),
    [
        ((0x00, 0x0B, 0x0C, 0x0F, -1, 256), GSM_),
        ((0x01,), t.Alphabet.ASCII),
        ((0x02, 0x04), EIGHT),
        ((0x03,), t.Alphabet.LATIN_1),
        ((0x08,), WIDE),
        ((0x10, 0x11, 0x12, 0x13, 0x1C, 0x40), GSM_),
        ((0x14, 0x15, 0x16, 0x17, 0x54), EIGHT),
        ((0x18, 0x19, 0x1A, 0x1B, 0x48), WIDE),
        ((0x20, 0x28, 0x60, 0x80, 0xBF), GSM_),  # compressed or reserved
        (tuple(range(0xC0, 0xE0)), GSM_),  # message waiting
        (tuple(range(0xE0, 0xF0)), WIDE),
        ((0xF0, 0xF1, 0xF2, 0xF3, 0xF8, 0xFB), GSM_),  # message classes
        ((0xF4, 0xF5, 0xF6, 0xF7, 0xFC, 0xFF), EIGHT),
    ],
)
def test_data_coding_names_an_alphabet(codings: tuple[int, ...], alphabet: t.Alphabet) -> None:
    assert {t.alphabet(coding) for coding in codings} == {alphabet}


@pytest.mark.parametrize(
    ("octets", "coding", "default", "words"),
    [
        ("a1", 0, "latin-1", "¡"),
        ("8080", 0, "cp1252", "€€"),
        ("40", 0, "ascii", "@"),
        ("c3a9", 0, "utf-8", "é"),
        ("40", 0, "no alphabet", "¡"),
        ("53544f502040686f6d65207b7d", 1, "gsm", "STOP @home {}"),
        ("e9", 1, "gsm", "é"),
        ("e9", 3, "gsm", "é"),
        ("00ff", 4, "gsm", "\x00ÿ"),
        ("bfe0d8d2d5e2", 6, "gsm", "Привет"),
        ("f9ece5ed", 7, "gsm", "שלום"),
        ("82a0", 5, "gsm", "あ"),
        ("1b2442242230211b2842", 10, "gsm", "あ亜"),
        ("b0a1", 14, "gsm", "가"),
        ("006f006b00", 8, "gsm", "ok\ufffd"),
        ("d83d", 8, "gsm", "\ufffd"),
        ("41e9", 0, "gsm", "Aé"),
        ("1be9", 0, "gsm", "\x1bé"),
        ("411b", 0xF1, "gsm", "A"),
    ],
)
def test_reads_each_alphabet(octets: str, coding: int, default: str, words: str) -> None:
    assert t.decode(bytes.fromhex(octets), coding, False, default) == words


@spec("5.2.12")
@pytest.mark.parametrize(
    ("octets", "size", "concat", "ports"),
    [
        ("050003ff030161", 6, (0xFF, 8, 3, 1), None),
        ("06080412340202", 7, (0x1234, 16, 2, 2), None),
        ("05000300010161", 6, (0, 8, 1, 1), None),  # reference 0 is one
        ("0b0504158200000003aa0301", 12, (0xAA, 8, 3, 1), (0x1582, 0)),
        ("0b0003aa030105041582000f", 12, (0xAA, 8, 3, 1), (0x1582, 15)),
        ("0404020a0b", 5, None, (0x0A, 0x0B)),
        ("0b00030102010804000a0302", 12, (10, 16, 3, 2), None),  # of two, the last one
        ("05000309020361", 6, None, None),  # part beyond the total
        ("05000309020061", 6, None, None),
        ("05000309000061", 6, None, None),
        ("0400020902", 5, None, None),  # an element of the wrong size
        ("00", 1, None, None),
        ("0370000161", None, None, None),  # one octet left over
        ("037000", None, None, None),  # longer than the text
        ("050009010201616263", None, None, None),  # an element longer than the header
        ("0170", None, None, None),  # an element without its length
        ("", None, None, None),
    ],
)
def test_reads_a_header_only_if_every_length_fits(
    octets: str, size: int | None, concat: t.Concat | None, ports: t.Ports | None
) -> None:
    header = t.udh(bytes.fromhex(octets))
    assert (header and header.size) == size
    assert t.concat_of(header) == concat
    assert t.ports_of(header) == ports
    whole = bytes.fromhex(octets)
    assert t.decode(whole, 0, True) == t.decode(whole[size or 0 :], 0)


@pytest.mark.parametrize(
    ("header", "septets", "words"),
    [
        ("03250101", "0c1b6540", "ğ€İ"),  # Turkish, locking
        ("03240101", "1b530c", "Şø"),  # Turkish, single shift
        ("03240102", "1b41611b42", "ÁaB"),  # Spanish: an unassigned escape shows the main table
        ("06240103250103", "1b15161b1b", "Ω^"),
        ("03240120", "1b651b47", "€G"),  # a language we do not know
        ("03250120", "0c", "ø"),
    ],
)
def test_reads_national_tables(header: str, septets: str, words: str) -> None:
    octets = bytes.fromhex(header) + bytes.fromhex(septets)
    assert t.decode(octets, 0, True) == t.join([octets], 0, True) == words
    fill = -(len(header) // 2) * 8 % 7  # bits up to a whole septet
    packed = int.from_bytes(t.pack(bytes.fromhex(septets)), "little") << fill
    size = (len(septets) // 2 * 7 + fill + 7) // 8
    wrapped = bytes.fromhex(header) + packed.to_bytes(size, "little")
    assert t.decode(wrapped, 0, True, "packed") == words
    assert t.join([wrapped], 0, True, "packed") == words


def test_pairs_cut_between_parts_are_joined_before_they_are_read() -> None:
    assert t.join([b"a\x1b", b"eb"], 0) == "a€b"
    assert t.join([b"\x00a\xd8\x3d\xde", b"\x00\x00b"], 8) == "a😀b"
    headed = [b"\x05\x00\x03\x07\x02\x01a\x1b", b"\x05\x00\x03\x07\x02\x02eb"]
    assert t.join(headed, 0, True) == "a€b"
    assert t.join([], 0) == ""


REFERENCE, TOTAL, PART = 0x020C, 0x020E, 0x020F


@spec("5.3.2.22", "5.3.2.23", "5.3.2.24")
@pytest.mark.parametrize(
    ("tlvs", "concat"),
    [
        ([(PART, b"\1"), (REFERENCE, b"\0\x2a"), (TOTAL, b"\2")], (42, 16, 2, 1)),
        ([(REFERENCE, b"\x2a"), (TOTAL, b"\0\2"), (PART, b"\0\2")], (42, 16, 2, 2)),
        (
            [(REFERENCE, b"\0\1"), (REFERENCE, b"\0\2"), (TOTAL, b"\2"), (PART, b"\1")],
            (1, 16, 2, 1),
        ),
        ([(REFERENCE, b"\0\1"), (TOTAL, b"\2")], None),
        ([(REFERENCE, b"\0\0\1"), (TOTAL, b"\2"), (PART, b"\1")], None),
        ([(REFERENCE, b"\0\1"), (TOTAL, b"\1\0"), (PART, b"\1")], None),
        ([(REFERENCE, b"\0\1"), (TOTAL, b"\2"), (PART, b"\3")], None),
        ([(0x1400, b"\1")], None),
    ],
)
def test_sar_counts_only_when_whole(tlvs: list[tuple[int, bytes]], concat: object) -> None:
    assert t.concat_of(None, tlvs) == concat
    header = t.udh(bytes.fromhex("050003010201"))
    assert t.concat_of(header, tlvs) == (1, 8, 2, 1)  # the header wins


@spec("5.3.2.20", "5.3.2.21")
def test_ports_come_by_header_or_tlv() -> None:
    tlvs = [(0x020A, b"\x23\xf0"), (0x1400, b""), (0x020B, b"\x23\xf4"), (0x020B, b"\0")]
    assert t.ports_of(None, tlvs) == t.Ports(destination=0x23F4, source=0x23F0)
    assert t.ports_of(None, tlvs[:1]) == (0, 0x23F0)
    assert t.ports_of(t.udh(bytes.fromhex("0404020a0b")), tlvs) == (0x0A, 0x0B)
    assert t.ports_of(t.udh(b"\0")) is None


@pytest.mark.parametrize(
    ("units", "ref8", "ref16"), [(140, 1, 1), (141, 2, 2), (268, 2, 3), (269, 3, 3)]
)
def test_latin_1_counts_as_octets(units: int, ref8: int, ref16: int) -> None:
    assert t.count("ê" * units, 8, 3) == (3, units, ref8)
    assert t.count("ê" * units, 16, 3) == (3, units, ref16)
    assert len(t.split("ê" * units, t.Way.SAR, 0, 3)) == ref8


@pytest.mark.parametrize(
    ("words", "coding", "at"), [("aê", 0, 1), ("é€", 3, 1), ("é", 1, 0), ("a\ud800", 8, 1)]
)
def test_refuses_what_an_alphabet_lacks(words: str, coding: int, at: int) -> None:
    for refusing in (t.encode, lambda said, named: t.count(said, 8, named)):
        with pytest.raises(UnicodeEncodeError) as fault:
            refusing(words, coding)
        assert fault.value.start == at


def test_at_most_255_parts_can_be_numbered() -> None:
    longest = "a" * 153 * MAX_SEGMENTS
    assert len(t.split(longest, t.Way.UDH8)) == t.count(longest).segments == MAX_SEGMENTS
    too_long = next(case for case in FACTS["cases"] if case["id"] == "gsm-256-segments")
    assert t.count(longest + "a") == (0, too_long["units"], too_long["segments"])
    assert t.count(longest + "a", 16).segments == too_long["segments_ref16"]
    for way in t.Way:
        with pytest.raises(ValueError, match="255"):
            t.split(longest + "a", way)


@spec("3.2.3", "5.3.2.32")
def test_a_payload_holds_all_parts_and_a_short_text_needs_none() -> None:
    words = "a" * 161
    assert t.split(words, t.Way.PAYLOAD) == (t.Part(b"", 0, ((0x0424, words.encode()),)),)
    for way in t.Way:
        assert t.split("a" * 160, way) == (t.Part(b"a" * 160),)
