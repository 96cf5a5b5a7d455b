"""What may be shown of a value: runs of digits masked, replies named without showing a number."""

import re
from typing import Final

MASK: Final = "<7+ digits>"

# Seven digits, with up to three signs between two of them, however they are written: spaces, dots,
# hyphens, NULs (UTF-16 read as Latin-1) or the escapes of one digit each ("\x33", "%33", "&#51;").
_RUN: Final = re.compile(r"\d(?:[\W_]{0,3}(?:(?<=\\)[xu]|(?<![0-9A-Za-z])0x)?\d){6,}")

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread
_READ_AS: Final = str.maketrans("ILO", "110")


def mask(text: str) -> str:
    """`text` with every run of seven or more digits replaced: no number of a person is shorter."""
    return _RUN.sub(MASK, text)


def reply_ref(reply_id: int) -> str:
    """A reply's id as people see it: base 32, never taken for a phone number."""
    if reply_id < 0:
        raise ValueError("a reply id is not negative")
    signs = []
    while True:
        reply_id, low = divmod(reply_id, 32)
        signs.append(_ALPHABET[low])
        if not reply_id:
            return "".join(reversed(signs))


def reply_id(ref: str) -> int:
    """The id `reply_ref` wrote; small letters and I, L, O are read too. Raises ValueError."""
    number = 0
    for sign in ref.strip().upper().translate(_READ_AS):
        low = _ALPHABET.find(sign)
        if low < 0:
            raise ValueError("a reply id has letters and digits only, and no U")
        number = number * 32 + low
    if not ref.strip():
        raise ValueError("a reply id is not empty")
    return number
