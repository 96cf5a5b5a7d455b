"""When a link tries again: growing, capped, spread, and by the reason of the refusal."""

import pytest

from smpp_server.backoff import BackOff
from smpp_server.config_records import SECOND_NS
from smpp_server.smpp.constants import CommandStatus

STABLE_NS = 60 * SECOND_NS
REFUSALS = [
    (CommandStatus.ESME_RBINDFAIL, [2, 4, 8, 16, 32, 60, 60]),
    (CommandStatus.ESME_RSYSERR, [2, 4, 8, 16, 32, 60, 60]),
    (CommandStatus.ESME_RALYBND, [30, 60, 120, 120, 120, 120, 120]),
    (CommandStatus.ESME_RINVPASWD, [300] * 7),
    (CommandStatus.ESME_RINVSYSID, [300] * 7),
    (CommandStatus.ESME_RINVSYSTYP, [300] * 7),
]


def waits(backoff: BackOff, status: int) -> list[float]:
    """The waits after seven refusals."""
    found = []
    for _ in range(7):
        backoff.refused(status)
        backoff.lost(0)
        found.append(backoff.wait_s())
    return found


@pytest.mark.parametrize(("status", "expected"), REFUSALS)
def test_refused_binds(status: int, expected: list[float]) -> None:
    assert waits(BackOff(STABLE_NS, lambda: 1), status) == expected


@pytest.mark.parametrize(("status", "expected"), REFUSALS)
@pytest.mark.parametrize("jitter", [0.75, 1.25])
def test_jitter_never_shortens_what_a_refusal_asks_for(
    jitter: float, status: int, expected: list[float]
) -> None:
    least = {30: 30, 300: 300}.get(int(expected[0]), 0)
    spread = [max(least, wait * jitter) for wait in expected]
    assert waits(BackOff(STABLE_NS, lambda: jitter), status) == spread


def test_failed_connections_and_lost_ones_count_alike() -> None:
    backoff = BackOff(STABLE_NS, lambda: 1)
    found = []
    for step in (backoff.failed, lambda: backoff.lost(0)) * 3:
        step()
        found.append(backoff.wait_s())
    assert found == [2, 4, 8, 16, 32, 60]


@pytest.mark.parametrize(("up_s", "wait_s"), [(0, 16), (59, 16), (60, 2), (3600, 2)])
def test_only_a_bind_that_stayed_up_starts_anew(up_s: int, wait_s: int) -> None:
    backoff = BackOff(STABLE_NS, lambda: 1)
    for _ in range(3):
        backoff.failed()
    backoff.bound(5 * SECOND_NS)
    assert backoff.is_bound
    backoff.lost((5 + up_s) * SECOND_NS)
    assert backoff.wait_s() == wait_s and not backoff.is_bound


def test_a_bind_ends_what_an_earlier_refusal_asked_for() -> None:
    backoff = BackOff(STABLE_NS, lambda: 1)
    backoff.refused(CommandStatus.ESME_RINVPASWD)
    backoff.lost(0)
    backoff.bound(SECOND_NS)
    backoff.lost(2 * SECOND_NS)
    assert backoff.wait_s() == 4
