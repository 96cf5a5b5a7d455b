"""Quiet hours: replies of a country that sleeps leave in the morning, unless they are too old."""

from tests.routing.plays import play
from tests.routing.worlds import World

NIGHT = {"FR": (22 * 60, 8 * 60)}


def test_replies_wait_for_the_morning() -> None:
    """Fresh ones and those that had waited; 0003 writes while all others sleep."""
    play(
        World(quiet=NIGHT, delay_min=60),
        """
        20:30    +33612340001 texts → waits until 21:30
        21:30    +33612340002 texts → sends 0001, waits until 22:30
        22:30    -                  → -
        1d02:00  +33612340003 texts → waits until 1d03:00
        1d07:59  -                  → -
        1d08:00  -                  → sends 0002, sends 0003
        """,
    )


def test_without_a_delay() -> None:
    play(
        World(quiet=NIGHT),
        """
        21:59    +33612340001 texts → sends 0001
        22:00    +33612340002 texts → waits until 1d08:00
        1d08:00  -                  → sends 0002
        """,
    )


def test_a_night_longer_than_a_reply_lives() -> None:
    """It is cancelled when it is too old, not in the morning."""
    play(
        World(quiet=NIGHT, max_age_h=2, delay_min=60),
        """
        21:30  +33612340001 texts → waits until 22:30
        23:29  tick               → -
        23:30  -                  → cancelled 0001: too old
        """,
    )


def test_a_stop_in_the_night_counts() -> None:
    play(
        World(quiet=NIGHT),
        """
        22:00    +33612340001 texts → waits until 1d08:00
        23:00    +33612340001 stops → silent: opted out now, cancelled 0001: opt-out
        1d08:00  -                  → -
        """,
    )


def test_many_that_fall_due_in_the_night() -> None:
    """More than one turn reads; every one gets its new due time, and nothing spins."""
    world = World(quiet=NIGHT, delay_min=60, window=2)
    play(world, "21:30 - → -")
    world.turn(contacts=[world.contact(f"+3361234{i:04}") for i in range(9)])
    world.said.clear()
    play(world, "22:31 - → -")
    dues = {row.reply.due_ns for row in world.store.rows.values()}
    assert len(dues) == 1
    play(world, "1d07:59:59 - → -")
    world.until(world.true_ns + 2_000_000_000)
    assert len(world.sent) == 9


def test_who_does_not_sleep_is_answered() -> None:
    play(World(quiet={"DE": (0, 23 * 60)}), "10:00 +33612340001 texts → sends 0001")
