"""Throttling in segments: token buckets for seconds, sliding counters for longer spans.

A bucket starts empty and holds a tenth of a second's worth, so that no restart and no pause is
followed by a burst. A sliding counter has 60 slots; the current slot and the 60 before it are
counted, so that no span of the given length, wherever it starts, carries more than the cap.
"""

from array import array
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from routing.records import Limits

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
SPANS = {"hour": HOUR_NS, "day": DAY_NS, "month": 30 * DAY_NS}
SLOTS = 60


class Bucket(NamedTuple):
    """Tokens at a monotonic instant; plain state, refilled on demand.

    A segment costs SECOND_NS × tps_seconds tokens, and a nanosecond brings tps_segments of them.
    """

    tokens: int
    at_ns: int


def refill(bucket: Bucket, limit: Limits, largest: int, now_ns: int, permille: int) -> Bucket:
    """The bucket at `now_ns`; capacity is a tenth of a second, at least the `largest` text.

    A carrier that is slowed gets `permille` of its tokens.
    """
    tps = limit.tps_segments
    capacity = max(tps * SECOND_NS // 10, largest * SECOND_NS * limit.tps_seconds)
    grown = bucket.tokens + max(0, now_ns - bucket.at_ns) * tps * permille // 1000
    return Bucket(min(capacity, grown), now_ns)


def ready_ns(bucket: Bucket, limit: Limits, segments: int, permille: int) -> int:
    """Nanoseconds after `bucket.at_ns` at which there are tokens for `segments`."""
    missing = segments * SECOND_NS * limit.tps_seconds - bucket.tokens
    return 0 if missing <= 0 else -(-missing * 1000 // (limit.tps_segments * permille))


class Counter(NamedTuple):
    """Segments per slot: `slots[slot % 61]` for the 61 slots that end with `head`.

    The slots are unsigned 32-bit numbers as the store keeps them, and never changed in place: a
    turn reads, adds to and writes some thirty of these.
    """

    head: int
    slots: "array[int]"


EMPTY = Counter(0, array("I", [0] * (SLOTS + 1)))


def advance(counter: Counter, span: str, wall_ns: int) -> Counter:
    """The counter at `wall_ns`, old slots dropped.

    A clock that an operator set back refills nothing: all that was counted counts as of now.
    """
    slot = wall_ns * SLOTS // SPANS[span]
    if slot == counter.head:
        return counter
    if slot < counter.head:
        return add(EMPTY._replace(head=slot), sum(counter.slots))
    slots = counter.slots[:]
    for passed in range(max(counter.head + 1, slot - SLOTS), slot + 1):
        slots[passed % (SLOTS + 1)] = 0
    return Counter(slot, slots)


def add(counter: Counter, segments: int) -> Counter:
    """The counter with `segments` more in its current slot."""
    slots = counter.slots[:]
    slots[counter.head % (SLOTS + 1)] += segments
    return Counter(counter.head, slots)


def frees_at_ns(counter: Counter, span: str) -> int:
    """Wall time at which the oldest slot that carries something is dropped."""
    width = SPANS[span] // SLOTS
    for slot in range(counter.head - SLOTS, counter.head + 1):
        if counter.slots[slot % (SLOTS + 1)]:
            return (slot + SLOTS + 1) * width
    return 0


def to_octets(counter: Counter) -> bytes:
    """61 unsigned 32-bit numbers, as the store keeps them."""
    return counter.slots.tobytes()


def from_octets(head: int, octets: bytes) -> Counter:
    """The inverse of `to_octets`."""
    return Counter(head, array("I", octets))


class Gauge:
    """One limit during one turn: how many segments it still lets through."""

    __slots__ = ("_size", "name", "room")

    def __init__(self, name: str, room: int) -> None:
        self.name = name
        self.room = self._size = room

    @property
    def taken(self) -> int:
        """Segments let through so far."""
        return self._size - self.room


Scope = str  # "carrier/NAME", "link/NAME" or "number/NAME"
CounterKey = tuple[Scope, str]  # (scope, span)


class Throttle:
    """All limits of one turn. `gauges(scopes)` are those a reply must pass; `take` passes them."""

    def __init__(
        self,
        limits: Mapping[Scope, Limits],
        buckets: Mapping[Scope, Bucket],
        counters: Mapping[CounterKey, Counter],
        largest: int,
        monotonic_ns: int,
        wall_ns: int,
        slowed: Mapping[Scope, int] | None = None,  # permille of its TPS a scope gets
    ) -> None:
        self._limits = limits
        self._slowed = slowed = slowed or {}
        self._set_back: list[CounterKey] = []
        self._gauges: dict[Scope, list[Gauge]] = {}
        self.buckets: dict[Scope, Bucket] = {}
        self.counters: dict[CounterKey, Counter] = {}
        for scope, limit in limits.items():
            gauges = self._gauges[scope] = []
            if limit.tps_segments:
                old = buckets.get(scope, Bucket(0, monotonic_ns))
                bucket = refill(old, limit, largest, monotonic_ns, slowed.get(scope, 1000))
                self.buckets[scope] = bucket
                gauges.append(Gauge("tps", bucket.tokens // (SECOND_NS * limit.tps_seconds)))
            for span, cap in (
                ("hour", limit.segments_per_hour),
                ("day", limit.segments_per_day),
                ("month", limit.segments_per_month),
            ):
                if cap:
                    before = counters.get((scope, span), EMPTY)
                    counter = advance(before, span, wall_ns)
                    self.counters[scope, span] = counter
                    if counter.head < before.head:
                        self._set_back.append((scope, span))
                    gauges.append(Gauge(span, cap - sum(counter.slots)))

    def path(self, scopes: Iterable[Scope]) -> list[Gauge]:
        """The gauges of several scopes, in their order."""
        return [gauge for scope in scopes for gauge in self._gauges.get(scope, ())]

    def taken(self) -> tuple[dict[Scope, Bucket], dict[CounterKey, Counter]]:
        """Buckets after the turn, and the counters whose sums it changed."""
        buckets: dict[Scope, Bucket] = {}
        counters = {key: self.counters[key] for key in self._set_back}
        for scope, gauges in self._gauges.items():
            for gauge in gauges:
                if gauge.name == "tps":
                    buckets[scope] = self._after(scope, gauge)
                elif gauge.taken:
                    key = (scope, gauge.name)
                    counters[key] = add(self.counters[key], gauge.taken)
        return buckets, counters

    def _after(self, scope: Scope, gauge: Gauge) -> Bucket:
        """The scope's bucket without what its gauge let through."""
        tokens, at_ns = self.buckets[scope]
        return Bucket(tokens - gauge.taken * SECOND_NS * self._limits[scope].tps_seconds, at_ns)

    def wake_ns(self, scopes: Iterable[Scope], blocked: str, segments: int) -> tuple[int, int]:
        """(monotonic nanoseconds to wait, wall time) until the `blocked` kind of limit may give.

        One of the two is 0: buckets run on the monotonic clock, counters on wall time.
        """
        wait = 0
        wall = 0
        for scope in scopes:
            for gauge in self._gauges.get(scope, ()):
                if gauge.name != blocked or gauge.room >= segments:
                    continue
                if blocked == "tps":
                    left, permille = self._after(scope, gauge), self._slowed.get(scope, 1000)
                    ready = ready_ns(left, self._limits[scope], segments, permille)
                    wait = max(wait, ready)
                else:
                    wall = max(wall, frees_at_ns(self.counters[scope, blocked], blocked))
        return wait, wall


def blocked_by(path: Iterable[Gauge], segments: int) -> str:
    """ "" when all gauges let `segments` through, else the name of the first that does not."""
    for gauge in path:
        if gauge.room < segments:
            return gauge.name
    return ""


def take(path: Iterable[Gauge], segments: int) -> None:
    """Let `segments` through every gauge. The caller has asked `blocked_by` first."""
    for gauge in path:
        gauge.room -= segments
