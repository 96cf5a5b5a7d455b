"""The closing of a month as the admin socket carries it."""

import re
from collections.abc import Mapping
from typing import Final

from routing.standing import Closing

CLOSING_FIELDS: Final = ("month", "seq", "digest", "rows", "sums", "reserved", "dropped")

_MONTH: Final = re.compile("2[0-9]{3}-(0[1-9]|1[0-2])")
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_SUMS: Final = re.compile("[a-z]+ -?[0-9]+(;[a-z]+ -?[0-9]+)*")
_RESERVED: Final = re.compile("([0-9]+ [0-9]+(;[0-9]+ [0-9]+)*)?")


def fields_of(closing: Closing) -> dict[str, str]:
    """What is sent."""
    return {
        "month": closing.month,
        "seq": str(closing.seq),
        "digest": closing.digest.hex(),
        "rows": str(closing.rows),
        "sums": closing.sums,
        "reserved": closing.reserved,
        "dropped": "yes" if closing.dropped else "no",
    }


def closing_step(fields: Mapping[str, str]) -> Closing:
    """The closing that `fields` tell. Raises KeyError or ValueError when they tell none."""
    told = [fields[name] for name in ("month", "digest", "sums", "reserved")]
    forms = (_MONTH, _DIGEST, _SUMS, _RESERVED)
    if not all(form.fullmatch(text) for form, text in zip(forms, told, strict=True)):
        raise ValueError("no closing")
    month, digest, sums, reserved = told
    seq, rows = int(fields["seq"]), int(fields["rows"])
    if not (0 < seq < 1 << 62 and 0 <= rows < 1 << 62):
        raise ValueError("no closing")
    dropped = fields["dropped"] == "yes"
    return Closing(month, seq, bytes.fromhex(digest), rows, sums, reserved, dropped=dropped)
