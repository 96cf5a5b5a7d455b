"""The turn: recognise → prefetch → decide → commit → effects. Synchronous, without Twisted."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from routing.breaker import Attack
from routing.budget import Override, spendable
from routing.closing import middle_ns
from routing.explain import explain
from routing.guards import guarded
from routing.jobs import Job
from routing.policy import decide, quota, trust
from routing.records import LinkFact, Now, Outcome, OutcomeKind, Periods
from routing.standing import AlarmChange, Changes, Command, Known, Seen, Standing
from smpp_server import events as ev
from smpp_server.compose import Composer
from smpp_server.config_records import Config
from smpp_server.quiet import Quiet
from smpp_server.rates import Rates
from smpp_server.recognise import Recognised, Recogniser
from smpp_server.store import Ages, Keys, Loaded, Store, StoredCard, StoreFailed
from smpp_server.vault import Vault

Calendar = Callable[[int], Periods]  # of a wall time in nanoseconds
TIDY_ROWS = 500
TIDY_EVERY_NS = 1_000_000_000  # while turns follow each other


class Summary(NamedTuple):
    """What the last turn left: the only thing status, metrics and pages read."""

    turns: int
    wall_ns: int
    clock_fault: str
    tallies: Mapping[str, int]  # since the start of the process
    balances: Mapping[str, int]
    now: Now
    budgets: Mapping[str, Override]  # those set in the running server
    spendable_nanos: int
    monthly_nanos: int  # what the carriers bill in every month, whatever is sent
    waiting: int
    in_flight: int
    holds: Mapping[str, str]
    parks: Mapping[str, str]
    pauses: Mapping[str, int]
    alarms: tuple[tuple[str, str], ...]
    cards: tuple[StoredCard, ...]  # the rate cards in force
    attack: Attack | None
    jobs: tuple[Job, ...]  # oldest first, some that ended too


class Turn:
    """One at a time, in the turn's own thread. Nothing it returns was decided but not stored."""

    def __init__(self, config: Config, store: Store, vault: Vault, calendar: Calendar) -> None:
        self._config = config
        self._rules = config.rules
        self._store = store
        self._vault = vault
        self._calendar = calendar
        self._recogniser = Recogniser(config.rules, config.links, vault.sender_keys)
        self._composer = Composer(config.links, config.rules.texts)
        self._standing = Standing()
        self._kept: list[Outcome] = []  # outcomes read, their commit failed
        self._last_wall_ns = 0
        self._tallies: dict[str, int] = {}
        self._turns = 0
        self._epoch_began_ns = 0
        self._tidy_due = False
        self._rested_ns = 0
        self._more_is_old = False  # housekeeping goes on in the next turn
        self._ages = _ages(config)
        self._budgets = tuple(config.rules.money.budgets)
        self._rates = Rates(config)
        self._quiet = Quiet(config.quiet)
        self._one_only = all(c.max_replies == 1 for c in config.rules.campaigns.values())
        self.summary: Summary | None = None

    def start(self, loaded: Loaded) -> None:
        """Take up what the store holds: after a start, or after a failed commit.

        Rows found SUBMITTING that memory does not know were either never written to a peer,
        when this process failed to commit them, or may have been, when another did. What memory
        takes to be in flight and the store does not was settled by a commit that was reported as
        failed: its outcome, which is kept, then meets the row as it is.
        """
        fresh = not self._turns and not self._standing.monotonic_ns
        kind = OutcomeKind.RESTART if fresh else OutcomeKind.NOT_SENT
        missing = [i for i in sorted(loaded.flights) if i not in self._standing.flights]
        self._kept[:0] = [Outcome(reply_id, kind) for reply_id in missing]
        flights = {i: f for i, f in self._standing.flights.items() if i in loaded.flights}
        flights.update((i, loaded.flights[i]) for i in missing)
        self._standing = self._standing.with_(flights=flights, alarms=loaded.alarms)
        self._last_wall_ns = loaded.last_wall_ns
        self._epoch_began_ns = loaded.epoch_began_ns
        live = self._vault.live()
        if loaded.epoch > live[0]:  # a new key was noted, though that was reported as failed
            self._vault.use(loaded.epoch, live)
        self._rates.load(self._store)

    def __call__(
        self,
        events: Sequence[ev.Event],
        links: Sequence[LinkFact],
        wall_ns: int,
        monotonic_ns: int,
    ) -> ev.Out:
        """One batch. Raises StoreFailed when nothing was stored, and then nothing may be sent."""
        batch = self._recogniser.recognise(events)
        seen = batch.seen
        if self._more_is_old:
            seen = replace(seen, tick=True)
            batch = batch._replace(seen=seen)
        if self._kept:
            seen.outcomes[:0] = self._kept
        try:
            return self._run(batch, seen, links, wall_ns, monotonic_ns)
        except BaseException:
            # outcomes cannot be asked for again; contacts come again, unanswered as they are
            self._kept = list(seen.outcomes)
            raise

    def _run(
        self,
        batch: Recognised,
        seen: Seen,
        links: Sequence[LinkFact],
        wall_ns: int,
        monotonic_ns: int,
    ) -> ev.Out:
        now = self._now(seen, wall_ns, monotonic_ns)
        standing = self._standing
        lanes = quota(standing, self._rules, links, now)
        self._end_months(seen.commands)
        keys = self._keys(batch, standing)
        self._rates.keep_files(self._store, now.wall_ns)
        if keys.cards:
            self._rates.look(seen.commands, self._store)
        known = self._store.begin(keys, lanes, now, self._ages, self._unseal)
        try:
            args = (known, standing, self._rules, self._rates.current, links, now)
            explained = {ticket: explain(contact, *args) for ticket, contact in batch.explained}
            changes = decide(seen, *args)
            _note_alarms(changes, batch.noticed)
            self._store.commit(changes, self._vault.seal)
        except BaseException:
            self._store.rollback()
            raise
        self._standing = changes.standing
        self._last_wall_ns = changes.wall_ns
        self._kept = []
        if keys.cards:
            self._rates.adopt(seen.commands, changes.effects.answers, self._store)
        self._tidy_due = self._tidy_due or seen.tick
        self._more_is_old = bool(changes.tidy_before_ns and (known.aged or known.overdue))
        self._publish(known, changes, now)
        changes.effects.answers.update(explained)
        return self._out(batch, changes, links)

    def _now(self, seen: Seen, wall_ns: int, monotonic_ns: int) -> Now:
        standing = self._standing
        if any(command.name == "accept-clock" for command in seen.commands):
            self._last_wall_ns = min(self._last_wall_ns, wall_ns)
            standing = standing.with_(wall_ns=wall_ns, monotonic_ns=monotonic_ns)
            self._standing = standing
        wall, fault = trust(standing, self._last_wall_ns, wall_ns, monotonic_ns, self._rules.clock)
        periods = self._calendar(wall)
        return Now(
            wall,
            monotonic_ns,
            periods.day,
            periods.next_day_ns,
            fault,
            periods.hour,
            periods.next_hour_ns,
            periods.month,
            periods.next_month_ns,
            self._quiet(wall),
        )

    def _end_months(self, commands: list[Command]) -> None:
        """Say when the months that are to be closed ended, in the configured zone."""
        for place, command in enumerate(commands):
            if command.closing is not None:
                until_ns = self._calendar(middle_ns(command.closing.month)).next_month_ns
                closing = command.closing._replace(until_ns=until_ns)
                commands[place] = command._replace(closing=closing)

    def _keys(self, batch: Recognised, standing: Standing) -> Keys:
        seen = batch.seen
        contacts = [*seen.contacts, *(contact for _, contact in batch.explained)]
        persons = [command.keys for command in seen.commands if command.keys is not None]
        whom = [c.keys for c in contacts if c.keys is not None] + persons
        optouts, claims, _ = zip(*whom, strict=True) if whom else ((), (), ())
        orders = [pseudonym for person in persons for pseudonym in person.claims]
        flights = standing.flights
        receipts = seen.receipts
        accepted: list[tuple[str, str]] = []
        strangers: list[int] = []
        for outcome in seen.outcomes:
            flight = flights.get(outcome.reply_id)
            if flight is None:
                strangers.append(outcome.reply_id)
                if outcome.message_id:  # late: which carrier said it shows when its row is read
                    accepted += [(name, outcome.message_id) for name in self._rules.carriers]
            elif outcome.message_id and self._rules.carriers[flight.carrier].receipts:
                accepted.append((flight.carrier, outcome.message_id))
        messages = [(r.carrier, i) for r in receipts for i in r.candidates]
        unknown = [p for r in receipts if r.keys for p in r.keys.claims]
        for step in [command.cdr for command in seen.commands if command.cdr]:
            messages += [(step.carrier, row.message_id) for row in step.rows if row.message_id]
            unknown += [p for row in step.rows if row.keys for p in row.keys.claims]
            strangers += [row.reply_id for row in step.rows if row.reply_id]
        return Keys(
            claims=list(chain.from_iterable(claims)),
            optouts=optouts,
            stops=[p for c in contacts if c.stop and c.keys for p in c.keys.claims] + orders,
            outcomes=strangers,
            messages=messages,
            unknown=unknown,
            accepted=accepted,
            references=[(r.carrier, r.reference) for r in receipts if r.reference >= 0],
            tick=seen.tick,
            cards=any(command.card for command in seen.commands),
            guards=guarded(self._rules.guards, contacts, self._one_only) + orders,
            rhythm=bool(self._rules.guards.loop_within_ns) and not self._one_only,
            budgets=self._budgets,
            closing=next((c.closing.seq for c in seen.commands if c.closing), 0),
            persons=[person.optout for person in persons],
        )

    def _unseal(self, sealed: bytes, reply_id: int) -> tuple[str, bytes]:
        msisdn = self._vault.unseal(sealed, reply_id)
        return msisdn, self._vault.sender_keys(msisdn).optout if msisdn else b""

    def _publish(self, known: Known, changes: Changes, now: Now) -> None:
        balances = dict(known.balances)
        for account, nanos in changes.balances.items():
            balances[account] = balances.get(account, 0) + nanos
        tallies = self._tallies
        for what, count in changes.tallies.items():
            tallies[what] = tallies.get(what, 0) + count
        standing = changes.standing
        holds = known.holds if changes.holds is None else changes.holds
        self._turns += 1
        self.summary = Summary(
            self._turns,
            now.wall_ns,
            now.clock_fault,
            dict(tallies),
            balances,
            now,
            _after(known.budgets, changes.budgets),
            spendable(balances, self._rules.money),
            changes.monthly_nanos,
            changes.waiting,
            len(standing.flights),
            {scope: hold.reason for scope, hold in holds.items()},
            {"/".join(lane): park.reason for lane, park in standing.parks.items()},
            {carrier: pause.step for carrier, pause in standing.pauses.items()},
            tuple(sorted(standing.alarms)),
            tuple(self._rates.known.values()),
            changes.attack,
            tuple({job.id: job for job in (*known.jobs, *changes.jobs)}.values()),
        )

    def _out(self, batch: Recognised, changes: Changes, links: Sequence[LinkFact]) -> ev.Out:
        effects = changes.effects
        refusals: dict[int, list[tuple[int, int]]] = {}
        acks = batch.acks
        if effects.full:
            for bind_id, command_id, sequence_number in effects.full:
                refusals.setdefault(bind_id, []).append((command_id, sequence_number))
            acks = {
                bind_id: _without(requests, refusals.get(bind_id, []))
                for bind_id, requests in acks.items()
            }
        binds = {fact.link: fact.bind_id for fact in links}
        submits: dict[int, list[tuple[int, ev.Encodable]]] = defaultdict(list)
        compose = self._composer.compose
        for submit in effects.submits:
            submits[binds[submit.link]].append((submit.reply_id, compose(submit)))
        return ev.Out(
            acks,
            refusals,
            dict(submits),
            effects.rebind,
            effects.answers,
            effects.alarms,
            effects.wake_in_ns,
        )

    def keep(self, events: Sequence[ev.Event]) -> None:
        """Events no turn will take: outcomes stay, since nobody will send them again."""
        self._kept.extend(self._recogniser.recognise(events).seen.outcomes)

    def reopen(self, opened: Callable[[], Store]) -> None:
        """After a failed commit: a fresh connection, and what the failed turn left behind."""
        with suppress(StoreFailed):
            self._store.close()
        self._store = opened()
        self.start(self._store.load())

    def rests(self, monotonic_ns: int) -> bool:
        """Is it time to rest although there is work? What is old goes under load too."""
        late = monotonic_ns - self._rested_ns >= TIDY_EVERY_NS
        return self._store.wants_rest(monotonic_ns) or (self._tidy_due and late)

    def rest(self, monotonic_ns: int, idle: bool) -> bool:
        """Between turns: key epochs, retention, checkpoint. True when there is more to delete."""
        more = False
        self._rested_ns = monotonic_ns
        if self._tidy_due and self.summary is not None and not self.summary.clock_fault:
            self._rotate()
            more = self._store.tidy(self._last_wall_ns, self._ages, TIDY_ROWS)
            self._tidy_due = more
        if idle or self._store.wants_rest(monotonic_ns):
            self._store.rest(monotonic_ns, idle)
        return more

    def _rotate(self) -> None:
        """Begin a new key epoch when the current one is old; destroy keys nothing uses."""
        vault, store = self._vault, self._store
        current = vault.live()[0]
        if self._last_wall_ns - self._epoch_began_ns >= self._rules.retention.epoch_ns:
            self.rotate()
        elif len(vault.epochs()) > 1:
            for epoch in store.forgettable_epochs(current):
                if epoch in vault.epochs():
                    vault.use(current, tuple(e for e in vault.live() if e != epoch))
                    vault.destroy_epoch(epoch)

    def rotate(self) -> None:
        """A new epoch key; the old ones stay until nothing stands under them."""
        vault = self._vault
        epoch = max(vault.epochs()) + 1
        vault.make_epoch(epoch)
        self._store.note_keys(epoch, self._last_wall_ns, vault.optout_fingerprint())
        vault.use(epoch, tuple(sorted(vault.epochs(), reverse=True)))
        self._epoch_began_ns = self._last_wall_ns

    def close(self) -> None:
        """The last checkpoint, then let go of the database."""
        try:
            self._store.rest(0)
        finally:
            self._store.close()


def _without(
    requests: list[tuple[int, int]], refused: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The requests but for the refused ones; equal ones are refused as often as they stand."""
    left = list(requests)
    for request in refused:
        left.remove(request)
    return left


def _after(
    before: Mapping[str, Override], changes: Mapping[str, Override | None]
) -> Mapping[str, Override]:
    """The budgets that are set once the changes hold."""
    if not changes:
        return before
    return {name: one for name, one in {**before, **changes}.items() if one is not None}


def _note_alarms(changes: Changes, noticed: Sequence[ev.Noticed]) -> None:
    """Alarms the shell saw join those of the turn, once each."""
    lasting = set(changes.standing.alarms)
    for code, subject, begins, figures in noticed:
        if begins is ((code, subject) not in lasting):
            (lasting.add if begins else lasting.discard)((code, subject))
            changes.effects.alarms.append(AlarmChange(code, subject, begins, figures))
    if lasting != changes.standing.alarms:
        changes.standing = changes.standing.with_(alarms=frozenset(lasting))


def _ages(config: Config) -> Ages:
    campaigns = config.rules.campaigns.values()
    retention = config.rules.retention
    return Ages(
        reply_max_ns=max(c.reply_max_age_ns for c in campaigns),
        unknown_ns=retention.unknown_ns,
        receipt_ns=retention.receipt_ns,
        reconcile_ns=retention.reconcile_ns,
        claim_ns=max(max(c.claim_ns for c in campaigns), 30 * 24 * 3600 * 1_000_000_000),
    )
