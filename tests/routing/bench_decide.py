"""Times `decide` alone for one batch of contacts of new senders, with conf/bench.toml.

All that `store.begin` would have read is there; each contact is answered and its reply released in
the same decision, which is the most a decision has to do.
"""

import argparse
import gc
import sys
import time
from collections.abc import Sequence
from statistics import median

from routing.policy import decide
from routing.records import Contact, LinkFact, Now
from routing.standing import Known, Seen, Standing
from routing.throttle import Bucket
from smpp_server.config import conf_dir, load
from tests.routing.worlds import MIDNIGHT, keys_of

GOAL_MS = 10
SCOPES = ("carrier/bench", "link/bench", "number/bench")
NOW = Now(MIDNIGHT, 1, "2026-11-24", MIDNIGHT + 86_400 * 10**9, "")


def contacts(count: int) -> list[Contact]:
    """Each of another sender, most of another range."""
    return [
        Contact((1, 5, n), "bench", msisdn, "FR", keys_of(msisdn), None, False)
        for n in range(count)
        if (msisdn := f"336{12_000_000 + n * 7919:08}")
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status is 1 when the median of CPU time, which others cannot take, is not below."""
    parser = argparse.ArgumentParser(prog="bench_decide", description=__doc__)
    parser.add_argument("--contacts", type=int, default=1000, help="in the batch")
    parser.add_argument("--runs", type=int, default=50)
    options = parser.parse_args(arguments)
    config = load(conf_dir() / "bench.toml", environ={})
    batch = contacts(options.contacts)
    links = [LinkFact("bench", "bench", 1, options.contacts)]
    gc.collect()
    gc.freeze()  # with the threshold: as the server does
    gc.set_threshold(50_000, 20, 100)
    spent_ms, passed_ms = [], []
    for _ in range(options.runs):
        known = Known(balances={"given": 10**15})
        standing = Standing(buckets=dict.fromkeys(SCOPES, Bucket(10**18, NOW.monotonic_ns)))
        seen = Seen(contacts=list(batch))
        began_ns, cpu_ns = time.perf_counter_ns(), time.thread_time_ns()
        changes = decide(seen, known, standing, config.rules, config.rates, links, NOW)
        spent_ms.append((time.thread_time_ns() - cpu_ns) / 1e6)
        passed_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
        assert len(changes.effects.submits) == options.contacts, changes.tallies
    print(f"decide, {options.contacts} contacts, {options.runs} runs; goal {GOAL_MS} ms")
    for name, values in (("CPU", spent_ms), ("wall", passed_ms)):
        print(f"{name:>4} ms: {min(values):.2f} at least, {median(values):.2f} median")
    return median(spent_ms) >= GOAL_MS


if __name__ == "__main__":
    sys.exit(main())
