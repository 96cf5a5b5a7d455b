"""Runs a target under atheris, guided by coverage, and keeps the few inputs that cover all."""

import argparse
import subprocess
import sys
import tempfile
import time
from mmap import mmap
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["smpp_server", "routing", "tomllib"]):
    from smpp_server.smpp import codec
    from tests.fuzz import corpus, targets

MOST_OCTETS = {"decoder": 600, "session": 600, "receipt": 400, "configuration": 6000}


def tally(path: str) -> mmap:
    """Eight octets that outlive the process, since libFuzzer ends it without a word."""
    with open(path, "r+b") as file:
        return mmap(file.fileno(), 8)


def inside(target: str, count: str, options: list[str]) -> None:
    """In a process of its own: libFuzzer takes over and never returns."""
    for made in (*codec.READERS.values(), *codec._WRITERS.values()):  # compiled, not imported
        atheris.instrument_func(made)
    targets.decoded = memoryview(tally(count)).cast("Q")
    atheris.Setup([sys.argv[0], *options], targets.TARGETS[target])
    atheris.Fuzz()


def run(target: str, limit: str) -> int:
    """One run ; its exit status. What it found is added to what is saved."""
    command = [sys.executable, "-m", "tests.fuzz", "--inside", target]
    length = f"-max_len={MOST_OCTETS.get(target, 1000)}"
    with tempfile.TemporaryDirectory() as place:
        inputs, count = Path(place, "inputs"), Path(place, "count")
        count.write_bytes(bytes(8))
        inputs.mkdir()
        for number, octets in enumerate([*corpus.saved(target), *corpus.first(target)]):
            (inputs / str(number)).write_bytes(octets)
        start = time.monotonic()
        ended = subprocess.run([*command, count, inputs, limit, length, "-timeout=60"]).returncode
        pdus = int.from_bytes(count.read_bytes(), sys.byteorder)
        told = f", {pdus} PDUs decoded" if target == "decoder" else ""
        print(f"{target}: {time.monotonic() - start:.0f} s, status {ended}{told}", flush=True)
        if ended == 0:
            found = [path.read_bytes() for path in inputs.iterdir()]
            corpus.save(target, corpus.smallest(targets.TARGETS[target], found))
        return ended


def main() -> None:
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], sys.argv[3], sys.argv[4:])
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", choices=sorted(targets.TARGETS), help="default: all")
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument("--runs", type=int, help="inputs to try")
    limit.add_argument("--seconds", type=int, default=60, help="time for each target (60)")
    opt = parser.parse_args()
    stop = f"-runs={opt.runs}" if opt.runs else f"-max_total_time={opt.seconds}"
    names = [opt.target] if opt.target else sorted(targets.TARGETS)
    sys.exit(max(run(name, stop) != 0 for name in names))


main()
