"""decide(): settle outcomes, note receipts, answer contacts, release what is due.

Pure: no clock, no chance, no I/O. The same input gives the same output, and a batch of n decides
as n batches of one.
"""

from collections.abc import Mapping, Sequence

from routing.answer import answer
from routing.draft import Draft, limits_of
from routing.rate_card import RateCard
from routing.records import ClockRules, Lane, LinkFact, Now, Rules
from routing.release import release
from routing.settle import close_aged, note, settle
from routing.standing import ALL, Changes, Command, Known, Seen, Standing
from routing.throttle import SECOND_NS, Bucket, refill

STEP_BACK_NS = 2 * SECOND_NS  # what time keeping daemons correct without harm


def decide(
    seen: Seen,
    known: Known,
    standing: Standing,
    rules: Rules,
    rates: Mapping[str, RateCard],
    links: Sequence[LinkFact],
    now: Now,
) -> Changes:
    """Everything one turn changes and sends. Changes nothing it is given."""
    draft = Draft(known, standing, rules, rates, links, now)
    for command in seen.commands:
        _obey(draft, command)
    settle(draft, seen.outcomes)
    note(draft, seen.receipts)
    answer(draft, seen.contacts)
    if seen.tick:
        close_aged(draft)
    _watch(draft)
    release(draft)
    if seen.tick and not now.clock_fault:
        draft.changes.tidy_before_ns = now.wall_ns
    return draft.close()


def quota(standing: Standing, rules: Rules, links: Sequence[LinkFact], now: Now) -> dict[Lane, int]:
    """Replies worth reading per lane: what links and token buckets could let through at most.

    A lane that is parked, or has no link that could send, is not read; one that only waits for
    tokens is read with 0, so that its next due time is known.
    """
    facts = {fact.link: fact for fact in links}
    limits = limits_of(rules)
    lanes: dict[Lane, int] = {}
    for number in rules.numbers.values():
        lane = (number.name, number.campaign)
        park = standing.parks.get(lane)
        if park is not None and not (park.until_ns and park.until_ns <= now.wall_ns):
            continue
        rooms = [
            min(
                facts[link].free,
                *(
                    _tokens(standing, limits[scope].tps_segments, scope, now)
                    for scope in (f"carrier/{facts[link].carrier}", f"link/{link}")
                ),
                _tokens(standing, number.limits.tps_segments, f"number/{number.name}", now),
            )
            for link in number.links
            if link in facts and facts[link].bind_id and facts[link].free
        ]
        if rooms:
            lanes[lane] = sum(rooms)
    return lanes


def _tokens(standing: Standing, tps: int, scope: str, now: Now) -> int:
    if not tps:
        return 1 << 30
    bucket = standing.buckets.get(scope, Bucket(0, now.monotonic_ns))
    return refill(bucket, tps, 1, now.monotonic_ns).tokens // SECOND_NS


def trust(
    standing: Standing, last_wall_ns: int, wall_ns: int, monotonic_ns: int, clock: ClockRules
) -> tuple[int, str]:
    """(wall time to decide by, why the clock is not believed or "").

    A wrong clock must neither open a new budget period nor destroy keys. Wall time may not fall
    behind the last commit, nor run ahead of what the monotonic clock explains, nor, at start,
    lie further ahead than a plausible downtime. While it is not believed our own reckoning
    goes on from the last trusted instant.
    """
    if not standing.monotonic_ns:
        own, ahead, name = last_wall_ns, clock.downtime_max_ns, "since the last commit"
    else:
        own = standing.wall_ns + monotonic_ns - standing.monotonic_ns
        ahead, name = clock.step_max_ns, "of our own reckoning"
    if not own:
        return wall_ns, ""
    if wall_ns < last_wall_ns - STEP_BACK_NS:
        return own, "the clock went back"
    if wall_ns > own + ahead:
        return own, f"the clock is {(wall_ns - own) // (3600 * SECOND_NS)} h ahead {name}"
    return max(wall_ns, last_wall_ns), ""


def _obey(draft: Draft, command: Command) -> None:
    """Carry out an operator's command; its answer leaves after the commit."""
    answer_text = "done"
    if command.name == "fund":
        draft.post(0, "given", command.nanos)
        draft.purse.add(command.nanos)
        draft.unpark(("no funds",))
        draft.changes.audit.append(("fund", f"{command.nanos} nanos"))
    elif command.name == "hold":
        draft.hold(command.text or ALL, "operator", 0)
        draft.changes.audit.append(("hold", command.text or ALL))
    elif command.name == "release":
        scope = command.text or ALL
        if draft.holds.pop(scope, None) is None:
            answer_text = f"{scope} was not held"
        draft.end_alarm("account_held", scope)
        draft.end_alarm("unknown_rate", scope)
        draft.changes.audit.append(("release", scope))
    elif command.name == "accept-clock":
        draft.changes.audit.append(("accept-clock", ""))
    draft.changes.effects.answers[command.ticket] = answer_text


def _watch(draft: Draft) -> None:
    """Alarms that follow from the state of the whole, not from one event."""
    if draft.now.clock_fault:
        draft.raise_alarm("clock", ALL, draft.now.clock_fault)
    else:
        draft.end_alarm("clock", ALL)
    waiting, most = draft.waiting, draft.rules.max_waiting
    if waiting >= most:
        draft.raise_alarm("queue_full", ALL, f"{waiting} wait")
    elif waiting * 10 < most * 9:
        draft.end_alarm("queue_full", ALL)
    if draft.entries and not draft.purse.refusal(1):
        for reason in ("no funds", "budget of the day", "total budget"):
            if not any(park.reason == reason for park in draft.parks.values()):
                draft.end_alarm("no_funds", reason)
    for scope, hold in list(draft.holds.items()):
        if hold.until_ns and hold.until_ns <= draft.now.wall_ns:
            del draft.holds[scope]
            draft.end_alarm("unknown_rate", scope)
