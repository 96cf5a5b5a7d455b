"""How much a number may send, by all limits a reply from it must pass: known before it starts."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from routing.records import Limits, OurNumber, Rules
from routing.throttle import DAY_NS, HOUR_NS


class Capacity(NamedTuple):
    """Segments that may leave from a number, over all its links; 0 for no limit."""

    hour: int
    day: int
    month: int  # 30 days
    in_time: int  # of texts that come at once: those that leave before they are too old


def capacity(rules: Rules, number: OurNumber) -> Capacity:
    """By the limits of the number, of its links together, and of their carriers together."""
    links = [rules.links[name] for name in number.links]
    carriers = [rules.carriers[name] for name in sorted({link.carrier for link in links})]
    groups = [[number.limits], [one.limits for one in links], [one.limits for one in carriers]]

    def of(span: Callable[[Limits], int]) -> int:
        return least(_sum(map(span, group)) for group in groups)

    hour, day, month = of(_hour), of(_day), of(_month)
    campaign = rules.campaigns[number.campaign]
    span_ns = campaign.reply_max_age_ns - campaign.delay_ns - campaign.spread_ns
    in_time = least((hour * span_ns // HOUR_NS, day * max(1, span_ns // DAY_NS), month))
    return Capacity(hour, day, month, in_time)


def least(limits: Iterable[int]) -> int:
    """The smallest limit there is, 0 when there is none."""
    return min(filter(None, limits), default=0)


def _hour(limits: Limits) -> int:
    return least(
        (limits.segments_per_hour, limits.tps_segments * 3600 // limits.tps_seconds, _month(limits))
    )


def _day(limits: Limits) -> int:
    return least((limits.segments_per_day, _hour(limits) * 24, _month(limits)))


def _month(limits: Limits) -> int:
    return limits.segments_per_month


def _sum(limits: Iterable[int]) -> int:
    """What several carry together: one without a limit has room for all."""
    found = list(limits)
    return sum(found) if all(found) else 0
