"""What a store must remember, as plain dicts: the model the contract is checked against."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from routing.budget import Override
from routing.guards import GuardRow
from routing.records import Flight, Lane, Now, Reply, ReplyState
from routing.reply import FINAL
from routing.standing import Changes, Claim, ClaimKey, HeldReceipt, Hold, Stored
from routing.throttle import Counter
from smpp_server.store import Ages, Keys

LANES: tuple[Lane, ...] = (("main", "default"), ("main", "other"), ("spare", "default"))
CARRIERS = ("north", "south")
TRACKED = frozenset({"north"})
AGES = Ages(reply_max_ns=50, unknown_ns=40, receipt_ns=20, reconcile_ns=100, claim_ns=70)
OPEN = (ReplyState.WAITING, ReplyState.SUBMITTING, ReplyState.UNKNOWN)


def seal(msisdn: str, reply_id: int) -> bytes:
    """Told apart from the number, opened by `unseal` for the same reply only."""
    return f"{reply_id}:{msisdn[::-1]}".encode()


def unseal(sealed: bytes, reply_id: int) -> tuple[str, bytes]:
    """(number, opt-out pseudonym)."""
    owner, _, backwards = sealed.decode().partition(":")
    msisdn = backwards[::-1] if owner == str(reply_id) else ""
    return msisdn, b"o" + msisdn.encode()


class Row(NamedTuple):
    """One reply as the store has it."""

    reply: Reply
    state: ReplyState
    known: bool  # the number can be read back
    flight: Flight | None = None
    message_id: str = ""
    ended: int = 0

    def stored(self) -> Stored:
        """As an outcome or a receipt finds it."""
        claim = b"" if self.state in FINAL else self.reply.claim
        flight = self.flight
        if flight is None:
            number = self.reply.number
            return Stored(self.reply.id, self.state, "", "", number, 0, 0, "", claim)
        return Stored(
            self.reply.id,
            self.state,
            flight.carrier,
            flight.link,
            self.reply.number,
            flight.price_nanos,
            flight.rate_version,
            flight.accounts,
            claim,
            flight.billed_nanos,
            flight.currency,
            flight.submitted_ns,
            flight.exact,
        )


@dataclass
class Model:
    """Applies the same Changes as a store, and says what `begin` must then find."""

    replies: dict[int, Row] = field(default_factory=dict)
    claims: dict[ClaimKey, Claim] = field(default_factory=dict)
    optouts: set[bytes] = field(default_factory=set)
    balances: dict[str, int] = field(default_factory=dict)
    counters: dict[tuple[str, str], Counter] = field(default_factory=dict)
    guards: dict[int, GuardRow] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    budgets: dict[str, Override] = field(default_factory=dict)
    fees: dict[str, str] = field(default_factory=dict)
    held: dict[tuple[str, str], HeldReceipt] = field(default_factory=dict)
    alarms: set[tuple[str, str]] = field(default_factory=set)
    journal: tuple[int, bytes] = (0, bytes(32))
    waiting: int = 0
    next_id: int = 1
    wall_ns: int = 0
    epoch: int = 0

    def apply(self, changes: Changes) -> None:
        """What a commit does."""
        for reply in changes.waiting_new:
            self.replies[reply.id] = Row(reply, ReplyState.WAITING, True)
        for flight in changes.flights_new:
            self.replies[flight.reply.id] = Row(flight.reply, ReplyState.SUBMITTING, False, flight)
        for (reply,) in changes.returned:
            row = self.replies[reply.id]
            known = row.known or bool(reply.msisdn)
            self.replies[reply.id] = row._replace(
                reply=reply._replace(msisdn=row.reply.msisdn), state=ReplyState.WAITING, known=known
            )
        for reply in changes.postponed:
            row = self.replies[reply.id]
            self.replies[reply.id] = row._replace(reply=row.reply._replace(due_ns=reply.due_ns))
        for flight in changes.released:
            row = self.replies[flight.reply.id]
            self.replies[flight.reply.id] = row._replace(state=ReplyState.SUBMITTING, flight=flight)
        for reply_id, was, state, message_id, _ in changes.finished:
            row = self.replies[reply_id]
            assert row.state is was
            kept = message_id if was is ReplyState.SUBMITTING else message_id or row.message_id
            ended = changes.wall_ns if state in FINAL else 0
            self.replies[reply_id] = row._replace(
                state=state, known=False, message_id=kept, ended=ended
            )
        for reply_id, _ in changes.cancelled:
            self.replies[reply_id] = self.replies[reply_id]._replace(
                state=ReplyState.CANCELLED, known=False, ended=changes.wall_ns
            )
        self._apply_marks(changes)

    def _apply_marks(self, changes: Changes) -> None:
        for key in changes.claims_dropped:
            self.claims.pop(key, None)
        self.claims.update(changes.claims)
        for pseudonym, campaign, reply_id in changes.claims_freed:
            claim = self.claims.get((pseudonym, campaign))
            if claim is not None and claim.reply_id == reply_id:
                freed = claim._replace(replies=max(0, claim.replies - 1), reply_id=0)
                self.claims[pseudonym, campaign] = freed
        self.optouts.update(changes.optouts)
        for account, nanos in changes.balances.items():
            self.balances[account] = self.balances.get(account, 0) + nanos
        self.counters.update(changes.counters)
        self.guards.update((row[0], row) for row in changes.guards)
        if changes.holds is not None:
            self.holds = dict(changes.holds)
        for name, override in changes.budgets.items():
            self.budgets.pop(name, None)
            if override is not None:
                self.budgets[name] = override
        self.fees = {c: month for c, month in (self.fees | changes.fees).items() if month}
        for held in changes.held_receipts:
            key = (held.carrier, held.message_id)
            there = self.held.get(key)
            if there is None or (held.lead == held.message_id and there.lead != there.message_id):
                self.held[key] = held
        for used in changes.receipts_used:
            for key in [k for k, one in self.held.items() if (one.carrier, one.lead) == used]:
                del self.held[key]
        for alarm in changes.effects.alarms:
            key = (alarm.code, alarm.subject)
            (self.alarms.add if alarm.begins else self.alarms.discard)(key)
        if changes.journal is not None:
            self.journal = (changes.journal.seq, changes.journal.digest)
        self.waiting, self.next_id = changes.waiting, changes.next_id
        self.wall_ns = changes.wall_ns

    def check_overdue(self, found: Sequence[tuple[HeldReceipt, tuple[str, ...]]], now: Now) -> None:
        """Receipts whose time to wait is over are found once each, under all their ids."""
        groups: dict[tuple[str, str], set[str]] = {}
        for one in self.held.values():
            groups.setdefault((one.carrier, one.lead), set()).add(one.message_id)
        over = {
            (one.carrier, one.lead)
            for one in self.held.values()
            if one.until_ns <= now.wall_ns and one.lead == one.message_id
        }
        assert {(one.carrier, one.lead) for one, _ in found} == over
        for one, ids in found:
            assert ids[0] == one.lead and set(ids) == groups[one.carrier, one.lead]

    def of(self, *states: ReplyState) -> list[Row]:
        """Rows in these states, by id."""
        return [row for _, row in sorted(self.replies.items()) if row.state in states]

    def due(self, quota: Mapping[Lane, int], now: Now) -> dict[Lane, list[Reply]]:
        """Per lane in order of due time: the quota and one, up to the first that is for later."""
        found: dict[Lane, list[Reply]] = {}
        for lane, room in quota.items():
            rows = [
                row
                for row in self.of(ReplyState.WAITING)
                if (row.reply.number, row.reply.campaign) == lane
            ]
            rows.sort(key=lambda row: (row.reply.due_ns, row.reply.id))
            for row in rows[: room + 1]:
                later = row.reply.due_ns > now.wall_ns
                msisdn = row.reply.msisdn if row.known and not later else ""
                optout = b"o" + msisdn.encode() if msisdn else b""
                read = row.reply._replace(msisdn=msisdn, optout=optout)
                found.setdefault(lane, []).append(read)
                if later:
                    break
        return found

    def too_old(self, now: Now) -> set[int]:
        """Ids of waiting replies that waited too long."""
        return {
            row.reply.id
            for row in self.of(ReplyState.WAITING)
            if row.reply.created_ns <= now.wall_ns - AGES.reply_max_ns
        }

    def aged(self, now: Now) -> set[int]:
        """Ids of replies that were UNKNOWN or ACCEPTED too long."""
        spans = {ReplyState.UNKNOWN: AGES.unknown_ns, ReplyState.ACCEPTED: AGES.receipt_ns}
        return {
            row.reply.id
            for row in self.of(*spans)
            if row.flight and row.flight.submitted_ns <= now.wall_ns - spans[row.state]
        }

    def by_message(self) -> dict[tuple[str, str], Stored]:
        """(carrier, message_id) → the newest reply it may mean, where receipts are asked for."""
        return {
            (row.flight.carrier, row.message_id): row.stored()
            for _, row in sorted(self.replies.items())
            if row.flight and row.message_id and row.flight.carrier in TRACKED
        }

    def unknown_of(self, pseudonyms: Iterable[bytes]) -> dict[bytes, list[Stored]]:
        """Claim pseudonym → its UNKNOWN replies."""
        found: dict[bytes, list[Stored]] = {}
        for row in self.of(ReplyState.UNKNOWN):
            if row.reply.claim in pseudonyms:
                found.setdefault(row.reply.claim, []).append(row.stored())
        return found

    def stopped(self) -> set[int]:
        """Ids of the waiting replies claims point to."""
        pointed = {claim.reply_id for claim in self.claims.values()}
        return {row.reply.id for row in self.of(ReplyState.WAITING) if row.reply.id in pointed}

    def oldest_epoch(self) -> int:
        """The oldest epoch a claim or an open reply stands under; the current one if none does."""
        epochs = [claim.epoch for claim in self.claims.values()]
        return min([self.epoch, *epochs, *(row.reply.epoch for row in self.of(*OPEN))])

    def all_keys(self) -> Keys:
        """Everything the model knows, and something it does not."""
        pseudonyms = [*(key[0] for key in self.claims), b"nobody"]
        claimed = [*(row.reply.claim for row in self.replies.values()), b"nobody"]
        return Keys(
            claims=pseudonyms,
            optouts=[*self.optouts, b"nobody"],
            stops=pseudonyms,
            outcomes=[*self.replies, 1 << 40],
            messages=[*self.by_message(), ("south", "m1"), ("north", "none")],
            unknown=claimed,
            accepted=[*self.held, ("north", "none")],
            tick=True,
            guards=[
                *(key.to_bytes(8, "big", signed=True) for key in self.guards),
                b"a range nobody texts from",
            ],
        )
