"""Texts and octets: which alphabet data_coding means, what a text costs, how it is cut and read.

Counting is exact, since the price of a text is its number of segments. Sources: SMPP 3.4 section
5.2.19, 3GPP TS 23.038 clauses 4 and 6, TS 23.040 clause 9.2.3.24.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple

from smpp_server.smpp import gsm
from smpp_server.smpp.constants import DataCoding, GsmFeature, Tag
from smpp_server.smpp.gsm import pack, unpack
from smpp_server.smpp.segments import (
    GSM_SHAPE,
    MAX_SEGMENTS,
    OCTET_SHAPE,
    UCS2_SHAPE,
    Concat,
    Ports,
    Shape,
    Udh,
    concat_of,
    concat_udh,
    ports_of,
    sar_tlvs,
    udh,
)

__all__ = [
    "DEFAULT_ALPHABETS",
    "GSM",
    "UCS2",
    "Alphabet",
    "Concat",
    "Counted",
    "Part",
    "Ports",
    "Udh",
    "Way",
    "alphabet",
    "concat_of",
    "count",
    "decode",
    "encode",
    "join",
    "pack",
    "ports_of",
    "split",
    "udh",
    "unpack",
]

GSM = int(DataCoding.SMSC_DEFAULT)  # the values of data_coding that we send
UCS2 = int(DataCoding.UCS2)


RefBits = Literal[8, 16]


class Alphabet(StrEnum):
    """What octets may be written in; the values are Python's codecs but for the first four."""

    GSM = "gsm"  # GSM 03.38, one septet an octet
    PACKED = "packed"  # GSM 03.38, eight septets in seven octets
    UCS2 = "ucs2"  # UTF-16 in fact: with surrogates, perhaps with a byte order mark
    BINARY = "binary"
    ASCII = "ascii"
    LATIN_1 = "latin-1"
    WINDOWS_1252 = "cp1252"
    UTF_8 = "utf-8"
    JIS = "shift_jis"
    CYRILLIC = "iso8859-5"
    HEBREW = "iso8859-8"
    ISO_2022_JP = "iso2022_jp_2"  # with JIS X 0212
    KOREAN = "cp949"


DEFAULT_ALPHABETS = frozenset(  # what data_coding 0 may mean on a link
    {
        Alphabet.GSM,
        Alphabet.PACKED,
        Alphabet.ASCII,
        Alphabet.LATIN_1,
        Alphabet.WINDOWS_1252,
        Alphabet.UTF_8,
    }
)


class Way(StrEnum):
    """How a link wants long texts."""

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"
    PAYLOAD = "message_payload"


class Counted(NamedTuple):
    """What a text costs."""

    data_coding: int
    units: int  # septets, UTF-16 units or octets
    segments: int


class Part(NamedTuple):
    """The fields of one submit_sm or deliver_sm that carry (a part of) a text."""

    short_message: bytes
    esm_class: int = 0  # bits to set: UDHI or none
    tlvs: tuple[tuple[int, bytes], ...] = ()


_BY_CODING: Mapping[int, Alphabet] = MappingProxyType(
    {
        DataCoding.ASCII: Alphabet.ASCII,
        DataCoding.OCTETS: Alphabet.BINARY,
        DataCoding.LATIN_1: Alphabet.LATIN_1,
        DataCoding.OCTETS_8_BIT: Alphabet.BINARY,
        DataCoding.JIS: Alphabet.JIS,
        DataCoding.CYRILLIC: Alphabet.CYRILLIC,
        DataCoding.HEBREW: Alphabet.HEBREW,
        DataCoding.UCS2: Alphabet.UCS2,
        DataCoding.PICTOGRAM: Alphabet.JIS,
        DataCoding.ISO_2022_JP: Alphabet.ISO_2022_JP,
        DataCoding.EXTENDED_KANJI: Alphabet.ISO_2022_JP,
        DataCoding.KS_C_5601: Alphabet.KOREAN,
    }
)


def _table() -> tuple[Alphabet | None, ...]:
    """The alphabet of each data_coding; None for the default alphabet of the link.

    Below 0x10 the values are SMPP's. Above, they are a GSM data coding scheme (TS 23.038 clause
    4): 0x10 to 0x1F and 0x40 to 0x5F name the alphabet in bits 3 and 2, 0xE0 to 0xEF is UCS-2,
    0xF0 to 0xFF is 8-bit data when bit 2 is set. The rest is reserved, or compressed.
    """
    table: list[Alphabet | None] = [_BY_CODING.get(coding) for coding in range(0x100)]
    by_bits = (None, Alphabet.BINARY, Alphabet.UCS2, None)
    for coding in (*range(0x10, 0x20), *range(0x40, 0x60)):
        table[coding] = by_bits[coding >> 2 & 3]
    for coding in range(0xE0, 0xF0):
        table[coding] = Alphabet.UCS2
    for coding in range(0xF0, 0x100):
        table[coding] = Alphabet.BINARY if coding & 0x04 else None
    return tuple(table)


_ALPHABETS = _table()


def alphabet(data_coding: int, default: str = Alphabet.GSM) -> Alphabet:
    """The alphabet `data_coding` means on a link whose default alphabet is `default`.

    Reserved values, and values that fit no octet, mean the default; so does a name we do not
    know, which is then GSM.
    """
    named = _ALPHABETS[data_coding] if 0 <= data_coding < 0x100 else None
    if named is not None:
        return named
    return Alphabet(default) if default in DEFAULT_ALPHABETS else Alphabet.GSM


def encode(text: str, data_coding: int, default: str = Alphabet.GSM) -> bytes:
    """The octets of `text`, without a byte order mark, GSM 03.38 unpacked.

    Raises UnicodeEncodeError, a ValueError, when the alphabet lacks a character.
    """
    meant = alphabet(data_coding, default)
    if meant is Alphabet.GSM:
        return gsm.encode(text)
    if meant is Alphabet.PACKED:
        return pack(gsm.encode(text))
    if meant is Alphabet.UCS2:
        return text.encode("utf-16-be")
    return text.encode("latin-1" if meant is Alphabet.BINARY else meant)


def decode(octets: bytes, data_coding: int, udhi: bool = False, default: str = Alphabet.GSM) -> str:
    """The text of short_message or message_payload; never raises.

    `udhi` tells that esm_class has that bit: a header that fits is left out and its national
    tables are used; one that does not fit is text. What cannot be read becomes U+FFFD, except
    that octets above 0x7F in GSM or ASCII are read as Latin-1; 8-bit data is shown as Latin-1.
    """
    if not udhi and data_coding == GSM and default == "gsm":
        return gsm.decode(octets)
    header = udh(octets) if udhi else None
    return _read(octets, alphabet(data_coding, default), header)


def join(
    parts: Iterable[bytes], data_coding: int, udhi: bool = False, default: str = Alphabet.GSM
) -> str:
    """The text of all parts in order, joined before they are read; never raises.

    So an escape pair, a surrogate pair or a code unit that was cut between parts is whole again.
    """
    meant = alphabet(data_coding, default)
    first: Udh | None = None
    bodies = []
    for octets in parts:
        header = udh(octets) if udhi else None
        first = first or header
        if meant is Alphabet.PACKED:
            bodies.append(_septets(octets, header))
        else:
            bodies.append(octets[header.size :] if header else octets)
    body = b"".join(bodies)
    if meant is Alphabet.PACKED:
        return gsm.decode(body, *_national(first))
    return _read_body(body, meant, first)


def _read(octets: bytes, meant: Alphabet, header: Udh | None) -> str:
    """The text behind `header`."""
    if meant is Alphabet.PACKED:
        return gsm.decode(_septets(octets, header), *_national(header))
    return _read_body(octets[header.size :] if header else octets, meant, header)


def _septets(octets: bytes, header: Udh | None) -> bytes:
    """The septets behind `header`, which fill bits round up to whole septets (9.2.3.24)."""
    behind = -(-8 * header.size // 7) if header else 0
    return unpack(octets)[behind:]


def _national(header: Udh | None) -> tuple[int, int]:
    """The locking and single shift languages of a header."""
    return (header.locking, header.single) if header else (0, 0)


def _read_body(octets: bytes, meant: Alphabet, header: Udh | None) -> str:
    """Octets without their header as text."""
    if meant is Alphabet.GSM:
        return gsm.decode(octets, *_national(header))
    if meant is Alphabet.UCS2:
        if octets[:2] == b"\xff\xfe":
            return octets[2:].decode("utf-16-le", "replace")
        return octets.removeprefix(b"\xfe\xff").decode("utf-16-be", "replace")
    if meant in (Alphabet.ASCII, Alphabet.BINARY):
        return octets.decode("latin-1")
    return octets.decode(meant, "replace")


def _shaped(text: str, data_coding: int | None) -> tuple[int, Shape, bytes]:
    """The coding of `text`, how it fills segments, and its octets."""
    if data_coding is None:
        data_coding = GSM if gsm.CODES.keys() >= set(text) else UCS2
    octets = encode(text, data_coding)
    meant = alphabet(data_coding)
    if meant is Alphabet.GSM:
        return data_coding, GSM_SHAPE, octets
    return data_coding, UCS2_SHAPE if meant is Alphabet.UCS2 else OCTET_SHAPE, octets


def count(text: str, ref_bits: RefBits = 8, data_coding: int | None = None) -> Counted:
    """What `text` costs, exactly; GSM 03.38 if that holds all its characters, else UCS-2.

    A segment holds 160 septets, 70 units or 140 octets; a part of several 153, 67 or 134 beside
    an 8-bit reference and 152, 66 or 133 beside a 16-bit one. An empty text is one segment.
    ASCII, Latin-1 and the like count as 8-bit data: never too few. Raises UnicodeEncodeError, a
    ValueError, for a lone surrogate, or when `data_coding` is given and lacks a character.
    """
    coding, shape, octets = _shaped(text, data_coding)
    segments = len(shape.cut(octets, ref_bits))
    return Counted(coding, len(octets) // shape.unit_octets, segments)


def split(
    text: str, way: Way, reference: int = 0, data_coding: int | None = None
) -> tuple[Part, ...]:
    """`text` as the parts to send, one per segment; `Way.PAYLOAD` gives one part for all.

    A text of one segment is a plain short_message in any way. With SAR the segments leave room
    for the 8-bit header the SMSC will write. `reference` is a counter: it wraps at its width.
    Raises ValueError above 255 segments, and as `count` does.
    """
    _, shape, octets = _shaped(text, data_coding)
    bodies = shape.cut(octets, 16 if way is Way.UDH16 else 8)
    total = len(bodies)
    if total == 1:
        return (Part(octets),)
    if total > MAX_SEGMENTS:
        raise ValueError(f"{total} segments: at most {MAX_SEGMENTS} can be numbered")
    if way is Way.PAYLOAD:
        return (Part(b"", 0, ((int(Tag.MESSAGE_PAYLOAD), octets),)),)
    numbered = enumerate(bodies, start=1)
    if way is Way.SAR:
        return tuple(Part(body, 0, sar_tlvs(reference, total, part)) for part, body in numbered)
    bits = 8 if way is Way.UDH8 else 16
    headed = ((concat_udh(reference, bits, total, part) + body) for part, body in numbered)
    return tuple(Part(octets, int(GsmFeature.UDHI)) for octets in headed)
