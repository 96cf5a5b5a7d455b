"""Plays seeds from the command line: a story for each that breaks a promise, and a final line."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from tests.simulation.checkers import Violation
from tests.simulation.swarm import Swarm, draw
from tests.simulation.world import World

PROGRESS_S = 10


def broken(swarm: Swarm, crash_at: tuple[int, str] | None = None) -> tuple[World, Violation | None]:
    """Plays it; (the world as it ended, what broke). See `World` for `crash_at`."""
    world = World(swarm, crash_at)
    try:
        world.run()
    except Violation as violation:
        return world, violation
    return world, None


def story(world: World, violation: Violation, lines: int = 25) -> str:
    """What happened, short enough to read."""
    return "\n".join(
        [
            f"seed {world.swarm.seed}: {violation}",
            f"faults: {' '.join(world.swarm.faults) or 'none'}",
            f"shape: {world.shape}",
            *world.trace[-lines:],
        ]
    )


def smallest(swarm: Swarm, number: int) -> Swarm:
    """The same seed with every fault taken out that is not needed to break this property."""
    for name in swarm.faults:
        _, violation = broken(swarm.without(name))
        if violation is not None and violation.number == number:
            swarm = swarm.without(name)
    return swarm


def tell(swarm: Swarm, say: Callable[[str], object]) -> bool:
    """Plays a seed; says its story if it breaks a promise. Whether it did."""
    world, violation = broken(swarm)
    if violation is None:
        return False
    small = smallest(swarm, violation.number)
    if small != swarm:
        world, found = broken(small)
        assert found is not None, "a seed plays the same every time"
        violation = found
    say(story(world, violation))
    return True


def seeds(words: str) -> range:
    """A..B, both included."""
    first, _, final = words.partition("..")
    return range(int(first), int(final) + 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, help="play one, and say what came of it")
    which.add_argument("--seeds", type=seeds, metavar="A..B", help="play all of these")
    parser.add_argument("--seconds", type=int, default=600, help="of faults, in imagined time")
    parser.add_argument("--trace", action="store_true", help="print everything that happened")
    options = parser.parse_args(arguments)
    if options.trace and options.seed is not None:
        world, violation = broken(draw(options.seed, options.seconds))
        print("\n".join(world.trace))
        print(world.digest())
        return violation is not None
    chosen = options.seeds if options.seeds is not None else [options.seed]
    began, told, bad, imagined_s = time.monotonic(), time.monotonic(), [], 0.0
    for done, seed in enumerate(chosen, 1):
        swarm = draw(seed, options.seconds)
        if tell(swarm, print):
            bad.append(seed)
        imagined_s += swarm.seconds
        if time.monotonic() - told > PROGRESS_S:
            told = time.monotonic()
            print(f"{done} of {len(chosen)}, {len(bad)} broken", file=sys.stderr, flush=True)
    spent_s = time.monotonic() - began
    print(
        f"{len(chosen)} seeds, {len(bad)} broken{f': {bad}' if bad else ''};"
        f" {spent_s:.1f} s, at least {imagined_s / spent_s:.0f} times faster than the clock"
    )
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
