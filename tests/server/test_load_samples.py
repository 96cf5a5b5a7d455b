"""What a load test measures: latencies in buckets, samples over time, the shapes of traffic."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.cli.load_profiles import PROFILES, Load, even, spike, wave
from smpp_server.cli.load_samples import MOST_SAMPLES, Histogram, Sample, Series

SPANS_US = st.lists(st.integers(0, 10**11), min_size=1, max_size=200)


def histogram(*spans_us: int) -> Histogram:
    found = Histogram()
    for span_us in spans_us:
        found.add(span_us)
    return found


def test_percentiles_by_hand() -> None:
    one_to_hundred = histogram(*range(1, 101))
    assert [one_to_hundred.percentile_us(p) for p in (500, 950, 990, 1000)] == [50, 95, 99, 100]
    assert histogram().percentile_us(990) == 0
    assert histogram(-5).percentile_us(1000) == 0
    assert histogram(255, 256, 257).percentile_us(500) == 257  # 256 and 257 share a bucket
    assert histogram(1_000_000).percentile_us(500) == 1_000_000  # the greatest there was


@given(SPANS_US, st.integers(1, 1000))
def test_a_percentile_is_never_below_the_truth_and_hardly_above(
    spans_us: list[int], per_mille: int
) -> None:
    true = sorted(spans_us)[-(-len(spans_us) * per_mille // 1000) - 1]
    told = histogram(*spans_us).percentile_us(per_mille)
    assert true <= told <= true + true // 128


@given(SPANS_US, SPANS_US)
def test_two_histograms_are_one(some: list[int], others: list[int]) -> None:
    both = histogram(*some)
    both.merge(histogram(*others))
    whole = histogram(*some, *others)
    assert (both.count, both.most_us) == (whole.count, whole.most_us)
    assert [both.percentile_us(p) for p in range(1, 1001, 50)] == [
        whole.percentile_us(p) for p in range(1, 1001, 50)
    ]


def test_buckets_are_bounded_whatever_comes() -> None:
    found = histogram(*(n * n * 37 for n in range(100_000)))
    assert found.count == 100_000
    assert found.buckets <= 256 + 128 * 32


def test_samples_are_thinned_and_nothing_is_lost() -> None:
    """A run as long as 3,000 samples: sums, peaks and latencies stay, the distance grows."""
    series, at_s, added = Series(0.25), 0.0, 0
    while at_s < 750:
        at_s, added = at_s + series.interval_s, added + 1
        peak = 99 if added == 100 else added % 2
        series.add(Sample(at_s, round(at_s * 8), 0, peak, 7 - peak, 0, histogram(added)))
        assert len(series.samples) < MOST_SAMPLES
    assert series.interval_s == 2.0
    assert added == 600 + 300 + 300 + 75  # 150 s, to 300 s, to 600 s, to 750 s
    assert [one.at_s for one in series.samples] == [2.0 * n for n in range(1, 376)]
    assert series.samples[-1].texts == 6000
    peaks = [one.outstanding for one in series.samples]
    assert (max(peaks), peaks.index(99), set(peaks)) == (99, 12, {0, 1, 99})
    assert series.total().count == added
    assert series.total().most_us == added


def test_rates_by_hand() -> None:
    series = Series(1.0)
    series.add(Sample(1.0, 100, 80, 0, 0, 0, Histogram()))
    series.add(Sample(3.0, 140, 90, 0, 0, 0, Histogram()))
    assert list(series.rates()) == [(1.0, 100.0, 80.0), (3.0, 20.0, 5.0)]


@pytest.mark.parametrize(
    ("shape", "at"),
    [
        (even, {0.25: 0.25, 0.5: 0.5}),
        (wave, {0.25: 0.25, 0.0625: 0.125, 0.8125: 0.625}),  # areas of a triangle
        (spike, {0.225: 0.45, 0.5: 0.5, 0.775: 0.55}),
    ],
)
def test_shapes_by_hand(shape: "object", at: dict[float, float]) -> None:
    assert callable(shape)
    assert {share: pytest.approx(shape(share)) for share in at} == at
    times = [shape(n / 1000) for n in range(1000)]
    assert times[0] == 0 and times[-1] < 1
    assert all(a <= b for a, b in pairwise(times))


def load(profile: str, texts: int, again: int = 10, span_s: float = 10) -> Load:
    return Load(profile, texts, span_s, 10, again)


def test_who_texts_and_how_often() -> None:
    for again, honest in ((99, 10), (5, 8), (2, 5)):
        one = load("sustained", 10, again)
        assert len({one.sender(n) for n in range(10)}) == honest == one.honest
    raid = PROFILES["raid"]
    whole = load("raid", raid.texts)
    senders = [whole.sender(n) for n in range(raid.texts)]
    attacks = [sender for sender in senders if sender < 25]
    assert (len(attacks), len(set(attacks)), whole.honest) == (22_000, 25, 500)
    assert sorted(sender for sender in senders if sender >= 25) == list(range(25, 525))
    assert {attacks.count(n) for n in range(25)} == {880}


def test_a_sender_is_known_by_the_number() -> None:
    for one in (load("sustained", 3000), load("raid", 4500)):
        numbers = [one.number(sender) for sender in range(one.places)]
        assert len(set(numbers)) == one.places
        assert [one.sender_of(number) for number in numbers] == list(range(one.places))
        assert {one.sender_of(n) for n in ("33644649021", "MaBanque", "38200", "49" * 5)} == {None}
    assert load("sustained", 10).sender_of(load("sustained", 11).number(10)) is None
    ranges = [load("sustained", 3000).number(n)[:7] for n in range(3000)]
    assert max(map(ranges.count, set(ranges))) <= 6, "they look like a raid"


def test_texts_are_due_in_order_and_in_time() -> None:
    for profile in PROFILES:
        one = load(profile, 1000)
        assert [one.sent_by(one.due_s(n)) for n in (0, 499, 999)] == [1, 500, 1000]
        assert (one.sent_by(-1), one.sent_by(10)) == (0, 1000)
