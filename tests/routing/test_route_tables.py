"""Which link takes a reply: by price, health, share of the day, and configured order."""

from array import array
from typing import Any

import pytest

from routing.explain import explain
from routing.records import Limits, OutcomeKind
from routing.route import RECENT, SHARE, Shares, Track
from routing.standing import Seen, Standing
from routing.throttle import Counter
from tests.routing.plays import play
from tests.routing.worlds import World, card

TWO: dict[str, Any] = {
    "numbers": {"relou": ("main", "spare")},
    "links": {"main": "acme", "spare": "beta"},
}
CHEAP, DEAR = card("33 0.04 FR"), card("33 0.05 FR")


def two(main: Any = CHEAP, spare: Any = DEAR, **how: Any) -> World:
    """Number relou over main (carrier acme) and spare (carrier beta), with these prices."""
    return World(**TWO | {"cards": {"acme": main, "beta": spare}} | how)


@pytest.mark.parametrize(
    ("main", "spare", "link"), [(CHEAP, DEAR, "main"), (DEAR, CHEAP, "spare"), (DEAR, DEAR, "main")]
)
def test_the_cheapest_link_is_taken_and_of_equal_ones_the_first(
    main: Any, spare: Any, link: str
) -> None:
    play(two(main, spare), f"10:00 +33612340001 texts → sends 0001 by {link}")


def test_replies_of_one_batch_cost_what_each_destination_does() -> None:
    """Those that are alike leave together, in the order of their contacts."""
    world = World(countries=("FR", "GB"), cards={"acme": card("33 0.05 FR", "44 0.20 GB")})
    people = ["+33612340001", "+33612340002", "+447123450001", "+33612340003", "+447123450002"]
    changes = world.turn(contacts=[world.contact(each) for each in people])
    assert [submit.msisdn for submit in changes.effects.submits] == [each[1:] for each in people]
    reserved = [entry.nanos for entry in world.entries() if entry.kind == "reserve"]
    assert reserved == [50_000_000, 50_000_000, 200_000_000, 50_000_000, 200_000_000]
    assert changes.journal is not None and "1-2 reserve 50000000 7" in changes.journal.entries


def test_the_cheaper_way_for_each_destination() -> None:
    """A block that is dear over one carrier goes by the other."""
    world = two(card("33 0.04 FR", "336123401 0.09 FR"), DEAR)
    play(
        world,
        """
        10:00  +33612340001 texts → sends 0001 by main
        10:00  +33612340101 texts → sends 0101 by spare
        """,
    )


def test_the_dearer_link_takes_over_and_gives_back() -> None:
    play(
        two(),
        """
        10:00  +33612340001 texts    → sends 0001 by main
        10:01  main is down          → -
        10:01  +33612340002 texts    → sends 0002 by spare
        10:02  main is up            → -
        10:02  +33612340003 texts    → sends 0003 by main
        10:03  operator hold main    → -
        10:03  +33612340004 texts    → sends 0004 by spare
        10:04  operator release main → -
        10:04  +33612340005 texts    → sends 0005 by main
        """,
    )


def test_a_throttled_reply_moves_to_another_carrier_at_once() -> None:
    """It was certainly not accepted; the carrier that throttled is left alone for a second."""
    play(
        two(),
        """
        10:00    main answers pause    → -
        10:00    +33612340001 texts    → sends 0001 by main, alarm throttled, sends 0001 by spare
        10:00    +33612340002 texts    → sends 0002 by spare
        10:00    main answers accepted → -
        10:00:01 +33612340003 texts    → sends 0003 by main
        """,
    )


@pytest.mark.parametrize("end", ["no answer", "link lost"])
def test_a_reply_that_may_have_been_accepted_never_moves(end: str) -> None:
    play(
        two(),
        f"""
        10:00    main answers nothing → -
        10:00    +33612340001 texts   → sends 0001 by main
        10:01    main says 0001 {end} → unknown 0001
        10:01    main is down         → -
        1d10:01  tick                 → -
        """,
    )


@pytest.mark.parametrize("end", ["not sent", "session", "account"])
def test_a_reply_that_was_certainly_not_accepted_moves(end: str) -> None:
    """A session to set up again, an account without credit, or no octet that left us."""
    world = two()
    play(
        world,
        """
        10:00    main answers nothing → -
        10:00    +33612340001 texts   → sends 0001 by main
        """,
    )
    world.down |= {"main"} if end != "account" else set()
    play(
        world,
        {
            "not sent": "10:01 main says 0001 not sent → sends 0001 by spare",
            "session": "10:01 main says 0001 session → rebind main, sends 0001 by spare",
            "account": "10:01 main says 0001 account → alarm account_held, sends 0001 by spare",
        }[end],
    )


def test_a_link_whose_submits_fail_comes_last_and_is_tried_now_and_then() -> None:
    """More than 10 % of its last 20 failed: three. One reply a minute still tries it; a good one
    lets the next try follow, until two of the three are forgotten."""
    world = two(error_percent=10)
    play(
        world,
        """
        10:00    main answers retry    → -
        10:00    +33612340001 texts    → sends 0001 by main
        10:00:10 +33612340002 texts    → sends 0002 by main
        10:00:20 +33612340003 texts    → sends 0003 by main
        10:00:30 +33612340004 texts    → sends 0004 by spare
        10:00:30 operator hold spare   → -
        10:00:40 +33612340005 texts    → sends 0005 by main
        10:00:40 operator release spare → -
        10:00:50 main answers accepted → -
        10:00:50 +33612340006 texts    → sends 0006 by spare
        10:01    -                     → sends 0001 by spare
        10:01:10 -                     → sends 0002 by spare
        10:01:20 -                     → sends 0003 by spare
        10:01:40 +33612340007 texts    → sends 0005 by main, sends 0007 by main
        """,
    )
    assert world.standing.tracks["main"].failed == 4


def test_the_track_of_a_link() -> None:
    """Eleven of the last twenty are more than half; a good submit pushes the oldest out."""
    track = Track()
    assert track.may_probe(0)
    for nth in range(1, 12):
        assert not track.is_ill(50), nth
        track = track.then(failed=True)._replace(probed_ns=1)
    assert track.is_ill(50) and track.failed == 11
    assert not track.may_probe(60_000_000_000) and track.may_probe(1 + 60_000_000_000)
    track = track.then(failed=False)
    assert track.may_probe(2), "a good one lets the next try follow"
    for _ in range(RECENT - 11):
        track = track.then(failed=False)
    assert track.failed == 10 and not track.is_ill(50)
    assert Track(failures=(1 << RECENT) - 1).is_ill(99)


@pytest.mark.parametrize(
    ("main", "spare", "full"),
    [(60, 40, False), (61, 40, True), (1, 0, True), (0, 1, False), (0, 0, False)],
)
def test_a_share_of_60_percent(main: int, spare: int, full: bool) -> None:
    day = "2026-11-24"
    carried = {("link/main", SHARE): main, ("link/spare", SHARE): spare}
    counters = {key: Counter(20261124, array("I", [n])) for key, n in carried.items()}
    links = two(shares={"main": 60}).rules.links
    assert Shares(links, counters, day).full("main") is full
    assert Shares(links, counters, day).full("spare") is False
    tomorrow = Shares(links, counters, "2026-11-25")
    tomorrow.take("main", 3)
    assert tomorrow.taken() == {("link/main", SHARE): Counter(20261125, array("I", [3]))}


@pytest.mark.parametrize(("percent", "counts"), [(100, False), (99, True)])
def test_a_share_of_all_is_not_counted(percent: int, counts: bool) -> None:
    shares = Shares(two(shares={"main": percent}).rules.links, {}, "2026-11-24")
    assert shares.counts is counts


def test_shares_of_the_day() -> None:
    """The cheap contract may carry 60 % of a day's segments: it is never a text above that."""
    world = two(shares={"main": 60, "spare": 40})
    play(
        world,
        """
        10:00    +33612340001 texts → sends 0001 by main
        10:01    +33612340002 texts → sends 0002 by spare
        10:02    +33612340003 texts → sends 0003 by main
        """,
    )
    world.standing = Standing()  # a restart: what was carried is a row
    play(
        world,
        """
        10:03    +33612340004 texts → sends 0004 by spare
        10:04    +33612340005 texts → sends 0005 by main
        10:05    +33612340006 texts → sends 0006 by main
        10:06    spare is down      → -
        10:07    +33612340007 texts → waits until 10:07
        23:59    -                  → -
        1d00:00  -                  → sends 0007 by main
        1d00:01  +33612340008 texts → waits until 1d00:01
        1d00:02  spare is up        → sends 0008 by spare
        """,
    )


def explained(world: World) -> dict[str, str]:
    """Link → what explain says of it, a text from a new sender given."""
    seen = Seen([world.contact("+33612349999")])
    said = explain(
        seen.contacts[0],
        world.known(seen),
        world.standing,
        world.rules,
        world.rates,
        world.facts(),
        world.now(),
    )
    ways: Any = said["ways"]
    return {
        way["link"]: f"{way['price_nanos']} {way['failed']} "
        + ("chosen: " if way["chosen"] else "")
        + way["why"]
        for way in ways
    }


def test_explain_names_every_candidate_and_why_it_is_not_chosen() -> None:
    world = two(error_percent=10, window=1, shares={"main": 60, "spare": 100})
    assert explained(world) == {
        "main": "40000000 0 chosen: the cheapest healthy one",
        "spare": "50000000 0 dearer than main",
    }
    world.down = {"main"}
    assert explained(world)["main"] == "40000000 0 not bound"
    world.down = set()
    world.rates["beta"] = card("49 0.05 DE")
    assert explained(world)["spare"] == "None 0 no price"
    world.rates["beta"] = CHEAP
    assert explained(world)["spare"] == "40000000 0 costs the same and stands after main"
    world.rates["beta"] = DEAR
    world.turn(contacts=[world.contact("+33612340001")])
    assert explained(world)["main"] == "40000000 0 its window is full"
    world.settle()
    assert explained(world)["main"] == "40000000 0 it has carried its share of the day"
    world.turn(contacts=[world.contact("+33612340002")])
    world.settle()
    world.standing = world.standing.with_(tracks={"main": Track(0b111, 1 << 62)})
    assert explained(world) == {
        "main": "40000000 3 too many of its last 20 failed",
        "spare": "50000000 0 chosen: the cheapest healthy one",
    }
    world.down = {"spare"}
    assert explained(world)["main"] == "40000000 3 chosen: the cheapest; none is healthy"
    world.said.clear()
    play(world, "10:05 operator hold main → -")
    assert explained(world)["main"] == "40000000 3 held: operator"


def test_explain_names_caps_and_throttling() -> None:
    limits = {"link/main": Limits(segments_per_hour=1), "carrier/beta": Limits(tps_segments=1)}
    world = two(limits=limits)
    world.turn(contacts=[world.contact("+33612340001")])
    world.settle()
    assert explained(world) == {
        "main": "40000000 0 cap per hour",
        "spare": "50000000 0 no more this second",
    }
    world.until(world.true_ns + 2_000_000_000)
    world.answers["spare"] = OutcomeKind.PAUSE
    world.turn(contacts=[world.contact("+33612340002")])
    world.settle()
    assert explained(world)["spare"] == "50000000 0 its carrier throttles"
