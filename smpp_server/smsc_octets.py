"""What the octets of a submit_sm say that matters for its price: by its own framing and counting.

It shares no code with `smpp_server.smpp.text`, so that a mistake in counting there cannot be
repeated here and go unseen.
"""

from typing import NamedTuple

SUBMIT_SM = 0x00000004  # SMPP 3.4 section 5.1.2.1
MESSAGE_PAYLOAD = 0x0424  # section 5.3.2
SAR_TAGS = frozenset((0x020C, 0x020E, 0x020F))  # reference, total, number of this part
UDHI = 0x40  # esm_class bit 6, section 5.2.12
CONCATENATED = frozenset((0x00, 0x08))  # GSM 03.40 9.2.3.24: 8-bit and 16-bit reference
PART_HEADER = 6  # octets of the header an SMSC puts before each part it cuts
TP_UD = 140  # octets of user data in one short message, GSM 03.40 9.2.3.16


class UnreadableSubmit(ValueError):
    """The octets are not a submit_sm this invoice can count."""


class Submission(NamedTuple):
    """What the octets of one submit_sm say that matters for its price."""

    sequence_number: int
    source: str
    destination: str
    segments: int


def read_submission(frame: bytes, clause: str = "") -> Submission:
    """Read one whole submit_sm frame (SMPP 3.4 section 4.4.1); raises UnreadableSubmit.

    `clause` are ASCII words the SMSC appends to every text, such as " STOP 36111"; they count.
    """
    try:
        if int.from_bytes(frame[4:8]) != SUBMIT_SM or int.from_bytes(frame[:4]) != len(frame):
            raise UnreadableSubmit("not one submit_sm frame")
        source_at = frame.index(0, 16) + 3
        source_end = frame.index(0, source_at)
        destination_at = source_end + 3
        destination_end = frame.index(0, destination_at)
        schedule_end = frame.index(0, destination_end + 4)
        validity_end = frame.index(0, schedule_end + 1)
        data_coding = frame[validity_end + 3]
        text_at = validity_end + 6
        text_end = text_at + frame[text_at - 1]
    except (ValueError, IndexError):
        raise UnreadableSubmit("body cut short or a string without its NUL") from None
    if text_end > len(frame):
        raise UnreadableSubmit("sm_length goes past the end")
    octets, is_part = frame[text_at:text_end], False
    if text_end < len(frame):
        tlvs = _tlvs(frame, text_end)
        octets = octets or tlvs.get(MESSAGE_PAYLOAD, b"")
        is_part = tlvs.keys() >= SAR_TAGS
    has_header = bool(frame[destination_end + 1] & UDHI)
    if clause and not has_header and not is_part:
        octets += _in_alphabet(clause, data_coding)
    return Submission(
        int.from_bytes(frame[12:16]),
        frame[source_at:source_end].decode("latin-1"),
        frame[destination_at:destination_end].decode("latin-1"),
        count_segments(octets, data_coding, has_header, is_part),
    )


def count_segments(
    octets: bytes, data_coding: int, has_header: bool = False, is_part: bool = False
) -> int:
    """How many short messages an SMSC makes of this user data (GSM 03.38, 03.40 9.2.3.24).

    The default alphabet comes unpacked: one octet per septet, two for an extension character.
    """
    if len(octets) <= TP_UD - PART_HEADER and not has_header:
        return 1  # fits in every alphabet
    header, concatenated = _header(octets) if has_header else (0, False)
    text = octets[header:]
    bits, width = _alphabet(data_coding)
    alone = PART_HEADER if is_part and not header else header
    if len(text) <= _room(alone, bits, width):
        return 1
    if not concatenated:
        header = PART_HEADER + max(0, header - 1)  # the part's element joins the header there is
    return _parts(text, _room(header, bits, width), bits, width)


def _alphabet(data_coding: int) -> tuple[int, int]:
    """Bits on air per octet given, and octets per character (section 5.2.19, GSM 03.38 4)."""
    group, kind = data_coding >> 4, data_coding & 0x0C
    named = group in (0x1, 0x4, 0x5)
    if data_coding == 0x08 or group == 0xE or (named and kind == 0x08):
        return 8, 2
    if data_coding in (0x02, 0x04):
        return 8, 1
    if (named and kind == 0x04) or (group == 0xF and kind & 0x04):
        return 8, 1
    return 7, 1  # ASCII and Latin-1 too: the SMSC turns them into the default alphabet


def _in_alphabet(clause: str, data_coding: int) -> bytes:
    """The words as octets of that alphabet; nothing can be appended to 8-bit data."""
    bits, width = _alphabet(data_coding)
    if width == 2:
        return clause.encode("utf-16-be")
    return clause.encode("ascii") if bits == 7 else b""


def _header(octets: bytes) -> tuple[int, bool]:
    """Length of the user data header with its length octet, and whether it marks a part."""
    end = octets[0] + 1 if octets else 0
    if end > len(octets):
        return 0, False
    at, concatenated = 1, False
    while at + 1 < end:
        concatenated = concatenated or octets[at] in CONCATENATED
        at += 2 + octets[at + 1]
    return end, concatenated


def _room(header: int, bits: int, width: int) -> int:
    """Octets of text, as given in the PDU, that fit beside `header` octets."""
    octets = max(TP_UD - header, width)
    return octets * 8 // 7 if bits == 7 else octets - octets % width


def _parts(text: bytes, room: int, bits: int, width: int) -> int:
    """Parts needed when neither an escape pair nor a surrogate pair may be cut."""
    parts, at = 1, 0
    while len(text) - at > room:
        at += room
        if bits == 7 and text[at - 1] == 0x1B:
            at -= 1
        elif width == 2 and 0xD8 <= text[at - 2] <= 0xDB:
            at -= 2
        parts += 1
    return parts


def _tlvs(frame: bytes, at: int) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while at + 4 <= len(frame):
        tag, length = int.from_bytes(frame[at : at + 2]), int.from_bytes(frame[at + 2 : at + 4])
        found.setdefault(tag, frame[at + 4 : at + 4 + length])
        at += 4 + length
    return found


class SubmitTap:
    """Finds the submit_sm frames in what one connection receives, by its own framing."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The submit_sm frames now complete, in the order of their arrival."""
        data = self._rest + data if self._rest else data
        found: list[bytes] = []
        at = 0
        while len(data) - at >= 16:
            end = at + int.from_bytes(data[at : at + 4])
            if end < at + 16 or end > len(data):
                break
            if data[at + 4 : at + 8] == b"\0\0\0\x04":
                found.append(data[at:end])
            at = end
        self._rest = data[at:]
        return found
