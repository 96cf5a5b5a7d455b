"""One seed, played: the real server, the bundled SMSC, a crowd and everything that goes wrong."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

from twisted.internet.defer import Deferred, fail, succeed

from smpp_server import app
from smpp_server.house import House
from smpp_server.smsc_plan import Submitted
from tests.simulation import smsc
from tests.simulation.auditor import Auditor, Framer
from tests.simulation.checkers import ALWAYS, NEEDLES, PROPERTIES, check
from tests.simulation.crowd import ANSWERABLE, Crowd
from tests.simulation.disk import Disk, PowerCut
from tests.simulation.faults import strike
from tests.simulation.machine import NS, Clocks, Machine, config_of
from tests.simulation.swarm import OUT_NANOS, Swarm
from tests.simulation.wire import End, Net, Time

NOON_S = 1_790_035_200 - 12 * 3600  # a midnight, UTC
CALM_MOST_S = 3 * 3600.0  # the longest an hour's cap, a hold and a back-off may keep a reply
MEMORY = Path("/dev/shm")


class World:
    """`run` plays it; raises Violation when a promise is broken.

    `crash_at` is (number of a commit, "before", "torn" or "after"): the machine dies there too.
    """

    def __init__(self, swarm: Swarm, crash_at: tuple[int, str] | None = None) -> None:
        self.swarm = swarm
        self.shape = swarm.shape
        self.price = OUT_NANOS * swarm.shape.segments
        self.chance = Random(f"{swarm.seed}/faults")
        self.time = Time()
        self.trace: list[str] = []
        self.weather: dict[str, float] = {}  # fault → until
        self.skew_s = 0
        self.calm = self.ended = False
        self.lives = 0
        self.delivered: dict[int, bytes] = {}  # connection → the last deliver_sm on it
        self.house: House | None = None
        self._crash_at = crash_at
        self._machine: Machine | None = None
        self._disk: Disk | None = None
        self._stopped: list[object] = []
        self._crowd = Crowd(swarm)
        self.auditor = Auditor(swarm.shape, ANSWERABLE)
        self._entropy = Random(f"{swarm.seed}/entropy")
        self._jitter = Random(f"{swarm.seed}/jitter")
        self._folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.net = Net(self.time, Random(f"{swarm.seed}/wire"))
        self.net.wrote, self.net.arrived, self.net.closed = self._wrote, self._arrived, self._closed
        self.net.tamper = self._tamper
        plan = smsc.Plan(Random(f"{swarm.seed}/smsc"), self.lasts, swarm.shape.response_timeout_s)
        self.smsc = smsc.build(self.time, swarm.shape, plan, self.wall_s)
        self.smsc.on_submit = self._billed
        self.net.listener = self.smsc.factory

    # what others ask

    def wall_s(self) -> float:
        """The right time."""
        return NOON_S + self.shape.start_s + self.time.seconds()

    def lasts(self, name: str) -> bool:
        """Is this fault there now?"""
        return self.weather.get(name, 0.0) > self.time.seconds()

    def later(self, wait_s: float, what: Callable[[], object]) -> None:
        """Something of the world, not of the server."""
        self.time.callLater(wait_s, what)

    def noticed(self, number: int) -> Iterator[str]:
        """What was seen at once against this property."""
        return (seen for n, seen in self.auditor.faults if n == number)

    def stored(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the running server's database."""
        assert self._disk is not None
        return self._disk.rows(query, *values)

    def files(self) -> list[tuple[str, bytes]]:
        """Everything that was ever left on a disk."""
        paths = sorted(path for path in self._folder.rglob("*") if path.is_file())
        return [(path.name, path.read_bytes()) for path in paths]

    def ask(self, name: str) -> None:
        """An operator's command, if there is a server to take it."""
        if self.house is not None:
            self.house.ask(name)

    def note(self, what: str) -> None:
        """A line of the story."""
        self.trace.append(f"{self.time.seconds():11.6f} {what}")

    def digest(self) -> str:
        """Of the whole trace."""
        return blake2b("\n".join(self.trace).encode(), digest_size=16).hexdigest()

    # play

    def run(self) -> None:
        """From the first start to the last stop."""
        try:
            self._boot()
            self._tell_crowd()
            for name in self.swarm.faults:
                for _ in range(self.chance.randint(1, 3)):
                    at_s = 6 + self.chance.random() * (self.swarm.seconds - 6)
                    self.later(at_s, lambda name=name: self._strike(name))  # type: ignore[misc]
            self._play(self.swarm.seconds)
            self._clear()
            self._play_until_calm()
            self._end()
        finally:
            self._tidy()

    def _play(self, until_s: float, properties: tuple[int, ...] = ALWAYS) -> None:
        auditor, seen = self.auditor, -1
        while self.time.step(until_s):
            auditor.now_s = self.time.seconds()
            if auditor.version != seen or auditor.faults:
                seen = auditor.version
                check(self, properties)
        auditor.now_s = self.time.seconds()

    def _strike(self, name: str) -> None:
        if not self.calm:
            self.note(f"fault: {name}")
            strike(self, name)

    def _tell_crowd(self) -> None:
        for at_s, text in self._crowd.texts:
            self.later(at_s, lambda text=text: self.smsc.deliver(text))  # type: ignore[misc]

    def _clear(self) -> None:
        """Everything works again."""
        self.note("faults end")
        self.weather.clear()
        self.net.mode, self.net.latency_most_s = "open", 0.002
        self.skew_s = 0
        self.calm = True

    def _play_until_calm(self) -> None:
        """Until all that is due has left; the rest of the story is what kept it."""
        ends = self.time.seconds() + CALM_MOST_S
        while self.time.seconds() < ends:
            self._play(self.time.seconds() + 20)
            if self.house is not None:
                if "operator" in self.stored_holds():
                    self.ask("release")
                if not any(True for _ in PROPERTIES[8](self)):
                    return
        check(self, (8,))

    def stored_holds(self) -> list[str]:
        """Reasons of the holds there are."""
        return [row[0] for row in self.stored("SELECT reason FROM hold ORDER BY scope")]

    def _end(self) -> None:
        self.ended = True
        check(self, ALWAYS)
        report = json.dumps(self.house.status() if self.house else {}, default=str).encode()
        self._search("the status", report)
        del self._stopped[:]
        self.restart(again=False)
        self._play(self.time.seconds() + 60, (0, 9, 10))
        if not self._stopped:
            self.auditor.faults.append((10, "the stop does not end"))
        check(self, (0, 9, 10))
        self.note(f"end: {sorted(self.auditor.balances.items())} {self.auditor.submits} submits")

    def _tidy(self) -> None:
        if self._disk is not None:
            self._disk.close()
        shutil.rmtree(self._folder)

    # lives of the server

    def _boot(self, disk: Disk | None = None) -> None:
        """Start it on what is there."""
        self.lives += 1
        machine = Machine(self.net)
        disk = disk or Disk(self._folder / f"{self.lives}", self._fate, self._committed)
        self._machine, self._disk = machine, disk
        config = replace(
            config_of(self.shape),
            server=replace(config_of(self.shape).server, state_dir=disk.folder),
        )
        self.note("boot")
        try:
            house = app.build(
                config,
                machine,
                Clocks(self, self.chance.randrange(1, 10**6) * NS),
                self._entropy.randbytes,
                lambda: 1 + (self._jitter.random() - 0.5) / 2,
                lambda work: self._run(machine, work),
                disk.open,
                self._log,
                lambda change, _: self._search("an alarm", repr(change).encode()),
            )
        except PowerCut:
            self.crash()
            return
        except app.Refusal as refusal:
            if not (self.lasts("full") or self.lasts("unsure")):
                self.auditor.faults.append((0, f"the server does not start: {refusal}"))
            disk.close()
            self.later(5, lambda: self._boot(self._on(disk)))
            return
        self.house = house
        if self.lives == 1:
            house.ask("fund", "", self.shape.funds)
        house.start()

    def _on(self, disk: Disk) -> Disk:
        """The same folder, opened anew."""
        return Disk(disk.folder, self._fate, self._committed)

    def crash(self) -> None:
        """The machine dies now; another one starts on what stood on the disk."""
        machine, disk = self._machine, self._disk
        if machine is None or disk is None or machine.dead:
            return
        self.note(f"crash at commit {self.auditor.commits}")
        folder = self._folder / f"{self.lives + 1}"
        folder.mkdir(mode=0o700)
        disk.image(folder)
        machine.die()
        self.house = None
        self._lag()
        wait_s = 0.1 + self.chance.random() * 20
        self.later(wait_s, lambda: self._boot(Disk(folder, self._fate, self._committed)))
        self.later(0, disk.close)

    def _lag(self) -> None:
        """A start under a wrong clock reckons from the last commit."""
        if self.skew_s:
            self.auditor.lag_s += 21 + self.time.seconds() - self.auditor.committed_s

    def restart(self, again: bool = True) -> None:
        """Stop it in order and, perhaps, start it."""
        house, machine, disk = self.house, self._machine, self._disk
        if house is None or machine is None or disk is None or house.is_stopping:
            return
        self.note("stop")

        def stopped(_: object) -> None:
            if machine.dead:
                return
            self.note("stopped")
            left = [str(call.func) for call in machine.getDelayedCalls()]
            if left or any(not wire.near.gone for wire in machine.wires()):
                self.auditor.faults.append((10, f"left after the stop: {left}"))
            machine.die()
            self.house = None
            self._stopped.append(None)
            self._lag()
            if again:
                self.later(1, lambda: self._boot(self._on(disk)))

        house.stop().addCallback(lambda _: self.later(0, lambda: stopped(_)))

    # turns and commits

    def _run(self, machine: Machine, work: Callable[[], Any]) -> "Deferred[Any]":
        """A turn: inline, or its commit takes a while, at whose beginning or end it is durable."""
        if machine.dead:
            return Deferred()
        wait_s = 0.0
        if self.lasts("stall"):
            wait_s = 30.0
        elif self.lasts("slow"):
            wait_s = self.chance.random() * self.chance.choice((0.1, 3))
        if not wait_s:
            return self._work(machine, work)
        done: Deferred[Any] = Deferred()
        if self.chance.random() < 0.5:
            result = self._work(machine, work)
            machine.callLater(wait_s, result.chainDeferred, done)
        else:
            machine.callLater(wait_s, lambda: self._work(machine, work).chainDeferred(done))
        return done

    def _work(self, machine: Machine, work: Callable[[], Any]) -> "Deferred[Any]":
        try:
            return succeed(work())
        except PowerCut:
            self.crash()
            return Deferred()
        except Exception:
            return fail()

    def _fate(self) -> str:
        """What becomes of a commit."""
        if self._crash_at is not None:
            at, where = self._crash_at
            if self.auditor.commits >= at:
                self._crash_at = None
                return where
        if self.lasts("full"):
            return "full"
        if self.lasts("crash") and self.chance.random() < 0.2:
            return self.chance.choice(("before", "torn", "after"))
        if self.lasts("unsure") and self.chance.random() < 0.5:
            return "unsure"
        return "ok"

    def _committed(self) -> None:
        disk = self._disk
        assert disk is not None
        self.auditor.now_s = self.time.seconds()
        self.auditor.committed(disk)
        written = disk.written()
        rows = disk.rows("SELECT id, state, due, price, sealed FROM reply ORDER BY id")
        self.note(f"commit {self.auditor.commits} {crc32(repr(rows).encode()):08x}")
        self._search("the log of the database", written)

    # what is seen

    def _search(self, where: str, octets: bytes) -> None:
        if any(needle in octets for needle in NEEDLES):
            self.auditor.faults.append((9, f"{where} holds a number or a word in clear"))

    def _log(self, level: str, what: str, **fields: Any) -> None:
        failure = fields.pop("failure", None)
        name = type(failure.value).__name__ if failure is not None else ""
        self.note(f"log: {level} {what} {fields} {name}")
        self._search("a log line", repr(fields).encode() + str(failure).encode())
        if what == "bug" or (what == "turn failed" and name != "StoreFailed"):
            self.auditor.faults.append((0, f"{what}: {failure.getTraceback()}"))

    def _wrote(self, end: End, data: bytes) -> None:
        self.note(f"{end.wire.number} {end.name} writes {len(data)} {crc32(data):08x}")
        self.auditor.now_s = self.time.seconds()
        if end.name == "near":
            self.auditor.wrote(end.wire.number, data)
        else:
            for command_id, _, _, frame in Framer().feed(data):
                if command_id == 5:
                    self.delivered[end.wire.number] = frame

    def _tamper(self, end: End, data: bytes) -> bytes:
        """What the SMSC's octets become on their way."""
        if end.name == "near" or "tlvs" not in self.swarm.faults or self.calm:
            return data
        return b"".join(
            smsc.with_odd_tlvs(frame, self.chance) if command_id == 5 else frame
            for command_id, _, _, frame in Framer().feed(data)
        )

    def _arrived(self, end: End, data: bytes) -> None:
        self.note(f"{end.wire.number} {end.name} reads {len(data)} {crc32(data):08x}")
        self.auditor.now_s = self.time.seconds()
        if end.name == "near":
            self.auditor.arrived(end.wire.number, data)

    def _closed(self, end: End) -> None:
        self.note(f"{end.wire.number} {end.name} ends")
        if end.name == "near":
            self.auditor.closed(end.wire.number)

    def _billed(self, submitted: Submitted) -> None:
        self.auditor.billed(submitted)
        answer = self._crowd.answer_of(submitted.destination)
        if answer is not None and not self.calm:
            self.later(2, lambda: self.smsc.deliver(answer))
