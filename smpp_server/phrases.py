"""Phrases looked for in the octets of a message: what machines write, and what we wrote ourselves.

Most texts hold none of them. A few fragments, of which every phrase holds at least one, tell so at
the price of some five searches instead of twenty. Octets are searched as letters, one each, small
where they are ASCII: a search in str is faster than one in bytes.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

from smpp_server.smpp.text import UCS2, encode

_CODINGS = (0, 3, UCS2)  # GSM 03.38, Latin-1, UCS-2: how a phrase may be written
_FRAGMENT = 5  # letters; shorter ones cover more phrases, and stand in more texts of people


class Phrases:
    """Some phrases in every alphabet that can write them; capitals do not count."""

    __slots__ = ("_fragments", "_phrases", "_single", "shortest")

    def __init__(self, phrases: Iterable[str]) -> None:
        written: dict[str, None] = {}
        for phrase in phrases:
            for coding in _CODINGS:
                with suppress(UnicodeError):
                    written[encode(phrase, coding).lower().decode("latin-1")] = None
        self._phrases = tuple(written)
        self._fragments = _cover(self._phrases)
        self._single = _cover(one for one in self._phrases if "\0" not in one)
        self.shortest = min(map(len, self._phrases), default=0)

    def stand_in(self, octets: bytes) -> bool:
        """Does one of them stand in these octets?"""
        if len(octets) < self.shortest:
            return False
        letters = octets.lower().decode("latin-1")
        # what holds a NUL, as nearly all UCS-2 does, cannot stand in letters without one
        for fragment in self._fragments if "\0" in letters else self._single:
            if fragment in letters:
                return any(phrase in letters for phrase in self._phrases)
        return False


def _cover(phrases: Iterable[str]) -> tuple[str, ...]:
    """Fragments of which each phrase holds one: always the one that most of the others hold."""
    left = list(phrases)
    fragments: list[str] = []
    while left:
        size = min(_FRAGMENT, *map(len, left))
        parts = ({one[i : i + size] for i in range(len(one) - size + 1)} for one in left)
        held = Counter(part for each in parts for part in sorted(each))
        fragments.append(max(held, key=lambda part: (held[part], part)))
        left = [one for one in left if fragments[-1] not in one]
    return tuple(fragments)
