"""The functions that write PDUs, made from the schema at import: they refuse what 3.4 forbids."""

import re
from collections.abc import Callable, Iterator, Mapping
from struct import Struct
from struct import error as StructError
from typing import NoReturn

from smpp_server.smpp.constants import RESPONSE_BIT, GsmFeature, Tag, tag_name
from smpp_server.smpp.declare import CString, Integer, Items, Octets, Pdu, compiled
from smpp_server.smpp.schema import TLVS

Writer = Callable[[Pdu], bytes]

_HEADER = Struct(">4I")
_TLV = Struct(">2H")
_CODES = {1: "B", 4: "I"}

# Section 7.1.1: YYMMDDhhmmss, tenths, quarter hours from UTC, and R for a relative time.
_TIME = re.compile(r"[0-9]{13}(?:[0-3][0-9]|4[0-8])[+-]|[0-9]{12}000R")

# Section 5.2.12: a user data header says the same, so both at once are not allowed.
_SAID_BY_HEADER = frozenset(
    {
        Tag.SOURCE_PORT,
        Tag.DESTINATION_PORT,
        Tag.SAR_MSG_REF_NUM,
        Tag.SAR_TOTAL_SEGMENTS,
        Tag.SAR_SEGMENT_SEQNUM,
    }
)
_SAR = frozenset({Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM})


def _refuse(pdu: Pdu, field: str, why: str) -> NoReturn:
    raise ValueError(f"{pdu.name}.{field}: {why}")


def _scalar(pdu: Pdu, field: CString | Integer, value: str | int) -> bytes:
    """The octets of one value; refuses what its field cannot hold."""
    if isinstance(value, int):
        if not 0 <= value < 1 << 8 * field.size:
            _refuse(pdu, field.name, f"no unsigned integer of {field.size} octets")
        return value.to_bytes(field.size, "big")
    if not value.isascii() or "\0" in value:
        _refuse(pdu, field.name, "only ASCII without NUL may be sent (section 3.1)")
    assert isinstance(field, CString)
    if field.limited and len(value) >= field.size:
        _refuse(pdu, field.name, f"{len(value)} characters, {field.size - 1} at most")
    if field.time and value and not _TIME.fullmatch(value):
        _refuse(pdu, field.name, "no time of 16 characters (section 7.1.1)")
    return value.encode() + b"\0"


def _explain(pdu: Pdu) -> NoReturn:
    """Refuses a PDU with a value that does not fit, by the name of its first field."""
    for field in pdu.fields:
        value = getattr(pdu, field.name)
        if isinstance(field, CString | Integer):
            _scalar(pdu, field, value)
        elif isinstance(field, Octets) and len(value) > field.size:
            _refuse(pdu, field.name, f"{len(value)} octets, {field.size} at most")
    _refuse(pdu, "sequence_number", "it and command_status are unsigned integers of 4 octets")


def _write_items(pdu: Pdu, name: str) -> bytes:
    """The list `name` with its count."""
    field = next(field for field in pdu.fields if field.name == name)
    assert isinstance(field, Items)
    value = getattr(pdu, name)
    if not field.least <= len(value) <= field.size:
        _refuse(pdu, name, f"{len(value)} items, {field.least} to {field.size} allowed")
    shapes = {shape.make: shape for shape in field.shapes}
    out = bytearray([len(value)])
    for item in value:
        shape = shapes[type(item)]
        if shape.flag is not None:
            out.append(shape.flag)
        for part, content in zip(shape.fields, item, strict=True):
            out += _scalar(pdu, part, content)
    return bytes(out)


def _write_tlvs(pdu: Pdu) -> bytes:
    """The optional part, in the order given; refuses what section 5.3.2 forbids."""
    out: list[bytes] = []
    seen: set[int] = set()
    for tag, value in pdu.tlvs:
        size, rule = len(value), TLVS.get(tag)
        if size > 0xFFFF or not 0 <= tag <= 0xFFFF:
            _refuse(pdu, tag_name(tag), "tag and length are unsigned integers of 2 octets")
        if rule is not None:
            if not rule.least <= size <= rule.most:
                _refuse(pdu, tag_name(tag), f"{size} octets, {rule.least} to {rule.most} allowed")
            if rule.text and value.find(0) != size - 1:
                _refuse(pdu, tag_name(tag), "must end with its only NUL")
            if tag in seen and not rule.repeats:
                _refuse(pdu, tag_name(tag), "given twice")
        seen.add(tag)
        out += (_TLV.pack(tag, size), value)
    _check_together(pdu, seen)
    return b"".join(out)


def _check_together(pdu: Pdu, seen: set[int]) -> None:
    """Refuses parameters that do not go with each other or with the mandatory part."""
    message: bytes = getattr(pdu, "short_message", b"")
    esm_class: int = getattr(pdu, "esm_class", 0)
    if message and Tag.MESSAGE_PAYLOAD in seen:
        _refuse(pdu, "message_payload", "not beside a short_message (section 3.2.3)")
    if _SAR & seen and not seen >= _SAR:
        _refuse(pdu, "sar_msg_ref_num", "all three sar parameters or none (section 5.3.2.22)")
    if esm_class & GsmFeature.UDHI and _SAID_BY_HEADER & seen:
        _refuse(pdu, "esm_class", "no ports and no sar parameters with UDHI (section 5.2.12)")


def _lines(kind: type[Pdu]) -> Iterator[str]:
    """Source of the function that writes one kind of PDU."""
    response = kind.command_id & RESPONSE_BIT
    yield f"def write_{kind.name}(pdu):"
    yield "    status = pdu.command_status"
    yield "    number = pdu.sequence_number"
    if not response:
        yield "    if status:"
        yield "        refuse(pdu, 'command_status', 'a request has none (section 5.1.3)')"
        yield "    if not 0 < number < 0x80000000:"
        yield "        refuse(pdu, 'sequence_number', '1 to 0x7FFFFFFF (section 5.1.4)')"
    for field in kind.fields:
        yield f"    {field.name} = pdu.{field.name}"
    if not kind.error_body:
        given = " or ".join(["pdu.tlvs", *(field.name for field in kind.fields)])
        yield "    if status:"
        yield f"        if {given}:"
        yield "            refuse(pdu, 'command_status', 'no body with an error')"
        yield f"        return header(16, {kind.command_id}, status, number)"
    if response and kind.fields:
        yield "    if not pdu.body_present:"
        yield "        refuse(pdu, 'body_present', 'this response needs its body')"
    if faults := _faults(kind):
        yield f"    if {faults}:"
        yield "        explain(pdu)"
    yield "    tlvs = write_tlvs(pdu) if pdu.tlvs else b''"
    yield "    try:"
    yield f"        body = join(({', '.join([*_parts(kind), 'tlvs'])},))"
    yield f"        return header(16 + len(body), {kind.command_id}, status, number) + body"
    yield "    except StructError:"
    yield "        explain(pdu)"


def _faults(kind: type[Pdu]) -> str:
    """A condition that is true when a string or the message must not be sent."""
    texts = [field for field in kind.fields if isinstance(field, CString)]
    tests = [f"len({f.name}) > {f.size - 1}" for f in texts if f.limited]
    tests += [f"{f.name} and not is_time({f.name})" for f in texts if f.time]
    tests += [f"len({f.name}) > {f.size}" for f in kind.fields if isinstance(f, Octets)]
    if texts:
        joined = " + ".join(field.name for field in texts)
        tests += [f"not (said := {joined}).isascii()", "'\\0' in said"]
    return " or ".join(tests)


def _parts(kind: type[Pdu]) -> Iterator[str]:
    """The expressions of the mandatory part: integers that stand together are packed at once."""
    layout, values = "", list[str]()
    for field in kind.fields:
        if isinstance(field, Integer):
            layout += _CODES[field.size]
            values.append(field.name)
            continue
        if isinstance(field, Octets):
            layout += "B"
            values.append(f"len({field.name})")
        if layout:
            yield _packed(layout, values)
        layout, values = "", []
        if isinstance(field, CString):
            layout = "x"  # its NUL goes with what follows
            yield f"{field.name}.encode()"
        elif isinstance(field, Octets):
            yield field.name
        else:
            yield f"write_items(pdu, {field.name!r})"
    if layout:
        yield _packed(layout, values)


def _packed(layout: str, values: list[str]) -> str:
    return f"pack_{layout}({', '.join(values)})" if values else repr(b"\0")


def _writer(kind: type[Pdu]) -> Writer:
    source = "\n".join(_lines(kind)) + "\n"
    names: dict[str, object] = {
        "refuse": _refuse,
        "explain": _explain,
        "header": _HEADER.pack,
        "is_time": _TIME.fullmatch,
        "join": b"".join,
        "write_items": _write_items,
        "write_tlvs": _write_tlvs,
        "StructError": StructError,
    }
    for layout in re.findall(r"pack_(\w+)\(", source):
        names[f"pack_{layout}"] = Struct(f">{layout}").pack
    made: Writer = compiled(f"write_{kind.name}", source, names)
    return made


def make_writers(kinds: Mapping[int, type[Pdu]]) -> dict[int, Writer]:
    """For each command_id: PDU -> octets."""
    return {command_id: _writer(kind) for command_id, kind in kinds.items()}
