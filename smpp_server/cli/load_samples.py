"""What a load test measures while it runs: latencies counted in buckets, and samples over time.

Memory is flat: neither grows with the number of texts nor with the length of the run.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

EXACT_BITS: Final = 8  # below 2^8 µs each microsecond is a bucket; above, a bucket is 1/128 wide
MOST_SAMPLES: Final = 600  # even: two become one when there are so many


class Histogram:
    """Counts of spans in integer microseconds.

    Each bucket is known by the least value it holds. A percentile is told as the greatest value of
    its bucket: never below the truth, and above it by less than one part in 128.
    """

    __slots__ = ("_counts", "count", "most_us")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.most_us = 0

    def add(self, span_us: int) -> None:
        """One more span; one below zero, from a clock set back, counts as zero."""
        span_us = max(0, span_us)
        width = _width_bits(span_us)
        least = span_us >> width << width
        self._counts[least] = self._counts.get(least, 0) + 1
        self.count += 1
        self.most_us = max(self.most_us, span_us)

    def merge(self, other: "Histogram") -> None:
        """Take in all that another one counted."""
        for least, count in other._counts.items():
            self._counts[least] = self._counts.get(least, 0) + count
        self.count += other.count
        self.most_us = max(self.most_us, other.most_us)

    def percentile_us(self, per_mille: int) -> int:
        """The span that so many of a thousand do not exceed; 0 when there is none."""
        rank, seen = -(-self.count * per_mille // 1000), 0
        for least in sorted(self._counts):
            seen += self._counts[least]
            if seen >= rank:
                return min(self.most_us, least + (1 << _width_bits(least)) - 1)
        return 0

    @property
    def buckets(self) -> int:
        """How many are in use."""
        return len(self._counts)


def _width_bits(span_us: int) -> int:
    return max(0, span_us.bit_length() - EXACT_BITS)


class Sample(NamedTuple):
    """The state at one instant; `replied_us` holds the replies since the sample before."""

    at_s: float  # since the beginning
    texts: int  # confirmed so far
    replies: int  # billed so far
    outstanding: int  # submits without a response: the most since the sample before
    waiting: int  # replies that wait for their time: the most since the sample before
    spent_nanos: int  # on the invoice, for replies, so far
    replied_us: Histogram


@dataclass(slots=True)
class Series:
    """Samples at equal distances, at most MOST_SAMPLES: then the distance doubles."""

    interval_s: float
    samples: list[Sample] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        """One more; later than all before."""
        self.samples.append(sample)
        if len(self.samples) >= MOST_SAMPLES:
            pairs = zip(self.samples[::2], self.samples[1::2], strict=True)
            self.samples = [_merged(first, second) for first, second in pairs]
            self.interval_s *= 2

    def total(self) -> Histogram:
        """All latencies of the run."""
        whole = Histogram()
        for sample in self.samples:
            whole.merge(sample.replied_us)
        return whole

    def rates(self) -> Iterator[tuple[float, float, float]]:
        """At the end of each interval: seconds, texts a second, replies a second."""
        for before, now in pairwise([START, *self.samples]):
            span_s = now.at_s - before.at_s
            if span_s > 0:
                texts, replies = now.texts - before.texts, now.replies - before.replies
                yield now.at_s, texts / span_s, replies / span_s


START: Final = Sample(0, 0, 0, 0, 0, 0, Histogram())


def _merged(first: Sample, second: Sample) -> Sample:
    both = Histogram()
    both.merge(first.replied_us)
    both.merge(second.replied_us)
    return second._replace(
        outstanding=max(first.outstanding, second.outstanding),
        waiting=max(first.waiting, second.waiting),
        replied_us=both,
    )
