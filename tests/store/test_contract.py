"""The contract of a store against a model, on every backend there is."""

import tempfile
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from routing.budget import Override
from routing.guards import GuardRow
from routing.ledger import Entry, write_row
from routing.records import Flight, Now, Reply, ReplyKind, ReplyState
from routing.reply import FINAL
from routing.standing import (
    AlarmChange,
    Changes,
    Claim,
    Finished,
    HeldReceipt,
    Hold,
    Returned,
    Standing,
)
from routing.throttle import SLOTS, Counter
from smpp_server.store import Store, StoreFailed
from smpp_server.store.sqlite import SqliteStore
from smpp_server.store.sqlite_receipts import KEPT_NS
from tests.store.model import AGES, CARRIERS, LANES, TRACKED, Model, seal, unseal

Opener = Callable[[Path], Store]
BACKENDS: dict[str, Opener] = {"sqlite": lambda folder: SqliteStore(folder / "smppd.db")}

S = ReplyState
NETWORKS = ("", "20801", "310260")
SENDERS = [f"3361234{n:04}" for n in range(6)]
LATE_MOVES = {  # what receipts, late responses and time do to a reply that is not in flight
    S.ACCEPTED: (S.DELIVERED, S.FAILED, S.CLOSED),
    S.UNKNOWN: (S.ACCEPTED, S.REFUSED, S.DELIVERED, S.ASSUMED_SENT),
    S.REFUSED: (S.DELIVERED,),
    S.CLOSED: (S.DELIVERED, S.FAILED),
}
few = st.integers(1, 3)


class StoreMachine(RuleBasedStateMachine):
    """Turns with arbitrary changes, some given up, over restarts and retention."""

    def __init__(self, opener: Opener) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.open = partial(opener, Path(self.folder.name))
        self.store = self.open()
        self.model = Model()
        self.wall_ns = 1000
        self.note_keys()

    def teardown(self) -> None:
        self.store.rollback()
        self.store.close()
        self.folder.cleanup()

    def now(self) -> Now:
        return Now(self.wall_ns, self.wall_ns, "2026-11-24", self.wall_ns + 1)

    def commit(self, changes: Changes, posted: int = 0) -> None:
        """The whole turn, all the scalars of `changes` made to fit."""
        model = self.model
        born = len(changes.waiting_new) + len(changes.flights_new)
        left = len(changes.released) + len(changes.cancelled)
        changes.waiting = model.waiting + len(changes.waiting_new) + len(changes.returned) - left
        changes.next_id = model.next_id + born
        changes.tracked = TRACKED
        changes.wall_ns = self.wall_ns
        if posted or changes.flights_new or changes.released:
            seq, digest = model.journal
            entries = [Entry(0, "given", posted + 1, 0)]
            row, balances = write_row(digest, seq + 1, self.wall_ns, entries)
            changes.journal, changes.balances = row, {**balances, "day/2026-11-24": 5}
        known = self.store.begin(model.all_keys(), {}, self.now(), AGES, unseal)
        assert known.next_id == model.next_id
        leaving = [*changes.flights_new, *changes.released]
        flying = [row.flight for row in model.of(S.SUBMITTING) if row.flight] + leaving
        changes.standing = Standing(flights={flight.reply.id: flight for flight in flying})
        self.store.commit(changes, seal)
        model.apply(changes)

    def reply(self, sender: str, lane: int, delay: int) -> Reply:
        number, campaign = LANES[lane]
        return Reply(
            self.model.next_id,
            campaign,
            number,
            ReplyKind.REPLY,
            "fr.N",
            1,
            "FR",
            self.pseudonym(sender),
            self.model.epoch,
            b"prefix",
            self.wall_ns,
            self.wall_ns + delay,
            0,
            sender,
            mccmnc=NETWORKS[int(sender) % len(NETWORKS)],
        )

    def pseudonym(self, sender: str, epoch: int = 0) -> bytes:
        return f"{epoch or self.model.epoch}/{sender}".encode()

    def flight(self, reply: Reply, carrier: str) -> Flight:
        bill = (550, "USD") if carrier == "south" else (0, "")
        accounts = f"{reply.number}/total day/2026-11-24"
        return Flight(reply, "link", carrier, 495, 3, True, accounts, self.wall_ns, *bill)

    def pick(self, data: st.DataObject, *states: ReplyState) -> Reply | None:
        rows = self.model.of(*states)
        return data.draw(st.sampled_from(rows)).reply if rows else None

    @rule(
        sender=st.sampled_from(SENDERS),
        lane=st.integers(0, 2),
        delay=st.integers(0, 20),
        carrier=st.sampled_from([None, *CARRIERS]),
    )
    def contact(self, sender: str, lane: int, delay: int, carrier: str | None) -> None:
        """A new reply, for later or gone at once, and a claim under the current key."""
        changes = Changes(Standing())
        reply = self.reply(sender, lane, delay)
        if carrier is None:
            changes.waiting_new.append(reply)
        else:
            changes.flights_new.append(self.flight(reply, carrier))
        key = (reply.claim, reply.campaign)
        for old in range(1, self.model.epoch):
            if (self.pseudonym(sender, old), reply.campaign) in self.model.claims:
                changes.claims_dropped.append((self.pseudonym(sender, old), reply.campaign))
        changes.claims[key] = Claim(reply.epoch, 1, self.wall_ns, 1, reply.id)
        self.commit(changes)

    @rule(data=st.data(), carrier=st.sampled_from(CARRIERS))
    def release(self, data: st.DataObject, carrier: str) -> None:
        reply = self.pick(data, S.WAITING)
        if reply is not None:
            self.commit(Changes(Standing(), released=[self.flight(reply, carrier)]))

    @rule(data=st.data(), later=st.integers(0, 9), is_known=st.booleans())
    def give_back(self, data: st.DataObject, later: int, is_known: bool) -> None:
        """SUBMITTING → WAITING; a process that only read the row does not know the number."""
        reply = self.pick(data, S.SUBMITTING)
        if reply is not None:
            msisdn = reply.msisdn if is_known else ""
            due = self.wall_ns + later
            back = reply._replace(msisdn=msisdn, due_ns=due, attempts=reply.attempts + 1)
            self.commit(Changes(Standing(), returned=[Returned(back)]))

    @rule(data=st.data(), later=few)
    def postpone(self, data: st.DataObject, later: int) -> None:
        reply = self.pick(data, S.WAITING)
        if reply is not None:
            due = reply._replace(due_ns=self.wall_ns + later)
            self.commit(Changes(Standing(), postponed=[due]))

    @rule(
        data=st.data(),
        state=st.sampled_from([S.ACCEPTED, S.CLOSED, S.REFUSED, S.UNKNOWN]),
        message_id=st.sampled_from(["", "m1", "m2", "0é"]),
    )
    def finish(self, data: st.DataObject, state: ReplyState, message_id: str) -> None:
        reply = self.pick(data, S.SUBMITTING)
        if reply is not None:
            done = Finished(reply.id, S.SUBMITTING, state, message_id, "why")
            self.commit(Changes(Standing(), finished=[done]))

    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        reply = self.pick(data, *LATE_MOVES)
        if reply is not None:
            was = self.model.replies[reply.id].state
            state = data.draw(st.sampled_from(LATE_MOVES[was]))
            self.commit(Changes(Standing(), finished=[Finished(reply.id, was, state, "", "")]))

    @rule(data=st.data(), frees=st.booleans())
    def cancel(self, data: st.DataObject, frees: bool) -> None:
        reply = self.pick(data, S.WAITING)
        if reply is not None:
            changes = Changes(Standing(), cancelled=[(reply.id, "too old")])
            if frees:
                changes.claims_freed.append((reply.claim, reply.campaign, reply.id))
            self.commit(changes)

    @rule(data=st.data())
    def a_row_in_another_state_is_never_changed(self, data: st.DataObject) -> None:
        """A bug of ours: nothing at all of such a turn is kept."""
        reply = self.pick(data, *FINAL)
        if reply is not None:
            changes = Changes(Standing(), cancelled=[(reply.id, "twice")], optouts=[b"lost"])
            with pytest.raises(Exception, match="1 rows were to change, 0 did"):
                self.commit(changes)

    @rule(
        scope=st.sampled_from(["carrier/north", "link/x"]),
        slots=st.tuples(*[st.integers(0, 2**32 - 1)] * 2),
        posted=st.integers(0, 10**15),
        hold=st.none() | st.dictionaries(st.sampled_from("*ab"), st.builds(Hold, st.text(), few)),
        optout=st.sampled_from(SENDERS),
        guards=st.lists(
            st.tuples(st.integers(-(2**63), 2**63 - 1), *[st.integers(0, 2**61 - 1)] * 5),
            max_size=3,
            unique_by=lambda row: row[0],
        ),
    )
    def marks(
        self,
        scope: str,
        slots: tuple[int, int],
        posted: int,
        hold: dict[str, Hold] | None,
        optout: str,
        guards: list[GuardRow],
    ) -> None:
        """Money, counters, guards, holds and a stop."""
        changes = Changes(Standing(), holds=hold, optouts=[b"o" + optout.encode()], guards=guards)
        changes.counters[scope, "day"] = Counter(slots[0], array("I", slots + (0,) * (SLOTS - 1)))
        changes.audit.append(("fund", "5"))
        self.commit(changes, posted)

    @rule(
        carrier=st.sampled_from(CARRIERS),
        names=st.permutations("xyz"),
        delivered=st.booleans(),
        claims=st.sampled_from((b"", b"c" * 16)),
        reference=st.sampled_from((-1, 7)),
    )
    def hold_receipt(
        self, carrier: str, names: list[str], delivered: bool, claims: bytes, reference: int
    ) -> None:
        """Under two ids it may mean."""
        what = (names[0], self.wall_ns, "relou", claims, reference)
        held = [
            HeldReceipt(carrier, name, delivered, self.wall_ns + 5, *what) for name in names[:2]
        ]
        self.commit(Changes(Standing(), held_receipts=held))

    @rule(data=st.data())
    def use_receipt(self, data: st.DataObject) -> None:
        if self.model.held:
            one = data.draw(st.sampled_from(sorted(self.model.held)))
            used = (one[0], self.model.held[one].lead)
            self.commit(Changes(Standing(), receipts_used=[used]))

    @rule(code=st.sampled_from("pq"))
    def alarm(self, code: str) -> None:
        changes = Changes(Standing())
        begins = (code, "*") not in self.model.alarms
        changes.effects.alarms.append(AlarmChange(code, "*", begins, "1 of 2"))
        self.commit(changes)

    @rule(sender=st.sampled_from(SENDERS), seals=st.booleans())
    def give_up(self, sender: str, seals: bool) -> None:
        """A turn that rolls back, or breaks while it writes, leaves nothing."""
        changes = Changes(Standing(), waiting_new=[self.reply(sender, 0, 1)], optouts=[b"gone"])
        self.store.begin(self.model.all_keys(), {}, self.now(), AGES, unseal)
        if seals:
            self.store.rollback()
            return
        with pytest.raises(ZeroDivisionError):
            self.store.commit(changes, lambda msisdn, reply_id: bytes(1 // 0))

    @rule(span=st.integers(1, 60))
    def wait(self, span: int) -> None:
        self.wall_ns += span

    @rule()
    def note_keys(self) -> None:
        self.model.epoch += 1
        self.store.note_keys(self.model.epoch, self.wall_ns, "f00d")

    @rule(limit=st.integers(1, 4))
    def tidy(self, limit: int) -> None:
        model, wall = self.model, self.wall_ns
        over = {
            key: ("claims", key)
            for key, claim in model.claims.items()
            if claim.period_start_ns <= wall - AGES.claim_ns
        }
        claims = set(over)
        ended = {i for i, row in model.replies.items() if 0 < row.ended <= wall - AGES.reconcile_ns}
        held = {key for key, receipt in model.held.items() if receipt.until_ns <= wall - KEPT_NS}
        again = self.store.tidy(wall, AGES, limit)
        known = self.store.begin(model.all_keys(), {}, self.now(), AGES, unseal)
        self.store.rollback()
        gone = (
            set(model.claims) - set(known.claims),
            set(model.replies) - set(known.stored),
            set(model.held) - set(known.held_receipts),
        )
        assert sum(map(len, gone)) <= limit
        assert gone[0] <= claims and gone[1] <= ended and gone[2] <= held
        assert again or gone == (claims, ended, held)
        for table, keys in zip((model.claims, model.replies, model.held), gone, strict=True):
            for key in keys:
                del table[key]  # type: ignore[attr-defined]

    @rule(
        budgets=st.dictionaries(
            st.sampled_from(["hour", "total", "campaign/default/month", "allowance"]),
            st.sampled_from([None, Override(None), Override(7), Override(8, "2026-11-24")]),
            min_size=1,
        ),
        fees=st.dictionaries(
            st.sampled_from(CARRIERS), st.sampled_from(["", "2026-10", "2026-11"])
        ),
    )
    def set_budgets(self, budgets: dict[str, Override | None], fees: dict[str, str]) -> None:
        """What operators set, and the months whose fees were posted."""
        changes = Changes(Standing(), budgets=budgets, fees=fees)
        self.commit(changes, posted=1)

    @rule(rests=st.booleans())
    def restart(self, rests: bool) -> None:
        model = self.model
        if rests:
            self.store.rest(self.wall_ns)
        self.store.close()
        self.store = self.open()
        loaded = self.store.load()
        assert loaded.flights == {
            row.reply.id: row.flight._replace(reply=row.reply._replace(msisdn=""))
            for row in model.of(S.SUBMITTING)
            if row.flight
        }
        assert loaded.alarms == model.alarms
        assert (loaded.epoch, loaded.optout_fingerprint) == (model.epoch, "f00d")
        assert loaded.last_wall_ns == self.store.last_wall_ns() == model.wall_ns

    @rule(room=st.integers(0, 3))
    def due(self, room: int) -> None:
        """Per lane, in order, one more than the quota; lanes that are not asked for stay out."""
        quota = {LANES[0]: room, LANES[2]: 0}
        known = self.store.begin(self.model.all_keys(), quota, self.now(), AGES, unseal)
        self.store.rollback()
        assert known.due == self.model.due(quota, self.now())
        optouts = {reply.optout for lane in known.due.values() for reply in lane}
        assert known.optouts >= optouts & self.model.optouts

    @invariant()
    def everything_is_found(self) -> None:
        model = self.model
        known = self.store.begin(model.all_keys(), {}, self.now(), AGES, unseal)
        self.store.rollback()
        assert known.claims == model.claims and known.optouts == model.optouts
        assert known.counters == model.counters and known.holds == model.holds
        assert known.guards == {
            key.to_bytes(8, "big", signed=True): row for key, row in model.guards.items()
        }
        assert known.budgets == model.budgets and known.fees == model.fees
        day = {k: v for k, v in model.balances.items() if v}
        assert {k: v for k, v in known.balances.items() if v} == day
        assert known.stored == {i: row.stored() for i, row in model.replies.items()}
        assert known.by_message == model.by_message()
        assert known.unknown_of == model.unknown_of(model.all_keys().unknown)
        assert known.held_receipts == model.held
        model.check_overdue(known.overdue, self.now())
        assert {stored.reply_id for stored in known.aged} == model.aged(self.now())
        assert {reply.id for reply in known.too_old} == model.too_old(self.now())
        assert set(known.stopped) == model.stopped()
        assert (known.journal_seq, known.journal_digest) == model.journal
        assert (known.waiting, known.next_id) == (model.waiting, model.next_id)
        assert known.waiting == len(model.of(S.WAITING))
        assert (known.last_wall_ns, known.epoch) == (model.wall_ns, model.epoch)
        oldest = model.oldest_epoch()
        assert self.store.forgettable_epochs(model.epoch) == list(range(1, oldest))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_store_is_what_the_model_is(backend: str) -> None:
    run_state_machine_as_test(
        partial(StoreMachine, BACKENDS[backend]),
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_only_one_turn_at_a_time(backend: str, tmp_path: Path) -> None:
    store = BACKENDS[backend](tmp_path)
    store.begin(Model().all_keys(), {}, Now(1, 1, "", 2), AGES, unseal)
    with pytest.raises(StoreFailed):
        store.begin(Model().all_keys(), {}, Now(1, 1, "", 2), AGES, unseal)
    store.rollback()
    store.close()
