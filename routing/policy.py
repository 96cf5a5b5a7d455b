"""decide(): settle outcomes, note receipts, answer contacts, release what is due.

Pure: no clock, no chance, no I/O. The same input gives the same output, and a batch of n decides
as n batches of one.
"""

from collections.abc import Mapping, Sequence

from routing import attack, fees, orders
from routing.answer import answer
from routing.budget import FUNDS
from routing.budgets import SETTING, set_budget
from routing.cards import take_card
from routing.closing import close_month
from routing.corrections import take_step
from routing.correlate import note, take_overdue
from routing.draft import Draft, largest_text, limits_of
from routing.jobs import ABOUT_A_PERSON
from routing.money import format_nanos
from routing.pace import heed, recover
from routing.rate_card import RateCard
from routing.records import ClockRules, Lane, LinkFact, Now, Rules
from routing.release import release
from routing.settle import close_aged, settle
from routing.standing import ALL, FULL, Changes, Command, Known, Seen, Standing
from routing.throttle import HOUR_NS, SECOND_NS, Bucket, refill

STEP_BACK_NS = 60 * SECOND_NS  # what time keeping daemons correct: time stands still meanwhile

NO_LIMIT = 1 << 30


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
    draft.open_day()
    orders.prepare(draft)
    for command in seen.commands:
        draft.changes.effects.answers[command.ticket] = _obey(draft, command)
    recover(draft)
    if seen.loads:
        heed(draft, seen.loads)
    settle(draft, seen.outcomes)
    orders.end_returned(draft)
    note(draft, seen.receipts)
    attack.judge(draft)
    answer(draft, seen.contacts)
    if seen.tick:
        _end_money_alarms(draft)
        if not now.clock_fault:
            fees.charge(draft)
            take_overdue(draft)
            close_aged(draft)
            if known.aged or known.overdue:
                draft.wake_in(0)  # there may be more than one turn takes up
            draft.changes.tidy_before_ns = now.wall_ns
    _watch(draft)
    attack.sweep(draft)
    orders.work(draft)
    release(draft)
    return draft.close()


def quota(standing: Standing, rules: Rules, links: Sequence[LinkFact], now: Now) -> dict[Lane, int]:
    """Replies worth reading per lane: what links and token buckets could let through at most.

    A lane that is parked, or has no link that could send, is not read; one that only waits for
    tokens is read with 0, so that its next due time is known.
    """
    facts = {fact.link: fact for fact in links}
    limits, largest = limits_of(rules), largest_text(rules)

    def tokens(scope: str, carrier: str = "") -> int:
        limit = limits[scope]
        if not limit.tps_segments:
            return NO_LIMIT
        bucket = standing.buckets.get(scope, Bucket(0, now.monotonic_ns))
        pace = standing.paces.get(carrier)
        permille = FULL if pace is None else pace.permille_at(now.monotonic_ns)
        bucket = refill(bucket, limit, largest, now.monotonic_ns, permille)
        return bucket.tokens // (SECOND_NS * limit.tps_seconds)

    lanes: dict[Lane, int] = {}
    for number in rules.numbers.values():
        lane = (number.name, number.campaign)
        park = standing.parks.get(lane)
        if park is not None and not (park.until_ns and park.until_ns <= now.wall_ns):
            continue
        rooms = [
            min(
                fact.free,
                tokens(f"carrier/{fact.carrier}", fact.carrier),
                tokens(f"link/{fact.link}", fact.carrier),
            )
            for link in number.links
            if (fact := facts.get(link)) is not None and fact.bind_id and fact.free
        ]
        if rooms:
            lanes[lane] = min(sum(rooms), tokens(f"number/{number.name}"))
    return lanes


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


def _obey(draft: Draft, command: Command) -> object:
    """Carry out an operator's command. Returns the sentence he is told after the commit."""
    name, scope = command.name, command.text or ALL
    if name == "hold" and scope != ALL and scope not in draft.rules.links:
        return f"there is no link {scope}"
    if name == "fund":
        draft.post(0, "given", command.nanos)
        draft.given(command.nanos)
        draft.unpark_money()
        if draft.purse.funded(1):
            draft.end_alarm("no_funds", FUNDS)
        said = f"{format_nanos(command.nanos)} {draft.rules.money.currency}"
        draft.changes.audit.append((name, f"{said}, {command.note}" if command.note else said))
    elif name == "fee":
        return fees.fee(draft, command)
    elif name in SETTING:
        return set_budget(draft, command)
    elif name == "close" and command.closing is not None:
        return close_month(draft, command.closing)
    elif name == "hold":
        draft.hold(scope, "operator", 0)
        draft.changes.audit.append((name, scope))
    elif name == "release":
        if draft.holds.pop(scope, None) is None:
            return f"{scope} was not held"
        draft.end_alarm("account_held", scope)
        draft.end_alarm("unknown_rate", scope)
        draft.changes.audit.append((name, scope))
    elif name == "card" and command.card is not None:
        return take_card(draft, command.card)
    elif name == "cancel" or name in ABOUT_A_PERSON:
        return orders.obey(draft, command)
    elif name in ("breaker-hold", "breaker-release"):
        return attack.obey(draft, name)
    elif name == "cdr" and command.cdr is not None:
        return take_step(draft, command.cdr)
    elif name == "accept-clock":
        _start_clock_again(draft)
        draft.changes.audit.append((name, ""))
    else:
        return f"there is no command {name}"
    return "done"


def _start_clock_again(draft: Draft) -> None:
    """Spans that were measured by the clock that is no longer believed end soon."""
    for lane in list(draft.parks):
        del draft.parks[lane]
    latest = draft.now.wall_ns + HOUR_NS
    for scope, hold in draft.holds.items():
        draft.holds[scope] = hold._replace(until_ns=min(hold.until_ns, latest))
    draft.wake_in(0)


def _end_money_alarms(draft: Draft) -> None:
    """A budget that stops no lane alarms no longer."""
    parked = {park.reason for park in draft.parks.values() if park.money}
    for code, reason in sorted(draft.alarms):
        if code == "no_funds" and reason not in parked:
            draft.end_alarm(code, reason)


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
    for scope, hold in list(draft.holds.items()):
        if not hold.lasts(draft.now.wall_ns):
            del draft.holds[scope]
            draft.end_alarm("unknown_rate", scope)
