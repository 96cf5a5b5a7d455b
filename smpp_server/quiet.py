"""Quiet hours: in which countries no reply is wanted now, and until when.

Times of day are local to a zone of the IANA database. Where a change of the clocks makes a time of
day come twice, or not at all, the quiet span is the longer of the two it may be.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from routing.records import NOBODY
from smpp_server.config_records import QuietHours

_LAST_S = 250_000_000_000  # a clock that is far off must not be able to raise


class Quiet:
    """Asked once a turn; looks at the calendar only when a span has begun or ended."""

    def __init__(self, hours: Mapping[str, QuietHours]) -> None:
        self._hours = {
            country: (span, ZoneInfo(span.zone))
            for country, span in hours.items()
            if span.begins_min != span.ends_min
        }
        self._found: Mapping[str, int] = NOBODY
        self._from_ns = self._to_ns = 0  # between them `_found` holds

    def __call__(self, wall_ns: int) -> Mapping[str, int]:
        """Country → wall time at which its quiet span ends, for those in which one runs."""
        if self._hours and not self._from_ns <= wall_ns < self._to_ns:
            self._look(wall_ns)
        return self._found

    def _look(self, wall_ns: int) -> None:
        now = min(max(wall_ns // 10**9, 0), _LAST_S)
        found = {}
        borders = [now + 86_400]
        for country, (span, zone) in self._hours.items():
            for begins, ends in _spans(span, zone, now):
                borders += [border for border in (begins, ends) if border > now]
                if begins <= now < ends:
                    found[country] = ends * 10**9
        self._found = found
        self._from_ns, self._to_ns = wall_ns, min(borders) * 10**9


def _spans(span: QuietHours, zone: ZoneInfo, now_s: int) -> Iterator[tuple[int, int]]:
    """The spans that begin yesterday, today and tomorrow, in seconds since 1970."""
    today = datetime.fromtimestamp(now_s, UTC).astimezone(zone).date()
    for days in (-1, 0, 1):
        first = today + timedelta(days=days)
        last = first + timedelta(days=span.ends_min <= span.begins_min)
        yield (
            min(_instants(first, span.begins_min, zone)),
            max(_instants(last, span.ends_min, zone)),
        )


def _instants(day: date, minutes: int, zone: ZoneInfo) -> tuple[int, int]:
    """Both readings of a time of day; they differ while the clocks change."""
    written = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone)
    return int(written.timestamp()), int(written.replace(fold=1).timestamp())
