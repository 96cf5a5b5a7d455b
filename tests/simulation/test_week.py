"""The week of October 2017, and attacks of another kind, through the real house: every figure."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from routing.money import parse_nanos
from smpp_server.cli.explain import lines as explain_lines
from smpp_server.cli.report import report
from tests.simulation.replay import Told, config_of, moment, play
from tests.simulation.week import (
    AT_ONCE_S,
    BEGIN_S,
    DAY_S,
    DEAR,
    HOUR_S,
    ONE_NUMBER,
    RAID_AT_S,
    RAID_S,
    SPOOFED,
    WEEK_PAID_INBOUND,
    Scene,
    is_person,
)

OUT = parse_nanos("0.0495")
AGE_S, DELAY_S, SPREAD_S = 24 * HOUR_S, 3600, 900
DUE_MOST_S = DELAY_S + SPREAD_S + 1800  # the longest, with the breaker's
LATE_S = 0.1  # the cable

pytestmark = pytest.mark.slow


@cache
def told(scene: Scene) -> Told:
    """Played once for all tests."""
    return play(scene)


def people(scene: Scene) -> dict[str, float]:
    """Who texted honestly, and when."""
    return {text.source: text.at_s for text in told(scene).arrivals if is_person(text.source)}


@pytest.mark.parametrize(
    "scene", [WEEK_PAID_INBOUND, ONE_NUMBER, SPOOFED, DEAR], ids=lambda s: s.name
)
def test_no_budget_is_exceeded_and_nobody_is_answered_twice(scene: Scene) -> None:
    seen = told(scene)
    assert not seen.overdrawn
    to = [source for _, source in seen.replies]
    assert len(set(to)) == len(to)
    assert seen.outbound_nanos == seen.invoice_nanos
    assert seen.tallies["contacts"] == len(seen.arrivals) == seen.invoice_texts
    assert seen.last["waiting"] == seen.last["in_flight"] == 0


def test_ten_numbers_answer_all_8000_people_in_time() -> None:
    seen = told(WEEK_PAID_INBOUND)
    answered = {source for _, source in seen.replies if is_person(source)}
    assert answered == people(WEEK_PAID_INBOUND).keys()
    assert len(answered) == 8000
    assert max(seen.waits_s()) < AGE_S
    assert min(seen.waits_s()) >= DELAY_S - SPREAD_S


def test_the_raid_costs_below_2_eur_and_the_week_at_most_400() -> None:
    seen = told(WEEK_PAID_INBOUND)
    assert seen.attackers_replies() == 25
    assert 25 * OUT < parse_nanos("2.00")
    assert seen.outbound_nanos == 8025 * OUT <= parse_nanos("400.00")
    assert seen.tallies["silent: replied already"] == 22_000 - 25


def test_inbound_is_a_line_of_its_own() -> None:
    """It costs what it costs, with no say of ours, and takes nothing from the budget of replies."""
    assert told(WEEK_PAID_INBOUND).inbound_nanos == 30_000 * parse_nanos("0.0075")
    assert told(ONE_NUMBER).inbound_nanos == 0


def test_the_breaker_sees_the_raid_and_opens_again() -> None:
    steps = told(WEEK_PAID_INBOUND).steps
    raid = (RAID_AT_S, RAID_AT_S + RAID_S + HOUR_S)
    begun = [at_s for at_s, step, begins, _ in steps if step == "first-time" and begins]
    assert begun
    assert all(raid[0] < at_s < raid[0] + HOUR_S for at_s in begun)
    assert all(raid[0] < at_s < raid[1] for at_s, *_ in steps)
    assert not steps[-1][2], "the last of it is an end"


def opens_s(left: list[float]) -> float:
    """When the caps of one number let one more leave after these, seconds after the beginning.

    A counter of an hour has a slot a minute, one of a day a slot in 24 minutes; a slot counts until
    the span after its end is over.
    """
    found = left[-1] + 2
    for most, span_s, slot_s in ((100, HOUR_S, 60), (1000, DAY_S, 1440)):
        if len(left) >= most:
            wall_s = BEGIN_S + left[-most]
            found = max(found, (wall_s // slot_s + 1) * slot_s + span_s - BEGIN_S)
    return found


def test_one_number_answers_exactly_what_its_caps_allow() -> None:
    """Who had to wait left at the very moment the caps allowed it; the rest got too old."""
    seen = told(ONE_NUMBER)
    assert seen.tallies["replies"] == 8025
    assert len(seen.replies) + seen.tallies["cancelled: too old"] == 8025
    at = [at_s for at_s, _ in seen.replies]
    for most, span_s in ((1, 1.99), (100, HOUR_S), (1000, DAY_S)):
        assert all(b - a > span_s for a, b in zip(at, at[most:], strict=False)), (most, span_s)
    late = [n for n, wait_s in enumerate(seen.waits_s()) if wait_s > DUE_MOST_S]
    assert len(late) > 4000
    for n in late:
        assert at[n] == pytest.approx(opens_s(at[:n]), abs=LATE_S), moment(at[n])
    assert max(seen.waits_s()) < AGE_S + LATE_S


def test_explain_and_check_config_say_so_before(tmp_path: Path) -> None:
    said = " ".join(report(config_of(ONE_NUMBER, tmp_path)))
    assert re.search(r"100 replies an hour +1,000 replies a day +1,000 of a rush", said)
    warned = [s for s in told(ONE_NUMBER).explained if s[1]["waiting_before"] >= 1000]
    assert warned
    assert all("only 1000 can leave" in " ".join(explain_lines(value)) for _, value in warned)
    assert warned[0][0] < told(ONE_NUMBER).too_old_at_s, "before any was cancelled"


@pytest.mark.parametrize("scene", [SPOOFED, DEAR], ids=lambda scene: scene.name)
def test_people_are_answered_through_other_attacks(scene: Scene) -> None:
    answered = {source for _, source in told(scene).replies if is_person(source)}
    assert answered == people(scene).keys()
    assert max(told(scene).waits_s()) < AGE_S


def during_attack(seen: Told) -> list[dict[str, Any]]:
    """What `status` showed while it lasted, its first quarter of an hour left out."""
    begins_s, ends_s = AT_ONCE_S + 900, AT_ONCE_S + RAID_S
    found = [value for at_s, value in seen.statuses if begins_s <= at_s <= ends_s]
    assert len(found) > 20
    return found


def test_thousands_of_senders_from_few_ranges_get_what_a_range_may_have() -> None:
    """Three ranges, ten replies an hour each; seen within the delay, even these are cancelled."""
    seen = told(SPOOFED)
    attackers = seen.tallies["replies"] - len(people(SPOOFED))
    assert 0 < attackers <= 3 * 10
    assert seen.tallies["cancelled: breaker"] == attackers
    assert seen.attackers_replies() == 0
    assert seen.tallies["silent: limit of the number range"] > 0
    for value in during_attack(seen):
        assert value["breaker"]["step"] == "first-time"
        assert len(value["breaker"]["attacked"]) == 3
        assert "new senders" in value["breaker"]["figures"]


def test_dear_destinations_get_what_a_country_may_have() -> None:
    """Three countries, 20 EUR and 200 segments a day each, 50 segments an hour."""
    seen = told(DEAR)
    dear = seen.outbound_nanos - len(people(DEAR)) * OUT
    assert 0 < dear <= 3 * parse_nanos("20.00")
    assert seen.attackers_replies() <= 3 * 200
    for value in during_attack(seen):
        assert value["breaker"]["step"] == "first-time"
        assert value["tallies"]["silent: limit of the country"] > 0
