"""Limits below one a second and of a month, restarts, and carriers that have too much."""

from routing.policy import decide
from routing.records import Limits, OutcomeKind
from routing.standing import Pace, Seen, Standing
from routing.throttle import SECOND_NS
from tests.routing.plays import play
from tests.routing.worlds import World


def test_one_segment_in_two_seconds() -> None:
    """A French long number: less than one a second, exactly."""
    world = World(limits={"number/relou": Limits(tps_segments=1, tps_seconds=2)})
    play(
        world,
        """
        10:00      +33612340001 texts → waits until 10:00
        10:00      +33612340002 texts → waits until 10:00
        10:00:01.999 -                → -
        10:00:02   -                  → sends 0001
        10:00:03.999 -                → -
        10:00:04   -                  → sends 0002
        """,
    )


def test_segments_per_month() -> None:
    """Thirty days in slots of twelve hours."""
    world = World(limits={"carrier/acme": Limits(segments_per_month=1)}, max_age_h=24 * 60)
    play(
        world,
        """
        10:00     +33612340001 texts → sends 0001
        10:00     +33612340002 texts → waits until 10:00
        30d11:59  -                  → -
        30d12:00  -                  → sends 0002
        """,
    )


def test_a_pause_brings_no_burst() -> None:
    """However long nothing left, a bucket holds what one text needs, or a tenth of a second."""
    world = World(limits={"link/main": Limits(tps_segments=1)})
    play(
        world,
        """
        10:00    +33612340001 texts → waits until 10:00
        10:00:01 -                  → sends 0001
        11:00    +33612340002 texts → sends 0002
        11:00    +33612340003 texts → waits until 11:00
        11:00:01 -                  → sends 0003
        """,
    )


def test_a_restart_brings_no_fresh_burst() -> None:
    """What was carried in the hour is a row; a bucket begins empty, as if it had just sent."""
    limits = {
        "number/relou": Limits(segments_per_hour=2),
        "link/main": Limits(tps_segments=1, tps_seconds=5),
    }
    world = World(limits=limits)
    play(
        world,
        """
        10:00    +33612340001 texts → waits until 10:00
        10:00:05 -                  → sends 0001
        10:00:06 +33612340002 texts → waits until 10:00:06
        """,
    )
    world.standing = Standing(alarms=world.standing.alarms)
    play(
        world,
        """
        10:00:07 tick               → -
        10:00:11 -                  → -
        10:00:12 -                  → sends 0002
        10:00:30 +33612340003 texts → waits until 10:00:30
        """,
    )
    world.standing = Standing(alarms=world.standing.alarms)
    play(
        world,
        """
        10:30    tick               → -
        11:00:59 -                  → -
        11:01    -                  → sends 0003
        """,
    )


def test_a_carrier_that_throttles_gets_half_and_a_tenth_more_each_calm_second() -> None:
    """Ten a second: a pause of one second, then five, six, seven … a second."""
    world = World(limits={"carrier/acme": Limits(tps_segments=10)}, window=100)
    world.until(world.true_ns + SECOND_NS)
    world.answers["main"] = OutcomeKind.PAUSE
    world.turn(contacts=[world.contact(f"+3361234{i:04}") for i in range(90)])
    world.until(world.true_ns + SECOND_NS // 10)
    world.answers["main"] = OutcomeKind.ACCEPTED
    paused = len(world.sent)
    began = world.standing.pauses["acme"].until_ns + world.started_ns
    assert world.standing.paces["acme"] == Pace(500, world.standing.pauses["acme"].until_ns)
    world.until(began + 8 * SECOND_NS)
    per_second = [0] * 8
    for at, _, segments in world.sent[paused:]:
        assert at >= began, "nothing leaves before the pause is over"
        per_second[(at - began) // SECOND_NS] += segments
    assert per_second == [5, 6, 7, 8, 9, 10, 10, 10]
    assert "acme" not in world.standing.paces


def test_what_a_carrier_tells_of_its_load() -> None:
    """congestion_state 90 and more halves, once a second; 80 to 89 is where it wants to be."""
    world = World(limits={"carrier/acme": Limits(tps_segments=10)})

    def told(load: int, after_s: int = 0) -> int:
        world.until(world.true_ns + after_s * SECOND_NS)
        seen, now = Seen(loads={"acme": load}), world.now()
        known = world.known(seen)
        changes = decide(seen, known, world.standing, world.rules, world.rates, world.facts(), now)
        world.standing = changes.standing
        pace = world.standing.paces.get("acme", Pace(1000, 0))
        return pace.permille_at(now.monotonic_ns)

    assert told(79) == told(85) == 1000
    assert told(90) == told(100) == 500, "one batch of its answers is one step"
    assert told(85, after_s=2) == 700
    assert told(85, after_s=1) == 800 and told(85) == 800
    assert told(95, after_s=1) == 450
    assert [told(100, after_s=1) for _ in range(9)][-1] == 100
    assert told(0, after_s=30) == 1000 and not world.standing.paces
