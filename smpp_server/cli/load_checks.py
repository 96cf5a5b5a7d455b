"""What must be true after a load test, each with the figures that show it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from routing.money import format_nanos
from smpp_server.cli import show
from smpp_server.cli.load_play import SEARCHED, Outcome

FEW = 3  # finds that are told one by one


class Check(NamedTuple):
    """One promise: what it is, whether it held, and what was found."""

    what: str
    right: bool
    found: str


def checks(outcome: Outcome) -> list[Check]:
    """All of them, those that matter most first."""
    return [
        _answered_or_silent(outcome),
        *_replied(outcome),
        _books(outcome),
        *_limits(outcome),
        _private(outcome),
    ]


def verdict(found: Sequence[Check]) -> list[str]:
    """Each check, and the one line that counts, for people."""
    said = []
    for check in found:
        mark = show.colour("holds ", "green") if check.right else show.colour("FAILED", "red", True)
        said += [f"{mark}  {check.what}", show.faint(f"        {check.found}")]
    wrong = sum(not check.right for check in found)
    if wrong:
        return [*said, "", show.colour(f"{wrong} of {len(found)} checks failed.", "red", True)]
    return [*said, "", show.colour(f"All {len(found)} checks hold.", "green")]


def silences(outcome: Outcome) -> dict[str, int]:
    """Reason → texts that got no reply for it."""
    mark = "silent: "
    return {name.removeprefix(mark): n for name, n in outcome.tallies.items()
            if name.startswith(mark) and n}  # fmt: skip


def _answered_or_silent(outcome: Outcome) -> Check:
    texts, promised = outcome.load.texts, outcome.tallies.get("replies", 0)
    silent = sum(silences(outcome).values())
    taken = outcome.confirmed == outcome.ours.texts == texts
    gone = outcome.whole and promised == outcome.theirs.replies
    found = (
        f"{texts:,} sent, {outcome.confirmed:,} taken: {promised:,} replies promised, "
        f"{outcome.theirs.replies:,} sent, {silent:,} silent with a reason"
    )
    if not outcome.whole:
        found += "; it did not come to rest"
    right = taken and gone and promised + silent == texts
    return Check("Every text is answered, or silent for a reason", right, found)


def _replied(outcome: Outcome) -> Iterator[Check]:
    load, replied = outcome.load, outcome.replied
    most = outcome.target.max_replies
    over = sum(count > most for count in replied)
    found = f"{over:,} people with more, {outcome.strangers:,} replies to strangers"
    what = "Nobody gets a second reply" if most == 1 else f"Nobody gets more than {most} replies"
    yield Check(what, not (over or outcome.strangers), found)
    if outcome.target.is_stage:  # a running server may know these people already
        attackers = load.shape.attackers
        answered = sum(map(bool, replied[attackers:]))
        found = f"{answered:,} of {load.honest:,} people who mean it"
        if attackers:
            found += f", {sum(map(bool, replied[:attackers]))} of {attackers} attackers"
        yield Check("Who is owed a reply has it", answered == load.honest, found)


def _books(outcome: Outcome) -> Check:
    ours, theirs, money = outcome.ours, outcome.theirs, outcome.money
    currency = outcome.target.currency
    found = (
        f"ledger {format_nanos(ours.outbound_nanos)} + {format_nanos(ours.inbound_nanos)}, "
        f"invoice {format_nanos(theirs.outbound_nanos)} + {format_nanos(theirs.inbound_nanos)} "
        f"{currency} for replies and texts"
    )
    if money["reserved_nanos"]:
        found += f"; {format_nanos(money['reserved_nanos'])} {currency} reserved, not settled"
    return Check("The ledger equals the invoice, to the last decimal",
                 ours == theirs and not money["reserved_nanos"], found)  # fmt: skip


def _limits(outcome: Outcome) -> Iterator[Check]:
    target, money = outcome.target, outcome.money
    limited = [one for one in money["budgets"] if one["limit_nanos"] is not None]
    over = [one["name"] for one in limited if one["used_nanos"] > one["limit_nanos"]]
    spent = [
        f"{format_nanos(one['used_nanos'])} of {format_nanos(one['limit_nanos'])} "
        f"{target.currency} ({one['name']})"
        for one in limited
    ]
    found = ", ".join(spent) or "none is set"
    yield Check("Every budget holds", not over and money["left_nanos"] >= 0, found)
    if target.tps_segments:
        burst = max(target.tps_segments / 10, target.largest_segments)
        found = (
            f"{target.tps_segments:,g} segments a second allowed; at the worst "
            f"{max(0.0, outcome.most_ahead):.1f} ahead, {burst:.0f} may be"
        )
        yield Check("No faster than the rate limit", outcome.most_ahead <= burst, found)
    if target.hour_segments:
        right = outcome.segments <= target.hour_segments or outcome.elapsed_s > 3600
        found = f"{outcome.segments:,} segments, {target.hour_segments:,} allowed an hour"
        yield Check("The cap of the hour holds", right, found)
    most = max((sample.outstanding for sample in outcome.series.samples), default=0)
    found = f"at most {most:,} unanswered submits seen, {target.window:,} allowed"
    yield Check("The window is never exceeded", most <= target.window, found)


def _private(outcome: Outcome) -> Check:
    finds = outcome.finds
    found = (
        f"{outcome.octets:,} octets in all files of the server read: the words, and "
        f"{SEARCHED} of the numbers as text, UTF-16, septets and semi-octets, "
        "all numbers as digits"
    )
    if finds:
        more = f" and {len(finds) - FEW} more" if len(finds) > FEW else ""
        found = "; ".join(finds[:FEW]) + more
    return Check("Nothing private is on disk", not finds, found)
