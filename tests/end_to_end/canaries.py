"""Looks for words and numbers in files, in every form they might have been written in."""

import base64
from collections.abc import Iterator
from pathlib import Path

SEPTETS = 8  # alignments of packed septets (GSM 03.38 section 6.1.2.1.1)


def _packed(septets: bytes) -> bytes:
    """Seven bits a character, least significant first."""
    bits = sum(septet << (7 * n) for n, septet in enumerate(septets))
    return bits.to_bytes((7 * len(septets) + 7) // 8, "little")


def _whole(octets: bytes, before: int, size: int, bits: int, width: int) -> bytes:
    """The octets that `size` elements of `bits` after `before` others fill alone.

    `width` is how many bits an octet written carries: 8, or 6 in base64.
    """
    return octets[-(-before * bits // width) : (before + size) * bits // width]


def _everywhere(octets: bytes) -> Iterator[bytes]:
    """These octets as they are, in hexadecimal and in base64."""
    yield octets
    yield octets.hex().encode()
    yield octets.hex().upper().encode()
    for n in range(3):
        text = base64.b64encode(bytes(n) + octets + b"..")
        part = _whole(text, n, len(octets), 8, 6)
        yield part
        yield part.replace(b"+", b"-").replace(b"/", b"_")


def _semi_octets(digits: str) -> Iterator[bytes]:
    """Two digits an octet, nibbles swapped (GSM 03.40 section 9.1.2.5) and not."""
    for start in (0, 1):
        pairs = [digits[n : n + 2] for n in range(start, len(digits) - 1, 2)]
        yield bytes.fromhex("".join(pair[::-1] for pair in pairs))
        yield bytes.fromhex("".join(pairs))


def word_forms(word: str) -> set[bytes]:
    """The forms of a word, its case as given, small and capital."""
    forms: set[bytes] = set()
    for cased in (word, word.lower(), word.upper()):
        for charset in ("utf-8", "latin-1", "utf-16-be", "utf-16-le"):
            forms |= set(_everywhere(cased.encode(charset)))
        shifted = [_packed(bytes(n) + cased.encode("ascii") + b"..") for n in range(SEPTETS)]
        for n, octets in enumerate(shifted):
            forms |= set(_everywhere(_whole(octets, n, len(cased), 7, 8)))
    return forms


def number_forms(msisdn: str) -> set[bytes]:
    """The forms of a number; its national part is enough."""
    national = msisdn[-9:]
    forms = word_forms(national) | word_forms(national[::-1])
    for octets in _semi_octets(national):
        forms |= set(_everywhere(octets))
    for value in (int(msisdn), int(national)):
        size = (value.bit_length() + 7) // 8
        for order in ("big", "little"):
            octets = value.to_bytes(size, "big")[:: 1 if order == "big" else -1]
            forms |= set(_everywhere(octets))
    return forms


def found(folder: Path, words: list[str], numbers: list[str]) -> list[tuple[str, str, bytes]]:
    """(file, canary, form) of every hit in the regular files below `folder`."""
    forms = {word: word_forms(word) for word in words}
    forms |= {number: number_forms(number) for number in numbers}
    hits = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            hits += [
                (str(path.relative_to(folder)), canary, form)
                for canary, several in forms.items()
                for form in several
                if form in data
            ]
    return hits
