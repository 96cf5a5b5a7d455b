"""How a PDU is declared: kinds of fields, the class `Pdu`, and the decorator that makes classes.

Sections are those of SMPP 3.4 Issue 1.2. The declarations themselves stand in `schema`.
"""

import linecache
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeVar, cast, dataclass_transform

from smpp_server.smpp.constants import CommandId, status_name, tag_name


class Tlv(NamedTuple):
    """One optional parameter (section 5.3): its value as it stood on the wire."""

    tag: int
    value: bytes


class CString(NamedTuple):
    """C-octet string of at most `size` octets with its NUL; Latin-1 when read, ASCII when sent."""

    size: int
    section: str
    name: str = ""
    time: bool = False  # "1 or 17": empty, or a time of 16 characters (section 7.1.1)
    limited: bool = True  # whether `size` binds us too when we send


class Integer(NamedTuple):
    """Unsigned, big-endian."""

    size: int
    section: str
    name: str = ""


class Octets(NamedTuple):
    """Up to `size` octets behind a length of one octet, which the specification calls `counter`."""

    size: int
    section: str
    name: str = ""
    counter: str = ""


class Shape(NamedTuple):
    """One form an item may have; `flag` is the octet that announces it, if any."""

    flag: int | None
    make: type
    fields: tuple[CString | Integer, ...]


class Items(NamedTuple):
    """`least` to `size` items behind their number in one octet."""

    size: int
    section: str
    name: str = ""
    counter: str = ""
    least: int = 0
    shapes: tuple[Shape, ...] = ()


Field = CString | Integer | Octets | Items

DEFAULTS: Mapping[type, object] = {CString: "", Integer: 0, Octets: b"", Items: ()}
HEADER: Mapping[str, object] = {
    "command_status": 0,
    "sequence_number": 0,
    "tlvs": (),
    "body_present": True,
    "stray_octets": 0,
}


# They return Any: the annotation beside them tells the type of the attribute they declare.
def cstr(size: int, section: str, limited: bool = True) -> Any:
    """Declares a C-octet string of at most `size` octets, its NUL included."""
    return CString(size, section, limited=limited)


def time(section: str) -> Any:
    """Declares a C-octet string of 1 or 17 octets that holds a time."""
    return CString(17, section, time=True)


def integer(size: int, section: str) -> Any:
    """Declares an unsigned integer of `size` octets."""
    return Integer(size, section)


def octets(size: int, section: str, counter: str) -> Any:
    """Declares an octet string with its length before it."""
    return Octets(size, section, counter=counter)


def items(least: int, size: int, section: str, counter: str, *shapes: Shape) -> Any:
    """Declares a list with the number of its items before it."""
    return Items(size, section, counter=counter, least=least, shapes=shapes)


# Named, because mypy would hold the fields of a PDU against an empty tuple written in place.
_NO_DICT: tuple[str, ...] = ()


@dataclass_transform(kw_only_default=True)
class _Declared:
    """What makes type checkers see keyword constructors."""

    __slots__ = _NO_DICT


class Pdu(_Declared):
    """One PDU: the header, the mandatory fields and the optional parameters in wire order.

    Two are equal when they say the same, however the octets were laid out. `repr` shows numbers
    and lengths but no text, address or secret, so that it may be logged.
    """

    __slots__ = _NO_DICT

    command_id: ClassVar[int]
    name: ClassVar[str]
    section: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]] = ()
    error_body: ClassVar[bool]  # whether a response with an error has its body

    command_status: int = 0
    sequence_number: int = 0
    tlvs: tuple[Tlv, ...] = ()
    body_present: bool = True  # False: a response came without its body or with an unreadable one
    stray_octets: int = 0  # octets behind the last field that were passed over

    def tlv(self, tag: int) -> bytes | None:
        """The value of the first parameter with this tag, None if there is none."""
        for found, value in self.tlvs:
            if found == tag:
                return value
        return None

    def _said(self) -> tuple[object, ...]:
        names = ["command_status", "sequence_number", "tlvs", *(f.name for f in self.fields)]
        return tuple(getattr(self, name) for name in names)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._said() == other._said()

    __hash__ = None  # type: ignore[assignment]  # a session numbers a PDU after it was made

    def __repr__(self) -> str:
        shown = [status_name(self.command_status), f"sequence_number={self.sequence_number}"]
        for field in self.fields:
            value = getattr(self, field.name)
            said = value if isinstance(field, Integer) else f"[{len(value)}]"
            shown.append(f"{field.name}={said}")
        shown += [f"{tag_name(tag)}=[{len(value)}]" for tag, value in self.tlvs]
        return f"<{self.name} {' '.join(shown)}>"


P = TypeVar("P", bound=Pdu)
_known: dict[int, type[Pdu]] = {}
PDUS: Mapping[int, type[Pdu]] = MappingProxyType(_known)


def compiled(name: str, source: str, names: Mapping[str, object]) -> Any:
    """The function of that name from this source, which tracebacks and debuggers can show."""
    file = f"<smpp {name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    scope = dict(names)
    exec(compile(source, file, "exec"), scope)
    return scope[name.rpartition(".")[2]]


def pdu(command_id: int, section: str, error_body: bool = True) -> Callable[[type[P]], type[P]]:
    """Makes a declaration the class of this PDU and enters it in `PDUS`.

    `error_body=False`: by its section the body is not returned with an error.
    """

    def declare(declared: type[P]) -> type[P]:
        found = {
            name: value._replace(name=name)
            for kind in reversed(declared.__mro__)
            for name, value in vars(kind).items()
            if isinstance(value, Field)
        }
        defaults = {name: DEFAULTS[type(field)] for name, field in found.items()} | dict(HEADER)
        heading = ", ".join(f"{name}={value!r}" for name, value in defaults.items())
        lines = [f"def __init__(self, *, {heading}):", *(f"    self.{n} = {n}" for n in defaults)]
        namespace = {
            "__slots__": tuple(defaults),
            "__doc__": declared.__doc__,
            "__module__": declared.__module__,
            "__init__": compiled(f"{declared.__name__}.__init__", "\n".join(lines), {}),
            "command_id": int(command_id),
            "name": CommandId(command_id).name.lower(),
            "section": section,
            "fields": tuple(found.values()),
            "error_body": error_body,
        }
        made: Any = type(declared.__name__, declared.__bases__, namespace)
        _known[command_id] = made
        return cast(type[P], made)

    return declare
