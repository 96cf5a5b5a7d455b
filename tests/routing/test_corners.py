"""What the tables do not reach: the journal's faults, the reply table, explain, clocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import ledger, settle
from routing.answer import answer
from routing.closing import close_month
from routing.draft import Draft
from routing.explain import explain
from routing.policy import trust
from routing.records import (
    ClockRules,
    OutcomeKind,
    ReceiptKind,
    Reply,
    ReplyKind,
    ReplyState,
    Silence,
)
from routing.release import release
from routing.reply import OURS, PEERS, TABLE, ReplyError, ReplyEvent, diagram, move
from routing.standing import (
    ALL,
    Claim,
    Closing,
    Command,
    Edge,
    Hold,
    Known,
    Park,
    Pause,
    Seen,
    Standing,
    Stored,
)
from routing.throttle import DAY_NS, HOUR_NS, SECOND_NS
from tests.routing.worlds import World, outcome

DAYS_30 = 30 * DAY_NS
CLOCK = ClockRules(6 * HOUR_NS, DAYS_30)


def journal(count: int) -> list[ledger.JournalRow]:
    rows: list[ledger.JournalRow] = []
    previous = ledger.GENESIS
    for seq in range(1, count + 1):
        entries = [(seq, "reserve", 5, 1), (seq, "settle", 5, 1), (0, "inbound", 1, 0)]
        row, _ = ledger.write_row(previous, seq, seq * 10, entries)
        rows.append(row)
        previous = row.digest
    return rows


def test_what_a_carrier_bills_in_its_own_currency_is_kept_even_when_it_is_nothing() -> None:
    posted = [(1, "settle", 5, 1), (2, "settle", 0, 1, 0, "USD"), ledger.Entry(3, "fee", 9, 0)]
    row, _ = ledger.write_row(ledger.GENESIS, 1, 10, posted)
    assert row.entries == "1 settle 5 1;2 settle 0 1 0 USD;3 fee 9 0"
    assert ledger.read_entries(row.entries) == [ledger.Entry(*entry) for entry in posted]


def test_a_whole_journal_adds_up() -> None:
    entries = list(ledger.verify(journal(3)))
    assert ledger.balances(entries) | {"reserved": 0} == {
        "given": 0, "inbound": 3, "reserved": 0, "settled": 15, "fee": 0, "correction": 0,
    }  # fmt: skip
    assert ledger.read_entries("") == []


@given(st.integers(0, 4), st.sampled_from(["at_ns", "totals", "entries", "digest"]))
def test_a_changed_row_is_found(place: int, field: str) -> None:
    rows = journal(5)
    old = getattr(rows[place], field)
    new = old + 1 if isinstance(old, int) else old[:-1] + (b"x" if field == "digest" else "7")
    rows[place] = rows[place]._replace(**{field: new})
    with pytest.raises(ledger.LedgerError):
        list(ledger.verify(rows))


def test_a_missing_row_and_a_false_sum_are_found() -> None:
    rows = journal(3)
    with pytest.raises(ledger.LedgerError, match="row 2 is missing"):
        list(ledger.verify([rows[0], rows[2]]))
    totals = "reserve 6 settle 5"
    entries = "1 reserve 5 1;1 settle 5 1"
    digest = ledger._digest(ledger.GENESIS, 1, 10, totals, entries)
    with pytest.raises(ledger.LedgerError, match="not the sum"):
        list(ledger.verify([ledger.JournalRow(1, 10, totals, entries, digest)]))
    for wrong in ("1 reserve 5", "1 given away 1", "1 gift 5 1"):
        with pytest.raises(ledger.LedgerError):
            ledger.read_entries(wrong)


def test_every_pair_of_the_reply_table() -> None:
    """A pair we may not cause raises; whatever a peer can cause is named in every state."""
    for state in ReplyState:
        for event in ReplyEvent:
            if (state, event) in TABLE:
                assert move(state, event) is TABLE[state, event]
            else:
                assert event in OURS
                with pytest.raises(ReplyError):
                    move(state, event)
        assert all((state, event) in TABLE for event in PEERS)
    assert "WAITING -> SUBMITTING" in diagram() and diagram().startswith("digraph reply {")


def test_explain_says_what_would_happen_and_changes_nothing() -> None:
    world = World(delay_min=60, funds="0.04")
    before = world.store.balances.copy()
    contact = world.contact("+33612340001")

    def said(contact_: object = contact, fault: str = "", **links: object) -> dict[str, object]:
        known = world.known(Seen(contacts=[contact]))
        known.holds = dict(links.get("holds", {}))  # type: ignore[call-overload]
        now = world.now()._replace(clock_fault=fault)
        facts = [] if links.get("down") else world.facts()
        args = (known, world.standing, world.rules, world.rates, facts, now)
        return explain(contact_, *args)  # type: ignore[arg-type]

    shown = said()
    assert shown["answered"] and shown["due_in_s"] == 3600 and shown["price_nanos"] == 50_000_000
    assert shown["money"] == "no funds" and shown["held"] == ""
    assert said(down=True)["ways"] != shown["ways"]
    assert said(holds={ALL: Hold("operator", 0)})["held"] == "operator"
    assert said(holds={"main": Hold("account", 0)})["answered"]
    assert said(fault="the clock went back")["held"] == "the clock went back"
    assert (shown["text"], shown["segments"]) == ("fr.1", 1)
    silent = said(world.contact("38200"))
    assert (silent["answered"], silent["why"]) == (False, "short code")
    assert world.store.balances == before


def test_explain_shows_the_text_and_the_price_of_the_next_reply() -> None:
    world = World(max_replies=2, stages=(3,))
    contact = world.contact("+33612340001")
    world.turn(contacts=[contact])
    known = world.known(Seen(contacts=[contact]))
    args = (known, world.standing, world.rules, world.rates, world.facts(), world.now())
    said = explain(contact, *args)
    assert (said["text"], said["segments"], said["price_nanos"]) == ("fr.2", 3, 150_000_000)


@pytest.mark.parametrize(
    ("last", "wall", "believed"),
    [
        (0, 5 * DAY_NS, True),  # a new database
        (5 * DAY_NS, 5 * DAY_NS + HOUR_NS, True),
        (5 * DAY_NS, 4 * DAY_NS, False),  # a day back
        (5 * DAY_NS, 5 * DAY_NS - SECOND_NS, True),  # what time keeping corrects
        (5 * DAY_NS, 5 * DAY_NS + DAYS_30 + 1, False),  # stopped longer than is plausible
        (5 * DAY_NS, 75 * 365 * DAY_NS, False),
    ],
)
def test_the_clock_at_start(last: int, wall: int, believed: bool) -> None:
    trusted, fault = trust(Standing(), last, wall, SECOND_NS, CLOCK)
    assert (fault == "") is believed
    assert trusted == (max(wall, last) if believed else last)


@pytest.mark.parametrize("years", [0, 75])
def test_a_clock_that_is_wrong_holds_and_still_acknowledges(years: int) -> None:
    """A day back, or 75 years ahead: texts wait, nothing leaves, until it returns."""
    world = World()
    world.turn(contacts=[world.contact("+33612340001")])
    right = world.wall_ns
    world.wall_ns += years * 365 * DAY_NS if years else -DAY_NS
    changes = world.turn(contacts=[world.contact("+33612340002")], tick=True)
    assert changes.waiting == 1 and not changes.effects.submits and not changes.tidy_before_ns
    assert [alarm.code for alarm in changes.effects.alarms] == ["clock"]
    world.wall_ns = right + SECOND_NS
    world.true_ns += SECOND_NS
    changes = world.turn()
    assert len(changes.effects.submits) == 1
    assert [(a.code, a.begins) for a in changes.effects.alarms] == [("clock", False)]


def test_an_accepted_clock_opens_what_was_held() -> None:
    world = World()
    world.turn(commands=[Command(1, "hold", "main")])
    changes = world.turn(commands=[Command(2, "accept-clock"), Command(3, "nonsense")])
    assert changes.effects.answers == {2: "done", 3: "there is no command nonsense"}
    assert changes.effects.wake_in_ns == 0
    changes = world.turn(commands=[Command(4, "hold", "moon"), Command(5, "release", "moon")])
    assert changes.effects.answers == {4: "there is no link moon", 5: "moon was not held"}


def test_a_donation_that_is_too_small_does_not_end_the_alarm() -> None:
    world = World(funds="0", inbound="0.01")
    world.turn(contacts=[world.contact("+33612340001")])
    assert ("no_funds", "no funds") in world.standing.alarms
    world.turn(commands=[Command(1, "fund", "", 5_000_000)])
    assert ("no_funds", "no funds") in world.standing.alarms


def test_a_receipt_held_for_another_reply_is_not_this_ones() -> None:
    world = World()
    world.answers["main"] = None
    world.turn(contacts=[world.contact("+33612340001"), world.contact("+33612340002")])
    world.turn(receipts=[world.receipt("+33612340001", ReceiptKind.DELIVERED, "m1")])
    changes = world.turn(outcomes=[outcome(i, OutcomeKind.ACCEPTED) for i in (1, 2)])
    assert [done.reply_id for done in changes.finished] == [1, 2]
    assert len({done.state for done in changes.finished}) == 2


def drafted(world: World, known: Known | None = None, **standing: object) -> Draft:
    """A turn that has just begun."""
    known = known or Known(balances=dict(world.store.balances))
    begun = world.standing.with_(**standing)
    return Draft(known, begun, world.rules, world.rates, world.facts(), world.now())


def stored(state: ReplyState, price: int = 5) -> Stored:
    return Stored(1, state, "acme", "main", "relou", price, 3, "day/2026-11-24", b"claim")


def test_not_billed_after_all_gives_the_money_back() -> None:
    """The CDR does not bill what was assumed sent: a correction, and the budgets have it again."""
    draft = drafted(World(budget_day="1.00"))
    settle.apply(draft, stored(ReplyState.ASSUMED_SENT), ReplyEvent.NOT_BILLED)
    assert draft.postings == {("correction", 5, 3, 0, ""): [1]} and draft.purse.changes() == {
        "day/2026-11-24": -5
    }


@pytest.mark.parametrize(
    ("state", "event", "posted"),
    [
        (ReplyState.UNKNOWN, ReplyEvent.UNKNOWN_OVER, ["settle"]),
        (ReplyState.UNKNOWN, ReplyEvent.REFUSED, ["settle"]),
        (ReplyState.UNKNOWN, ReplyEvent.FAILED, ["settle"]),
        (ReplyState.ACCEPTED, ReplyEvent.FAILED, []),
        (ReplyState.ACCEPTED, ReplyEvent.RECEIPT_OVER, []),
        (ReplyState.REFUSED, ReplyEvent.DELIVERED, ["reserve", "settle"]),
    ],
)
def test_a_carrier_that_is_no_longer_configured_bills_all(
    state: ReplyState, event: ReplyEvent, posted: list[str]
) -> None:
    """Nothing is taken to be given back; what was perhaps released is posted again."""
    draft = drafted(World())
    settle.apply(draft, stored(state)._replace(carrier="gone"), event)
    assert [terms[0] for terms in draft.postings] == posted


def test_a_receipt_of_a_carrier_that_is_gone_costs_nothing_more() -> None:
    world = World()
    receipt = world.receipt("33612340001", ReceiptKind.DELIVERED, "m1")
    world.turn(receipts=[receipt._replace(carrier="gone")])
    assert "fee" not in world.store.balances


def test_delivered_after_all_is_posted_again() -> None:
    """A receipt against the books: what was released is reserved and settled, with an alarm."""
    draft = drafted(World())
    settle.apply(draft, stored(ReplyState.REFUSED), ReplyEvent.DELIVERED)
    assert [terms[0] for terms in draft.postings] == ["reserve", "settle"]
    assert ("ledger", "acme") in draft.alarms
    billed = drafted(World(billed=["acme"]))
    settle.apply(billed, stored(ReplyState.REFUSED), ReplyEvent.DELIVERED)
    assert not billed.postings  # the refusal was settled when it came


def test_a_contact_for_nobody_costs_nothing() -> None:
    world = World(inbound="0.01")
    contact = world.contact("+33612340001")._replace(number="", silence=Silence.NOT_OURS)
    changes = world.turn(contacts=[contact])
    assert changes.tallies["silent: called number is not ours"] == 1 and changes.journal is None


def test_a_claim_from_the_future_begins_now() -> None:
    world = World()
    world.turn(contacts=[world.contact("+33612340001")])
    [(key, claim)] = world.store.claims.items()
    world.store.claims[key] = claim._replace(period_start_ns=world.wall_ns + 400 * DAY_NS)
    changes = world.turn(contacts=[world.contact("+33612340001")])
    assert changes.claims[key].period_start_ns == world.now().wall_ns


def test_a_claim_without_a_reply_moves_alone() -> None:
    world = World()
    world.epochs = (2, 1)
    contact = world.contact("+33612340001")
    assert contact.keys is not None
    old = (contact.keys.claims[1], "default")
    claim = Claim(1, 1, world.wall_ns, 1, 0)
    known = Known(balances=dict(world.store.balances), claims={old: claim}, epoch=2)
    draft = drafted(world, known)
    answer(draft, [contact])
    assert draft.changes.claims_dropped == [old] and draft.changes.claims_moved == []


def test_two_stops_in_one_batch_cancel_each_their_own() -> None:
    world = World(delay_min=60, confirm_stop=True)
    senders = ["+33612340001", "+33612340002"]
    world.turn(contacts=[world.contact(sender) for sender in senders])
    world.down.add("main")
    changes = world.turn(contacts=[world.contact(sender, stop=True) for sender in senders])
    assert sorted(changes.cancelled) == [(1, "opt-out"), (2, "opt-out")]
    changes = world.turn(contacts=[world.contact(senders[0], stop=True)])
    assert changes.cancelled == []  # the confirmation that waits is not a reply to be cancelled


def test_stop_words_cancel_replies_and_not_confirmations() -> None:
    world = World(confirm_stop=True)
    contact = world.contact("+33612340001", stop=True)
    keys = contact.keys
    assert keys is not None
    draft = drafted(world)
    draft.known.stopped = {
        7: Reply(7, "default", "relou", ReplyKind.STOP_CONFIRMATION, "fr.stop", 1, "FR",
                 keys.claims[0], 1, keys.prefix, 0, 0, 0, "")
    }  # fmt: skip
    answer(draft, [contact])
    assert draft.changes.cancelled == []


def test_money_that_came_back_wakes_only_lanes_that_wait_for_money() -> None:
    parks = {("a", "x"): Park("no funds", 0, True), ("b", "x"): Park("cap per hour", 1 << 62)}
    draft = drafted(World(), parks=parks)
    draft.unpark_money()
    assert list(draft.parks) == [("b", "x")]


def test_the_clock_that_is_accepted_opens_parked_lanes() -> None:
    world = World()
    world.standing = world.standing.with_(
        parks={("relou", "default"): Park("cap per day", 1 << 62)}
    )
    world.turn(commands=[Command(1, "accept-clock")])
    assert not world.standing.parks


def test_the_alarm_of_a_full_list_lasts_until_a_tenth_is_free() -> None:
    world = World(max_waiting=20, delay_min=60)
    numbers = [f"+336123400{i:02}" for i in range(20)]
    world.turn(contacts=[world.contact(number) for number in numbers])
    assert ("queue_full", ALL) in world.standing.alarms
    world.turn(contacts=[world.contact(numbers[0], stop=True)])
    assert ("queue_full", ALL) in world.standing.alarms
    world.turn(contacts=[world.contact(number, stop=True) for number in numbers[1:4]])
    assert ("queue_full", ALL) not in world.standing.alarms


def test_what_is_gone_is_not_cancelled_twice() -> None:
    world = World()
    old = Reply(7, "default", "relou", ReplyKind.REPLY, "fr.1", 1, "FR", b"c", 1, b"p", 0, 0, 0, "")
    draft = drafted(world, Known(balances=world.store.balances, too_old=[old], waiting=1))
    draft.gone.add(7)
    release(draft)
    assert draft.changes.cancelled == []


def test_a_paused_carrier_says_when_it_may_be_tried() -> None:
    world = World(delay_min=0)
    resumes = world.true_ns - world.started_ns + 5 * SECOND_NS
    world.standing = world.standing.with_(pauses={"acme": Pause(resumes, 1)})
    changes = world.turn(contacts=[world.contact("+33612340001")])
    assert not changes.effects.submits and 0 < changes.effects.wake_in_ns <= 5 * SECOND_NS


def test_a_closed_month_gets_no_later_rows() -> None:
    """An operator who set the clock back could write some into it: they belong to the next one."""
    world = World()
    world.until(world.true_ns + 400 * DAY_NS)
    closed = Closing("2026-11", 3, b"c", 3, "", "", until_ns=world.wall_ns - 300 * DAY_NS)
    edge = Edge(b"d", closed.until_ns - 1, 0, closed)
    draft = drafted(world, Known(edge=edge))
    told = close_month(draft, closed._replace(seq=4, digest=b"d"))
    assert told == "2026-11 is closed already, with journal row 3"
    assert draft.changes.closings == []
