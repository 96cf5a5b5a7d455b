"""Seeds of the whole house: whatever goes wrong, every promise holds."""

import time
from itertools import count

import pytest

from tests.simulation.simulate import broken, story
from tests.simulation.swarm import draw
from tests.simulation.world import World

FEW, MANY = range(1, 9), range(9, 301)
SEEDS_S = 120  # all seeds of a run, in the time of this machine
BORDERS = range(3, 40)  # commits: the first two make the database and take the money


@pytest.fixture(scope="module", autouse=True)
def until_s() -> float:
    """When the seeds of this run have had their time."""
    return time.monotonic() + SEEDS_S


def holds(seed: int, crash_at: tuple[int, str] | None = None) -> World:
    """Plays a seed in which nothing may break."""
    world, violation = broken(draw(seed), crash_at)
    assert violation is None, story(world, violation)
    return world


@pytest.mark.parametrize("seed", FEW)
def test_a_few_seeds(seed: int) -> None:
    holds(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(MANY.start, MANY.stop, 50))
def test_many_seeds(first: int) -> None:
    for seed in range(first, min(first + 50, MANY.stop)):
        holds(seed)


@pytest.mark.slow
def test_as_many_more_as_the_time_allows(until_s: float) -> None:
    for seed in count(MANY.stop):
        if time.monotonic() >= until_s:
            break
        holds(seed)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["before", "torn", "after"])
def test_a_crash_at_each_commit_border(where: str) -> None:
    """Before a commit, in its middle, and between it and the write."""
    for border in BORDERS:
        swarm = draw(1).without(*draw(1).faults)
        world, violation = broken(swarm, (border, where))
        assert violation is None, story(world, violation)
        assert world.lives == 2
