"""A world to decide in: rules, clocks, senders, an SMSC of few words, and tables people can read.

A table has one line an event: time, who, what → what came of it since the line before.
"""

import copy
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from routing.jobs import Job
from routing.ledger import Entry, read_entries
from routing.money import parse_nanos
from routing.numbering import MoForm
from routing.policy import decide, quota, trust
from routing.rate_card import RateCard, parse_rows
from routing.records import (
    Contact,
    LinkFact,
    Now,
    Outcome,
    OutcomeKind,
    Receipt,
    ReceiptKind,
    ReplyKind,
    ReplyState,
    SenderKeys,
    Silence,
)
from routing.standing import Changes, Command, Known, Seen, Standing
from routing.throttle import DAY_NS, HOUR_NS, SECOND_NS
from smpp_server.config_records import QuietHours
from smpp_server.quiet import Quiet
from tests.routing.model import Model
from tests.routing.shapes import PLAN, Shape, rules_of

MINUTE_NS = 60 * SECOND_NS
MIDNIGHT = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp()) * SECOND_NS  # day 0 of the tables
FAULTS = {
    "alphanumeric": Silence.ALPHANUMERIC,
    "short": Silence.SHORT,
    "none": Silence.NO_SENDER,
    "network": Silence.NETWORK_NUMBER,
    "unreadable": Silence.UNREADABLE_NUMBER,
    "never": Silence.NEVER_ANSWER,
}


def card(*lines: str) -> RateCard:
    """A rate card from lines "33 0.05 FR"."""
    rows = [",".join((*line.split(), "out", "EUR")) for line in lines]
    found, faults = parse_rows(["prefix,price,country,direction,currency", *rows], "EUR")
    assert not faults
    return RateCard.build(found, 7)


def keys_of(msisdn: str, epochs: Sequence[int] = (1,)) -> SenderKeys:
    """Pseudonyms as the vault makes them, current epoch first."""

    def named(purpose: str, text: str = msisdn) -> bytes:
        return blake2b(f"{purpose} {text}".encode(), digest_size=16).digest()

    return SenderKeys(
        named("optout"),
        tuple(named(f"claim {epoch}") for epoch in epochs),
        named("prefix", msisdn[:-4]),
    )


def now_at(wall_ns: int, monotonic_ns: int = SECOND_NS, fault: str = "") -> Now:
    """One reading of the clocks, periods in UTC."""
    at = datetime.fromtimestamp(wall_ns // SECOND_NS, UTC)
    month = (at.replace(day=1, hour=0, minute=0, second=0) + timedelta(days=31)).replace(day=1)
    return Now(
        wall_ns,
        monotonic_ns,
        at.strftime("%Y-%m-%d"),
        (wall_ns // DAY_NS + 1) * DAY_NS,
        fault,
        at.strftime("%Y-%m-%dT%H"),
        (wall_ns // HOUR_NS + 1) * HOUR_NS,
        at.strftime("%Y-%m"),
        int(month.timestamp()) * SECOND_NS,
    )


class World:
    """A model store, standing, clocks and links. Each `turn` is one batch, checked and stored."""

    def __init__(self, **how: Any) -> None:
        shape = Shape(**how)
        self.rules = rules_of(shape)
        self.carriers = dict(shape.links or {"main": "acme"})
        self.rates = dict(shape.cards or {}) or {
            name: card("33 0.05 FR") for name in self.carriers.values()
        }
        self.store = Model(shape.max_age_h * HOUR_NS, 7 * DAY_NS, 3 * DAY_NS)
        self.standing = Standing()
        self.wall_ns = self.true_ns = time_of(shape.at)  # what the clock says, and what it is
        self.started_ns = self.true_ns - SECOND_NS  # so that the monotonic clock is never 0
        self.window = shape.window
        self.quiet = Quiet({c: QuietHours(*s, "UTC") for c, s in (shape.quiet or {}).items()})
        self.down: set[str] = set()
        self.epochs: tuple[int, ...] = (1,)
        self.answers: dict[str, OutcomeKind | None] = dict.fromkeys(
            self.carriers, OutcomeKind.ACCEPTED
        )
        self.outcomes: list[Outcome] = []  # responses on their way to us
        self.sent: list[tuple[int, str, int]] = []  # (true time, link, shape.segments)
        self.wake_ns: int | None = None
        self.tick_every_ns = HOUR_NS
        self.tick_ns: int | None = None  # true time of the next housekeeping, None: none
        self.said: list[str] = []
        self.crowd = 1  # last digits of the next stranger
        self.changes = Changes(self.standing)
        if shape.funds != "0":
            self.turn(commands=[Command(1, "fund", "", parse_nanos(shape.funds))])
        self.said.clear()

    # one turn

    def now(self) -> Now:
        """As `turn` reads the clocks."""
        monotonic_ns = self.true_ns - self.started_ns
        wall, fault = trust(
            self.standing, self.store.wall_ns, self.wall_ns, monotonic_ns, self.rules.clock
        )
        return now_at(wall, monotonic_ns, fault)._replace(quiet=self.quiet(wall))

    def facts(self, outcomes: Sequence[Outcome] = ()) -> list[LinkFact]:
        """What the shell knows of the links once it has read these responses."""
        over = {outcome.reply_id for outcome in outcomes}
        flights = self.standing.flights.values()
        flying = [flight.link for flight in flights if flight.reply.id not in over]
        return [
            LinkFact(link, carrier, 0, 0)
            if link in self.down
            else LinkFact(link, carrier, 7, self.window - flying.count(link))
            for link, carrier in self.carriers.items()
        ]

    def known(self, seen: Seen) -> Known:
        """What a turn would read now."""
        now, facts = self.now(), self.facts(seen.outcomes)
        return self.store.read(seen, quota(self.standing, self.rules, facts, now), now)

    def turn(
        self,
        contacts: Sequence[Contact] = (),
        outcomes: Sequence[Outcome] = (),
        receipts: Sequence[Receipt] = (),
        commands: Sequence[Command] = (),
        tick: bool = False,
    ) -> Changes:
        """One batch: decide, check that nothing was changed by it, store, tell."""
        if any(command.name == "accept-clock" for command in commands):
            self.store.wall_ns = min(self.store.wall_ns, self.wall_ns)
            self.standing = self.standing.with_(
                wall_ns=self.wall_ns, monotonic_ns=self.true_ns - self.started_ns
            )
        seen = Seen(list(contacts), list(outcomes), list(receipts), list(commands), tick)
        known = self.known(seen)
        given = (seen, known, self.standing)
        before = copy.deepcopy(given)
        args = (*given, self.rules, self.rates, self.facts(outcomes), self.now())
        changes = decide(*args)
        assert given == before, "decide changed what it was given"
        assert changes == decide(*args), "decide is not a function of its input"
        self.store.write(changes)
        self.store.check()
        self.standing, self.changes = changes.standing, changes
        wait = changes.effects.wake_in_ns
        self.wake_ns = None if wait < 0 else self.true_ns + wait
        self._tell(changes, contacts)
        self._carry(changes)
        return changes

    def _carry(self, changes: Changes) -> None:
        """The SMSC gets the submits and answers as it is told to."""
        for submit in changes.effects.submits:
            flight = changes.standing.flights[submit.reply_id]
            assert submit.msisdn and self.store.rows[submit.reply_id].flight == flight
            self.sent.append((self.true_ns, submit.link, flight.reply.segments))
            kind = self.answers[submit.link]
            if kind is not None:
                self.outcomes.append(outcome(submit.reply_id, kind))

    def settle(self) -> None:
        """Turns until no response is on its way and no turn is asked for at once."""
        for _ in range(1000):
            if self.outcomes:
                outcomes, self.outcomes = self.outcomes, []
                self.turn(outcomes=outcomes)
            elif self.wake_ns is not None and self.wake_ns <= self.true_ns:
                self.turn()
            else:
                return
        raise AssertionError("the turns spin")

    def until(self, true_ns: int) -> None:
        """Let time pass, with every turn that was asked for meanwhile, and housekeeping."""
        self.settle()
        while True:
            times = [at for at in (self.wake_ns, self.tick_ns) if at is not None and at <= true_ns]
            if not times:
                break
            self._pass(min(times))
            tick = self.tick_ns is not None and self.tick_ns <= self.true_ns
            if tick:
                self.tick_ns = self.true_ns + self.tick_every_ns
            self.turn(tick=tick)
            self.settle()
        self._pass(true_ns)

    def _pass(self, true_ns: int) -> None:
        self.wall_ns += true_ns - self.true_ns
        self.true_ns = true_ns

    # who is there

    def contact(self, address: str, to: str = "", stop: bool = False) -> Contact:
        """A text from `address`: "+33…", bare digits (TON 0) or "5:name" with its TON."""
        ton, _, written = address.rpartition(":")
        number = to or next(iter(self.rules.numbers))
        form = MoForm.INTERNATIONAL
        plus = written.startswith("+")
        reading = PLAN.read(written.removeprefix("+"), int(ton or plus), form)
        silence = None if reading.fault is None else FAULTS[reading.fault]
        if reading.msisdn in {one.msisdn for one in self.rules.numbers.values()}:
            silence = Silence.OWN_NUMBER
        keys = keys_of(reading.msisdn, self.epochs) if silence is None else None
        ref = (7, 5, 1)
        return Contact(ref, number, reading.msisdn, reading.country, keys, silence, stop)

    def receipt(self, sender: str, kind: ReceiptKind, *candidates: str) -> Receipt:
        """A receipt from the first carrier about a reply to `sender`."""
        carrier = next(iter(self.rules.carriers))
        number = next(iter(self.rules.numbers))
        return Receipt((7, 5, 1), carrier, candidates, kind, number, keys_of(sender, self.epochs))

    def rows(self, sender: str) -> list[int]:
        """Ids of the replies to a sender, oldest first; `sender` may be its last digits."""
        rows = self.store.rows.items()
        return [reply_id for reply_id, row in rows if row.reply.msisdn.endswith(sender)]

    def known_job(self) -> Job | None:
        """The job that the next turn works."""
        return next((job for job in self.store.jobs.values() if not job.ended_ns), None)

    def state(self, sender: str) -> ReplyState:
        """Where the sender's last reply is."""
        return self.store.rows[self.rows(sender)[-1]].state

    def entries(self) -> list[Entry]:
        """Postings of the last turn, sorted."""
        return read_entries(self.changes.journal.entries) if self.changes.journal else []

    # telling what came of it

    def _tell(self, changes: Changes, contacts: Sequence[Contact]) -> None:
        say = self.said.append
        self._tell_contacts(changes, contacts)
        names = {i: row.reply.msisdn[-4:] for i, row in self.store.rows.items()}
        for submit in changes.effects.submits:
            kind = changes.standing.flights[submit.reply_id].reply.kind
            verb = "sends" if kind is ReplyKind.REPLY else "confirms"
            way = f" by {submit.link}" if len(self.carriers) > 1 else ""
            say(f"{verb} {submit.msisdn[-4:]}{way}")
        for done in changes.finished:
            if done.was is not ReplyState.SUBMITTING or done.state not in (
                ReplyState.ACCEPTED,
                ReplyState.CLOSED,
            ):
                say(f"{done.state.name.lower().replace('_', ' ')} {names[done.reply_id]}")
        for reply_id, reason in changes.cancelled:
            say(f"cancelled {names[reply_id]}: {reason}")
        for link in changes.effects.rebind:
            say(f"rebind {link}")
        for alarm in changes.effects.alarms:
            subject = f" {alarm.subject}" if alarm.code == "attack" else ""
            say(f"alarm {alarm.code}{subject}" + ("" if alarm.begins else " ends"))
        for told in changes.effects.answers.values():
            if told != "done":
                say(str(told))

    def _tell_contacts(self, changes: Changes, contacts: Sequence[Contact]) -> None:
        for what, count in changes.tallies.items():
            if what.startswith("silent: "):
                more = f" x{count}" if count > 1 else ""
                self.said.append(f"{what}{more}")
        for reply in changes.waiting_new:
            self.said.append(f"waits until {clock(reply.due_ns)}")
        assert len(changes.effects.full) == changes.tallies.get(f"silent: {Silence.FULL.value}", 0)


def outcome(reply_id: int, kind: OutcomeKind, label: str = "") -> Outcome:
    """What a submit came to; an accepted one has the message id m<reply id>."""
    if kind is OutcomeKind.ACCEPTED:
        return Outcome(reply_id, kind, f"m{reply_id}")
    return Outcome(reply_id, kind, "", label or kind.value)


def time_of(text: str) -> int:
    """ "10:00", "10:00:01.5", with "2d" before it for another day → wall time."""
    found = re.fullmatch(r"(?:(\d+)d)?(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?", text)
    assert found is not None, text
    day, hour, minute, second, milli = found.groups(default="0")
    ms = int(milli.ljust(3, "0"))
    ns = int(day) * DAY_NS + int(hour) * HOUR_NS + int(minute) * MINUTE_NS
    return MIDNIGHT + ns + int(second) * SECOND_NS + ms * 1_000_000


def clock(wall_ns: int) -> str:
    """The inverse of `time_of`, as short as can be."""
    days, rest = divmod(wall_ns - MIDNIGHT, DAY_NS)
    minutes, rest = divmod(rest, MINUTE_NS)
    text = f"{days}d" * bool(days) + f"{minutes // 60:02}:{minutes % 60:02}"
    return text + f":{rest // SECOND_NS:02}" * bool(rest)
