"""Quiet hours by a calendar: each line is an instant in UTC → until when a country sleeps."""

from datetime import UTC, datetime

import pytest

from smpp_server.config import load
from smpp_server.config_records import QuietHours
from smpp_server.quiet import Quiet
from tests.server.configs import BASE, complaints, write

PARIS = QuietHours(22 * 60, 8 * 60, "Europe/Paris")  # 22:00 to 08:00
SIESTA = QuietHours(13 * 60, 15 * 60 + 30, "Europe/Madrid")
GAP = QuietHours(0, 2 * 60 + 30, "Europe/Paris")  # ends at a time that one day does not have
EVENING = QuietHours(22 * 60, 0, "UTC")


def ns(text: str) -> int:
    """ "2026-11-26 10:00:00" in UTC → nanoseconds since 1970."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("span", "at", "until"),
    [
        (PARIS, "2026-11-26 20:59:59", ""),
        (PARIS, "2026-11-26 21:00:00", "2026-11-27 07:00:00"),
        (PARIS, "2026-11-27 06:59:59", "2026-11-27 07:00:00"),
        (PARIS, "2026-11-27 07:00:00", ""),
        # the nights in which clocks change: nine hours, and eleven
        (PARIS, "2026-03-28 21:00:00", "2026-03-29 06:00:00"),
        (PARIS, "2026-10-24 19:59:59", ""),
        (PARIS, "2026-10-24 20:00:00", "2026-10-25 07:00:00"),
        (SIESTA, "2026-07-01 11:00:00", "2026-07-01 13:30:00"),
        (SIESTA, "2026-07-01 13:30:00", ""),
        (SIESTA, "2026-07-01 03:00:00", ""),
        # 02:30 is not there on 29 March 2026, and twice on 25 October: the later reading counts
        (GAP, "2026-03-29 00:45:00", "2026-03-29 01:30:00"),
        (GAP, "2026-10-25 01:15:00", "2026-10-25 01:30:00"),
        (EVENING, "2026-12-31 23:00:00", "2027-01-01 00:00:00"),
        (EVENING, "2027-01-01 00:00:00", ""),
        (QuietHours(60, 60, "UTC"), "2026-11-26 01:00:00", ""),
    ],
)
def test_when_a_country_sleeps(span: QuietHours, at: str, until: str) -> None:
    found = Quiet({"FR": span})(ns(at))
    assert dict(found) == ({"FR": ns(until)} if until else {})


def test_asked_again_and_again_it_says_the_same_as_a_fresh_one() -> None:
    """It looks at the calendar at borders only, also when the clock goes back."""
    hours = {"FR": PARIS, "ES": SIESTA}
    kept = Quiet(hours)
    start = ns("2026-10-24 00:00:00")
    steps = [*range(3 * 96), 17, 40]  # quarters of an hour, and then back
    for step in steps:
        at = start + step * 900 * 10**9
        assert kept(at) == Quiet(hours)(at), step


def test_an_absurd_clock_raises_nothing() -> None:
    quiet = Quiet({"FR": PARIS})
    for wall_ns in (-(10**18), 0, 10**30):
        quiet(wall_ns)


def test_quiet_hours_of_the_configuration(tmp_path) -> None:  # type: ignore[no-untyped-def]
    table = '[quiet.FR]\nfrom = "22:00"\nto = "08:00"\nzone = "Europe/Paris"\n[quiet.BE]\n'
    config = load(write(tmp_path, BASE + table))
    assert config.quiet == {"FR": PARIS, "BE": QuietHours(0, 0, "UTC")}
    wrong = '[quiet.QQ]\n[quiet.FR]\nfrom = "24:00"\n[quiet.BE]\nzone = "Europe/Pris"\n'
    said = complaints(write(tmp_path, BASE + wrong))
    assert said == [
        'server.toml:19: quiet.QQ: there is no country "QQ"',
        'server.toml:21: quiet.FR.from: write a time of day in quotes, as in "22:00"',
        'server.toml:23: quiet.BE.zone: there is no time zone "Europe/Pris", '
        'did you mean "Europe/Paris"?',
    ]
