"""A store in memory: what `begin` reads and `commit` writes, with the life of a reply enforced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from routing import ledger
from routing.breaker import Kept
from routing.budget import Override
from routing.guards import GuardRow, key_of
from routing.jobs import LOOKED_MOST, Job
from routing.ledger import Entry, JournalRow
from routing.records import Flight, Lane, Now, Reply, ReplyKind, ReplyState
from routing.reply import FINAL, TABLE
from routing.standing import (
    SWEPT_MOST,
    Changes,
    Claim,
    ClaimKey,
    HeldReceipt,
    Hold,
    Known,
    Seen,
    Stored,
    Sweep,
    claim_scope,
)
from routing.throttle import Counter, CounterKey

S = ReplyState
MOVES = {(state, move.next) for (state, _), move in TABLE.items()}
# An accepted submit meets its early receipt, or needs none, in the same turn.
MOVES |= {(S.SUBMITTING, state) for state in (S.DELIVERED, S.FAILED, S.CLOSED)}
OPEN_MONEY = (S.SUBMITTING, S.UNKNOWN)


@dataclass
class Row:
    """One reply at rest."""

    reply: Reply
    state: ReplyState = S.WAITING
    flight: Flight | None = None
    message_id: str = ""
    reason: str = ""
    ended_ns: int | None = None

    def stored(self) -> Stored:
        """As outcomes and receipts find it."""
        flight, reply = self.flight, self.reply
        carrier, link = (flight.carrier, flight.link) if flight else ("", "")
        accounts = flight.accounts if flight else ""
        price, version = (flight.price_nanos, flight.rate_version) if flight else (0, 0)
        stored = Stored(
            reply.id, self.state, carrier, link, reply.number, price, version, accounts, reply.claim
        )
        if flight is None:
            return stored
        return stored._replace(
            billed_nanos=flight.billed_nanos,
            currency=flight.currency,
            submitted_ns=flight.submitted_ns,
            exact=flight.exact,
        )


@dataclass
class Model:
    """Everything a store holds."""

    max_age_ns: int
    unknown_ns: int
    receipt_ns: int
    rows: dict[int, Row] = field(default_factory=dict)
    claims: dict[ClaimKey, Claim] = field(default_factory=dict)
    optouts: set[bytes] = field(default_factory=set)
    balances: dict[str, int] = field(default_factory=dict)
    counters: dict[CounterKey, Counter] = field(default_factory=dict)
    guards: dict[int, GuardRow] = field(default_factory=dict)
    breaker: tuple[str, dict[int, str]] = ("", {})
    sweep: Sweep | None = None
    jobs: dict[int, Job] = field(default_factory=dict)
    persons: dict[int, set[bytes]] = field(default_factory=dict)  # job → whom it forgets
    by_hand: set[bytes] = field(default_factory=set)
    holds: dict[str, Hold] = field(default_factory=dict)
    budgets: dict[str, Override] = field(default_factory=dict)
    fees: dict[str, str] = field(default_factory=dict)
    held_receipts: dict[tuple[str, str], HeldReceipt] = field(default_factory=dict)
    journal: list[JournalRow] = field(default_factory=list)
    audit: list[tuple[str, str]] = field(default_factory=list)
    waiting: int = 0
    next_id: int = 1
    wall_ns: int = 0
    epoch: int = 1
    unreadable: set[int] = field(default_factory=set)  # replies whose seal does not open

    def read(self, seen: Seen, quota: Mapping[Lane, int], now: Now) -> Known:
        """What `begin` does."""
        known = Known(
            claims=dict(self.claims),
            optouts=set(self.optouts),
            balances=dict(self.balances),
            counters=dict(self.counters),
            guards=self._guards(seen),
            breaker=Kept(self.breaker[0], dict(self.breaker[1])),
            sweep=self.sweep,
            left_ns={
                i: row.flight.submitted_ns for i, row in self.rows.items() if row.flight is not None
            },
            holds=dict(self.holds),
            budgets=dict(self.budgets),
            fees=dict(self.fees),
            held_receipts=dict(self.held_receipts),
            waiting=self.waiting,
            next_id=self.next_id,
            last_wall_ns=self.wall_ns,
            epoch=self.epoch,
        )
        if self.journal:
            known.journal_seq, known.journal_digest = self.journal[-1].seq, self.journal[-1].digest
        waiting = [row.reply for row in self.rows.values() if row.state is S.WAITING]
        for lane, room in quota.items():
            found = sorted(
                (reply for reply in waiting if (reply.number, reply.campaign) == lane),
                key=lambda reply: (reply.due_ns, reply.id),
            )[: room + 1]
            if found:
                known.due[lane] = [self._unsealed(reply, now) for reply in found]
        known.too_old = [
            reply._replace(msisdn="", optout=b"")
            for reply in waiting
            if reply.created_ns <= now.wall_ns - self.max_age_ns
        ]
        if self.sweep is not None:
            after = (self.sweep.at_ns, self.sweep.after_id)
            made = sorted((r.created_ns, r.id, r) for r in waiting if r.id < self.sweep.until_id)
            known.swept = [
                r._replace(msisdn="", optout=b"") for at, i, r in made if (at, i) > after
            ][:SWEPT_MOST]
        self._read_job(known, waiting)
        stops = {p for c in seen.contacts if c.stop and c.keys for p in c.keys.claims}
        stops |= {p for order in seen.commands if order.keys for p in order.keys.claims}
        ids = {claim.reply_id for (p, _), claim in self.claims.items() if p in stops}
        known.stopped = {
            reply.id: reply._replace(msisdn="", optout=b"") for reply in waiting if reply.id in ids
        }
        self._read_fates(known, seen, now)
        return known

    def _read_job(self, known: Known, waiting: Sequence[Reply]) -> None:
        known.jobs, known.by_hand = list(self.jobs.values()), set(self.by_hand)
        job = known.running()
        if job is None:
            return
        known.job_persons = set(self.persons.get(job.id, ()))
        after = (job.at_ns, job.after_id)
        if job.left_too:
            left = sorted(
                (row.flight.submitted_ns, row.reply.id, row.reply.claim)
                for row in self.rows.values()
                if row.flight is not None and row.state in (S.ACCEPTED, S.UNKNOWN)
            )
            known.job_left = [r for r in left if r[:2] > after and r[1] < job.until_id]
            known.job_left = known.job_left[:LOOKED_MOST]
        else:
            made = sorted((r.created_ns, r.id, r) for r in waiting if r.id < job.until_id)
            known.job_waiting = [
                r._replace(msisdn="", optout=b"") for at, i, r in made if (at, i) > after
            ][:LOOKED_MOST]

    def _guards(self, seen: Seen) -> dict[bytes, GuardRow]:
        keys = [one.keys for one in (*seen.contacts, *seen.commands) if one.keys is not None]
        asked = [pseudonym for one in keys for pseudonym in (one.prefix, *one.claims)]
        return {p: self.guards[key_of(p)] for p in asked if key_of(p) in self.guards}

    def _unsealed(self, reply: Reply, now: Now) -> Reply:
        if reply.due_ns > now.wall_ns or reply.id in self.unreadable:
            return reply._replace(msisdn="", optout=b"")
        return reply

    def _read_fates(self, known: Known, seen: Seen, now: Now) -> None:
        for row in self.rows.values():
            if row.state is not S.SUBMITTING:
                known.stored[row.reply.id] = row.stored()
            if row.message_id and row.flight is not None:
                known.by_message[row.flight.carrier, row.message_id] = row.stored()
            if row.state is S.UNKNOWN:
                stored = row.stored()
                known.unknown_of.setdefault(row.reply.claim, []).append(stored)
                key = (stored.carrier, stored.reply_id & 0xFFFF)
                known.unknown_by_reference.setdefault(key, []).append(stored)
            if seen.tick and row.flight is not None and row.state in (S.UNKNOWN, S.ACCEPTED):
                age = self.unknown_ns if row.state is S.UNKNOWN else self.receipt_ns
                if row.flight.submitted_ns <= now.wall_ns - age:
                    known.aged.append(row.stored())
        if seen.tick:
            known.overdue = [
                (held, self._ids(held))
                for held in self.held_receipts.values()
                if held.message_id == held.lead and held.until_ns <= now.wall_ns
            ]

    def _ids(self, lead: HeldReceipt) -> tuple[str, ...]:
        """Every id a held receipt stands under, that as it was written first."""
        held = self.held_receipts.values()
        others = [one.message_id for one in held if one.lead == lead.lead != one.message_id]
        return (lead.lead, *others)

    def write(self, changes: Changes) -> None:
        """What `commit` does; a change that does not fit what is stored fails."""
        self._write_replies(changes)
        for key in changes.claims_dropped:
            del self.claims[key]
        self.claims.update(changes.claims)
        for pseudonym, reply_id in changes.claims_moved:
            row = self.rows[reply_id]
            row.reply = row.reply._replace(claim=pseudonym)
        for pseudonym, campaign, reply_id in changes.claims_freed:
            claim = self.claims.get((pseudonym, campaign))
            if claim is not None and claim.reply_id == reply_id:
                freed = claim._replace(replies=max(0, claim.replies - 1), reply_id=0)
                self.claims[pseudonym, campaign] = freed
        self._write_orders(changes)
        self.optouts.update(changes.optouts)
        self.by_hand -= set(changes.optouts)
        if changes.journal is not None:
            self.journal.append(changes.journal)
        for account, nanos in changes.balances.items():
            self.balances[account] = self.balances.get(account, 0) + nanos
        self.counters.update(changes.counters)
        head, slots = changes.breaker
        self.breaker = (head or self.breaker[0], self.breaker[1] | slots)
        self.sweep = None if changes.sweep_over else self.sweep
        self.sweep = changes.sweep or self.sweep
        self.guards.update((row[0], row) for row in changes.guards)
        if changes.holds is not None:
            self.holds = dict(changes.holds)
        for name, override in changes.budgets.items():
            self.budgets.pop(name, None)
            if override is not None:
                self.budgets[name] = override
        self.fees = {c: month for c, month in (self.fees | changes.fees).items() if month}
        self._write_receipts(changes)
        self.audit += changes.audit
        self.waiting, self.next_id = changes.waiting, changes.next_id
        self.wall_ns = changes.wall_ns

    def _write_receipts(self, changes: Changes) -> None:
        """A receipt stands under all its ids; one as it was written goes before a derived one."""
        for held in changes.held_receipts:
            key = (held.carrier, held.message_id)
            there = self.held_receipts.get(key)
            if there is None or (held.lead == held.message_id and there.lead != there.message_id):
                self.held_receipts[key] = held
        for carrier, lead in changes.receipts_used:
            for key, held in list(self.held_receipts.items()):
                if (held.carrier, held.lead) == (carrier, lead):
                    del self.held_receipts[key]
        for reply_id, price_nanos, billed_nanos in changes.corrected:
            row = self.rows[reply_id]
            assert row.flight is not None and not row.flight.exact
            row.flight = row.flight._replace(
                price_nanos=price_nanos, billed_nanos=billed_nanos, exact=True
            )

    def _write_orders(self, changes: Changes) -> None:
        for pseudonym, stands in changes.by_hand.items():
            if stands:
                self.by_hand |= {pseudonym} - self.optouts
                self.optouts.add(pseudonym)
            elif pseudonym in self.by_hand:
                self.by_hand.discard(pseudonym)
                self.optouts.discard(pseudonym)
        for reply_id in changes.cleared:
            row = self.rows[reply_id]
            row.reply = row.reply._replace(claim=b"", prefix=b"")
            if row.flight is not None:
                row.flight = row.flight._replace(reply=row.reply)
        for key in changes.guards_dropped:
            del self.guards[key]
        self.jobs.update((job.id, job) for job in changes.jobs)
        for job_id, pseudonym in changes.job_persons:
            for key, held in list(self.held_receipts.items()):
                if pseudonym in held.claims:
                    self.held_receipts[key] = held._replace(claims=b"")
                    if held.message_id.startswith("?"):
                        del self.held_receipts[key]
            self.persons.setdefault(job_id, set()).add(pseudonym)
        for job in changes.jobs:
            if job.ended_ns:
                self.persons.pop(job.id, None)

    def _write_replies(self, changes: Changes) -> None:
        for reply in changes.waiting_new:
            assert reply.id not in self.rows
            self.rows[reply.id] = Row(reply)
        for flight in changes.flights_new:
            assert flight.reply.id not in self.rows
            self.rows[flight.reply.id] = Row(flight.reply, S.SUBMITTING, flight)
        for (reply,) in changes.returned:
            row = self._in(reply.id, S.SUBMITTING)
            claim = row.reply.claim  # it may have moved to another epoch while the reply flew
            if reply.claim:  # of somebody forgotten it comes back nameless
                row.reply = reply._replace(claim=claim)
            row.state, row.flight = S.WAITING, None
        for later in changes.postponed:
            row = self._in(later.id, S.WAITING)
            row.reply = row.reply._replace(due_ns=later.due_ns)
        for flight in changes.released:
            row = self._in(flight.reply.id, S.WAITING)
            row.reply, row.state, row.flight = flight.reply, S.SUBMITTING, flight
        # Those that leave SUBMITTING first, as the real store does.
        for done in sorted(changes.finished, key=lambda one: one.was is not S.SUBMITTING):
            row = self._in(done.reply_id, done.was)
            assert (done.was, done.state) in MOVES
            row.state = done.state
            row.message_id = done.message_id or row.message_id
            row.reason = done.reason or row.reason
            row.ended_ns = changes.wall_ns if done.state in FINAL else None
        for reply_id, reason in changes.cancelled:
            row = self._in(reply_id, S.WAITING)
            row.state, row.reason, row.ended_ns = S.CANCELLED, reason, changes.wall_ns

    def _in(self, reply_id: int, state: ReplyState) -> Row:
        row = self.rows[reply_id]
        assert row.state is state, f"reply {reply_id} is {row.state.name}, not {state.name}"
        return row

    def check(self) -> None:
        """What must hold after every turn, whatever happened."""
        entries = list(ledger.verify(self.journal))
        accounts = ledger.balances(entries)
        assert accounts == {name: self.balances.get(name, 0) for name in ledger.ACCOUNTS}
        self._check_replies(entries)
        states = [row.state for row in self.rows.values()]
        assert self.waiting == states.count(S.WAITING)
        forgotten = {b""}.union(*self.persons.values())
        for row in self.rows.values():
            if row.reply.claim in forgotten:
                continue
            scope = claim_scope(row.reply.campaign, row.reply.kind)
            if row.state in (S.WAITING, S.SUBMITTING) and row.reply.kind is ReplyKind.REPLY:
                assert (row.reply.claim, scope) in self.claims

    def _check_replies(self, entries: Sequence[Entry]) -> None:
        """Each reply's money: reserve = settle + release + what its state still holds."""
        open_: dict[int, int] = {}
        signs = {"reserve": 1, "settle": -1, "release": -1}
        for entry in entries:
            sign = signs.get(entry.kind, 0)
            open_[entry.reply_id] = open_.get(entry.reply_id, 0) + sign * entry.nanos
        days: dict[str, int] = {}
        for reply_id, row in self.rows.items():
            held = 0
            if row.flight is not None and row.state in OPEN_MONEY:
                held = row.flight.price_nanos
            assert open_.get(reply_id, 0) == held, f"reply {reply_id} {row.state.name}"
            if row.flight is not None:
                for account in row.flight.accounts.split():
                    days[account] = days.get(account, 0) + row.flight.price_nanos
        assert sum(held for held in open_.values()) == self.balances.get("reserved", 0)
        for account, most in days.items():  # refusals give theirs back
            assert self.balances.get(account, 0) <= most or self.refused_cost(account)

    def refused_cost(self, account: str) -> bool:
        """Refused submits were billed: the day holds more than the replies that count in it."""
        return self.balances.get(account, 0) <= self.balances.get("settled", 0) + self.balances.get(
            "reserved", 0
        )
