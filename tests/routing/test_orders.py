"""What an operator orders: cancel what waits, opt a number out by hand, forget a number."""

from typing import Any

import pytest

from routing.abuse import Caps, GuardRules
from routing.guards import key_of
from routing.jobs import LOOKED_MOST
from routing.orders import UNREADABLE
from routing.records import OutcomeKind
from routing.records import ReplyState as S
from routing.standing import Command
from tests.routing.plays import flying, play
from tests.routing.worlds import World, keys_of, outcome

TWO = {"a": ("main",), "b": ("main",)}

TABLES: dict[str, tuple[dict[str, Any], str]] = {
    "cancel everything that waits: its senders may be answered again": (
        {"delay_min": 60},
        """
        10:00  +33612340001 texts → waits until 11:00
        10:01  +33612340002 texts → waits until 11:01
        10:02  operator cancels   → cancelled 0001: operator, cancelled 0002: operator
        10:03  +33612340001 texts → waits until 11:03
        11:03  -                  → sends 0001
        """,
    ),
    "cancel what waits for one of our numbers": (
        {"delay_min": 60, "numbers": TWO, "campaigns": {"b": "other"}},
        """
        10:00  +33612340001 texts a → waits until 11:00
        10:01  +33612340002 texts b → waits until 11:01
        10:02  operator cancels b   → cancelled 0002: operator
        10:03  operator cancels c   → there is no number of ours named c
        11:00  -                    → sends 0001
        """,
    ),
    "what has left is not cancelled": (
        {},
        """
        10:00  main answers nothing    → -
        10:00  +33612340001 texts      → sends 0001
        10:01  operator cancels        → -
        10:02  main says 0001 not sent → sends 0001
        """,
    ),
    "an opt-out by hand is like a stop": (
        {"delay_min": 60},
        """
        10:00    +33612340001 texts            → waits until 11:00
        10:01    operator optout +33612340001  → cancelled 0001: opt-out
        10:02    operator optout +33612340001  → it has opted out already
        10:03    +33612340001 texts            → silent: opted out
        30d10:00 +33612340001 texts            → silent: opted out
        """,
    ),
    "what was entered by hand is taken back by hand": (
        {"claim_days": 1},
        """
        10:00  operator optout +33612340001      → -
        10:01  +33612340001 texts                → silent: opted out
        10:02  operator optout-undo +33612340001 → -
        10:03  +33612340001 texts                → sends 0001
        10:04  operator optout-undo +33612340001 → it has not opted out
        """,
    ),
    "a stop is never taken back, even when it came after an opt-out by hand": (
        {},
        """
        10:00  +33612340001 stops                → silent: opted out now
        10:01  operator optout-undo +33612340001 → THEIRS
        10:02  operator optout +33612340002      → -
        10:03  +33612340002 stops                → silent: opted out
        10:04  operator optout-undo +33612340002 → THEIRS
        10:05  +33612340002 texts                → silent: opted out
        """,
    ),
    "whoever is forgotten is a stranger again": (
        {"delay_min": 60, "confirm_stop": True},
        """
        10:00  +33612340001 texts           → waits until 11:00
        10:01  +33612340002 texts           → waits until 11:01
        10:02  operator forget +33612340001 → cancelled 0001: forgotten
        10:03  +33612340001 texts           → waits until 11:03
        11:03  -                            → sends 0002, sends 0001
        """,
    ),
    "a stop stays, an opt-out by hand does not": (
        {},
        """
        10:00  +33612340001 stops           → silent: opted out now
        10:01  operator forget +33612340001 → -
        10:02  +33612340001 texts           → silent: opted out
        10:03  operator optout +33612340002 → -
        10:04  operator forget +33612340002 → -
        10:05  +33612340002 texts           → sends 0002
        """,
    ),
    "who is forgotten on the way is sent nothing a second time": (
        {},
        """
        10:00  main answers nothing         → -
        10:00  +33612340001 texts           → sends 0001
        10:01  operator forget +33612340001 → -
        10:02  main says 0001 not sent      → cancelled 0001: forgotten
        """,
    ),
}
THEIRS = "the person opted out themselves, and only they could take it back"


@pytest.mark.parametrize(("how", "table"), TABLES.values(), ids=TABLES)
def test_orders(how: dict[str, Any], table: str) -> None:
    play(World(**how), table.replace("THEIRS", THEIRS))


def order(name: str, msisdn: str = "33612340001") -> Command:
    """About one person."""
    return Command(1, name, keys=keys_of(msisdn))


def test_the_audit_names_nobody() -> None:
    world = World(delay_min=60, confirm_stop=True)
    world.turn(contacts=[world.contact("+33612340001"), world.contact("+33612340002")])
    for name in ("optout", "optout-undo", "optout", "forget"):
        world.turn(commands=[order(name)])
    world.settle()
    world.turn(commands=[Command(1, "cancel", "relou", campaign="default")])
    world.settle()
    assert world.store.audit[1:] == [
        ("optout", "opt-out by hand"),
        ("optout", "opt-out by hand undone"),
        ("optout", "opt-out by hand"),
        ("forget", "1 claims, 0 counts, 1 opt-outs by hand"),
        ("forget", "0 replies cancelled, 0 that had left made nameless"),
        ("cancel", "number relou, campaign default"),
        ("cancel", "1 replies cancelled"),
    ]


def test_a_number_that_is_none_and_names_that_are_none() -> None:
    world = World()
    for name in ("optout", "optout-undo", "forget"):
        assert world.turn(commands=[Command(7, name)]).effects.answers == {7: UNREADABLE}
    told = world.turn(commands=[Command(7, "cancel", campaign="x")]).effects.answers
    assert told == {7: "there is no campaign x"}
    assert world.store.jobs == {}


def test_a_job_takes_a_thousand_replies_a_turn() -> None:
    """And what came after the order is not cancelled by it."""
    world = World(delay_min=60, max_waiting=9000)
    texts = [world.contact(f"+336{1234 * 10000 + i:08}") for i in range(2 * LOOKED_MOST)]
    world.turn(contacts=texts)
    later = world.contact("+33699990001")
    left = [world.turn(commands=[Command(1, "cancel")], contacts=[later])]
    while (job := world.known_job()) is not None:
        assert job.looked == LOOKED_MOST * (len(left) - 1)
        left.append(world.turn())
    assert [len(turn.cancelled) for turn in left] == [0, LOOKED_MOST, LOOKED_MOST, 0]
    assert world.store.waiting == 1


def test_every_state_of_a_reply_loses_its_person() -> None:
    """1 accepted, 2 unknown, 3 on its way, 4 accepted by another; the money stays to the cent."""
    world = flying(4, max_replies=9)
    world.turn(outcomes=[outcome(1, OutcomeKind.ACCEPTED), outcome(2, OutcomeKind.NO_ANSWER)])
    world.turn(outcomes=[outcome(4, OutcomeKind.ACCEPTED)])
    before = dict(world.store.balances)
    for person in range(1, 4):
        world.turn(commands=[order("forget", f"3361234000{person}")])
    world.settle()
    rows = world.store.rows
    assert [rows[i].state for i in range(1, 5)] == [S.ACCEPTED, S.UNKNOWN, S.SUBMITTING, S.ACCEPTED]
    assert [bool(rows[i].reply.claim) for i in range(1, 5)] == [False, False, False, True]
    assert world.store.balances == before
    assert [job.cleared for job in world.store.jobs.values()] == [1, 1, 1]
    assert len(world.store.claims) == 1 and world.store.persons == {}
    world.turn(outcomes=[outcome(3, OutcomeKind.ACCEPTED)])
    assert rows[3].state is S.ACCEPTED and not rows[3].reply.claim


def test_what_has_left_is_looked_through_a_thousand_a_turn_too() -> None:
    world = World(window=9000)
    world.turn(contacts=[world.contact(f"+336{12340000 + i:08}") for i in range(LOOKED_MOST + 2)])
    world.settle()
    last = f"336{12340000 + LOOKED_MOST + 1:08}"
    world.turn(commands=[order("forget", last)])
    turns = 0
    while world.known_job() is not None:
        world.turn()
        turns += 1
    assert turns == 3  # nothing waits, then a thousand, then two
    nameless = [i for i, row in world.store.rows.items() if not row.reply.claim]
    assert nameless == world.rows(last)


def test_what_leaves_while_a_job_runs_is_found_on_its_way() -> None:
    """The first of two replies is not the one the claim names: only the job finds it, or release
    is first, and then it is cleared in the next turn."""
    world = World(delay_min=60, max_replies=2)
    world.answers["main"] = None
    play(
        world,
        """
        10:00  +33612340001 texts → waits until 11:00
        10:30  +33612340001 texts → waits until 11:30
        """,
    )
    world.until(world.true_ns + 30 * 60 * 10**9 - 1)
    world._pass(world.true_ns + 1)
    said = world.turn(commands=[order("forget")])
    assert [reply_id for reply_id, _ in said.cancelled] == [2] and len(said.released) == 1
    world.settle()
    assert not world.store.rows[1].reply.claim and not world.store.claims
    [job] = world.store.jobs.values()
    assert (job.cancelled, job.cleared) == (1, 1)


def test_a_stop_and_a_forgetting_of_one_turn() -> None:
    world = World(delay_min=60)
    play(world, "10:00  +33612340001 texts → waits until 11:00")
    stop = world.contact("+33612340001", stop=True)
    world.turn(commands=[order("forget"), order("optout"), order("optout-undo")], contacts=[stop])
    world.settle()
    assert world.state("0001") is S.CANCELLED and world.store.claims == {}
    assert stop.keys and world.store.optouts == {stop.keys.optout} and not world.store.by_hand


def test_what_guards_counted_of_a_person_goes() -> None:
    """A new text of the same turn counts from nothing."""
    guards = GuardRules(sender=Caps(segments_per_hour=2))
    world = World(max_replies=9, guards=guards)
    table = """
        10:00  +33612340001 texts → sends 0001
        10:01  +33612340001 texts → sends 0001
        10:02  +33612340001 texts → silent: limit of the sender
    """
    play(world, table)
    mine = key_of(keys_of("33612340001").claims[0])
    assert mine in world.store.guards
    world.turn(commands=[order("forget")], contacts=[world.contact("+33612340001")])
    assert len(world.changes.effects.submits) == 1
    world.settle()
    world.turn(commands=[order("forget")])
    assert mine not in world.store.guards
