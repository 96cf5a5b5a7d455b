"""Parts of long texts: user data headers and sar_* TLVs read and written, octets cut to segments.

Sources: 3GPP TS 23.040 clause 9.2.3.24 for headers, SMPP 3.4 sections 5.2.12 and 5.3.2.20 to 24.
"""

from collections.abc import Iterable
from typing import NamedTuple

from smpp_server.smpp.constants import Tag

# Plain integers: tags of peers are compared with them, and enum members compare slower.
_SOURCE_PORT, _DESTINATION_PORT = int(Tag.SOURCE_PORT), int(Tag.DESTINATION_PORT)
_SAR_REFERENCE = int(Tag.SAR_MSG_REF_NUM)
_SAR_TOTAL, _SAR_PART = int(Tag.SAR_TOTAL_SEGMENTS), int(Tag.SAR_SEGMENT_SEQNUM)

MAX_SEGMENTS = 255  # the part number is one octet in every form

# Information elements, TS 23.040 clause 9.2.3.24: identifier and size of the value.
_CONCAT_8, _CONCAT_16 = (0x00, 3), (0x08, 4)
_PORTS_8, _PORTS_16 = (0x04, 2), (0x05, 4)
_SINGLE_SHIFT, _LOCKING_SHIFT = (0x24, 1), (0x25, 1)

Tlvs = Iterable[tuple[int, bytes]]


class Concat(NamedTuple):
    """Which part of which long text; equal references of unequal width are unequal."""

    reference: int
    reference_bits: int  # 8 or 16
    total: int  # 1 to 255
    part: int  # 1 to total


class Ports(NamedTuple):
    """Application ports: such a message is for a program, not for a person."""

    destination: int
    source: int


class Udh(NamedTuple):
    """A user data header whose every length fits."""

    size: int  # octets it takes, its length octet included
    elements: tuple[tuple[int, bytes], ...]  # identifier and value, in order
    concat: Concat | None = None  # None too when the part numbers make no sense
    ports: Ports | None = None
    locking: int = 0  # national language identifiers, TS 23.038 clause 6.2.1.2.4; 0 for none
    single: int = 0


def udh(octets: bytes) -> Udh | None:
    """The header at the start of `octets`, or None when any of its lengths does not fit.

    Ask only when esm_class has UDHI. Of elements that exclude each other the last one holds
    (TS 23.040 clause 9.2.3.24); an element of the wrong size is kept but means nothing.
    """
    if not octets or octets[0] >= len(octets):
        return None
    end = octets[0] + 1
    elements = []
    at = 1
    while at < end:
        if at + 2 > end or at + 2 + octets[at + 1] > end:
            return None
        value_end = at + 2 + octets[at + 1]
        elements.append((octets[at], octets[at + 2 : value_end]))
        at = value_end
    return _understood(end, tuple(elements))


def _understood(size: int, elements: tuple[tuple[int, bytes], ...]) -> Udh:
    """The elements we know, read."""
    concat: Concat | None = None
    ports: Ports | None = None
    locking = single = 0
    for identifier, value in elements:
        kind = (identifier, len(value))
        if kind in (_CONCAT_8, _CONCAT_16):
            concat = _concat(value[:-2], value[-2], value[-1])
        elif kind in (_PORTS_8, _PORTS_16):
            half = len(value) // 2
            ports = Ports(_integer(value[:half]), _integer(value[half:]))
        elif kind == _SINGLE_SHIFT:
            single = value[0]
        elif kind == _LOCKING_SHIFT:
            locking = value[0]
    return Udh(size, elements, concat, ports, locking, single)


def concat_of(header: Udh | None, tlvs: Tlvs = ()) -> Concat | None:
    """Which part of which text this is, or None for a text of its own.

    A header that tells it wins over the sar_* TLVs; those count only when all three are there,
    each of one or two octets (sections 5.3.2.22 to 24). The first of a repeated TLV holds.
    """
    if header is not None and header.concat is not None:
        return header.concat
    reference = total = part = b""
    for tag, value in tlvs:
        if tag == _SAR_REFERENCE:
            reference = reference or value
        elif tag == _SAR_TOTAL:
            total = total or value
        elif tag == _SAR_PART:
            part = part or value
    if not all(len(value) in (1, 2) for value in (reference, total, part)):
        return None
    return _concat(reference.rjust(2, b"\0"), _integer(total), _integer(part))


def ports_of(header: Udh | None, tlvs: Tlvs = ()) -> Ports | None:
    """The application ports of a message, by its header or by TLV; 0 for the one not named."""
    if header is not None and header.ports is not None:
        return header.ports
    source = destination = b""
    for tag, value in tlvs:
        if tag == _SOURCE_PORT:
            source = source or value
        elif tag == _DESTINATION_PORT:
            destination = destination or value
    if not source and not destination:
        return None
    return Ports(_integer(destination), _integer(source))


def _concat(reference: bytes, total: int, part: int) -> Concat | None:
    """The three numbers checked: part 0 or beyond the total makes the text one of its own."""
    if not 1 <= part <= total <= MAX_SEGMENTS:
        return None
    return Concat(_integer(reference), 8 * len(reference), total, part)


def _integer(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def concat_udh(reference: int, reference_bits: int, total: int, part: int) -> bytes:
    """A header of one concatenation element: 6 octets for 8 bits, 7 for 16.

    The reference wraps at its width, so a plain counter may be given.
    """
    identifier, size = _CONCAT_8 if reference_bits == 8 else _CONCAT_16
    wrapped = reference % (1 << reference_bits)
    octets = wrapped.to_bytes(reference_bits // 8, "big")
    return bytes((size + 2, identifier, size, *octets, total, part))


def sar_tlvs(reference: int, total: int, part: int) -> tuple[tuple[int, bytes], ...]:
    """The three sar_* TLVs; the reference wraps at 16 bits."""
    return (
        (_SAR_REFERENCE, (reference % 0x10000).to_bytes(2, "big")),
        (_SAR_TOTAL, bytes((total,))),
        (_SAR_PART, bytes((part,))),
    )


class Shape(NamedTuple):
    """How texts of one alphabet fill segments (TS 23.040 clauses 9.2.3.16 and 9.2.3.24.1)."""

    unit_octets: int
    alone: int  # units a text of one segment may have
    part_ref8: int  # units of a part beside an 8-bit reference
    part_ref16: int

    def cut(self, octets: bytes, reference_bits: int) -> list[bytes]:
        """`octets` as segments, each as full as it may be; one empty segment for no octets.

        An escape pair or a surrogate pair is never cut: its first unit moves on.
        """
        if len(octets) <= self.alone * self.unit_octets:
            return [octets]
        units = self.part_ref8 if reference_bits == 8 else self.part_ref16
        room = units * self.unit_octets
        segments = []
        start = 0
        while start < len(octets):
            end = start + room
            if end < len(octets) and self._opens_pair(octets[end - self.unit_octets]):
                end -= self.unit_octets
            segments.append(octets[start:end])
            start = end
        return segments

    def _opens_pair(self, first_octet: int) -> bool:
        """Whether a unit that begins so needs the next one."""
        if self is GSM_SHAPE:
            return first_octet == 0x1B
        return self is UCS2_SHAPE and 0xD8 <= first_octet <= 0xDB


GSM_SHAPE = Shape(1, 160, 153, 152)
UCS2_SHAPE = Shape(2, 70, 67, 66)
OCTET_SHAPE = Shape(1, 140, 134, 133)
