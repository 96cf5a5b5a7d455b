"""How many segments may leave from a number: each limit alone, and the least of all."""

import pytest

from routing.capacity import capacity
from routing.records import Limits
from tests.routing.shapes import Shape, rules_of

LINKS = {"main": "acme", "spare": "beta"}
TABLE: list[tuple[dict[str, Limits], tuple[int, int, int, int]]] = [
    # limits by scope → an hour, a day, 30 days, and of a rush within 24 h − 60 min
    ({}, (0, 0, 0, 0)),
    ({"number/relou": Limits(1, 100, 500)}, (100, 500, 0, 500)),
    ({"number/relou": Limits(tps_segments=1, tps_seconds=2)}, (1800, 43200, 0, 41400)),
    ({"number/relou": Limits(segments_per_hour=10)}, (10, 240, 0, 230)),
    ({"number/relou": Limits(segments_per_month=50)}, (50, 50, 50, 50)),
    # a link without a limit has room for all; two with limits carry their sum
    ({"link/main": Limits(0, 0, 100)}, (0, 0, 0, 0)),
    ({"link/main": Limits(0, 0, 100), "link/spare": Limits(0, 0, 50)}, (0, 150, 0, 150)),
    ({"carrier/acme": Limits(0, 0, 100), "carrier/beta": Limits(0, 2, 50)}, (0, 148, 0, 148)),
    ({"number/relou": Limits(0, 0, 9), "link/main": Limits(1)}, (0, 9, 0, 9)),
]


@pytest.mark.parametrize(("limits", "most"), TABLE)
def test_capacity(limits: dict[str, Limits], most: tuple[int, int, int, int]) -> None:
    rules = rules_of(
        Shape(numbers={"relou": ("main", "spare")}, links=LINKS, limits=limits, delay_min=60)
    )
    assert capacity(rules, rules.numbers["relou"])[:4] == most


def test_replies_that_live_long_have_several_days() -> None:
    limits = {"number/relou": Limits(segments_per_day=10)}
    rules = rules_of(Shape(limits=limits, max_age_h=72, delay_min=0))
    assert capacity(rules, rules.numbers["relou"]).in_time == 30
    rules = rules_of(Shape(limits=limits, max_age_h=2, delay_min=60))
    assert capacity(rules, rules.numbers["relou"]).in_time == 10
