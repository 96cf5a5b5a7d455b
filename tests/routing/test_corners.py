"""What the tables do not reach: the journal's faults, the reply table's own laws, explain, clocks."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing import ledger, throttle
from routing.explain import explain
from routing.policy import decide, trust
from routing.records import ClockRules, Limits, OutcomeKind, ReceiptKind, ReplyState
from routing.reply import OURS, PEERS, TABLE, ReplyError, ReplyEvent, diagram, move
from routing.standing import ALL, Command, Hold, Known, Seen, Standing
from routing.throttle import DAY_NS, HOUR_NS, SECOND_NS
from tests.routing.worlds import World, now_at, outcome, play

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
    silent = said(world.contact("38200"))
    assert (silent["answered"], silent["why"]) == (False, "short code")
    assert world.store.balances == before


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


def test_counters_survive_the_store_and_a_clock_set_back() -> None:
    counter = throttle.advance(throttle.EMPTY, "hour", 100 * HOUR_NS)
    counter = throttle.add(counter, 7)
    assert throttle.from_octets(counter.head, throttle.to_octets(counter)) == counter
    back = throttle.advance(counter, "hour", 50 * HOUR_NS)
    assert back.head < counter.head and sum(back.slots) == 7
    assert throttle.frees_at_ns(throttle.EMPTY, "day") == 0
    limits = {"link/main": Limits(segments_per_hour=9)}
    held = throttle.Throttle(
        limits, {}, {("link/main", "hour"): counter}, 1, SECOND_NS, 50 * HOUR_NS
    )
    assert sum(held.taken()[1]["link/main", "hour"].slots) == 7  # written back as it counts now
    assert held.wake_ns(["number/none"], "tps", 1) == (0, 0)


def test_a_receipt_held_for_another_reply_is_not_this_ones() -> None:
    world = World()
    world.answers["main"] = None
    world.turn(contacts=[world.contact("+33612340001"), world.contact("+33612340002")])
    world.turn(receipts=[world.receipt("+33612340001", ReceiptKind.DELIVERED, "m1")])
    changes = world.turn(outcomes=[outcome(i, OutcomeKind.ACCEPTED) for i in (1, 2)])
    assert [done.reply_id for done in changes.finished] == [1, 2]
    assert len({done.state for done in changes.finished}) == 2


def test_not_billed_after_all_gives_the_money_back() -> None:
    """The CDR does not bill what was assumed sent: a correction."""
    assert move(ReplyState.ASSUMED_SENT, ReplyEvent.NOT_BILLED).next is ReplyState.REFUSED


def test_limits_of_a_config_without_anything() -> None:
    world = World()
    known = Known(balances=world.store.balances)
    args = (known, Standing(), world.rules, world.rates, [], now_at(DAY_NS))
    assert decide(Seen(), *args) == decide(Seen(), *args)
    assert Path(__file__).name  # this file stands beside the tables


def test_what_waits_wakes_when_its_carrier_rests_over() -> None:
    play(
        World(),
        """
        10:00  main answers pause  → -
        10:00  +33612340001 texts  → sends 0001, alarm throttled
        """,
    )
