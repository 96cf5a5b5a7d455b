"""The functions that read PDUs, made from the schema at import: lenient, and exact about faults."""

from collections.abc import Callable, Iterator, Mapping
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


def _tail(pdu: Pdu, frame: bytes, stop: int) -> Pdu:
    """The PDU whose optional part ends at `stop`, before its frame does."""
    left = len(frame) - stop
    failed_response = pdu.command_id & RESPONSE_BIT and pdu.command_status
    if failed_response and pdu.fields and _tlvs_only(pdu, frame):
        return pdu
    if left < 4 or failed_response:  # padding, too short for a parameter
        pdu.stray_octets = left
        return pdu
    raise _unreadable(pdu, CommandStatus.ESME_RINVOPTPARSTREAM, "tlvs")


def _unread(pdu: Pdu, frame: bytes, fault: Exception, read: list[Any]) -> Pdu:
    """The PDU whose mandatory part broke off; `read` are the items of a list that did."""
    missing = [field for field in pdu.fields if not hasattr(pdu, field.name)]
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


def _reader_lines(kind: type[Pdu]) -> Iterator[str]:
    """Source of the function that reads a frame; `frame` and `text` are the same octets.

    Fields are set one by one, so that a frame that breaks off shows where.
    """
    yield f"def read_{kind.name}(frame, status, sequence_number):"
    yield "    pdu = new(Kind)"
    yield "    pdu.command_status = status"
    yield "    pdu.sequence_number = sequence_number"
    yield "    pdu.body_present = True"
    yield "    pdu.stray_octets = 0"
    yield "    pdu.tlvs = ()"
    yield "    end = len(frame)"
    if not kind.fields:
        yield "    stop = 16"
    else:
        yield "    items = []"
        yield "    text = frame.decode('latin-1')"
        yield "    find = text.index"
        yield "    try:"
        yield from (" " * 8 + line for line in _field_readers(kind.fields))
        yield "    except (ValueError, LookupError) as fault:"
        yield "        return unread(pdu, frame, fault, items)"
    yield "    if stop != end:"
    yield "        pdu.tlvs, stop = read_tlvs(frame, stop, end)"
    yield "        if stop != end:"
    yield "            return tail(pdu, frame, stop)"
    yield "    return pdu"


def _field_readers(fields: tuple[Field, ...]) -> Iterator[str]:
    """Lines that set every field; the last one leaves `stop` behind the mandatory part."""
    at = "16"
    for field in fields:
        target = f"pdu.{field.name}"
        if isinstance(field, Octets):
            yield f"start = {at} + 1"
            yield f"stop = start + frame[{at}]"
            yield "if stop > end:"
            yield "    raise IndexError"
            yield f"{target} = frame[start:stop]"
            at = "stop"
        elif isinstance(field, Items):
            yield f"count = frame[{at}]"
            yield f"start = {at} + 1"
            yield "for _ in range(count):"
            yield from ("    " + line for line in _item_readers(field))
            yield f"{target} = tuple(items)"
            at = "start"
        else:
            lines, at = _scalar_reader(field, target, at)
            yield from lines
    if at != "stop":
        yield f"stop = {at}"


def _scalar_reader(field: CString | Integer, target: str, at: str) -> tuple[list[str], str]:
    """Lines that read one string or integer at the position `at`, and the position behind it."""
    if isinstance(field, CString):
        lines = [f"start = {at}", "stop = find('\\0', start)", f"{target} = text[start:stop]"]
        return lines, "stop + 1"
    base, _, offset = at.partition(" + ")
    if field.size == 1:
        lines = [f"{target} = frame[{at}]"]
    else:
        whole = " | ".join(
            f"frame[{base} + {int(offset or 0) + n}] << {8 * (field.size - 1 - n)}"
            for n in range(field.size)
        )
        lines = [f"{target} = {whole}"]
    return lines, f"{base} + {int(offset or 0) + field.size}"


def _item_readers(field: Items) -> Iterator[str]:
    """Lines that append one item found at `start` and move `start` behind it."""
    for number, shape in enumerate(field.shapes):
        at, indent = "start", ""
        if shape.flag is not None:
            yield f"{'elif' if number else 'if'} frame[start] == {shape.flag}:"
            at, indent = "start + 1", "    "
        values = []
        for part in shape.fields:
            lines, at = _scalar_reader(part, part.name, at)
            yield from (indent + line for line in lines)
            values.append(part.name)
        yield f"{indent}items.append({shape.make.__name__}({', '.join(values)}))"
        yield f"{indent}start = {at}"
    if field.shapes[-1].flag is not None:
        yield "else:"
        yield "    raise KeyError"


def _reader(kind: type[Pdu]) -> Reader:
    names = {
        "new": object.__new__,
        "Kind": kind,
        "read_tlvs": _read_tlvs,
        "tail": _tail,
        "unread": _unread,
        **_item_names(kind),
    }
    made: Reader
    made = compiled(f"read_{kind.name}", "\n".join(_reader_lines(kind)) + "\n", names)
    return made


def _item_names(kind: type[Pdu]) -> dict[str, object]:
    shapes = [s for field in kind.fields if isinstance(field, Items) for s in field.shapes]
    return {shape.make.__name__: shape.make for shape in shapes}


def make_readers(kinds: Mapping[int, type[Pdu]]) -> dict[int, Reader]:
    """For each command_id: (frame, command_status, sequence_number) -> PDU."""
    return {command_id: _reader(kind) for command_id, kind in kinds.items()}
