"""Hours, days and months of budgets in a zone, over the days on which clocks are put."""

from datetime import UTC, datetime

import pytest

from smpp_server.app import calendar

SECOND = 10**9


def ns(text: str) -> int:
    """Wall time of a moment in UTC."""
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp()) * SECOND


def shown(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns // SECOND, UTC).strftime("%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("zone", "at", "hour", "hour_ends", "day_ends", "month_ends"),
    [
        ("UTC", "2026-11-26T10:59", "2026-11-26T10", "11-26T11:00", "11-27T00:00", "12-01T00:00"),
        ("UTC", "2026-12-31T23:59", "2026-12-31T23", "01-01T00:00", "01-01T00:00", "01-01T00:00"),
        # Paris goes to summer time on March 29th: 01:59 is followed by 03:00
        ("Europe/Paris", "2026-03-29T00:30", "2026-03-29T01", "03-29T01:00", "03-29T22:00",
         "03-31T22:00"),
        ("Europe/Paris", "2026-03-29T01:00", "2026-03-29T03", "03-29T02:00", "03-29T22:00",
         "03-31T22:00"),
        # and back on October 25th: the hour from two to three comes twice
        ("Europe/Paris", "2026-10-25T00:30", "2026-10-25T02", "10-25T01:00", "10-25T23:00",
         "10-31T23:00"),
        ("Europe/Paris", "2026-10-25T01:30", "2026-10-25T02B", "10-25T02:00", "10-25T23:00",
         "10-31T23:00"),
        # half an hour: 02:00 is 01:30 again
        ("Australia/Lord_Howe", "2026-04-04T14:45", "2026-04-05T01", "04-04T15:00", "04-05T13:30",
         "04-30T13:30"),
        ("Australia/Lord_Howe", "2026-04-04T15:10", "2026-04-05T01B", "04-04T15:30", "04-05T13:30",
         "04-30T13:30"),
        # a midnight there is not: the day begins at one o'clock
        ("Asia/Beirut", "2026-03-28T21:30", "2026-03-28T23", "03-28T22:00", "03-28T22:00",
         "03-31T21:00"),
    ],
)  # fmt: skip
def test_periods(
    zone: str, at: str, hour: str, hour_ends: str, day_ends: str, month_ends: str
) -> None:
    found = calendar(zone)(ns(at))
    assert found.hour == hour and hour.startswith(found.day) and found.day.startswith(found.month)
    assert shown(found.next_hour_ns) == hour_ends
    assert shown(found.next_day_ns) == day_ends
    assert shown(found.next_month_ns) == month_ends


@pytest.mark.parametrize("zone", ["Europe/Paris", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_every_hour_has_a_name_of_its_own_and_ends_where_the_next_begins(zone: str) -> None:
    """Minute by minute over two changes of the clocks; what was asked before changes nothing."""
    for start in ("2026-03-28T00:00", "2026-04-04T00:00", "2026-10-24T00:00"):
        look, at = calendar(zone), ns(start)
        names: list[str] = []
        ends = 0
        for minute in range(3 * 24 * 60):
            now = at + minute * 60 * SECOND
            found = look(now)
            assert found == calendar(zone)(now)
            if not names or names[-1] != found.hour:
                assert found.hour not in names
                assert not ends or ends == now
                names.append(found.hour)
            ends = found.next_hour_ns
            assert now < ends <= now + 3600 * SECOND and ends <= found.next_day_ns
