"""Compiles the numbering plans of the world into prefix tables, once, at start.

The patterns of the package phonenumbers (libphonenumber's metadata) say which digits are handsets;
conf/numbering.toml says what is never answered and how the home country dials. Both end in one
`routing.numbering.Plan`, so that no pattern is matched while messages flow.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, reduce
from itertools import product
from pathlib import Path
from typing import Final, cast

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    REGION_CODE_FOR_NON_GEO_ENTITY,
    PhoneMetadata,
)

from routing.numbering import NEVER, SHORTEST_DIGITS, Home, Mark, Plan, Zone

DIGITS: Final = "0123456789"
LONGEST_DIGITS: Final = 15  # E.164

_HANDSET: Final = ("mobile",)
_LINE: Final = ("fixed_line",)
_SPECIAL: Final = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
_TOKEN: Final = re.compile(r"\\d|\[[0-9-]+\]|[0-9]|\(\?:|[()|?]|\{\d+(?:,\d+)?\}")
_CODE: Final = re.compile(r"[1-9][0-9]{0,2}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{6,13}")
_NEVER_PREFIX: Final = re.compile(r"[1-9][0-9?]{0,14}")

States = frozenset[int]
Grow = Callable[[States], States]  # what may follow → what stands before it
Shape = tuple[tuple[int, Mark], ...]  # digits still to come → what the number then is


class PlanError(ValueError):
    """conf/numbering.toml cannot be used; the text is one sentence a fault."""


def read_plan(path: Path) -> Plan:
    """Compile the plan that `path` describes. OSError, or PlanError naming every fault."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise PlanError(f"{path.name}: {fault}") from fault
    return compile_plan(data, path.name)


def compile_plan(data: Mapping[str, object], source: str = "numbering.toml") -> Plan:
    """Compile a plan from the content of conf/numbering.toml. PlanError names every fault."""
    faults = list(_faults(data, source))
    if faults:
        raise PlanError("\n".join(faults))
    never_codes = cast(list[str], data["never_codes"])
    overseas = cast(dict[str, list[str]], data["overseas"])
    zones = _world(frozenset(never_codes))
    for prefix in cast(list[str], data["never"]):
        _forbid(zones, prefix)
    for digits in cast(list[str], data["placeholders"]):
        _nobody(zones, digits)
        _nobody(zones, "1" + digits)
    return Plan.of(zones, _homes(overseas), cast(str, data["home"]))


def _faults(data: Mapping[str, object], source: str) -> Iterator[str]:
    keys = {"home", "never_codes", "never", "placeholders", "overseas"}
    for key in sorted(data.keys() - keys):
        yield f"{source}: {key!r} is not a key of this file; remove it"
    for key in sorted(keys - data.keys()):
        yield f"{source}: {key!r} is missing; copy it from the file that came with the server"
    if str(data.get("home", "FR")) not in _calling_codes():
        yield f'{source}: home = {data["home"]!r} must be a country in two capitals, as in "FR"'
    for key, form in (
        ("never_codes", _CODE),
        ("never", _NEVER_PREFIX),
        ("placeholders", _NUMBER),
    ):
        yield from _list_faults(data.get(key, []), f"{source}: {key}", form)
    overseas = data.get("overseas", {})
    if not isinstance(overseas, dict):
        yield f'{source}: overseas must be a table, as in [overseas] FR = ["590"]'
        return
    for country, codes in overseas.items():
        if country not in _calling_codes():
            yield f"{source}: overseas.{country} must be a country in two capitals"
        yield from _list_faults(codes, f"{source}: overseas.{country}", _CODE)


def _list_faults(value: object, where: str, form: re.Pattern[str]) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where} must be a list of digits in quotes"
        return
    for item in value:
        if not isinstance(item, str) or form.fullmatch(item) is None:
            yield f"{where}: {item!r} must be the first digits of E.164 numbers, in quotes"


def _metadata(region: str) -> PhoneMetadata:
    return cast(PhoneMetadata, PhoneMetadata.metadata_for_region(region))


def _calling_codes() -> dict[str, str]:
    """Country → its country code."""
    return {
        region: str(code)
        for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()
        for region in regions
        if region != REGION_CODE_FOR_NON_GEO_ENTITY
    }


def _homes(overseas: Mapping[str, Iterable[str]]) -> dict[str, Home]:
    return {
        region: Home(_metadata(region).national_prefix or "", (code, *overseas.get(region, ())))
        for region, code in _calling_codes().items()
    }


def _world(never_codes: frozenset[str]) -> dict[str, Zone]:
    zones: dict[str, Zone] = {}
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        if str(code) not in never_codes:
            zones.update(_Country(str(code), regions).zones())
    dead = {length: Mark("", NEVER) for length in range(SHORTEST_DIGITS, LONGEST_DIGITS + 1)}
    return zones | dict.fromkeys(sorted(never_codes), dead)


def _forbid(zones: dict[str, Zone], pattern: str) -> None:
    """Make NEVER of all numbers that begin like `pattern`, where "?" stands for any digit."""
    like = [DIGITS if sign == "?" else sign for sign in pattern]
    for prefix, zone in list(zones.items()):
        if not all(digit in allowed for digit, allowed in zip(prefix, like, strict=False)):
            continue
        never = {length: Mark(mark.country, NEVER) for length, mark in zone.items()}
        for tail in product(*like[len(prefix) :]):
            zones[prefix + "".join(tail)] = never


def _nobody(zones: dict[str, Zone], digits: str) -> None:
    """Make NEVER of this one number, and of none that only begins like it."""
    covering = [
        zones[digits[:width]] for width in range(len(digits), 1, -1) if digits[:width] in zones
    ]
    zones[digits] = {**(covering[0] if covering else {}), len(digits): Mark("", NEVER)}


@cache
def _zone(length: int, shape: Shape) -> Zone:
    """Zones are shared: some seventy thousand prefixes have some hundred zones."""
    return {length + more: mark for more, mark in shape}


@dataclass(slots=True)
class _Country:
    """The patterns of all regions behind one country code, as one automaton over digits.

    A state is a set of digits and the states that may follow; sets of states are what a prefix
    leads to. The languages are finite (numbers end), so the walk ends too.
    """

    code: str
    regions: Iterable[str]
    states: list[tuple[str, States]] = field(default_factory=list)
    numbers: dict[tuple[str, States], int] = field(default_factory=dict)
    ends: dict[int, tuple[str, str]] = field(default_factory=dict)  # state → (region, kind)
    steps: dict[States, tuple[States, ...]] = field(default_factory=dict)
    shapes: dict[States, Shape | None] = field(default_factory=dict)

    def zones(self) -> Iterator[tuple[str, Zone]]:
        """Every prefix after which only the count of digits still matters."""
        start: States = frozenset()
        for region in self.regions:
            metadata = _metadata(region)
            for kind, names in (("handset", _HANDSET), ("line", _LINE), ("special", _SPECIAL)):
                end = self._end(region, kind)
                for name in names:
                    described = getattr(metadata, name)
                    if described is not None and described.national_number_pattern:
                        start |= self._pattern(described.national_number_pattern, end)
            if metadata.leading_digits:
                tail = f"{{0,{LONGEST_DIGITS}}}"
                owned = f"(?:{metadata.leading_digits})\\d{tail}"
                start |= self._pattern(owned, self._end(region, "owned"))
        yield from self._emit(self.code, start)

    def _emit(self, prefix: str, here: States) -> Iterator[tuple[str, Zone]]:
        shape = self._shape(here)
        if shape is None:
            for digit, after in zip(DIGITS, self._step(here), strict=True):
                yield from self._emit(prefix + digit, after)
        elif shape:
            yield prefix, _zone(len(prefix), shape)

    def _shape(self, here: States) -> Shape | None:
        """What numbers follow, if that depends on their length alone; else None."""
        if not here:
            return ()
        if here not in self.shapes:
            following = {self._shape(after) for after in self._step(here)}
            if len(following) > 1 or None in following:
                self.shapes[here] = None
            else:
                [after] = following
                mark = self._mark(here)
                ends = () if mark is None else ((0, mark),)
                self.shapes[here] = ends + tuple((more + 1, mark) for more, mark in after or ())
        return self.shapes[here]

    def _step(self, here: States) -> tuple[States, ...]:
        if here not in self.steps:
            self.steps[here] = tuple(
                frozenset().union(*(self.states[s][1] for s in here if digit in self.states[s][0]))
                for digit in DIGITS
            )
        return self.steps[here]

    def _mark(self, here: States) -> Mark | None:
        """What a number ending here is: the first region that owns it decides."""
        found = {self.ends[state] for state in here if state in self.ends}
        for region in self.regions:
            kinds = {kind for owner, kind in found if owner == region}
            if _metadata(region).leading_digits and "owned" not in kinds:
                continue
            kinds -= {"owned"}
            if kinds:
                answerable = "handset" in kinds and "special" not in kinds
                return Mark(region, None if answerable else NEVER)
        return None

    def _end(self, region: str, kind: str) -> States:
        state = len(self.states)
        self.states.append(("", frozenset()))
        self.ends[state] = (region, kind)
        return frozenset((state,))

    def _state(self, digits: str, after: States) -> States:
        key = (digits, after)
        if key not in self.numbers:
            self.numbers[key] = len(self.states)
            self.states.append(key)
        return frozenset((self.numbers[key],))

    def _pattern(self, pattern: str, after: States) -> States:
        tokens = _TOKEN.findall(pattern)
        if "".join(tokens) != pattern:
            raise PlanError(f"phonenumbers: a pattern of +{self.code} is of an unknown kind")
        tokens.reverse()
        return self._either(tokens)(after)

    def _either(self, tokens: list[str]) -> Grow:
        """Alternatives up to the closing bracket or the end; `tokens` is read from its end."""
        ways = [self._sequence(tokens)]
        while tokens and tokens[-1] == "|":
            tokens.pop()
            ways.append(self._sequence(tokens))
        return lambda after: frozenset().union(*(way(after) for way in ways))

    def _sequence(self, tokens: list[str]) -> Grow:
        parts: list[Grow] = []
        while tokens and tokens[-1] not in "|)":
            part = self._atom(tokens)
            least, most = _times(tokens)
            parts.append(_repeat(part, least, most))
        return lambda after: reduce(lambda states, part: part(states), reversed(parts), after)

    def _atom(self, tokens: list[str]) -> Grow:
        token = tokens.pop()
        if token in ("(", "(?:"):
            group = self._either(tokens)
            tokens.pop()
            return group
        digits = "".join(digit for digit in DIGITS if re.fullmatch(token, digit))
        return lambda after: self._state(digits, after)


def _times(tokens: list[str]) -> tuple[int, int]:
    """Take "?", "{n}" or "{n,m}" if it comes next."""
    if tokens and tokens[-1] == "?":
        tokens.pop()
        return 0, 1
    if tokens and tokens[-1].startswith("{"):
        least, _, most = tokens.pop()[1:-1].partition(",")
        return int(least), int(most or least)
    return 1, 1


def _repeat(part: Grow, least: int, most: int) -> Grow:
    def grow(after: States) -> States:
        for _ in range(most - least):
            after |= part(after)
        for _ in range(least):
            after = part(after)
        return after

    return grow
