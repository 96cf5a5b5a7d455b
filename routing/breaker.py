"""The breaker against denial of wallet: what came in ten minutes → a step down, or up again.

It judges whole minutes, once each: what a minute holds does not depend on how it was cut into
batches. Repeated texts of few senders cost nothing once only first-time senders are answered, so
they lead no further down; many new senders alone only slow us down, as on the day an idea becomes
known. Only new senders out of few ranges, or beyond their limits, who cost more than the plan, lead
to a hold and to a stop.
"""

import json
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

from routing.abuse import BreakerRules
from routing.numbering import Home
from routing.records import Contact, Silence

MINUTE_NS = 60_000_000_000
WINDOW = 10  # minutes that are judged
CALM_NS = 5 * MINUTE_NS  # so long without its reason, and a step is taken back
RANGES = 12  # kept a minute: any range with more than a thirteenth of its senders is among them
SLOT_LETTERS = 1024  # a stored minute is padded to this, so that its row never grows
HEAD_LETTERS = 1024
BLANK = " " * SLOT_LETTERS
NO_PLAN = 1 << 100


class Step(IntEnum):
    """How far down; each step keeps what the ones before it do."""

    OPEN = 0
    SLOWER = 1  # new replies wait longer
    FIRST_TIME = 2  # only who was never answered is; attacked ranges are not
    HOME = 3  # only the home country is answered
    HOLD = 4  # nothing is sent
    STOP = 5  # nothing is promised

    @property
    def title(self) -> str:
        """As alarms and `status` say it."""
        return self.name.lower().replace("_", "-")


class Figures(NamedTuple):
    """What came in some minutes. Later parts of long texts are not counted."""

    contacts: int = 0  # from opened countries
    repeated: int = 0  # of senders who had their reply
    fresh: int = 0  # of senders to be answered ...
    stopped: int = 0  # ... and those of them who met a limit
    home_nanos: int = 0  # price of what was promised, or refused by the last steps, at home ...
    abroad_nanos: int = 0  # ... and to other countries
    ranges: tuple[tuple[bytes, str, int], ...] = ()  # (pseudonym, label, first-time senders)


class Kept(NamedTuple):
    """The breaker at rest: one row of text for the step, one for each of the last minutes."""

    head: str = ""
    slots: Mapping[int, str] = {}  # minute → what came in it


class Verdict(NamedTuple):
    """Where the figures point to."""

    step: Step
    attacked: tuple[tuple[bytes, str, int], ...]  # ranges
    abroad: bool  # other countries are


def judge(
    figures: Figures, last: Figures, now: Step, rules: BreakerRules, budget_nanos: int | None
) -> Verdict:
    """The step that the figures of ten minutes, and of the `last` of them alone, ask for."""
    step = Step.OPEN
    fresh, spent = figures.fresh, figures.home_nanos + figures.abroad_nanos
    plan = budget_nanos * rules.spend_percent if budget_nanos is not None else NO_PLAN
    over = spent * 100 > plan
    if over or fresh >= rules.fresh:
        step = Step.SLOWER
    many = figures.contacts >= rules.least
    if many and figures.repeated * 100 > figures.contacts * rules.repeated_percent:
        step = Step.FIRST_TIME
    abroad = over and figures.abroad_nanos * 2 > spent
    if abroad:
        step = Step.HOME
    # A range is heavy with a tenth of the newcomers: real ones spread over thousands of ranges.
    heavy = tuple(r for r in figures.ranges if r[2] * 10 >= max(fresh, rules.least * 2))
    share = max(sum(count for _, _, count in heavy), figures.stopped)
    if fresh < rules.least or share * 100 <= fresh * rules.range_percent:
        return Verdict(step, (), abroad)
    # Only money that still leaves, after what the step now taken refuses, leads to a hold.
    leaves = last.home_nanos + (last.abroad_nanos if now < Step.HOME else 0)
    worst = Step.STOP if over and leaves * WINDOW * 100 > plan else Step.FIRST_TIME
    return Verdict(max(step, worst), heavy, abroad)


def tell(figures: Figures) -> str:
    """The figures as a sentence; ranges as country and three digits."""
    said = (
        f"10 minutes: {figures.contacts} contacts, {figures.repeated} of them repeated, "
        f"{figures.fresh} new senders, {figures.stopped} of them over a limit"
    )
    worst = max(figures.ranges, key=lambda one: one[2], default=None)
    return said + (f", at least {worst[2]} in {worst[1]}" if worst else "")


class Attack(NamedTuple):
    """The breaker as an operator sees it."""

    step: str
    since_ns: int
    by_hand: bool
    figures: Figures  # of the ten minutes judged last
    attacked: tuple[str, ...]  # ranges, as country and three digits
    sweeping: bool  # what an attack made wait is being cancelled


class Breaker:
    """The breaker during one turn."""

    def __init__(
        self, rules: BreakerRules, kept: Kept, home: str, homes: Mapping[str, Home], wall_ns: int
    ) -> None:
        self._rules = rules
        self._kept = kept
        self._home = home
        self._homes = homes
        self._wall_ns = wall_ns
        self._minute = wall_ns // MINUTE_NS
        self._head = head = json.loads(kept.head or "[0,0,0,0,false,[]]")
        self.step = Step(head[0])
        self.since_ns: int = head[1]
        self._calm_ns: int = head[2]  # since when its reason is gone, 0: it is not
        self._judged: int = head[3]  # the minute in which the last step was thought of
        self.by_hand: bool = head[4]
        self.attacked: dict[bytes, str] = {bytes.fromhex(name): label for name, label in head[5]}
        self._wiped = False
        now = _read(kept.slots.get(self._minute, ""))
        self._counts = list(now[:6])
        self._ranges = {name: count for name, _, count in now.ranges}
        self._labels = {name: label for name, label, _ in now.ranges}
        self._people: dict[bytes, Contact] = {}  # one of each new range, for its label
        # What `asked` was told and `_add_up` has not counted yet: (part, country, price, was the
        # sender answered before, met a limit); and who was not answered before, with their range.
        self._asked: list[tuple[int, str, int, bool, bool]] = []
        self._newcomers: list[tuple[bytes, Contact]] = []

    # what comes in

    def repeated(self) -> None:
        """A contact of somebody who had their reply."""
        self._counts[0] += 1
        self._counts[1] += 1

    def refuses(self, contact: Contact, answered_before: bool) -> Silence | None:
        """Why a contact that would be answered is not, None when it may be."""
        step = self.step
        if step < Step.FIRST_TIME:
            return None
        assert contact.keys is not None, "who may be answered has keys"
        if (
            answered_before
            or step is Step.STOP
            or contact.keys.prefix in self.attacked
            or (step >= Step.HOME and contact.country != self._home)
        ):
            return Silence.ATTACK
        return None

    def asked(self, contact: Contact, nanos: int, answered_before: bool, stopped: bool) -> None:
        """A contact that asked for a reply at this price; `stopped`: it met a limit.

        What an attacked range asks for is refused and costs nothing; it leads no further down.
        """
        keys = contact.keys
        assert keys is not None, "who may be answered has keys"
        prefix = keys.prefix
        if stopped or prefix in self.attacked:
            nanos = 0
        self._asked.append((contact.part, contact.country, nanos, answered_before, stopped))
        if not answered_before:
            self._newcomers.append((prefix, contact))

    def _add_up(self) -> None:
        """Count what was asked: most of a batch ask the same."""
        counts = self._counts
        for (part, country, nanos, before, stopped), times in Tally(self._asked).items():
            counts[0] += times * (part == 1)
            counts[2] += times * (not before)
            counts[3] += times * (stopped and not before)
            counts[4 if country == self._home else 5] += times * nanos
        # The heavy ones stay, by the counting of Misra and Gries (1982): too low, never too high.
        ranges, people = self._ranges, self._people
        for prefix, contact in self._newcomers:
            if prefix in ranges:
                ranges[prefix] += 1
            elif len(ranges) < RANGES:
                ranges[prefix] = 1
                people[prefix] = contact
            else:
                ranges = {name: n - 1 for name, n in ranges.items() if n > 1}
        self._ranges, self._asked, self._newcomers = ranges, [], []

    # what follows from it

    def judge(self, budget_nanos: int | None) -> tuple[Figures, Verdict] | None:
        """Once a minute: look at the ten before it and take a step; None when nothing was due."""
        if self._minute == self._judged:
            return None
        self._judged = self._minute
        since = self._minute - WINDOW
        last = _read(self._kept.slots.get(self._minute - 1, ""))
        figures = add(
            _read(text) for m, text in self._kept.slots.items() if since <= m < since + WINDOW
        )
        verdict = judge(figures, last, self.step, self._rules, budget_nanos)
        if not self.by_hand:
            self._move(verdict)
        return figures, verdict

    def _move(self, verdict: Verdict) -> None:
        step, now = self.step, self._wall_ns
        attacked = {name: label for name, label, _ in verdict.attacked} | self.attacked
        self.attacked = dict(list(attacked.items())[:RANGES])
        if verdict.step > step:
            self._take(Step(step + 1))
        elif verdict.step == step:
            self._calm_ns = 0
        elif not self._calm_ns:
            self._calm_ns = now
        elif now - self._calm_ns >= CALM_NS:
            self._take(Step(step - 1))
            self._calm_ns = now

    def _take(self, step: Step) -> None:
        self.step, self.since_ns, self._calm_ns = step, self._wall_ns, 0
        if step < Step.FIRST_TIME:
            self.attacked = {}

    def hold(self) -> None:
        """An operator holds all, until `release`."""
        self._take(Step.HOLD)
        self.by_hand = True

    def release(self) -> None:
        """An operator opens all; the figures of the minutes before now no longer count."""
        self._add_up()
        self._take(Step.OPEN)
        self.by_hand = False
        self._wiped = True
        self._kept = Kept(self._kept.head, dict.fromkeys(self._kept.slots, BLANK))
        self._counts = [0] * 6
        self._ranges = {}

    def slower_ns(self) -> int:
        """How much longer a new reply waits."""
        return self._rules.slower_ns if self.step >= Step.SLOWER else 0

    def kept(self) -> Kept:
        """The rows that changed: the head, and the minutes to write anew."""
        self._add_up()
        attacked = [[name.hex(), label] for name, label in self.attacked.items()]
        head = [int(self.step), self.since_ns, self._calm_ns, self._judged, self.by_hand, attacked]
        same = bool(self._kept.head) and head == self._head
        text = "" if same else _padded(head, HEAD_LETTERS)
        ranges = [[n.hex(), self._label(n), count] for n, count in self._ranges.items()]
        slots = dict(self._kept.slots) if self._wiped else {}
        if any(self._counts):
            slots[self._minute] = _padded([*self._counts, ranges], SLOT_LETTERS)
        return Kept(text, slots)

    def _label(self, prefix: bytes) -> str:
        """A range as country and three digits."""
        if prefix not in self._labels:
            contact = self._people[prefix]
            home = self._homes.get(contact.country)
            start = len(home.codes[0]) if home else 0
            digits = contact.sender[start : start + 3]
            self._labels[prefix] = f"{contact.country} {digits}"
        return self._labels[prefix]


def add(minutes: Iterable[Figures]) -> Figures:
    """Several minutes as one."""
    sums = [0] * 6
    ranges: dict[bytes, tuple[str, int]] = {}
    for minute in minutes:
        sums = [a + b for a, b in zip(sums, minute[:6], strict=True)]
        for name, label, count in minute.ranges:
            ranges[name] = (label, ranges.get(name, ("", 0))[1] + count)
    return Figures._make((*sums, tuple((name, *rest) for name, rest in ranges.items())))


def _padded(value: object, letters: int) -> str:
    return json.dumps(value, separators=(",", ":")).ljust(letters)


def _read(text: str) -> Figures:
    """A stored minute."""
    if text in ("", BLANK):
        return Figures()
    *counts, ranges = json.loads(text)
    found = tuple((bytes.fromhex(name), label, count) for name, label, count in ranges)
    return Figures._make((*counts, found))
