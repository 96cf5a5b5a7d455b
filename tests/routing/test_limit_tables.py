"""Lanes, limits, links and age: what leaves now, what waits, and for how long."""

from dataclasses import replace

import pytest

from routing.records import Limits
from routing.throttle import HOUR_NS, SECOND_NS
from tests.routing.plays import play
from tests.routing.worlds import World, card, keys_of


def test_lanes_do_not_block_each_other() -> None:
    """Number a may send two segments an hour; b has nothing to do with that."""
    ways = ("main",)
    world = World(
        numbers={"a": ways, "b": ways},
        limits={"number/a": Limits(segments_per_hour=2)},
    )
    play(
        world,
        """
        10:00  +33612340001 texts a → sends 0001
        10:10  +33612340002 texts a → sends 0002
        10:20  +33612340003 texts a → waits until 10:20
        10:20  +33612340004 texts b → sends 0004
        10:30  +33612340005 texts a → waits until 10:30
        11:00  -                    → -
        11:01  -                    → sends 0003
        11:11  -                    → sends 0005
        """,
    )


def test_one_free_slot_goes_round_the_lanes() -> None:
    """A backlog on one number does not keep another one waiting for its end."""
    ways = ("main",)
    world = World(numbers={"a": ways, "b": ways}, window=1)
    play(
        world,
        """
        10:00  operator hold        → -
        10:00  +33612340001 texts a → waits until 10:00
        10:00  +33612340002 texts a → waits until 10:00
        10:00  +33612340003 texts a → waits until 10:00
        10:00  +33612340004 texts b → waits until 10:00
        10:00  operator release     → sends 0001, sends 0004, sends 0002, sends 0003
        """,
    )


def test_tokens_per_second() -> None:
    """A bucket starts empty; capacity is a tenth of a second, one text at least."""
    world = World(limits={"carrier/acme": Limits(tps_segments=2)})
    play(
        world,
        """
        10:00      +33612340001 texts → waits until 10:00
        10:00      +33612340002 texts → waits until 10:00
        10:00      +33612340003 texts → waits until 10:00
        10:00:00.5 -                  → sends 0001
        10:00:01   -                  → sends 0002
        10:00:01.4 -                  → -
        10:00:01.5 -                  → sends 0003
        """,
    )


@pytest.mark.parametrize("scope", ["carrier/acme", "link/main", "number/relou"])
def test_segments_per_day(scope: str) -> None:
    """A sliding day of 60 slots: room comes at the end of the slot that holds the first one."""
    play(
        World(limits={scope: Limits(segments_per_day=4)}, segments=2),
        """
        10:00    +33612340001 texts → sends 0001
        12:00    +33612340002 texts → sends 0002
        13:00    +33612340003 texts → waits until 13:00
        1d10:23  -                  → -
        1d10:24  -                  → sends 0003
        """,
    )


def test_a_text_longer_than_its_cap_never_leaves_and_wakes_nobody_often() -> None:
    world = World(limits={"number/relou": Limits(segments_per_hour=1)}, segments=2)
    world.turn(contacts=[world.contact("+33612340001")])
    assert world.wake_ns == world.true_ns + HOUR_NS // 60
    world.until(world.true_ns + 25 * HOUR_NS)
    assert world.said[-1] == "cancelled 0001: too old"


def test_two_links_and_a_cap_on_one() -> None:
    """The second link takes what the first may not; both capped, the lane waits for the sooner."""
    world = World(
        numbers={"relou": ("main", "spare")},
        links={"main": "acme", "spare": "best"},
        limits={
            "link/main": Limits(segments_per_hour=1),
            "carrier/best": Limits(segments_per_hour=1),
        },
    )
    play(
        world,
        """
        10:00  +33612340001 texts → sends 0001 by main
        10:10  +33612340002 texts → sends 0002 by spare
        10:20  +33612340003 texts → waits until 10:20
        11:00  -                  → -
        11:01  -                  → sends 0003 by main
        """,
    )


def test_a_link_with_a_full_window_keeps_the_lane_awake() -> None:
    """One link is capped, the other only busy: its next response lets the lane go on."""
    world = World(
        numbers={"relou": ("main", "spare")},
        links={"main": "acme", "spare": "best"},
        limits={"link/main": Limits(segments_per_hour=1)},
        window=1,
    )
    play(
        world,
        """
        10:00  spare answers nothing    → -
        10:00  +33612340001 texts       → sends 0001 by main
        10:01  +33612340002 texts       → sends 0002 by spare
        10:02  +33612340003 texts       → waits until 10:02
        10:03  spare says 0002 accepted → sends 0003 by spare
        """,
    )


def test_a_link_without_a_price_leaves_the_reply_to_one_that_has() -> None:
    world = World(
        numbers={"relou": ("main", "spare")},
        links={"main": "acme", "spare": "best"},
        cards={"acme": card("49 0.05 DE"), "best": card("33 0.05 FR")},
    )
    play(
        world,
        """
        10:00  +33612340001 texts → sends 0001 by spare
        10:01  spare is down      → -
        10:02  +33612340002 texts → waits until 10:02
        10:03  spare is up        → sends 0002 by spare
        """,
    )


def test_a_price_that_went_away_cancels_and_keeps_the_claim() -> None:
    world = World(delay_min=60)
    play(world, "10:00  +33612340001 texts → waits until 11:00")
    world.rates = {"acme": card("49 0.05 DE")}
    play(world, "11:00  - → cancelled 0001: no price")
    world.rates = {"acme": card("33 0.05 FR")}
    play(world, "11:01  +33612340001 texts → silent: replied already")


def test_no_link() -> None:
    play(
        World(),
        """
        10:00  main is down       → -
        10:01  +33612340001 texts → waits until 10:01
        10:30  main is up         → sends 0001
        """,
    )


def test_too_old_gives_the_claim_back() -> None:
    """24 hours: nobody wants an answer to what he has forgotten."""
    play(
        World(),
        """
        10:00    main is down       → -
        10:00    +33612340001 texts → waits until 10:00
        1d09:59  tick               → -
        1d10:00  tick               → cancelled 0001: too old
        1d10:01  +33612340001 texts → waits until 1d10:01
        1d10:02  main is up         → sends 0001
        1d10:03  +33612340001 texts → silent: replied already
        """,
    )


def test_an_old_reply_is_not_sent_when_the_store_did_not_name_it() -> None:
    """`too_old` is bounded, and goes by the longest age of all campaigns."""
    world = World()
    play(
        world,
        """
        10:00  operator hold      → -
        10:00  +33612340001 texts → waits until 10:00
        """,
    )
    world.store.max_age_ns *= 2
    play(
        world,
        """
        1d10:00  operator release   → cancelled 0001: too old
        1d10:00  +33612340001 texts → sends 0001
        """,
    )


def test_an_unreadable_seal_gives_the_claim_back() -> None:
    world = World(delay_min=60)
    play(world, "10:00  +33612340001 texts → waits until 11:00")
    world.store.unreadable |= {1}
    play(
        world,
        """
        11:00  -                  → cancelled 0001: seal unreadable
        11:01  +33612340001 texts → waits until 12:01
        """,
    )


def test_a_hold_stops_everything_and_a_release_starts_it() -> None:
    world = World()
    play(
        world,
        """
        10:00  operator hold         → -
        10:01  +33612340001 texts    → waits until 10:01
        10:02  operator hold main    → -
        10:03  operator release      → -
        10:04  operator release main → sends 0001
        10:05  operator release main → main was not held
        10:06  operator hold best    → there is no link best
        10:07  operator sing         → there is no command sing
        """,
    )
    assert world.store.audit == [
        ("fund", "100.00 EUR"),
        ("hold", "*"),
        ("hold", "main"),
        ("release", "*"),
        ("release", "main"),
    ]


def test_texts_that_changed_while_a_reply_waited() -> None:
    """It leaves as the configuration has it today, at today's length: that is what is paid."""
    world = World(delay_min=60)
    play(
        world,
        """
        10:00  +33612340001 texts → waits until 11:00
        10:10  +33612340002 texts → waits until 11:10
        10:20  +33612340003 texts → waits until 11:20
        """,
    )
    texts = dict(world.rules.texts)
    longer = texts["fr.1"]
    world.rules = replace(world.rules, texts={"fr.1": replace(longer, segments=2)})
    play(world, "11:00  - → sends 0001")
    assert world.store.balances["settled"] == 100_000_000
    number = replace(world.rules.numbers["relou"], text_ids=("fr.2",))
    new = {"fr.2": replace(longer, text_id="fr.2")}
    world.rules = replace(world.rules, texts=new, numbers={"relou": number})
    play(world, "11:10  - → sends 0002")
    assert world.store.rows[2].reply.text_id == "fr.2"
    world.rules = replace(world.rules, texts={})
    play(world, "11:20  - → cancelled 0003: no text")


def test_inbound_texts_are_booked_but_not_those_that_come_again() -> None:
    world = World(delay_min=60, inbound="0.0075", max_waiting=1)
    texts = [world.contact(f"+3361234000{i}") for i in (1, 1, 2)]
    changes = world.turn(contacts=[*texts, world.contact("38200")])
    assert [entry.kind for entry in world.entries()] == ["inbound"]
    assert world.store.balances["inbound"] == 3 * 7_500_000
    assert changes.effects.full == [texts[2].ack]


def test_many_opted_out_replies_do_not_hide_the_one_behind_them() -> None:
    """Each turn reads as many as may leave; what it cancels makes it look again."""
    world = World(window=1, delay_min=1)
    world.turn(contacts=[world.contact(f"+3361234{i:04}") for i in range(8)])
    world.store.optouts |= {keys_of(f"3361234{i:04}").optout for i in range(7)}
    world.said.clear()
    world.until(world.true_ns + 60 * SECOND_NS)
    assert sorted(world.said) == [*(f"cancelled {i:04}: opt-out" for i in range(7)), "sends 0007"]


def test_claims_move_to_the_new_epoch_key_with_what_hangs_on_them() -> None:
    world = World(delay_min=60, confirm_stop=True)
    play(world, "10:00  +33612340001 texts → waits until 11:00")
    old, new = keys_of("33612340001", (1,)).claims[0], keys_of("33612340001", (2,)).claims[0]
    world.epochs, world.store.epoch = (2, 1), 2
    play(
        world,
        """
        10:01  main is down       → -
        10:02  +33612340001 texts → silent: replied already
        """,
    )
    assert (old, "default") not in world.store.claims
    assert world.store.claims[new, "default"][:2] == (2, 2)
    play(
        world,
        """
        1d10:00  tick               → cancelled 0001: too old
        1d10:01  +33612340001 texts → waits until 1d11:01
        """,
    )


def test_a_claim_that_moves_in_the_turn_that_frees_it_is_freed() -> None:
    world = World(delay_min=60)
    play(
        world,
        """
        10:00  +33612340001 texts → waits until 11:00
        10:01  main is down       → -
        """,
    )
    world.epochs, world.store.epoch = (2, 1), 2
    play(
        world,
        """
        1d10:00  +33612340001 texts → silent: replied already, cancelled 0001: too old
        1d10:01  +33612340001 texts → waits until 1d11:01
        """,
    )


def test_a_stop_confirmation_that_grew_old_gives_its_own_claim_back() -> None:
    world = World(confirm_stop=True)
    play(
        world,
        """
        10:00    main is down       → -
        10:01    +33612340001 stops → silent: opted out now, waits until 10:01
        1d10:01  tick               → cancelled 0001: too old
        """,
    )
    world.store.optouts.clear()
    play(world, "1d10:02  +33612340001 stops → silent: opted out now, waits until 1d10:02")


def test_one_sender_a_thousand_times_writes_three_times() -> None:
    """Each contact past the third is only counted in memory."""
    world = World(delay_min=60)
    writes = [len(world.turn(contacts=[world.contact("+33612340001")]).claims) for _ in range(10)]
    assert writes == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
