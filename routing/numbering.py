"""What a number is: how senders are written, which country they are in, which are never answered.

A `Plan` is compiled once, at start; reading a sender is then a few dictionary look-ups by the
first digits, longest first. Numbers are E.164 (ITU-T E.164, at most 15 digits) without "+".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, Final, NamedTuple, Self

ALPHANUMERIC: Final = "alphanumeric"
SHORT: Final = "short"
NONE: Final = "none"
NETWORK: Final = "network"
UNREADABLE: Final = "unreadable"
NEVER: Final = "never"

SHORTEST_DIGITS: Final = 7  # country code and subscriber number of the smallest plans (Niue)

# Type of number, SMPP 3.4 section 5.2.5.
_UNKNOWN: Final = 0
_INTERNATIONAL: Final = 1
_NATIONAL: Final = 2
_NETWORK_SPECIFIC: Final = 3
_ALPHANUMERIC: Final = 5
_ABBREVIATED: Final = 6

_LEAST: Final = 2  # digits of the shortest prefix
_START: Final = 4  # digits that choose which prefix lengths are worth a look: seldom more than one
_DIGITS: Final = "0123456789"

_new_tuple = tuple.__new__  # what the constructor of a named tuple comes to

_FORM: Final = re.compile(r"(international|auto)|national:([A-Z]{2})")


class Mark(NamedTuple):
    """What a number of one prefix and one length is."""

    country: str  # ISO 3166 alpha-2, "" for the codes of no country
    fault: str | None  # None: a handset that may be answered; NEVER: a number, not to be answered


class Reading(NamedTuple):
    """A sender as we understand it."""

    msisdn: str  # E.164 digits without "+"; "" unless the number is known for certain
    country: str  # ISO 3166 alpha-2, "" when unknown
    fault: str | None  # None: may be answered


Zone = Mapping[int, Mark]  # digits of the whole number → what it is


class Home(NamedTuple):
    """How people of one country write their own numbers."""

    trunk: str  # the digits dialled before a national number: "0" in France, "" in Spain
    codes: tuple[str, ...]  # country codes reached this way: its own, then its overseas plans'


@dataclass(frozen=True, slots=True)
class MoForm:
    """How a link writes senders whose type of number is unknown (TON 0)."""

    kind: str  # "international", "national" or "auto"
    home: str = ""  # ISO 3166 alpha-2, for "national" only

    INTERNATIONAL: ClassVar["MoForm"]
    AUTO: ClassVar["MoForm"]

    @classmethod
    def national(cls, country: str) -> Self:
        """Senders in the national form of `country` (ISO 3166 alpha-2)."""
        return cls("national", country)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "international", "national:FR" or "auto"; ValueError names the three."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(
                f'{text!r} is not a number form: write "international", "auto", or "national:" '
                'and a country in two capitals, as in "national:FR"'
            )
        return cls(found[1]) if found[1] else cls.national(found[2])


MoForm.INTERNATIONAL = MoForm("international")
MoForm.AUTO = MoForm("auto")


@dataclass(frozen=True, slots=True)
class Plan:
    """The numbers of the world as prefix tables. Build it with `Plan.of`."""

    zones: Mapping[str, Zone]  # first digits of the E.164 number, two at least → zone
    widths: Mapping[str, tuple[int, ...]]  # first four digits → lengths of keys, longest first
    homes: Mapping[str, Home]  # country → how its national numbers are written
    home: str  # country of national numbers on links that name none

    @classmethod
    def of(cls, zones: Mapping[str, Zone], homes: Mapping[str, Home], home: str) -> Self:
        """Take compiled tables; ValueError for an unknown `home` or a prefix of one digit."""
        if home not in homes:
            raise ValueError(f"home country {home!r} is not in the numbering tables")
        widths: dict[str, set[int]] = {}
        for prefix in zones:
            if len(prefix) < _LEAST:
                raise ValueError(f"prefix {prefix!r} is shorter than {_LEAST} digits")
            for rest in product(_DIGITS, repeat=max(_START - len(prefix), 0)):
                start = prefix[:_START] + "".join(rest)
                widths.setdefault(start, set()).add(len(prefix))
        ordered = {start: tuple(sorted(found, reverse=True)) for start, found in widths.items()}
        return cls(zones, ordered, homes, home)

    def read(self, address: str, ton: int, form: MoForm) -> Reading:
        """Understand one sender address (SMPP 3.4 sections 5.2.5 and 5.2.8). Never raises."""
        if ton == _INTERNATIONAL and address.isdigit() and address.isascii():
            mark = self._mark(address)
            if mark is not None:
                return _new_tuple(Reading, (address, *mark))
        return self._read_slowly(address, ton, form)

    def country_of(self, msisdn: str) -> str:
        """Country (ISO 3166 alpha-2) of an E.164 number without "+"; "" when it is not one."""
        mark = self._mark(msisdn)
        return "" if mark is None else mark.country

    def _mark(self, digits: str) -> Mark | None:
        zones = self.zones
        for width in self.widths.get(digits[:_START], ()):
            zone = zones.get(digits[:width])
            if zone is not None:
                return zone.get(len(digits))
        return None

    def _read_slowly(self, address: str, ton: int, form: MoForm) -> Reading:
        fault, digits, international = _cut(address, ton)
        if fault is not None:
            return Reading("", "", fault)
        if international or ton == _INTERNATIONAL:
            candidates = {digits}
        elif ton == _NATIONAL:
            candidates = self._from_national(digits, form.home or self.home)
        elif ton != _UNKNOWN:
            candidates = set()
        elif form.kind == "national":
            candidates = self._from_national(digits, form.home)
        elif form.kind == "international":
            candidates = {digits}
        else:
            candidates = {digits} | self._from_national(digits, self.home)
        return self._only(candidates)

    def _from_national(self, digits: str, country: str) -> set[str]:
        """E.164 numbers that `digits`, dialled inside `country`, may stand for."""
        home = self.homes.get(country)
        if home is None:
            return set()
        bodies = {digits}  # TON 2 properly drops the trunk digits, most senders keep them
        if home.trunk and digits.startswith(home.trunk):
            bodies.add(digits[len(home.trunk) :])
        return {code + body for code in home.codes for body in bodies}

    def _only(self, candidates: set[str]) -> Reading:
        """The one candidate that is a number; two, or none, are not certain."""
        found = [(digits, mark) for digits in candidates if (mark := self._mark(digits))]
        if len(found) != 1:
            return Reading("", "", UNREADABLE)
        [(digits, mark)] = found
        return Reading(digits, mark.country, mark.fault)


def _cut(address: str, ton: int) -> tuple[str | None, str, bool]:
    """Fault or None, bare digits, and whether "+" or "00" told that they are international."""
    if ton == _ALPHANUMERIC:
        return ALPHANUMERIC, "", False
    if ton in (_NETWORK_SPECIFIC, _ABBREVIATED):
        return NETWORK, "", False
    digits = address.removeprefix("+")
    if not digits:
        return NONE, "", False
    if not (digits.isascii() and digits.isdigit()):
        letters = any(letter.isalpha() for letter in digits)
        return ALPHANUMERIC if letters else UNREADABLE, "", False
    digits = digits.removeprefix("00")
    if len(digits) < SHORTEST_DIGITS:
        return SHORT, "", False
    return None, digits, digits != address
