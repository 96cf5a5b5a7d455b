"""The timers of a session, told in integers: one nanosecond is as good as one second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.smpp.timers import Due, Over, SessionLimits, Timers

NOTHING = Due([], False, None)
ASK = Due([], True, None)
LIMITS = SessionLimits(
    bind_timeout_ns=5,
    response_timeout_ns=7,
    enquire_link_ns=10,
    inactivity_ns=100,
    unbind_timeout_ns=3,
    silent_intervals=3,
)


def test_limits_nobody_configured() -> None:
    second_ns = 1_000_000_000
    assert SessionLimits() == SessionLimits(
        window=10,
        bind_timeout_ns=10 * second_ns,
        response_timeout_ns=30 * second_ns,
        enquire_link_ns=30 * second_ns,
        inactivity_ns=0,
        unbind_timeout_ns=5 * second_ns,
        silent_intervals=3,
        late_memory=10_000,
    )


def test_the_least_limits_there_may_be() -> None:
    least = SessionLimits(
        window=1,
        bind_timeout_ns=1,
        response_timeout_ns=1,
        enquire_link_ns=0,
        inactivity_ns=0,
        unbind_timeout_ns=1,
        silent_intervals=2,
        late_memory=0,
    )
    assert (least.window, least.silent_intervals) == (1, 2)


def bound(limits: SessionLimits = LIMITS, now: int = 0) -> Timers:
    timers = Timers(limits)
    timers.connected(now)
    timers.bound(now)
    return timers


def test_nothing_runs_before_the_connection() -> None:
    timers = Timers(LIMITS)
    timers.peer_spoke(1)
    timers.transacted(2)
    assert timers.deadline() is None
    assert timers.expire(10**18) == NOTHING


def test_session_init_ends_what_does_not_bind() -> None:
    """Section 7.2, session_init_timer: an enquire_link meanwhile does not prolong it (Q32)."""
    timers = Timers(LIMITS)
    timers.connected(100)
    timers.peer_spoke(104)
    assert timers.deadline() == 105
    assert timers.expire(104) == NOTHING
    assert timers.expire(105) == Due([], False, Over.BIND)


def test_bound_ends_session_init() -> None:
    timers = bound(now=4)
    assert timers.deadline() == 14
    assert timers.expire(5) == NOTHING


def test_enquire_link_after_silence_only() -> None:
    """Section 7.2, enquire_link_timer; section 4.11: any octet of the peer proves life (Q33)."""
    timers = bound()
    timers.peer_spoke(9)
    assert timers.deadline() == 19
    assert timers.expire(18) == NOTHING
    assert timers.expire(19) == ASK
    assert timers.deadline() == 29


def test_silent_for_all_intervals_is_dead() -> None:
    timers = bound()
    assert [timers.expire(now) for now in (10, 20, 30)] == [ASK, ASK, Due([], False, Over.SILENT)]


def test_a_word_of_the_peer_starts_the_count_again() -> None:
    timers = bound()
    assert [timers.expire(now) for now in (10, 20)] == [ASK, ASK]
    timers.peer_spoke(29)
    assert [timers.expire(now) for now in (39, 49)] == [ASK, ASK]
    assert timers.expire(59).over is Over.SILENT


def test_a_late_wake_up_asks_before_it_judges() -> None:
    """The machine slept for a thousand intervals: the peer has not been asked even once."""
    timers = bound(SessionLimits(enquire_link_ns=10))
    assert timers.expire(10_000) == ASK
    assert timers.deadline() == 10_010


def test_enquire_link_and_inactivity_may_be_off() -> None:
    timers = bound(SessionLimits(enquire_link_ns=0, inactivity_ns=0))
    assert timers.deadline() is None
    assert timers.expire(10**18) == NOTHING


def test_inactivity_is_about_transactions_not_keep_alive() -> None:
    """Section 7.2, inactivity_timer: enquire_link keeps the link alive, not in use."""
    timers = bound()
    timers.transacted(50)
    for now in range(0, 150, 9):
        timers.peer_spoke(now)
    assert timers.expire(149) == NOTHING
    assert timers.deadline() == 150
    assert timers.expire(150) == Due([], False, Over.INACTIVE)


def test_each_request_has_its_own_response_timer() -> None:
    """Section 7.2, response_timer."""
    timers = bound()
    timers.sent([1, 2], 0)
    timers.sent([3], 2)
    timers.answered(1)
    assert timers.deadline() == 7
    assert timers.expire(6) == NOTHING
    assert timers.expire(7) == Due([2], False, None)
    assert timers.expire(9) == Due([3], False, None)
    assert timers.expire(9) == NOTHING


def test_response_timers_stand_still_while_reading_is_paused() -> None:
    timers = bound(SessionLimits(response_timeout_ns=7, enquire_link_ns=1000))
    timers.sent([1], 0)
    timers.pause(3)
    timers.pause(4)  # said twice: the first counts
    timers.sent([2], 50)
    assert timers.deadline() == 1000
    assert timers.expire(90) == NOTHING
    timers.resume(103)
    timers.resume(104)
    assert timers.deadline() == 107
    timers.sent([3], 105)
    assert timers.expire(107).expired == [1]
    assert timers.expire(110).expired == [2]
    assert timers.expire(112).expired == [3]


def test_paused_nobody_is_silent_yet_we_still_speak() -> None:
    """Q34: the peer drops us if it hears nothing; that we do not listen is our own doing."""
    timers = bound()
    timers.pause(1)
    assert [timers.expire(now) for now in range(10, 100, 10)] == [ASK] * 9
    assert timers.expire(200) == ASK  # nor inactive
    timers.resume(205)
    assert timers.deadline() == 215
    assert [timers.expire(now) for now in (215, 225)] == [ASK, ASK]
    assert timers.expire(235).over is Over.SILENT


def test_unbinding_is_bounded_and_leaves_only_response_timers() -> None:
    """Q37: unbind_resp that never comes."""
    timers = bound(SessionLimits(unbind_timeout_ns=30, response_timeout_ns=7, enquire_link_ns=10))
    timers.sent([1], 1)
    timers.unbinding(2)
    assert timers.deadline() == 8
    assert timers.expire(8) == Due([1], False, None)
    assert timers.expire(31) == NOTHING
    assert timers.expire(32) == Due([], False, Over.UNBIND)


def test_unbinding_before_the_bind_ends_session_init() -> None:
    timers = Timers(LIMITS)
    timers.connected(0)
    timers.unbinding(4)
    assert timers.deadline() == 7
    assert timers.expire(5) == NOTHING


def test_stop_leaves_no_timer() -> None:
    timers = bound()
    timers.sent([1], 0)
    timers.stop()
    assert timers.deadline() is None
    assert timers.expire(10**18) == NOTHING


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window", 0),
        ("bind_timeout_ns", 0),
        ("response_timeout_ns", -1),
        ("unbind_timeout_ns", 0),
        ("enquire_link_ns", -1),
        ("inactivity_ns", -1),
        ("late_memory", -1),
        ("silent_intervals", 1),
    ],
)
def test_limits_without_sense_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=name):
        SessionLimits(**{name: value})


@given(st.lists(st.tuples(st.sampled_from("shspr"), st.integers(0, 6)), max_size=60))
def test_deadline_is_the_first_instant_at_which_something_is_due(
    steps: list[tuple[str, int]],
) -> None:
    """Whatever happened: one nanosecond before `deadline` nothing is due, at it something is."""
    timers, now, number = bound(), 0, 0
    for step, wait in steps:
        now += wait
        due_by = timers.deadline()
        assert due_by is not None
        assert timers.expire(min(now, due_by - 1)) == NOTHING
        if now >= due_by:
            assert timers.expire(due_by) != NOTHING
        match step:
            case "s":
                number += 1
                timers.sent([number], now)
            case "h":
                timers.peer_spoke(now)
            case "p":
                timers.pause(now)
            case _:
                timers.resume(now)
