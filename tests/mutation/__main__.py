"""Puts small faults into modules and runs their tests: a fault that no test notices is told."""

import argparse
import ast
import importlib.abc
import importlib.util
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import coverage
import hypothesis
import pytest

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).parent.parent.parent
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
MIRROR = {"routing": "tests/routing", "smpp_server/smpp": "tests/smpp"}
assert hypothesis  # imported before the fork, so that no mutant waits for it

OPTIONS = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no"]
OPTIONS += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
NOTICED = (
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.INTERRUPTED,  # it cannot be imported ...
    pytest.ExitCode.USAGE_ERROR,  # ... nor a test that was measured without it
)
TIMEOUT_S = 60  # a mutant may loop for ever: that is noticed too


class Instead(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Gives the mutant where its module is imported."""

    def __init__(self, name: str, mutant: Mutant) -> None:
        self._name, self._mutant = name, mutant

    def find_spec(self, fullname, path, target=None):  # type: ignore[no-untyped-def]
        if fullname == self._name:
            return importlib.util.spec_from_loader(fullname, self)
        return None

    def get_source(self, fullname: str) -> str:
        return ast.unparse(self._mutant.tree())

    def get_code(self, fullname: str):  # type: ignore[no-untyped-def]
        return compile(self._mutant.tree(), f"<{fullname}>", "exec")


def tests_by_line(folder: str) -> dict[tuple[str, int], set[str]]:
    """Which test functions ran each line of the modules, measured once."""
    place = tempfile.TemporaryDirectory()
    data = Path(place.name, "coverage")
    measure = coverage.Coverage(str(data), source=["routing", "smpp_server"], config_file=False)
    measure.set_option("run:dynamic_context", "test_function")
    pid = os.fork()
    if pid == 0:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            measure.start()
            ended = pytest.main([*OPTIONS, folder])
            measure.stop()
            measure.save()
        os._exit(int(ended))
    if os.waitpid(pid, 0)[1]:
        sys.exit(f"{folder} fails without any mutant")
    found = defaultdict(set)
    measured = coverage.CoverageData(str(data))
    measured.read()
    for path in measured.measured_files():
        for line, contexts in measured.contexts_by_lineno(path).items():
            found[str(Path(path).relative_to(ROOT)), line] |= set(contexts)
    place.cleanup()
    return found


def node_ids(contexts: set[str], folder: str, name: str) -> list[list[str]]:
    """Arguments for pytest, one list a run: first the module's own tests, then the others.

    All of the folder where a line runs at import only.
    """
    own = sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).glob(f"test_{name}*.py"))
    ids = _ids(contexts) or [*own, folder]
    first = [one for one in ids if one.partition("::")[0] in own]
    return [run for run in (first, [one for one in ids if one not in first]) if run]


def _ids(contexts: set[str]) -> list[str]:
    named = {context for context in contexts if context}
    ids = []
    for context in sorted(named):
        module, _, function = context.rpartition(".")
        path = module.replace(".", "/") + ".py"
        if not (ROOT / path).exists():  # a method, or a function inside another
            return []
        ids.append(f"{path}::{function}")
    return ids


def survives(module: str, mutant: Mutant, arguments: list[str]) -> bool:
    """Whether these tests pass with the mutant in place, in a process of its own."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(TIMEOUT_S)
        sys.meta_path.insert(0, Instead(module, mutant))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        ended = 99  # what no run of pytest returns
        try:
            ended = int(pytest.main([*OPTIONS, *arguments]))
        finally:
            os._exit(ended)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        return False
    ended = os.waitstatus_to_exitcode(status)
    if ended and ended not in NOTICED:
        raise RuntimeError(f"pytest ended with {ended} on {arguments} for {mutant}")
    return ended == 0


def judge(path: str, ran: dict[tuple[str, int], set[str]], by: float) -> bool:
    """Tries every mutant of one file and tells those that live; True when none does."""
    known = set(EQUIVALENT.read_text("utf-8").splitlines())
    folder = next(tests for part, tests in MIRROR.items() if path.startswith(part))
    module = path.removesuffix(".py").replace("/", ".")
    tried = same = 0
    living = []
    name = module.rpartition(".")[2]
    for mutant in sorted(mutants((ROOT / path).read_text("utf-8")), key=lambda one: one.line):
        if time.monotonic() > by:
            print(f"{path}: out of time at line {mutant.line}", flush=True)
            break
        if any(line.startswith(f"{path}: {mutant}  #") for line in known):
            same += 1
            continue
        tried += 1
        runs = node_ids(ran[path, mutant.line], folder, name)
        if all(survives(module, mutant, arguments) for arguments in runs):
            living.append(mutant)
            print(f"{path}:{mutant.line}: {mutant}", flush=True)
    killed = tried - len(living)
    print(f"{path}: {killed} of {tried} noticed, {same} equivalent", flush=True)
    return not living


def changed_since(base: str) -> list[str]:
    """The modules changed since that commit."""
    asked = ["git", "diff", "--name-only", "--diff-filter=d", base, "--", *MIRROR]
    told = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in told.splitlines() if path.endswith(".py")]


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("modules", nargs="*", help="files; default: those changed since --base")
    parser.add_argument("--base", default="main", help="commit to compare with (main)")
    parser.add_argument("--minutes", type=int, default=30)
    opt = parser.parse_args()
    by = time.monotonic() + 60 * opt.minutes
    paths = opt.modules or changed_since(opt.base)
    ran: dict[tuple[str, int], set[str]] = {}
    for part, folder in MIRROR.items():
        if any(path.startswith(part) for path in paths):
            ran |= tests_by_line(folder)
    ran = defaultdict(set, ran)
    living = [path for path in paths if not judge(path, ran, by)]
    sys.exit(bool(living))


main()
