"""Whatever happens in whatever order, the laws hold after every turn, and nothing waits forever."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from routing.records import Limits, OutcomeKind
from routing.records import ReplyState as S
from routing.throttle import DAY_NS, HOUR_NS
from tests.routing.laws import LAWS
from tests.routing.stories import LINKS, NUMBERS, PEOPLE, SILENT, Story

BUDGETS = [
    "hour",
    "day",
    "month",
    "total",
    "campaign/default/day",
    "campaign/default/total",
    "number/relou/hour",
    "number/relou/month",
]
KINDS = [kind.value for kind in OutcomeKind]
REASONS = ("too old", "opt-out", "forgotten")
LATE = [kind.value for kind in OutcomeKind if kind.value not in ("not sent", "restart")]


def phrase(form: str, *choices: Any) -> SearchStrategy[str]:
    """`form` with each {} filled from its choices."""
    return st.tuples(*(st.sampled_from(list(one)) for one in choices)).map(
        lambda w: form.format(*w)
    )


TEXTS = phrase("{} texts {}", PEOPLE, NUMBERS)
OUTCOMES = phrase("flight {} {}", range(3), KINDS)
RECEIPTS = phrase("receipt {} {}", range(4), ("delivered", "failed", "intermediate"))
ITEMS = st.one_of(
    TEXTS,
    TEXTS,
    TEXTS,
    TEXTS,
    phrase("{} texts {}", SILENT, NUMBERS),
    phrase("{} stops {}", PEOPLE, NUMBERS),
    OUTCOMES,
    OUTCOMES,
    phrase("late {} {}", range(4), LATE),
    RECEIPTS,
    phrase("fund {}", ("0.05", "0.12")),
    phrase("fee {}", ("0.01", "0.07")),
    phrase("budget {} {}", BUDGETS, ("0.10", "0.20", "lifted", "reset")),
    phrase("{}", ("hold", "release", "hold main", "release main", "release spare")),
    phrase("{}", ("cancel", "cancel relou", "cancel lourd")),
    phrase("{} {}", ("optout", "optout-undo", "forget", "forget"), PEOPLE),
)
BATCHES = st.lists(ITEMS, min_size=2, max_size=6).map(" & ".join)
SPANS = ("50 ms", "1 s", "61 s", "11 min", "61 min", "25 h")
LINES = st.one_of(
    BATCHES,
    BATCHES,
    BATCHES,
    phrase("{}", SPANS),
    phrase("{}", SPANS),
    phrase("{} answers {}", LINKS, ("accepted", "accepted", "nothing", *KINDS[2:6])),
    phrase("{} {}", LINKS, ("down", "up", "up")),
    phrase("{}", ("restart", "keys change", "clock ahead 9 h", "clock right")),
)
STORIES = st.lists(LINES, min_size=5, max_size=14)
LIMITS = st.dictionaries(
    st.sampled_from(["carrier/acme", "link/main", "link/spare", "number/relou"]),
    st.builds(
        Limits,
        *map(st.sampled_from, ((0, 1, 3), (0, 2, 5), (0, 3, 6), (0, 0, 4), (1, 1, 2))),
    ),
    min_size=1,
    max_size=2,
)
OPTIONS: dict[str, SearchStrategy[Any]] = {
    "segments": st.just(2),
    "delay_min": st.sampled_from([0, 5, 60]),
    "spread_min": st.sampled_from([0, 3]),
    "max_replies": st.integers(1, 3),
    "stages": st.sampled_from([(1,), (2,), (2, 1)]),
    "claim_days": st.sampled_from([1, 7]),
    "confirm_stop": st.booleans(),
    "campaigns": st.just({"lourd": "other"}),
    "limits": LIMITS,
    "quiet": st.sampled_from([{"FR": (0, 600 + 20)}, {"FR": (601, 600 + 90), "DE": (0, 1)}]),
    "shares": st.sampled_from([{"main": 60, "spare": 40}, {"main": 30}]),
    "error_percent": st.sampled_from([5, 10]),
    "billed": st.just(("acme",)),
    "untracked": st.just(("beta",)),
    "funds": st.sampled_from(["0", "0.16", "0.31"]),
    "budget_day": st.sampled_from(["0.10", "0.16", "0.31"]),
    "budget_total": st.sampled_from(["0.16", "0.31"]),
    "budget_hour": st.sampled_from(["0.10", "0.16"]),
    "budget_month": st.sampled_from(["0.16", "0.31"]),
    "budgets": st.dictionaries(
        st.sampled_from(BUDGETS), st.sampled_from(["0.10", "0.16", "0.31"]), min_size=1, max_size=3
    ),
    "last_days": st.sampled_from([1, 2, 30]),
    "inbound": st.sampled_from(["0.01", "0.03"]),
    "inbound_reserve": st.sampled_from(["0.02"]),
    "max_waiting": st.integers(1, 3),
    "window": st.integers(1, 3),
    "unknown_max": st.integers(1, 2),
}
SHAPES: SearchStrategy[dict[str, Any]] = (
    st.lists(st.sampled_from(sorted(OPTIONS)), max_size=3, unique=True)
    .map(lambda drawn: {name: OPTIONS[name] for name in drawn})
    .flatmap(st.fixed_dictionaries)
)
"""A few things that differ in each story: with all at once nothing would move."""


@given(SHAPES, STORIES)
@example({"budget_day": "0.10"}, ["A texts relou & B texts relou & C texts relou"])
@example({"budget_total": "0.10"}, ["A texts relou & B texts relou & C texts relou"])
@example({}, ["A texts relou", "keys change", "keys change", "A texts relou"])
def test_the_laws(shape: dict[str, Any], lines: list[str]) -> None:
    """After every turn of every story; whatever waited in it leaves, or is too old, in the end."""
    story = Story(LAWS, **shape)
    story.tell(*lines)
    all_is_well_again(story)
    waiting = [row for row in story.store.rows.values() if row.state is S.WAITING]
    lives = story.rules.campaigns["default"].reply_max_age_ns
    before = story.turns
    story.tell(f"{2 * lives // HOUR_NS} h")
    left = [row.reply.id for row in waiting if row.state is S.WAITING]
    assert not left and not story.store.waiting, f"{left} wait forever\n{story.so_far()}"
    ended = {row.state if row.state is not S.CANCELLED else row.reason for row in waiting}
    assert ended <= {S.ACCEPTED, S.CLOSED, S.DELIVERED, S.FAILED, *REASONS}, ended
    assert story.turns - before <= 100 + 20 * len(waiting), story.so_far()


LIMITING = ("limits", "quiet", "shares", "last_days")


@given(SHAPES, STORIES)
def test_nothing_grows_too_old_without_a_reason(shape: dict[str, Any], lines: list[str]) -> None:
    """With money, no limits and one clock, what waited leaves within hours of the last fault.

    A clock that was ahead, was believed at a restart and is then put right is a reason, and
    alarmed: nothing leaves before it has caught up, or is accepted.
    """
    kept = {k: v for k, v in shape.items() if k not in LIMITING and "budget" not in k}
    lines = [line for line in lines if "budget" not in line]
    story = Story(LAWS, **kept)
    story.tell(*(line for line in lines if not line.startswith("clock")))
    all_is_well_again(story)
    young = story.now().wall_ns - DAY_NS + 3 * HOUR_NS
    rows = story.store.rows.values()
    waiting = [r for r in rows if r.state is S.WAITING and r.reply.created_ns > young]
    story.tell("3 h")
    for row in waiting:
        gone = row.state not in (S.WAITING, S.CANCELLED) or row.reason in ("opt-out", "forgotten")
        assert gone, f"reply {row.reply.id} {row.state.name} {row.reason}\n{story.so_far()}"


def all_is_well_again(story: Story) -> None:
    """No fault is left: what flies is given up, links answer, nobody holds, there is money."""
    story.tell(*(f"{link} answers accepted" for link in LINKS))
    story.tell("clock right")
    while story.standing.flights:
        story.tell("flight 0 no answer")
    story.tell(*(f"{link} up" for link in LINKS), "fund 1000.00")
    story.tell(*(f"release {scope}" for scope in list(story.store.holds)))
