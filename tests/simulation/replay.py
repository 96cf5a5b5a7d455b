"""Plays a scene of `week` through the real house and the bundled SMSC, in imagined time.

python -m tests.simulation.replay [week | week-paid-inbound | one-number | ...]
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from twisted.internet.defer import Deferred, fail, succeed

from routing.money import format_nanos, parse_nanos
from routing.standing import AlarmChange
from smpp_server import app
from smpp_server.cli.show import columns, span
from smpp_server.config import conf_dir, load
from smpp_server.config_records import Config
from smpp_server.smpp.timers import SessionLimits
from smpp_server.smsc_invoice import Price, Prices
from smpp_server.smsc_plan import Account, Submitted, Text
from smpp_server.smsc_simulator import Simulator
from tests.simulation.disk import Disk
from tests.simulation.machine import NS, Machine
from tests.simulation.week import BEGIN_S, DAY_S, OURS, SCENES, Arrival, Scene, is_person
from tests.simulation.wire import Net, Time

GIVEN_NANOS = 1000 * NS
LOOK_S = 600  # between two looks at the status
PARIS = ZoneInfo("Europe/Paris")
MEMORY = Path("/dev/shm")
PRICES = {"33": "0.0495", "590": "0.1650", "596": "0.1056", "262": "0.1335"}  # of the SMSC


def config_of(scene: Scene, folder: Path) -> Config:
    """conf/week_2017.toml as the scene wants it."""
    text = (conf_dir() / "week_2017.toml").read_text()
    if scene.numbers < len(OURS):
        text = "\n[number.".join(text.split("\n[number.")[: scene.numbers + 1])
    countries = ", ".join(f'"{country}"' for country in scene.countries)
    text, found = re.subn(r"(?m)^countries = .*$", f"countries = [{countries}]", text)
    card = (conf_dir() / "rate_card.csv").read_text()
    card, priced = re.subn(r"(?m)^33,in,0,", f"33,in,{scene.inbound},", card)
    assert found == priced == 1, "the files have lines to exchange"
    (folder / "week_2017.toml").write_text(text)
    (folder / "rate_card.csv").write_text(card)
    return load(folder / "week_2017.toml", state_dir=folder / "state", environ={})


@dataclass
class Told:
    """What came of a scene; money in nano-units, times in seconds after its beginning."""

    scene: Scene
    arrivals: list[Arrival]
    replies: list[tuple[float, str]] = field(default_factory=list)  # (when, to whom)
    steps: list[tuple[float, str, bool, str]] = field(default_factory=list)  # of the breaker
    statuses: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    explained: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    waiting_most: int = 0
    too_old_at_s: float | None = None  # the first
    overdrawn: list[str] = field(default_factory=list)  # budgets that were exceeded, ever
    budget_nanos: int = 0
    day_nanos: int = 0
    invoice_nanos: int = 0
    invoice_texts: int = 0

    @property
    def last(self) -> dict[str, Any]:
        """The status at the end."""
        return self.statuses[-1][1]

    @property
    def tallies(self) -> dict[str, int]:
        """Of the whole scene."""
        found: dict[str, int] = self.last["tallies"]
        return found

    @property
    def outbound_nanos(self) -> int:
        """By our ledger."""
        money = self.last["money"]
        return int(money["settled_nanos"] + money["reserved_nanos"])

    @property
    def inbound_nanos(self) -> int:
        """By our ledger."""
        return int(self.last["money"]["inbound_nanos"])

    def waits_s(self) -> list[float]:
        """From the first text of each who was answered to the reply, in the order of replies."""
        came = {text.source: text.at_s for text in reversed(self.arrivals)}
        return [at_s - came[source] for at_s, source in self.replies]

    def attackers_replies(self) -> int:
        """Replies nobody wanted."""
        return sum(not is_person(source) for _, source in self.replies)


class Replay:
    """One scene; `run` plays it to its end."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.config = config_of(scene, folder)
        self.time = Time()
        self.told = Told(scene, scene.arrivals())
        money = self.config.rules.money
        self.told.budget_nanos = money.budgets["total"]
        self.told.day_nanos = money.budgets["day"]
        outbound = [Price(prefix, "", parse_nanos(amount)) for prefix, amount in PRICES.items()]
        inbound = [Price("33", "texts", parse_nanos(scene.inbound))]
        self.smsc = Simulator(
            self.time,
            [Account("simulator", "loopback")],
            Prices(outbound, inbound),
            limits=SessionLimits(enquire_link_ns=0),
            wall_s=self.wall_s,
            on_submit=self._replied,
        )
        net = Net(self.time, Random(f"{scene.seed}/wire"))
        net.listener = self.smsc.factory
        state = folder / "state"
        self._disk = Disk(state, lambda: "ok", lambda: None)
        entropy, jitter = Random(f"{scene.seed}/entropy"), Random(f"{scene.seed}/jitter")
        self.house = app.build(
            self.config,
            Machine(net),
            self,
            entropy.randbytes,
            lambda: 1 + (jitter.random() - 0.5) / 2,
            _inline,
            self._disk.open,
            _loud,
            self._alarmed,
        )
        self._next = 0
        self._turns = 0

    # the clocks of the house

    def wall_s(self) -> float:
        """Seconds since 1970."""
        return BEGIN_S + self.time.seconds()

    def wall_ns(self) -> int:
        """See `house.Clocks`."""
        return int(self.wall_s() * NS)

    def monotonic_ns(self) -> int:
        """See `house.Clocks`."""
        return NS + int(self.time.seconds() * NS)

    # play

    def run(self) -> Told:
        """All texts, then until nothing waits, a day and a half at most."""
        self.house.start()
        self.house.ask("fund", "", GIVEN_NANOS)
        self._feed()
        self._look()
        ends_s = len(self.told.scene.people) * DAY_S + 1.5 * DAY_S
        while self.time.step(ends_s):
            summary = self.house.turn.summary
            if summary is not None and summary.turns != self._turns:
                self._turns = summary.turns
                self.told.waiting_most = max(self.told.waiting_most, summary.waiting)
                if self.told.too_old_at_s is None and "cancelled: too old" in summary.tallies:
                    self.told.too_old_at_s = self.time.seconds()
                self._audit(summary.balances, summary.now.day)
                if not (summary.waiting or summary.in_flight) and self._is_over():
                    break
        self.told.statuses.append((self.time.seconds(), self.house.status()))
        self.told.invoice_nanos = self.smsc.invoice.outbound_nanos
        self.told.invoice_texts = self.smsc.invoice.inbound_texts
        self._disk.close()
        return self.told

    def _is_over(self) -> bool:
        """An hour after the last text."""
        return self.time.seconds() > self.told.arrivals[-1].at_s + 3600

    def _feed(self) -> None:
        """Deliver the texts of this moment and wait for the next one."""
        texts, at_s = self.told.arrivals, self.time.seconds()
        first = self._next
        while self._next < len(texts) and texts[self._next].at_s <= at_s:
            self._next += 1
        came = texts[first : self._next]
        self.smsc.deliver(*(Text(text.source, OURS[text.number], text.words) for text in came))
        if self._next < len(texts):
            self.time.callLater(texts[self._next].at_s - at_s, self._feed)

    def _look(self) -> None:
        """What an operator sees, every ten minutes, and is told once an hour."""
        at_s = self.time.seconds()
        self.told.statuses.append((at_s, self.house.status()))
        if at_s % 3600 == 0 and at_s:
            asked = self.house.explain("33612345678")
            asked.addCallback(lambda said: self.told.explained.append((at_s, said)))
        self.time.callLater(LOOK_S, self._look)

    def _audit(self, balances: Any, day: str) -> None:
        """No budget is exceeded, at no commit; what texts cost us is no budget's."""
        spent = balances.get("reserved", 0) + balances.get("settled", 0)
        told = self.told
        for name, used, most in (
            ("total", spent, told.budget_nanos),
            (day, balances.get(f"day/{day}", 0), told.day_nanos),
            ("given", spent + balances.get("inbound", 0), balances.get("given", 0)),
        ):
            if used > most:
                told.overdrawn.append(f"{self.time.seconds():.0f} s, {name}: {used} of {most}")

    def _replied(self, submitted: Submitted) -> None:
        self.told.replies.append((self.time.seconds(), submitted.destination))

    def _alarmed(self, change: AlarmChange, wall_ns: int) -> None:
        if change.code == "attack":
            at_s = wall_ns / NS - BEGIN_S
            self.told.steps.append((at_s, change.subject, change.begins, change.figures))


def _inline(work: Callable[[], Any]) -> "Deferred[Any]":
    try:
        return succeed(work())
    except Exception:
        return fail()


def _loud(level: str, what: str, **fields: Any) -> None:
    if level == "critical":
        raise AssertionError(f"{what}: {fields['failure'].getTraceback()}")


def play(scene: Scene) -> Told:
    """In a folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        return Replay(scene, Path(name)).run()


def moment(at_s: float) -> str:
    """As a clock in Paris showed it."""
    return f"{datetime.fromtimestamp(BEGIN_S + at_s, PARIS):%a %d %b %H:%M}"


def lines(told: Told) -> list[str]:
    """The scene in figures."""
    people = sum(is_person(text.source) for text in told.arrivals)
    people_answered = len(told.replies) - told.attackers_replies()
    waits = told.waits_s()
    tallies = told.tallies
    named = Counter(
        {name: n for name, n in tallies.items() if name.startswith(("silent: ", "cancelled: "))}
    )
    rows = [
        ("texts", f"{len(told.arrivals):,}", f"{people:,} of people who text once"),
        ("answered", f"{len(told.replies):,}", f"{people_answered:,} of these people"),
        *((name.split(": ")[0], f"{n:,}", name.split(": ")[1]) for name, n in named.most_common()),
        ("waiting at most", f"{told.waiting_most:,}", ""),
        ("longest wait", span(int(max(waits, default=0))), ""),
        ("outbound", format_nanos(told.outbound_nanos, 4), "EUR"),
        ("  for attackers", f"{told.attackers_replies():,}", "replies"),
        ("inbound", format_nanos(told.inbound_nanos, 4), f"EUR, {told.scene.inbound} a text"),
        ("budget left", format_nanos(told.budget_nanos - told.outbound_nanos, 4), "EUR"),
        ("overdrawn", str(len(told.overdrawn)), "times a budget was exceeded"),
    ]
    said = [told.scene.name, *columns(rows, "    ")]
    for at_s, step, begins, figures in told.steps:
        if begins:
            said.append(f"    breaker: {step} at {moment(at_s)}, {figures}")
        else:
            said.append(f"    breaker: no longer {step} at {moment(at_s)}")
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a table for each scene; the exit status is 1 when a budget was exceeded."""
    parser = argparse.ArgumentParser(prog="replay_2017", description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"of {', '.join(SCENES)}")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.scenes if name not in SCENES]
    if unknown:
        parser.error(f"there is no scene {unknown[0]}")
    bad = False
    for name in options.scenes or SCENES:
        began = time.monotonic()
        told = play(SCENES[name])
        print("\n".join(lines(told)))
        print(f"    played in {time.monotonic() - began:.0f} s\n", flush=True)
        bad = bad or bool(told.overdrawn)
    return bad


if __name__ == "__main__":
    sys.exit(main())
