"""The breaker as tables a donor can read: when it steps down, and that it comes up by itself.

Housekeeping runs every minute, and each minute the ten before it are judged.
"""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import attack
from routing.abuse import BreakerRules, Caps, GuardRules
from routing.breaker import MINUTE_NS, Breaker, Figures, Kept, Step, judge, tell
from routing.records import Contact
from routing.standing import Sweep
from routing.throttle import DAY_NS
from tests.routing.plays import play
from tests.routing.shapes import PLAN
from tests.routing.test_guard_tables import Clerk
from tests.routing.worlds import World, card, keys_of

RULES = BreakerRules(least=10, fresh=40)


def world(**how: Any) -> World:
    """A world with a breaker, a budget of 10 EUR a day, and replies that wait an hour."""
    shape = {"delay_min": 60, "breaker": RULES, "budget_day": "10.00", "window": 1000}
    here = World(**(shape | {"cards": {"acme": card("33 0.05 FR", "44 0.50 GB")}} | how))
    here.tick_ns, here.tick_every_ns = here.true_ns + MINUTE_NS, MINUTE_NS
    return here


def test_one_who_texts_a_thousand_times_stops_nobody_else() -> None:
    """First slower, then only first-time senders; five quiet minutes a step, and all is open."""
    play(
        world(),
        """
        10:00  5 from everywhere text        → waits until 11:00 x5
        10:00  995 times +33612340001 texts  → silent: replied already x994, waits until 11:00
        10:01  -                             → alarm attack slower
        10:02  -                             → attack slower to first-time
        10:03  1 from everywhere text        → waits until 11:33
        10:16  -                             → attack first-time to slower
        10:17  1 from everywhere text        → waits until 11:47
        10:21  -                             → alarm attack slower ends
        10:22  1 from everywhere text        → waits until 11:22
        """,
    )


def test_the_day_an_idea_becomes_known_only_slows_us() -> None:
    play(
        world(budget_day="100.00", max_waiting=10_000),
        """
        10:00  60 from everywhere text  → waits until 11:00 x60
        10:01  60 from everywhere text  → alarm attack slower, waits until 11:31 x60
        10:02  60 from everywhere text  → waits until 11:32 x60
        """,
    )


def test_many_senders_of_few_ranges() -> None:
    """Their range is answered no more, and what waits for it is cancelled and costs nothing."""
    play(
        world(budget_day="100.00"),
        """
        10:00  5 from everywhere text  → waits until 11:00 x5
        10:00  9 in +3361234 text      → waits until 11:00 x9
        10:01  -                       → alarm attack slower
        10:02  -                       → attack slower to first-time, cancels x9
        10:03  1 in +3361234 text      → silent: attack
        10:04  1 from everywhere text  → waits until 11:34
        10:30  -                       → attack first-time to slower, alarm attack slower ends
        10:31  1 in +3361234 text      → waits until 11:31
        """,
    )


def test_attackers_over_a_limit_are_an_attack_too() -> None:
    """No range stands out, but half of all new senders met a limit."""
    play(
        world(guards=GuardRules(prefix=Caps(segments_per_hour=2))),
        """
        10:00  4 in +3361234 text  → silent: limit of the number range x2, waits until 11:00 x2
        10:00  4 in +3361235 text  → silent: limit of the number range x2, waits until 11:00 x2
        10:00  4 in +3361236 text  → silent: limit of the number range x2, waits until 11:00 x2
        10:01  -                   → alarm attack slower
        10:02  -                   → attack slower to first-time, cancels x6
        """,
    )


def test_an_attack_that_costs_more_than_the_plan() -> None:
    """Each range is closed within a minute or two, but new ones come: down to the stop. Then up
    again by itself, and the one genuine sender who wrote before is answered."""
    play(
        world(budget_day="1.00"),
        """
        10:00  1 from everywhere text  → waits until 11:00
        10:00  9 in +3361234 text      → waits until 11:00 x9
        10:01  9 in +3361235 text      → alarm attack slower, waits until 11:31 x9
        10:02 9 in +3361236 text → attack slower to first-time, cancels x18, waits until 11:32 x9
        10:03 9 in +3361237 text → attack first-time to home, cancels x9, waits until 11:33 x9
        10:04 9 in +3361238 text → attack home to hold, cancels x9, waits until 11:34 x9
        10:05 9 in +3361239 text → attack hold to stop, cancels x9, silent: attack x9
        10:06  9 in +3361240 text      → silent: attack x9
        10:06  1 from everywhere text  → silent: attack
        10:13  -                       → attack stop to hold
        10:18  -                       → attack hold to home
        10:23  -                       → attack home to first-time
        10:28  -                       → attack first-time to slower
        10:33  -                       → alarm attack slower ends
        10:51  1 from everywhere text  → waits until 11:51
        12:00  -                       → sends 0001, sends 0066
        """,
    )


def test_dear_countries_are_closed() -> None:
    """Most of what was promised goes abroad, and it is more than the plan."""
    play(
        world(countries=("FR", "GB")),
        """
        10:00  2 from everywhere text  → waits until 11:00 x2
        10:00  6 in +44712345 text     → waits until 11:00 x6
        10:01  -                       → alarm attack slower
        10:02  -                       → attack slower to first-time
        10:03  -                       → attack first-time to home, cancels x6
        10:04  1 in +44712345 text     → silent: attack
        10:04  1 from everywhere text  → waits until 11:34
        10:21  -                       → attack home to first-time, attack first-time to slower
        10:26  -                       → alarm attack slower ends
        10:41  1 in +44712345 text     → waits until 11:41
        """,
    )


def test_an_operator_has_the_last_word() -> None:
    play(
        world(delay_min=0),
        """
        10:00  operator breaker-release  → the breaker is open
        10:00  operator breaker-hold     → alarm attack hold
        10:01  1 from everywhere text    → waits until 10:31
        12:00  -                         → -
        12:01  operator breaker-release  → sends 0001, alarm attack hold ends
        12:02  1 from everywhere text    → sends 0002
        """,
    )


def test_what_came_before_an_operator_s_release_counts_no_more() -> None:
    play(
        world(),
        """
        10:00  20 times +33612340001 texts  → silent: replied already x19, waits until 11:00
        10:02  -                            → alarm attack slower, attack slower to first-time
        10:02  operator breaker-hold        → attack first-time to hold
        10:02  operator breaker-release     → alarm attack hold ends
        10:30  -                            → -
        """,
    )


def test_without_a_breaker_there_is_none_to_overrule() -> None:
    here = World()
    play(here, "10:00  operator breaker-hold → the breaker is not configured")
    assert here.changes.attack is None


# figures and laws


@pytest.mark.parametrize(
    ("seen", "step"),
    [
        (Figures(), Step.OPEN),
        (Figures(contacts=49, repeated=49), Step.OPEN),  # too few to be an attack
        (Figures(contacts=100, repeated=70), Step.OPEN),
        (Figures(contacts=100, repeated=71), Step.FIRST_TIME),
        (Figures(contacts=300, fresh=299), Step.OPEN),
        (Figures(contacts=300, fresh=300), Step.SLOWER),
        (Figures(contacts=90, fresh=90, home_nanos=5_000_000_000), Step.OPEN),  # a quarter of 20
        (Figures(contacts=90, fresh=90, home_nanos=5_000_000_001), Step.SLOWER),
        (Figures(contacts=90, fresh=90, abroad_nanos=5_000_000_001), Step.HOME),
        (Figures(contacts=50, fresh=50, stopped=15), Step.OPEN),
        (Figures(contacts=50, fresh=50, stopped=16), Step.FIRST_TIME),
        (Figures(contacts=50, fresh=50, ranges=((b"a", "FR 612", 16),)), Step.FIRST_TIME),
        (Figures(contacts=50, fresh=50, ranges=((b"a", "FR 612", 15),)), Step.OPEN),
        (Figures(contacts=49, fresh=49, ranges=((b"a", "FR 612", 49),)), Step.OPEN),
    ],
)
def test_where_figures_point_to_by_default(seen: Figures, step: Step) -> None:
    assert judge(seen, Figures(), Step.OPEN, BreakerRules(), 20_000_000_000).step is step


def test_a_hold_needs_money_that_still_leaves() -> None:
    seen = Figures(contacts=90, fresh=90, stopped=80, home_nanos=6_000_000_000)
    minute = Figures(home_nanos=600_000_000)
    rules, budget = BreakerRules(), 20_000_000_000
    assert judge(seen, minute, Step.OPEN, rules, budget).step is Step.STOP
    assert judge(seen, Figures(), Step.OPEN, rules, budget).step is Step.FIRST_TIME
    assert judge(seen, minute, Step.OPEN, rules, None).step is Step.FIRST_TIME
    abroad = Figures(abroad_nanos=600_000_000)
    assert judge(seen, abroad, Step.OPEN, rules, budget).step is Step.STOP
    assert judge(seen, abroad, Step.HOME, rules, budget).step is Step.FIRST_TIME


def test_figures_show_no_whole_number() -> None:
    here = world()
    here.turn(contacts=[here.contact(f"+3361234{i:04}") for i in range(30)])
    here.until(here.true_ns + 5 * MINUTE_NS)
    attack = here.changes.attack
    assert attack is not None and attack.attacked == ("FR 612",)
    assert tell(attack.figures) == (
        "10 minutes: 30 contacts, 0 of them repeated, 30 new senders, 0 of them over a limit, "
        "at least 30 in FR 612"
    )
    assert all(
        len(text) == 1024 for text in (here.store.breaker[0], *here.store.breaker[1].values())
    )


PEOPLE = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 3)), max_size=20)


@settings(max_examples=10)
@given(PEOPLE, st.booleans())
def test_a_batch_of_n_is_judged_as_n_batches_of_one(
    people: list[tuple[int, int]], later: bool
) -> None:
    guards = GuardRules(prefix=Caps(3, 9, 3, 9), home=Caps(segments_per_hour=30))
    one, many = (world(guards=guards) for _ in range(2))
    texts = [one.contact(f"+336{area:03}9{n:04}") for area, n in people]
    for here in (one, many):
        for part in (texts, texts[::-1]):
            for batch in [part] if here is one else [[text] for text in part]:
                here.turn(contacts=batch)
            here.until(here.true_ns + (2 if later else 1) * MINUTE_NS)
    assert one.store.breaker == many.store.breaker
    assert one.store.guards == many.store.guards
    assert one.store.claims == many.store.claims
    assert one.store.sweep == many.store.sweep


@pytest.mark.parametrize("seed", [1, 2])
def test_two_days_of_a_genuine_wave_are_not_harmed(seed: int) -> None:
    """10,000 texts in 48 hours, a third of them in two, from 1,200 ranges only: at the defaults
    nobody meets a limit, and no more than slower comes of it."""
    rules = GuardRules(prefix=Caps(0, 0, 10, 50), home=Caps(0, 0, 2000, 20_000))
    guards, kept, chance = Clerk(rules), Kept(), Random(seed)
    for minute in range(48 * 60):
        wall_ns = 1000 * DAY_NS + minute * MINUTE_NS
        breaker = Breaker(BreakerRules(), kept, "FR", PLAN.homes, wall_ns)
        breaker.judge(400_000_000_000)
        assert breaker.step <= Step.SLOWER
        for _ in range(28 if 600 <= minute < 720 else chance.randrange(5)):
            msisdn = f"336{chance.randrange(1200):04}{chance.randrange(10_000):04}"
            contact = Contact((1, 1, 1), "n", msisdn, "FR", keys_of(msisdn), None, False)
            assert guards.turn(wall_ns, [contact]) == [None]
            breaker.asked(contact, 50_000_000, False, False)
        head, slots = breaker.kept()
        recent = {m: text for m, text in kept.slots.items() if m > wall_ns // MINUTE_NS - 12}
        kept = Kept(head or kept.head, recent | slots)


def test_a_sweep_goes_on_where_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opted out in the same turn is cancelled once; the next turn looks at the next replies."""
    monkeypatch.setattr(attack, "SWEPT_MOST", 3)
    here = world()
    people = [f"+3361234{i:04}" for i in range(3)]
    here.turn(contacts=[here.contact(each) for each in people])
    prefix = here.store.rows[1].reply.prefix
    here.store.sweep = Sweep((prefix,), "", 9, 0, 0)
    here.said.clear()
    here.turn(contacts=[here.contact(people[0], stop=True)])
    assert here.said[1:] == [
        "cancelled 0000: opt-out",
        "cancelled 0001: breaker",
        "cancelled 0002: breaker",
    ]
    assert here.store.sweep == Sweep((prefix,), "", 9, here.wall_ns, 3)
    assert here.changes.effects.wake_in_ns == 0
    here.turn()
    assert here.store.sweep is None


def test_the_heavy_ranges_of_a_minute_stay_among_many() -> None:
    """Thirty light ranges come between: the heavy one is counted too low, but it is there."""
    breaker = Breaker(BreakerRules(), Kept(), "FR", PLAN.homes, DAY_NS)
    for i in range(30):
        for msisdn in ("33612340001", f"336{i:04}0001"):
            contact = Contact((1, 1, 1), "n", msisdn, "FR", keys_of(msisdn), None, False)
            breaker.asked(contact, 1, False, False)
    later = Breaker(BreakerRules(), breaker.kept(), "FR", PLAN.homes, DAY_NS + MINUTE_NS)
    judged = later.judge(None)
    assert judged is not None
    [(label, count)] = [(label, n) for _, label, n in judged[0].ranges if n > 2]
    assert label == "FR 612" and 20 <= count <= 31


def test_a_second_reply_waits_until_the_attack_is_over() -> None:
    play(
        world(max_replies=2),
        """
        10:00  +33612340001 texts           → waits until 11:00
        10:00  30 times +33612340002 texts  → silent: replied already x28, waits until 11:00 x2
        10:02  -                            → alarm attack slower, attack slower to first-time
        10:03  +33612340001 texts           → silent: attack
        10:03  +33612340003 texts           → waits until 11:33
        10:22  -                            → attack first-time to slower, alarm attack slower ends
        10:23  +33612340001 texts           → waits until 11:23
        """,
    )
