"""A seed is the same story every time: no order comes from hashing, no chance from elsewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SEEDS = ("2", "12", "23")
PLAY = (
    "import sys\n"
    "from tests.simulation.simulate import broken\n"
    "from tests.simulation.swarm import draw\n"
    "for seed in sys.argv[1:]:\n"
    "    world, violation = broken(draw(int(seed)))\n"
    "    print(seed, violation, len(world.trace), world.digest())\n"
)


def played(hash_seed: str) -> str:
    """What a process of its own makes of the seeds."""
    ran = subprocess.run(
        [sys.executable, "-c", PLAY, *SEEDS],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.slow
def test_a_trace_depends_on_the_seed_alone() -> None:
    first = played("1")
    assert len(first.splitlines()) == len(SEEDS)
    assert played("2") == first
    assert played("1") == first
