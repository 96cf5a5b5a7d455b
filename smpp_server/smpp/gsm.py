"""GSM 03.38: the default, extension and national tables, and the packing of septets.

The source is 3GPP TS 23.038: clause 6.1.2.1 for packing, 6.2.1 for the tables, annex A for the
national ones. A *septet* is one octet below 0x80; SMPP carries septets unpacked as a rule.
"""

import re
from codecs import charmap_decode
from collections.abc import Mapping
from types import MappingProxyType

ESCAPE = 0x1B  # the next septet is read from the extension, or single shift, table

# Clause 6.2.1. The place of ESCAPE is held by U+001B, which is never shown.
DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)

# Clause 6.2.1.1.
EXTENSION: Mapping[int, str] = MappingProxyType(
    {
        0x0A: "\f",
        0x14: "^",
        0x28: "{",
        0x29: "}",
        0x2F: "\\",
        0x3C: "[",
        0x3D: "~",
        0x3E: "]",
        0x40: "|",
        0x65: "€",
    }
)


def _replaced(table: str, first: int, letters: str) -> str:
    """`table` with `letters` in place of its characters from code `first` on."""
    return table[:first] + letters + table[first + len(letters) :]


def _turkish() -> str:
    """Annex A.3.1: seven letters differ from the default table."""
    table = _replaced(DEFAULT, 0x04, "€")
    for code, letter in ((0x07, "ı"), (0x0B, "Ğ"), (0x0C, "ğ"), (0x1C, "Ş"), (0x1D, "ş")):
        table = _replaced(table, code, letter)
    return _replaced(_replaced(table, 0x40, "İ"), 0x60, "ç")


def _portuguese() -> str:
    """Annex A.3.3."""
    table = _replaced(DEFAULT, 0x04, "êéúíóç\nÔô\rÁáΔ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ")
    for code, letters in ((0x24, "º"), (0x40, "Í"), (0x5B, "ÃÕÚÜ§~"), (0x7B, "ãõ`üà")):
        table = _replaced(table, code, letters)
    return table


# Language identifiers: TS 23.038 clause 6.2.1.2.4. Spanish has no locking table.
LOCKING: Mapping[int, str] = MappingProxyType({1: _turkish(), 3: _portuguese()})

# Annex A.2.1, A.2.2 and A.2.3; each holds the extension table too.
SINGLE: Mapping[int, Mapping[int, str]] = MappingProxyType(
    {
        1: {**EXTENSION, **dict(zip(b"GIScegis", "ĞİŞç€ğış", strict=True))},
        2: {**EXTENSION, **dict(zip(b"\tAIOUaiou", "çÁÍÓÚáíóú", strict=True))},
        3: {
            **EXTENSION,
            **dict(zip(b"\x05\t\x0b\x0c\x0e\x0f", "êçÔôÁá", strict=True)),
            **dict(zip(b"\x12\x13\x15\x16\x17\x18\x19\x1f", "ΦΓΩΠΨΣΘÊ", strict=True)),
            **dict(zip(b"AIOU[\\aiou{|\x7f", "ÀÍÓÚÃÕÂíóúãõâ", strict=True)),
        },
    }
)

CODES: Mapping[str, bytes] = MappingProxyType(
    {character: bytes((code,)) for code, character in enumerate(DEFAULT) if code != ESCAPE}
    | {character: bytes((ESCAPE, code)) for code, character in EXTENSION.items()}
)

_ESCAPED = re.compile(rb"\x1b(.?)", re.DOTALL)


def encode(text: str) -> bytes:
    """The septets of `text`, unpacked, by the default and extension tables.

    Raises UnicodeEncodeError, a ValueError, at the first character they do not hold.
    """
    try:
        return b"".join([CODES[character] for character in text])
    except KeyError as missing:
        at = text.index(missing.args[0])
        raise UnicodeEncodeError("gsm-03.38", text, at, at + 1, "not in the alphabet") from None


def decode(septets: bytes, locking: int = 0, single: int = 0) -> str:
    """The text of unpacked septets; `locking` and `single` are national language identifiers.

    Octets above 0x7F prove that this is no GSM text: the whole is then read as Latin-1. An
    unknown language is read by the default tables, an unassigned escape by the main table
    (clause 6.2.1.1), and an escape before an escape, or at the end, shows nothing.
    """
    if not septets.isascii():
        return septets.decode("latin-1")
    table = LOCKING.get(locking, DEFAULT) if locking else DEFAULT
    if ESCAPE not in septets:
        return charmap_decode(septets, "strict", table)[0]
    shifted = SINGLE.get(single, EXTENSION)
    plain, *rest = _ESCAPED.split(septets)  # then escaped code, plain, escaped code, plain, ...
    pieces = [charmap_decode(plain, "strict", table)[0]]
    for code, plain in zip(rest[::2], rest[1::2], strict=True):
        if code and code[0] != ESCAPE:
            pieces.append(shifted.get(code[0]) or table[code[0]])
        pieces.append(charmap_decode(plain, "strict", table)[0])
    return "".join(pieces)


def pack(septets: bytes) -> bytes:
    """Septets packed into octets, lowest bits first, zero bits at the end (clause 6.1.2.1).

    Raises ValueError when an octet is above 0x7F.
    """
    if not septets.isascii():
        raise ValueError("an octet above 0x7F is no septet")
    packed = bytearray()
    held = bits = 0
    for septet in septets:
        held |= septet << bits
        bits += 7
        if bits >= 8:
            packed.append(held & 0xFF)
            held >>= 8
            bits -= 8
    if bits:
        packed.append(held)
    return bytes(packed)


def unpack(octets: bytes, count: int | None = None) -> bytes:
    """The septets packed in `octets`: `count` of them, or as many as fit.

    SMPP sends no septet count. Without one, a last septet of zero or CR that merely fills the
    last octet is dropped, as 8n - 1 septets leave exactly seven spare bits (clause 6.1.2.3.1).
    """
    septets = bytearray()
    held = bits = 0
    for octet in octets:
        held |= octet << bits
        bits += 8
        while bits >= 7:
            septets.append(held & 0x7F)
            held >>= 7
            bits -= 7
    if count is not None:
        return bytes(septets[:count])
    if bits == 0 and septets and septets[-1] in b"\x00\r":
        septets.pop()
    return bytes(septets)
