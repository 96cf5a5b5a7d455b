"""Counters and buckets by themselves: what they hold, keep, and whom they make wait."""

import pytest

from routing import throttle
from routing.records import Limits
from routing.throttle import HOUR_NS, SECOND_NS, Bucket, ready_ns, refill


@pytest.mark.parametrize(
    ("tps_segments", "tps_seconds", "largest", "segments"),
    [
        (90, 1, 1, 9),  # a tenth of a second
        (30, 1, 5, 5),  # ... or the largest text
        (1, 2, 3, 3),
    ],
)
def test_what_a_full_bucket_holds(
    tps_segments: int, tps_seconds: int, largest: int, segments: int
) -> None:
    limit = Limits(tps_segments=tps_segments, tps_seconds=tps_seconds)
    full = refill(Bucket(0, 0), limit, largest, 3600 * SECOND_NS, 1000)
    assert full == Bucket(segments * tps_seconds * SECOND_NS, 3600 * SECOND_NS)
    assert ready_ns(full, limit, segments, 1000) == 0 < ready_ns(full, limit, segments + 1, 1000)


def test_counters_survive_the_store_and_a_clock_set_back() -> None:
    counter = throttle.advance(throttle.EMPTY, "hour", 100 * HOUR_NS)
    counter = throttle.add(counter, 7)
    assert throttle.from_octets(counter.head, throttle.to_octets(counter)) == counter
    assert len(throttle.to_octets(counter)) == 61 * 4
    assert throttle.frees_at_ns(counter, "hour") == 101 * HOUR_NS + HOUR_NS // 60
    back = throttle.advance(counter, "hour", 50 * HOUR_NS)
    assert back.head < counter.head and sum(back.slots) == 7
    assert throttle.frees_at_ns(throttle.EMPTY, "day") == 0
    assert throttle.advance(throttle.EMPTY, "hour", 0) == throttle.EMPTY
    limits = {"link/main": Limits(segments_per_hour=9)}
    held = throttle.Throttle(
        limits, {}, {("link/main", "hour"): counter}, 1, SECOND_NS, 50 * HOUR_NS
    )
    assert sum(held.taken()[1]["link/main", "hour"].slots) == 7  # written back as it counts now
    assert held.wake_ns(["number/none"], "tps", 1) == (0, 0)
    assert throttle.blocked_by(held.path(["link/main"]), 2) == ""
    same = throttle.Throttle(
        limits, {}, {("link/main", "hour"): counter}, 1, SECOND_NS, 100 * HOUR_NS
    )
    assert same.taken()[1] == {}  # nothing to write


def test_a_limit_that_has_just_room_enough_makes_nobody_wait() -> None:
    one = throttle.add(throttle.advance(throttle.EMPTY, "hour", 100 * HOUR_NS), 1)
    later = throttle.add(throttle.advance(throttle.EMPTY, "hour", 100 * HOUR_NS + HOUR_NS // 2), 1)
    counters = {("number/a", "hour"): one, ("link/main", "hour"): later}
    limits = {"number/a": Limits(segments_per_hour=1), "link/main": Limits(segments_per_hour=2)}
    held = throttle.Throttle(limits, {}, counters, 1, SECOND_NS, 100 * HOUR_NS + HOUR_NS // 2)
    number_frees = throttle.frees_at_ns(one, "hour")
    assert held.wake_ns(["number/a", "link/main"], "hour", 1) == (0, number_frees)


def test_only_the_limit_that_blocks_says_when() -> None:
    limits = {"link/main": Limits(tps_segments=1, segments_per_hour=9)}
    begun = throttle.Throttle(limits, {}, {}, 1, SECOND_NS, HOUR_NS)
    assert begun.wake_ns(["link/main"], "tps", 1) == (SECOND_NS, 0)
    assert begun.wake_ns(["link/main"], "hour", 1) == (0, 0)  # it does not block
