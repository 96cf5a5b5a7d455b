"""Every alarm is explained; the operator's command hears of changes, seldom and briefly."""

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from routing.standing import AlarmChange
from smpp_server.alarms import AlarmCode, AlarmCommand, CommandFault
from smpp_server.masking import MASK

ROOT = Path(__file__).parents[2]
DOWN = AlarmCode.LINK_DOWN


# --- the codes


def test_every_alarm_has_a_meaning_and_a_cure_of_one_sentence() -> None:
    for code in AlarmCode:
        assert code == code.name.lower()
        for sentence in (code.meaning, code.cure):
            assert sentence[0].isupper() and sentence.endswith(".") and ". " not in sentence
    assert len({code.meaning for code in AlarmCode}) == len(AlarmCode) > 10


def codes_in(source: str) -> set[str]:
    """First words of what raises and ends alarms."""
    calls = ("raise_alarm", "end_alarm", "Noticed", "AlarmChange")
    return {
        str(node.args[0].value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in calls
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_alarm_that_is_raised_has_its_code() -> None:
    paths = [*(ROOT / "routing").rglob("*.py"), *(ROOT / "smpp_server").rglob("*.py")]
    raised = set().union(*(codes_in(path.read_text(encoding="utf-8")) for path in paths))
    assert {"no_funds", "throttled", "store_failed"} <= raised
    assert raised <= set(AlarmCode)


# --- the command, in virtual time


class ProcessClock(Clock):
    """A clock that also keeps the processes it was asked for, to be ended by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.refuses = False

    def spawnProcess(
        self, protocol: Any, program: str, words: Sequence[str], env: Mapping[str, str]
    ) -> None:
        if self.refuses:
            raise OSError(11, "Resource temporarily unavailable")
        self.processes.append(Process(protocol, program, list(words), dict(env)))


class Process:
    """The far end of one run."""

    def __init__(self, protocol: Any, program: str, words: list[str], env: dict[str, str]) -> None:
        self.protocol, self.program, self.words, self.env = protocol, program, words, env
        self.stdin, self.stdin_open, self.pipes_open, self.signals = b"", True, True, list[str]()
        protocol.makeConnection(self)

    def write(self, octets: bytes) -> None:
        self.stdin += octets

    def closeStdin(self) -> None:
        self.stdin_open = False

    def loseConnection(self) -> None:
        self.pipes_open = False

    def signalProcess(self, name: str) -> None:
        self.signals.append(name)

    def exit(self, status: int) -> None:
        reason = ProcessTerminated(status) if status else ProcessDone(0)
        self.protocol.processExited(Failure(reason))
        self.protocol.processEnded(Failure(reason))

    @property
    def told(self) -> Any:
        return json.loads(self.stdin)


class Bench:
    """A command under test and what it reported."""

    def __init__(self, command: str | Sequence[str] = ("true",)) -> None:
        self.clock = ProcessClock()
        self.faults: list[tuple[str, CommandFault]] = []
        self.command = AlarmCommand(
            self.clock, command, lambda code, fault: self.faults.append((code, fault))
        )

    def tell(self, code: str, subject: str, begins: bool, figures: str = "", at_s: int = 0) -> None:
        self.command.tell(AlarmChange(code, subject, begins, figures), at_s * 1_000_000_000)

    def subjects(self) -> list[list[tuple[str, bool]]]:
        return [
            [(change["subject"], change["begins"]) for change in process.told["changes"]]
            for process in self.clock.processes
        ]


def test_the_command_gets_code_and_figures_and_no_environment_of_ours() -> None:
    bench = Bench("true --to 'on call'")
    bench.tell(DOWN, "main", True, "refused by +33 6 12 34 00 01", at_s=1_795_514_400)
    (process,) = bench.clock.processes
    assert process.program.endswith("/true") and process.words == ["true", "--to", "on call"]
    assert set(process.env) == {"PATH"}
    assert not process.stdin_open
    assert process.told == {
        "code": "link_down",
        "meaning": DOWN.meaning,
        "cure": DOWN.cure,
        "changes": [
            {
                "subject": "main",
                "begins": True,
                "at": 1_795_514_400,
                "figures": f"refused by +{MASK}",
            }
        ],
    }
    process.exit(0)
    assert bench.faults == [] and not process.pipes_open


def test_a_code_runs_once_a_minute_and_what_came_between_goes_together() -> None:
    bench = Bench()
    bench.tell(DOWN, "main", True)
    bench.clock.processes[0].exit(0)
    bench.clock.advance(10)
    bench.tell(DOWN, "main", False)
    bench.tell(DOWN, "spare", True)
    bench.tell(DOWN, "spare", False)
    bench.tell(DOWN, "spare", True)
    bench.tell(AlarmCode.CLOCK, "", True)  # another code does not wait
    assert bench.subjects() == [[("main", True)], [("", True)]]
    bench.clock.advance(49.9)
    assert len(bench.clock.processes) == 2
    bench.clock.advance(0.1)
    assert bench.subjects()[2:] == [[("main", False), ("spare", True)]]
    bench.clock.processes[1].exit(0)
    bench.clock.processes[2].exit(0)
    bench.clock.advance(60)
    assert len(bench.clock.processes) == 3
    assert bench.clock.getDelayedCalls() == []
    bench.tell(DOWN, "main", True)
    assert len(bench.clock.processes) == 4


def test_a_command_that_takes_too_long_is_killed() -> None:
    bench = Bench()
    bench.tell(DOWN, "main", True)
    (process,) = bench.clock.processes
    bench.clock.advance(29.9)
    assert process.signals == []
    bench.clock.advance(0.1)
    assert process.signals == ["KILL"] and bench.faults == []
    process.exit(9)
    assert bench.faults == [(DOWN, CommandFault.TOO_LATE)]


def test_failures_are_told_and_the_next_change_is_tried_again() -> None:
    bench = Bench()
    bench.tell(DOWN, "main", True)
    bench.clock.processes[0].exit(3)
    bench.clock.refuses = True
    bench.clock.advance(60)
    bench.tell(DOWN, "main", False)
    bench.clock.refuses = False
    bench.clock.advance(60)
    bench.tell(DOWN, "main", True)
    assert bench.faults == [(DOWN, CommandFault.FAILED), (DOWN, CommandFault.NOT_STARTED)]
    assert len(bench.clock.processes) == 2
    lost = Bench("/nowhere/alarm")
    lost.tell(DOWN, "main", True)
    assert lost.faults == [(DOWN, CommandFault.NOT_STARTED)]


def test_stop_leaves_no_timer_and_no_process() -> None:
    bench = Bench()
    bench.tell(DOWN, "main", True)
    bench.tell(DOWN, "main", False)
    bench.command.stop()
    assert bench.clock.getDelayedCalls() == []
    assert bench.clock.processes[0].signals == ["KILL"]
    bench.clock.processes[0].exit(9)
    bench.clock.advance(600)
    assert len(bench.clock.processes) == 1 and bench.faults == []


def test_a_code_nobody_explained_is_told_all_the_same() -> None:
    bench = Bench()
    bench.tell("new", "main", True)
    told = bench.clock.processes[0].told
    assert (told["code"], told["meaning"], told["cure"]) == ("new", "", "")


def test_an_empty_command_is_refused() -> None:
    for command in ("", "  ", []):
        with pytest.raises(ValueError, match="empty"):
            Bench(command)


# --- a real process under a real reactor

HOUSE = """
import sys
from twisted.internet import reactor
from routing.standing import AlarmChange
from smpp_server.alarms import AlarmCommand

def ended(code, fault):
    print(code, fault, flush=True)
    reactor.stop()

command = AlarmCommand(reactor, sys.argv[1:], ended, limit_s=0.2)
reactor.callWhenRunning(command.tell, AlarmChange("clock", "", True, "7 h ahead"), 0)
reactor.run()
command.stop()
"""


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("cat >out; env >>out; yes | head -c 300000; exit 3", CommandFault.FAILED),
        ("cat >out; env >>out; exec sleep 600", CommandFault.TOO_LATE),
        ("cat >out; env >>out; sleep 600 & echo $! >child; exit 4", CommandFault.FAILED),
    ],
    ids=["prints much and fails", "hangs", "leaves a child that holds its pipes"],
)
def test_a_real_command_is_fed_and_never_waited_for(
    tmp_path: Path, script: str, fault: CommandFault
) -> None:
    program = tmp_path / "alarm"
    program.write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
    program.chmod(0o700)
    house = subprocess.run(
        [sys.executable, "-c", HOUSE, str(program)],
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT), "SECRET": "relou"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    child = tmp_path / "child"
    if child.exists():
        os.kill(int(child.read_text()), signal.SIGKILL)
    assert house.stdout == f"clock {fault}\n"
    told, *environment = (tmp_path / "out").read_text().splitlines()
    assert json.loads(told)["changes"][0]["figures"] == "7 h ahead"
    assert "relou" not in "".join(environment)
