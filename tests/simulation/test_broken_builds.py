"""A simulation that finds nothing proves nothing: builds broken on purpose are all caught."""

import pytest

from tests.simulation.broken import FAULTS, build
from tests.simulation.simulate import broken
from tests.simulation.swarm import draw

SEEDS_MOST = 200


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_build_is_caught(name: str) -> None:
    fault, properties = FAULTS[name]
    with build(fault):
        for seed in range(1, SEEDS_MOST + 1):
            _, violation = broken(draw(seed))
            if violation is not None:
                assert violation.number in properties, violation
                return
    raise AssertionError(f"{name}: not found in {SEEDS_MOST} seeds")
