"""Looks for the words and the numbers of a load test in every file the server wrote."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

_DIGITS: Final = (  # runs of digits, in one octet each and in UTF-16
    re.compile(rb"[0-9]{11,}"),
    re.compile(rb"(?:[0-9]\0){11,}"),
    re.compile(rb"(?:\0[0-9]){11,}"),
)
MSISDN_DIGITS: Final = 11  # of those who text in a load test
E164_DIGITS: Final = 15
PIECE: Final = 4 * 2**20  # octets read at once
OVERLAP: Final = 256


def forms(text: str) -> set[bytes]:
    """How a text may stand in a file: UTF-8, both UTF-16, and packed septets at any alignment."""
    found = {text.encode(charset) for charset in ("utf-8", "utf-16-le", "utf-16-be")}
    if text.isascii():
        found |= {_septets(text, before) for before in range(8)}
    return found


def _septets(text: str, before: int) -> bytes:
    """GSM 03.38 section 6.1.2.1.1: the octets that hold nothing else, behind so many septets."""
    bits = sum(ord(letter) << 7 * (before + n) for n, letter in enumerate(text))
    size = 7 * (before + len(text))
    return bits.to_bytes(-(-size // 8), "little")[-(-7 * before // 8) : size // 8]


def semi_octets(digits: str) -> set[bytes]:
    """Two digits an octet with a filler at the end, swapped (GSM 03.40 section 9.1.2.3) and not."""
    full = digits + "f" * (len(digits) % 2)
    swapped = "".join(full[n + 1] + full[n] for n in range(0, len(full), 2))
    return {bytes.fromhex(full), bytes.fromhex(swapped)}


def traces(
    directory: Path, words: Iterable[str], numbers: Iterable[str], sent: Callable[[str], bool]
) -> tuple[list[str], int]:
    """Each find as a sentence that tells neither word nor number; and how many octets were read.

    `words` and `numbers` are looked for in all forms, case as given, small and capital. Every
    number for which `sent` is true is looked for as plain digits, too.
    """
    needles = {one: "a word" for text in words for cased in (text, text.lower(), text.upper())
               for one in forms(cased)}  # fmt: skip
    for number in numbers:
        needles |= dict.fromkeys(forms(number[-9:]) | semi_octets(number), "a number")
    finds, octets = [], 0
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            what: set[str] = set()
            for piece in _pieces(path):
                what |= {kind for needle, kind in needles.items() if needle in piece}
                if any(sent(number) for number in _plain_numbers(piece)):
                    what.add("a number")
            octets += path.stat().st_size
            name = path.relative_to(directory)
            finds += [f"{kind} that was sent stands in {name}" for kind in sorted(what)]
    return finds, octets


def _pieces(path: Path) -> Iterator[bytes]:
    """A file in pieces that overlap by more than the longest form."""
    with path.open("rb") as file:
        end = b""
        while data := file.read(PIECE):
            yield end + data
            end = data[-OVERLAP:]


def _plain_numbers(data: bytes) -> Iterator[str]:
    for pattern in _DIGITS:
        for run in pattern.finditer(data):
            digits = run[0].replace(b"\0", b"").decode()
            if len(digits) > E164_DIGITS:
                continue  # a moment in nanoseconds, or a hash: no number of a telephone
            for start in range(len(digits) - MSISDN_DIGITS + 1):
                yield digits[start : start + MSISDN_DIGITS]
