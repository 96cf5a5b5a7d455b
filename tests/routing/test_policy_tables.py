"""Tables a donor can read: who gets a reply, when it leaves, and what stops it."""

import pytest

from routing.records import SenderKeys
from routing.throttle import SECOND_NS
from tests.routing.plays import play
from tests.routing.worlds import World, card, keys_of, time_of


def test_one_reply_in_seven_days() -> None:
    play(
        World(delay_min=60),
        """
        10:00    +33612340001 texts → waits until 11:00
        10:01    +33612340001 texts → silent: replied already
        10:59    -                  → -
        11:00    -                  → sends 0001
        11:01    +33612340001 texts → silent: replied already
        7d09:59  +33612340001 texts → silent: replied already
        7d10:00  +33612340001 texts → waits until 7d11:00
        7d11:00  -                  → sends 0001
        """,
    )


def test_two_replies_a_period_where_two_are_allowed() -> None:
    play(
        World(max_replies=2),
        """
        10:00    +33612340001 texts → sends 0001
        10:01    +33612340001 texts → sends 0001
        10:02    +33612340001 texts → silent: replied already
        7d10:00  +33612340001 texts → sends 0001
        """,
    )


STAGES = """
    10:00    +33612340001 texts → sends 0001
    10:01    +33612340001 texts → sends 0001
    10:02    +33612340001 texts → sends 0001
    10:03    +33612340001 texts → silent: replied already
    7d10:00  +33612340001 texts → sends 0001
    """


def test_each_reply_of_a_claim_has_its_own_text_and_price() -> None:
    """Texts of 1, 2 and 3 segments at 0.05; the new period begins with the first text."""
    world = World(max_replies=3, stages=(2, 3))
    play(world, STAGES)
    said = [(row.reply.text_id, row.flight.price_nanos) for row in world.store.rows.values()]
    assert said == [
        ("fr.1", 50_000_000),
        ("fr.2", 100_000_000),
        ("fr.3", 150_000_000),
        ("fr.1", 50_000_000),
    ]
    assert world.store.balances["settled"] == 350_000_000


def test_the_last_text_repeats() -> None:
    world = World(max_replies=3, stages=(2,))
    play(world, STAGES)
    assert [row.reply.text_id for row in world.store.rows.values()] == [
        "fr.1", "fr.2", "fr.2", "fr.1",
    ]  # fmt: skip


def test_a_reply_that_was_cancelled_gives_its_text_back() -> None:
    """Too old to leave: the next reply has the text that nobody has read."""
    world = World(max_replies=2, stages=(2,), max_age_h=1)
    play(
        world,
        """
        10:00  +33612340001 texts → sends 0001
        10:01  main is down       → -
        10:02  +33612340001 texts → waits until 10:02
        11:30  tick               → cancelled 0001: too old
        11:31  main is up         → -
        11:32  +33612340001 texts → sends 0001
        """,
    )
    assert [row.reply.text_id for row in world.store.rows.values()] == ["fr.1", "fr.2", "fr.2"]


def test_our_numbers_of_one_campaign_share_the_claim() -> None:
    ways = ("main",)
    play(
        World(numbers={"a": ways, "b": ways, "c": ways}, campaigns={"c": "other"}),
        """
        10:00  +33612340001 texts a → sends 0001
        10:00  +33612340001 texts b → silent: replied already
        10:00  +33612340001 texts c → sends 0001
        """,
    )


def test_whom_we_never_answer() -> None:
    play(
        World(),
        """
        10:00  38200 texts          → silent: short code
        10:01  5:MyBank texts       → silent: alphanumeric sender
        10:02  3:0612340001 texts   → silent: network-specific sender
        10:03  6:12340001 texts     → silent: network-specific sender
        10:04  +33644649021 texts   → silent: our own number
        10:05  +33812340001 texts   → silent: never-answer range
        10:06  +4915112345678 texts → silent: country not opened
        10:07  12340001 texts       → silent: number form not certain
        10:08  0: texts             → silent: no sender
        """,
    )
    play(
        World(cards={"acme": card("336123 0.05 FR")}),
        """
        10:00  +33699990001 texts → silent: no price for this destination
        10:01  +33612340001 texts → sends 0001
        """,
    )


@pytest.mark.parametrize(
    ("first", "due"),
    [("00000000", "10:45"), ("80000000", "11:00"), ("ffffffff", "11:14:59")],
)
def test_the_delay_is_spread_by_the_pseudonym(first: str, due: str) -> None:
    """60 ± 15 minutes; the keyed pseudonym decides, so nobody outside can foretell it."""
    world = World(delay_min=60, spread_min=15)
    keys = keys_of("33612340001")
    claim = bytes.fromhex(first) + keys.claims[0][4:]
    keys = SenderKeys(keys.optout, (claim,), keys.prefix)
    changes = world.turn(contacts=[world.contact("+33612340001")._replace(keys=keys)])
    [reply] = changes.waiting_new
    assert reply.due_ns // SECOND_NS == time_of(due) // SECOND_NS


def test_a_spread_wider_than_the_delay_never_reaches_back() -> None:
    world = World(delay_min=1, spread_min=60)
    texts = [world.contact(f"+3361234{i:04}") for i in range(50)]
    changes = world.turn(contacts=texts)
    made = [*changes.waiting_new, *(flight.reply for flight in changes.flights_new)]
    assert len(made) == 50 and min(reply.due_ns for reply in made) == world.wall_ns


STOPS = {
    "for good": """
        10:00    +33612340001 texts → waits until 11:00
        10:30    +33612340001 stops → silent: opted out now, cancelled 0001: opt-out
        10:31    +33612340001 texts → silent: opted out
        10:32    +33612340001 stops → silent: opted out
        400d10:00 +33612340001 texts → silent: opted out
        """,
    "before anything else": """
        10:00    +33612340001 stops → silent: opted out now
        10:01    +33612340001 texts → silent: opted out
        """,
    "from a closed country": """
        10:00    +4915112345678 stops → silent: opted out now
        10:01    +4915112345678 texts → silent: opted out
        """,
}


@pytest.mark.parametrize("table", STOPS.values(), ids=STOPS)
def test_stop(table: str) -> None:
    play(World(delay_min=60), table)


def test_stop_is_not_confirmed_where_no_reply_could_go() -> None:
    """To a country that is not opened, or has no price."""
    play(
        World(confirm_stop=True, countries=("FR", "GB")),
        """
        10:00  +447123450001 stops  → silent: opted out now
        10:01  +4915112345678 stops → silent: opted out now
        10:02  +33612340001 stops   → silent: opted out now, confirms 0001
        """,
    )


def test_stop_is_confirmed_once_in_30_days() -> None:
    """It leaves although its sender has opted out, even when it had to wait for the window."""
    world = World(confirm_stop=True, window=1)
    play(
        world,
        """
        10:00  main answers nothing   → -
        10:00  +33612340002 texts     → sends 0002
        10:01  +33612340001 stops     → silent: opted out now, waits until 10:01
        10:02  main says 0002 accepted → confirms 0001
        10:03  +4915112345678 stops   → silent: opted out now
        """,
    )
    world.store.optouts.clear()  # as if the list had been lost
    play(
        world,
        """
        29d10:00  +33612340001 stops → silent: opted out now
        29d10:01  main answers accepted → -
        """,
    )
    world.store.optouts.clear()
    play(world, "30d10:01  +33612340001 stops → silent: opted out now, waits until 30d10:01")


def test_stop_reaches_what_waits_in_other_campaigns_and_what_comes_back() -> None:
    ways = ("main",)
    world = World(delay_min=60, numbers={"a": ways, "b": ways}, campaigns={"b": "other"})
    play(
        world,
        """
        10:00  +33612340001 texts a       → waits until 11:00
        10:10  +33612340002 texts a       → waits until 11:10
        10:20  main answers nothing       → -
        11:00  -                          → sends 0001
        11:05  +33612340001 stops b       → silent: opted out now
        11:06  main says 0001 not sent    → cancelled 0001: opt-out
        11:07  +33612340002 stops b       → silent: opted out now, cancelled 0002: opt-out
        """,
    )
    assert world.store.balances["reserved"] == 0


def test_stop_and_text_in_one_batch() -> None:
    """Replies of the same batch, to any campaign, are cancelled before they leave."""
    ways = ("main",)
    world = World(numbers={"a": ways, "b": ways}, campaigns={"b": "other"})
    texts = [world.contact("+33612340001", "a"), world.contact("+33612340001", "b", stop=True)]
    changes = world.turn(contacts=texts)
    assert changes.tallies["cancelled: opt-out"] == 1
    assert (changes.effects.submits, world.store.rows, world.store.waiting) == ([], {}, 0)


def test_a_stop_while_the_reply_is_on_its_way_changes_nothing_there() -> None:
    world = World()
    play(
        world,
        """
        10:00  main answers nothing    → -
        10:00  +33612340001 texts      → sends 0001
        10:01  +33612340001 stops      → silent: opted out now
        10:02  main says 0001 accepted → -
        """,
    )
    assert world.store.balances["settled"] == 50_000_000


def test_too_many_wait() -> None:
    """FULL alone is answered with a temporary error; what needs no reply is acknowledged."""
    world = World(delay_min=60, max_waiting=2, confirm_stop=True)
    play(
        world,
        """
        10:00  +33612340001 texts → waits until 11:00
        10:01  +33612340002 texts → waits until 11:01, alarm queue_full
        10:02  +33612340003 texts → silent: too many wait
        10:03  +33612340001 texts → silent: replied already
        10:04  38200 texts        → silent: short code
        10:05  +33612340004 stops → silent: opted out now
        10:06  +33612340001 texts → silent: replied already
        10:07  +33612340002 stops → silent: opted out now, confirms 0002, WHY, queue_full ends
        """.replace("WHY, ", "cancelled 0002: opt-out, alarm "),
    )
