"""The typed fields a log line may show, by name; whatever is not here stays in memory.

A shape takes a value and returns what may be written, or None to refuse it. No shape takes free
text: a word is shown only if the configuration or our own code wrote it.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Final, NamedTuple

from smpp_server.masking import mask, reply_ref

Shown = int | float | str | bool | list[str]
Shape = Callable[[object], Shown | None]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_OUR_PACKAGES: Final = ("routing", "smpp_server")
_STATUS_NAME: Final = re.compile(r"[A-Z]+(_[A-Z0-9]+)+|0x[0-9a-fA-F]{2,8}", re.ASCII)
_FEW: Final = 999_999  # a figure with six digits is no phone number
_MOST_SECONDS: Final = 9_999_999


class Field(NamedTuple):
    """One allowed field: the name it is written under, and its shape."""

    name: str
    shape: Shape


def whole(highest: int) -> Shape:
    """A count from 0; above `highest` only that it is above, so that no identity fits in."""

    def shape(value: object) -> Shown | None:
        if not isinstance(value, int) or isinstance(value, bool | Enum) or value < 0:
            return None
        return value if value <= highest else f">{highest}"

    return shape


def matching(pattern: str) -> Shape:
    """A string that is all `pattern`, in ASCII; still masked."""
    compiled = re.compile(pattern, re.ASCII)

    def shape(value: object) -> Shown | None:
        if type(value) is not str or not compiled.fullmatch(value):
            return None
        return mask(value)

    return shape


def flag(value: object) -> Shown | None:
    """True or False."""
    return value if isinstance(value, bool) else None


def member(value: object) -> Shown | None:
    """A member of an enumeration of ours: text enumerations by value, numbers by name."""
    if not isinstance(value, Enum):
        return None
    if type(value).__module__.partition(".")[0] not in _OUR_PACKAGES:
        return None
    return mask(str(value.value)) if isinstance(value, StrEnum) else mask(value.name)


def status(value: object) -> Shown | None:
    """A command_id, command_status or TLV tag: by name if it is ours, else in hexadecimal."""
    if isinstance(value, Enum):
        return member(value)
    if type(value) is str:
        return value if _STATUS_NAME.fullmatch(value) else None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**32:
        return None
    return f"0x{value:08X}"


def tlvs(value: object) -> Shown | None:
    """(tag, length in octets) pairs, at most 16: what a PDU carried, never its values."""
    if not isinstance(value, list | tuple):
        return None
    pairs = []
    for pair in value[:16]:
        match pair:
            case (int(tag), int(length)) if 0 <= tag <= 0xFFFF and 0 <= length <= _FEW:
                pairs.append(f"0x{tag:04X}:{length}")
            case _:
                return None
    return pairs


def amount(value: object) -> Shown | None:
    """An amount of money in nano-units, written as a decimal."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    whole_units, _, nanos = f"{Decimal(value).scaleb(-9):.9f}".partition(".")
    return f"{whole_units}.{nanos[:2]}{nanos[2:].rstrip('0')}"


def reply(value: object) -> Shown | None:
    """A reply id, in base 32."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        return None
    return reply_ref(value)


def seconds(value: object) -> Shown | None:
    """A span given in seconds, to the millisecond."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return round(min(max(float(value), -_MOST_SECONDS), _MOST_SECONDS), 3)


def seconds_of_ns(value: object) -> Shown | None:
    """A span given in nanoseconds, written in seconds."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return seconds(value / 1_000_000_000)


def wall_time(value: object) -> Shown | None:
    """A wall time in nanoseconds since the Unix epoch, written in UTC to the second."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        return None
    moment = _EPOCH + timedelta(seconds=value // 1_000_000_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _fields() -> Mapping[str, Field]:
    shapes: dict[Shape, str] = {
        flag: "tls long_text exact plain_text accepted coming ok",
        member: "outcome silence",
        status: "status command_id tag",
        whole(0xFFFF): "port http_status exit_code",
        whole(_FEW): (
            "bind replies segments waiting window free attempts unanswered events contacts submits"
            " receipts pdus rows epoch faults count limit offset octets length line links"
            " failures step"
        ),
        whole(0x7FFFFFFF): "sequence",  # 5.1.4: up to 0x7FFFFFFF, and the peer's log names it too
        matching(r"[A-Z]+(_[A-Z0-9]+)+"): "label",
        matching(r"[a-z]+(_[a-z]+)+|outbind"): "command pdu_field",
        matching(r"[A-Z]{2}\d{0,3}"): "country prefix",
        matching(r"[A-Z]{3}"): "currency",
        matching(r"\d{1,3}(\.\d{1,4}){1,3}((a|b|rc|\.dev)\d{1,3})?"): "version",
        matching(r"SIG[A-Z0-9]{2,6}"): "signal_name",
        matching(r"GET|HEAD|POST|PUT|DELETE|OPTIONS"): "method",
        tlvs: "tlvs",
        reply: "reply",
        seconds: "delay_s timeout_s drain_s uptime_s step_s age_s took_s",
    }
    table = {name: Field(name, shape) for shape, names in shapes.items() for name in names.split()}
    for name in "amount balance budget spent reserved price given missing".split():
        table[f"{name}_nanos"] = Field(name, amount)
    for name in "delay timeout turn commit uptime step age took until_in".split():
        table[f"{name}_ns"] = Field(f"{name}_s", seconds_of_ns)
    for name in "since until due next".split():
        table[f"{name}_wall_ns"] = Field(name, wall_time)
    return table


FIELDS: Final[Mapping[str, Field]] = _fields()

# Shown if the configuration or the table of alarms wrote exactly this word
# (`LogObserver.allow_words`).
CONFIGURED: Final = frozenset(
    "link carrier campaign number text_id host language subject file code".split()
)
# Shown if it is a member of an enumeration of ours, or a literal in the module that logs.
OWN_WORDS: Final = frozenset("state change reason kind fault action event".split())
