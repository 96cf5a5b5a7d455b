"""A million texts through a real server while months go by, with faults: does anything grow?

The server is a process of its own; both its clocks are moved from outside, so that retention,
claims, keys and closings of months have their time. Needs Linux, which tells memory and open files.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from smpp_server.cli.load_checks import verdict
from smpp_server.cli.stage import perform, say
from tests.soak.crowd import Crowd
from tests.soak.figures import LEAST_PARTS, checks, table
from tests.soak.run import DAYS, Result, Soak

PART = 20_000  # texts
LEAST_TEXTS = 100  # of a part


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status is 1 when a check fails, 2 when the run did not come to its end."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--texts", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--parts", type=int, help=f"default: one for {PART} texts, 5 at least")
    options = parser.parse_args(arguments)
    parts = options.parts or max(5, options.texts // PART)
    if parts < LEAST_PARTS or options.texts < LEAST_TEXTS * parts:
        parser.error(f"at least {LEAST_PARTS} parts of {LEAST_TEXTS} texts")
    crowd = Crowd(options.texts, parts, DAYS / parts)
    began_s = time.monotonic()
    with TemporaryDirectory(prefix="soak-") as place:

        async def act(reactor: object) -> Result:
            return await Soak(reactor, Path(place), crowd, say).run()

        result = perform(act)
    if result is None:
        return 2
    found = checks(result.samples, result.books, result.chain, result.faults)
    spent_s = time.monotonic() - began_s
    say("", *table(result.samples), "", *result.notes, "", *verdict(found))
    say(f"{options.texts:,} texts, {DAYS} days, {spent_s:.0f} s.")
    return not all(check.right for check in found)


if __name__ == "__main__":
    sys.exit(main())
