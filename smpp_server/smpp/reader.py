"""The functions that read PDUs, made from the schema at import: lenient, and exact about faults.

Nearly every frame fits the pattern of its kind, and one match takes all its fields. What does not
fit is read field by field, which shows where it breaks off.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from struct import Struct
from typing import Any

from smpp_server.smpp.constants import RESPONSE_BIT, CommandStatus
from smpp_server.smpp.declare import (
    DEFAULTS,
    CString,
    Field,
    Integer,
    Items,
    Octets,
    Pdu,
    Tlv,
    compiled,
)

Reader = Callable[[bytes, int, int], Pdu]

_TLV = Struct(">2H")
_new_tuple = tuple.__new__


class PduError(Exception):
    """One PDU that cannot be read: answer a request with `command_status` and go on.

    `field` names the first one that could not be read ("command_id" for an unknown command,
    "tlvs" for the optional part), `partial` holds what was read before it, the rest empty; it is
    None for an unknown command.
    """

    def __init__(
        self,
        command_status: int,
        command_id: int,
        sequence_number: int,
        field: str,
        partial: Pdu | None,
    ) -> None:
        super().__init__(f"{field} of {partial.name if partial else hex(command_id)}")
        self.command_status = command_status
        self.command_id = command_id
        self.sequence_number = sequence_number
        self.field = field
        self.partial = partial


def _read_tlvs(frame: bytes, start: int, end: int) -> tuple[tuple[Tlv, ...], int]:
    """The parameters that are whole, and where they end."""
    found = []
    unpack = _TLV.unpack_from
    while start + 4 <= end:
        tag, length = unpack(frame, start)
        stop = start + 4 + length
        if stop > end:
            break
        found.append(_new_tuple(Tlv, (tag, frame[start + 4 : stop])))
        start = stop
    return tuple(found), start


def _tlvs_only(pdu: Pdu, frame: bytes) -> bool:
    """Takes the body of an error response as parameters alone, if it can be read so."""
    tlvs, stop = _read_tlvs(frame, 16, len(frame))
    if stop != len(frame):
        return False
    for field in pdu.fields:
        setattr(pdu, field.name, DEFAULTS[type(field)])
    pdu.tlvs = tlvs
    return True


def _optional(pdu: Pdu, frame: bytes, start: int) -> Pdu:
    """The PDU with its optional part, which begins at `start`."""
    pdu.tlvs, stop = _read_tlvs(frame, start, len(frame))
    left = len(frame) - stop
    if not left:
        return pdu
    failed_response = pdu.command_id & RESPONSE_BIT and pdu.command_status
    if failed_response and pdu.fields and _tlvs_only(pdu, frame):
        return pdu
    if left < 4 or failed_response:  # padding, too short for a parameter
        pdu.stray_octets = left
        return pdu
    raise _unreadable(pdu, CommandStatus.ESME_RINVOPTPARSTREAM, "tlvs")


def _one_by_one(pdu: Pdu, frame: bytes) -> Pdu:
    """Reads a frame that does not fit the pattern of its kind, as far as it goes."""
    at = 16
    items: list[Any] = []
    value: object
    for place, field in enumerate(pdu.fields):
        try:
            if isinstance(field, Octets):
                value, at = _counted(frame, at)
            elif isinstance(field, Items):
                at = _read_items(field, frame, at, items)
                value = tuple(items)
            else:
                value, at = _scalar(field, frame, at)
        except (ValueError, LookupError) as fault:
            return _broken_off(pdu, frame, fault, place, items)
        setattr(pdu, field.name, value)
    return _optional(pdu, frame, at)


def _scalar(field: CString | Integer, frame: bytes, at: int) -> tuple[str | int, int]:
    """The string or integer at the position `at`, and the position behind it."""
    if isinstance(field, CString):
        stop = frame.index(0, at)
        return frame[at:stop].decode("latin-1"), stop + 1
    stop = at + field.size
    if stop > len(frame):
        raise IndexError
    return int.from_bytes(frame[at:stop], "big"), stop


def _counted(frame: bytes, at: int) -> tuple[bytes, int]:
    """The octets behind their number, and the position behind them."""
    start = at + 1
    stop = start + frame[at]
    if stop > len(frame):
        raise IndexError
    return frame[start:stop], stop


def _read_items(field: Items, frame: bytes, at: int, read: list[Any]) -> int:
    """Appends the items to `read`; the position behind them. KeyError: a flag that is none."""
    shapes = {shape.flag: shape for shape in field.shapes}
    count = frame[at]
    at += 1
    for _ in range(count):
        shape = shapes.get(None)
        if shape is None:
            shape = shapes[frame[at]]
            at += 1
        values = []
        for part in shape.fields:
            value, at = _scalar(part, frame, at)
            values.append(value)
        read.append(shape.make(*values))
    return at


def _broken_off(pdu: Pdu, frame: bytes, fault: Exception, place: int, read: list[Any]) -> Pdu:
    """The PDU whose field number `place` broke off; `read` are the items of a list that did."""
    missing = pdu.fields[place:]
    for field in missing:
        setattr(pdu, field.name, DEFAULTS[type(field)])
    first = missing[0]
    if isinstance(first, Items):
        setattr(pdu, first.name, tuple(read))
    if pdu.command_id & RESPONSE_BIT:
        if len(frame) == 16:
            pdu.body_present = False
            return pdu
        if pdu.command_status:
            if not _tlvs_only(pdu, frame):
                pdu.body_present = False
                pdu.stray_octets = len(frame) - 16
            return pdu
    if isinstance(fault, KeyError):
        raise _unreadable(pdu, CommandStatus.ESME_RINVDESTFLAG, first.name)
    raise _unreadable(pdu, _STATUS_OF_KIND[type(first)], first.name)


_STATUS_OF_KIND = {
    CString: CommandStatus.ESME_RINVPARLEN,
    Integer: CommandStatus.ESME_RINVPARLEN,
    Octets: CommandStatus.ESME_RINVMSGLEN,
    Items: CommandStatus.ESME_RINVNUMDESTS,
}


def _unreadable(pdu: Pdu, status: CommandStatus, field: str) -> PduError:
    return PduError(status, pdu.command_id, pdu.sequence_number, field, pdu)


def _fits_a_pattern(fields: tuple[Field, ...]) -> bool:
    """Whether all are strings and single octets, but for a counted text at the end."""
    return all(
        isinstance(field, CString)
        or (isinstance(field, Integer) and field.size == 1)
        or (isinstance(field, Octets) and field is fields[-1])
        for field in fields
    )


def _pattern(fields: tuple[Field, ...]) -> tuple[bytes, list[str], list[str]]:
    """The octets of these fields as a pattern, the targets of its groups, and what stays empty.

    The octets between two strings are one group, which is unpacked into its targets. A string of
    one octet is only its NUL.
    """
    pattern, targets, empty = b"", list[str](), list[str]()
    for strings, run in groupby(fields, lambda field: isinstance(field, CString)):
        if strings:
            for field in run:
                pattern += rb"([^\0]*+)\0" if field.size > 1 else rb"\0"
                (targets if field.size > 1 else empty).append(field.name)
        else:
            names = ["length" if isinstance(f, Octets) else f"pdu.{f.name}" for f in run]
            pattern += b"(%b)" % (b"." * len(names))
            targets.append(f"[{', '.join(names)}]")
    return pattern, targets, empty


def _reader_lines(kind: type[Pdu]) -> Iterator[str]:
    """Source of the function that reads a frame: by the pattern of its kind, or one by one."""
    yield f"def read_{kind.name}(frame, status, sequence_number):"
    yield "    pdu = new(Kind)"
    yield "    pdu.command_status = status"
    yield "    pdu.sequence_number = sequence_number"
    yield "    pdu.body_present = True"
    yield "    pdu.stray_octets = 0"
    yield "    pdu.tlvs = ()"
    if not kind.fields:
        lines = _ending_lines("16")
    elif not _fits_a_pattern(kind.fields):
        lines = iter(["return one_by_one(pdu, frame)"])
    elif len(kind.fields) == 1 and isinstance(kind.fields[0], CString):
        lines = _lone_string_lines(kind.fields[0].name)
    else:
        lines = _match_lines(kind.fields)
    yield from (" " * 4 + line for line in lines)


def _lone_string_lines(name: str) -> Iterator[str]:
    """Lines that read a body that is one string: nearly every response."""
    yield f"{name}, nul, rest = frame[16:].partition(b'\\0')"
    yield "if not nul:"
    yield "    return one_by_one(pdu, frame)"
    yield f"pdu.{name} = {name}.decode('latin-1')"
    yield "if rest:"
    yield "    return optional(pdu, frame, len(frame) - len(rest))"
    yield "return pdu"


def _match_lines(fields: tuple[Field, ...]) -> Iterator[str]:
    """Lines that read a body which fits the pattern of its fields."""
    _, targets, empty = _pattern(fields)
    yield "found = match(frame, 16)"
    yield "if found is None:"
    yield "    return one_by_one(pdu, frame)"
    yield f"[{', '.join(targets)}] = found.groups()"
    for name in targets:
        if name.isidentifier():
            yield f"pdu.{name} = {name}.decode('latin-1')"
    if empty:
        yield f"{' = '.join(f'pdu.{name}' for name in empty)} = ''"
    if isinstance(fields[-1], Octets):
        yield "start = found.end()"
        yield "stop = start + length"
        yield "if stop > len(frame):"
        yield "    return one_by_one(pdu, frame)"
        yield f"pdu.{fields[-1].name} = frame[start:stop]"
        yield from _ending_lines("stop")
    else:
        yield from _ending_lines("found.end()")


def _ending_lines(stop: str) -> Iterator[str]:
    """Lines that return the PDU whose mandatory part ends at `stop`."""
    yield f"if {stop} != len(frame):"
    yield f"    return optional(pdu, frame, {stop})"
    yield "return pdu"


def _reader(kind: type[Pdu]) -> Reader:
    names = {
        "new": object.__new__,
        "Kind": kind,
        "one_by_one": _one_by_one,
        "optional": _optional,
    }
    if _fits_a_pattern(kind.fields):
        pattern, _, _ = _pattern(kind.fields)
        names["match"] = re.compile(pattern, re.DOTALL).match
    made: Reader
    made = compiled(f"read_{kind.name}", "\n".join(_reader_lines(kind)) + "\n", names)
    return made


class Readers(dict[int, Reader]):
    """For each command_id: (frame, command_status, sequence_number) -> PDU.

    The reader of an unknown command raises PduError.
    """

    def __missing__(self, command_id: int) -> Reader:
        def unknown(frame: bytes, status: int, sequence_number: int) -> Pdu:
            fault = CommandStatus.ESME_RINVCMDID
            raise PduError(fault, command_id, sequence_number, "command_id", None)

        return unknown


def make_readers(kinds: Mapping[int, type[Pdu]]) -> Readers:
    """A reader for each command_id."""
    return Readers({command_id: _reader(kind) for command_id, kind in kinds.items()})
