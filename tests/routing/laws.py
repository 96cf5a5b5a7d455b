"""The laws of the policy, each a function of a story and its last turn.

A new account is one line in LEFT, a new limit one line in SPANS, a new law one line in LAWS.
"""

from collections import Counter
from collections.abc import Callable

from routing.budget import account_of, allowance, spendable
from routing.budget import limits as limits_of
from routing.records import Limits, Now, OutcomeKind, ReplyKind
from routing.records import ReplyState as S
from routing.reply import FINAL, FREES_CLAIM
from routing.throttle import DAY_NS, HOUR_NS, SECOND_NS
from tests.routing.stories import CENTS, PEOPLE, Law, Story, Turn
from tests.routing.worlds import keys_of

CENT = 10_000_000  # nano-units
BILLED = (S.ACCEPTED, S.DELIVERED, S.FAILED, S.CLOSED, S.ASSUMED_SENT)
OPEN = (S.SUBMITTING, S.UNKNOWN)
LOST = (OutcomeKind.NO_ANSWER, OutcomeKind.LINK_LOST, OutcomeKind.RESTART)

Balances = dict[str, int]


def _less(limit: int | None, used: int) -> int | None:
    return None if limit is None else limit - used


def _of(budget: str) -> Callable[[Story, Balances, Now], int | None]:
    """What is left of a budget: its limit less what its account of now holds."""

    def left(story: Story, sums: Balances, now: Now) -> int | None:
        limit = limits_of(story.rules.money, story.store.budgets).get(budget)
        return _less(limit, sums.get(account_of(budget, now), 0))

    return left


def _allowed(story: Story, sums: Balances, now: Now) -> int | None:
    return _less(allowance(story.store.budgets, now), sums.get(account_of("day", now), 0))


LEFT: dict[str, Callable[[Story, Balances, Now], int | None]] = {
    "funds": lambda story, sums, now: spendable(sums, story.rules.money),
    "hour": _of("hour"),
    "day": _of("day"),
    "month": _of("month"),
    "total": lambda story, sums, now: _less(
        limits_of(story.rules.money, story.store.budgets).get("total"),
        sums.get("reserved", 0) + sums.get("settled", 0),
    ),
    "allowance": _allowed,
    "campaign/default/day": _of("campaign/default/day"),
    "campaign/default/total": _of("campaign/default/total"),
    "number/relou/hour": _of("number/relou/hour"),
    "number/relou/month": _of("number/relou/month"),
}
"""Account → what outbound money may still take from it, None without a limit."""

SPANS: dict[str, tuple[int, Callable[[Limits], int]]] = {
    "second": (SECOND_NS, lambda limits: limits.tps_segments),
    "hour": (HOUR_NS, lambda limits: limits.segments_per_hour),
    "day": (DAY_NS, lambda limits: limits.segments_per_day),
    "month": (30 * DAY_NS, lambda limits: limits.segments_per_month),
}
"""Name → (span, segments it may carry; 0: any number)."""


def no_budget_is_overdrawn(story: Story, turn: Turn) -> None:
    """A turn that sends leaves no account below zero; others only what was billed without asking:
    inbound texts, fees, and a refused reply whose receipt says that it was sent."""
    sent = {submit.reply_id for submit in turn.changes.effects.submits}
    flights = turn.changes.standing.flights
    scopes = {f"number/{flights[i].reply.number}" for i in sent}
    scopes |= {f"campaign/{flights[i].reply.campaign}" for i in sent} | ({""} if sent else set())
    unasked = sum(e.nanos for e in story.entries() if e.kind in ("inbound", "fee"))
    again = sum(e.nanos for e in story.entries() if e.kind == "reserve" and e.reply_id not in sent)
    for account, left in LEFT.items():
        before = left(story, turn.balances, turn.now)
        after = left(story, story.store.balances, turn.now)
        if before is None or after is None:
            continue
        if account.rpartition("/")[0] in scopes:
            assert after >= 0, f"{account} is overdrawn: {after}"
        billed = again + unasked * (account == "funds")
        assert after >= min(0, before) - billed, f"{account} fell from {before} to {after}"


def money_is_conserved(story: Story, turn: Turn) -> None:
    """What was given is what came in, what was sent, what is on its way, and what is left."""
    sums = story.store.balances
    rows = story.store.rows.items()
    open_ = sum(row.flight.price_nanos for _, row in rows if row.flight and row.state in OPEN)
    settled = sum(story.refused_cost.values())
    for _, row in rows:
        if (flight := row.flight) is None or row.state in OPEN:
            continue
        assert flight.price_nanos == CENTS[flight.carrier] * CENT * flight.reply.segments
        refused = story.rules.carriers[flight.carrier].bill_refused
        if row.state in BILLED or (refused and row.state is S.REFUSED):
            settled += flight.price_nanos
    told = {"given": story.given, "inbound": story.came_in, "fee": story.fees}
    told |= {"reserved": open_, "settled": settled}
    found = {name: sums.get(name, 0) for name in told}
    assert found == told, f"the books say {found}, and it was {told}"
    left = spendable(sums, story.rules.money) + story.rules.money.inbound_reserve_nanos
    assert story.given == left + story.came_in + story.fees + open_ + settled


def every_period_has_its_own(story: Story, turn: Turn) -> None:
    """An account is what was reserved on it and not given back, and never below zero."""
    sums = {k: v for k, v in story.store.balances.items() if "/" in k and v}
    assert sums == {account: nanos for account, nanos in story.account_sums.items() if nanos}
    assert all(nanos > 0 for nanos in sums.values()), sums


def throttles_hold(story: Story, turn: Turn) -> None:
    """In any second at most TPS and a burst, in longer spans at most the cap, per scope."""
    rules = story.rules
    scopes = {f"carrier/{name}": one.limits for name, one in rules.carriers.items()}
    scopes |= {f"link/{name}": one.limits for name, one in rules.links.items()}
    scopes |= {f"number/{name}": one.limits for name, one in rules.numbers.items()}
    largest = max(text.segments for text in rules.texts.values())
    for scope, limits in scopes.items():
        for name, (span, cap_of) in SPANS.items():
            if not (cap := cap_of(limits)):
                continue
            if name == "second":
                span *= limits.tps_seconds
                cap += max(cap // 10, largest)
            times = [
                (sent.true_ns if name == "second" else sent.wall_ns, sent.flight.reply.segments)
                for sent in story.flown
                if scope in sent.scopes
            ]
            if times:
                carried = sum(segments for at, segments in times if at > times[-1][0] - span)
                assert carried <= cap, f"{scope}: {carried} segments in a {name}, {cap} allowed"


def shares_hold(story: Story, turn: Turn) -> None:
    """Whatever a link takes, it had carried at most its share of the day's segments before."""
    carried: Counter[str] = Counter()
    for sent in story.flown:
        if f"day/{turn.now.day}" in sent.flight.accounts.split():
            link, percent = sent.flight.link, story.rules.links[sent.flight.link].share_percent
            assert carried[link] * 100 <= percent * carried.total(), f"{link}: {carried}"
            carried[link] += sent.flight.reply.segments


def quiet_is_kept(story: Story, turn: Turn) -> None:
    """Nothing leaves to a country that sleeps."""
    for submit in turn.changes.effects.submits:
        assert turn.changes.standing.flights[submit.reply_id].reply.country not in turn.now.quiet


def a_claim_is_answered_once(story: Story, turn: Turn) -> None:
    """At most max_replies in a claim's period, and one confirmation of a STOP, ever."""
    rows = story.store.rows.values()
    for msisdn in {row.reply.msisdn for row in rows}:
        since = story.forgotten[msisdn][0] if msisdn in story.forgotten else 0
        for campaign in story.rules.campaigns.values():
            theirs = [
                row
                for row in rows
                if (row.reply.msisdn, row.reply.campaign) == (msisdn, campaign.name)
            ]
            began, count = -campaign.claim_ns, 0
            for row in theirs:  # by id, so by time
                if row.reply.kind is not ReplyKind.REPLY:
                    continue
                if row.reply.id < since:
                    continue  # whoever was forgotten is a stranger again
                if row.reply.created_ns >= began + campaign.claim_ns:
                    began, count = row.reply.created_ns, 0
                freed = row.state is S.CANCELLED and row.reason in FREES_CLAIM
                count += not freed
                assert count <= campaign.max_replies, f"{count} replies to {msisdn[-4:]}"
        stops = [
            row
            for reply_id, row in story.store.rows.items()
            if row.reply.msisdn == msisdn and row.reply.kind == "stop" and reply_id >= since
        ]
        assert len(stops) <= 1, f"{len(stops)} confirmations to {msisdn[-4:]}"


def silence_is_kept(story: Story, turn: Turn) -> None:
    """Nothing but the confirmation after a STOP; nothing ever to whom we never answer."""
    for submit in turn.changes.effects.submits:
        kind = turn.changes.standing.flights[submit.reply_id].reply.kind
        assert f"+{submit.msisdn}" in PEOPLE.values(), f"{submit.msisdn} is never answered"
        silent = story.stopped | story.by_hand
        stopped = submit.msisdn in silent and kind is ReplyKind.REPLY
        assert not stopped, f"{submit.msisdn[-4:]} had written STOP"


def the_forgotten_are_gone(story: Story, turn: Turn) -> None:
    """Once its job has ended nothing stands under a person's pseudonyms that was there before, but
    for a STOP; what is on its way has lost them at once."""
    for msisdn, (next_id, job, epochs) in story.forgotten.items():
        keys = keys_of(msisdn, epochs)
        ended = story.store.jobs[job].ended_ns if job in story.store.jobs else 1
        for reply_id, row in story.store.rows.items():
            if reply_id >= next_id or row.reply.claim not in keys.claims:
                continue
            assert row.state in FINAL or not ended, f"reply {reply_id} {row.state.name}"
        for flight in turn.changes.standing.flights.values():
            left_now = flight in (*turn.changes.released, *turn.changes.flights_new)
            assert flight.reply.claim not in keys.claims or left_now or flight.reply.id >= next_id
        if ended:
            assert not any(keys.claims[0] in them for them in story.store.persons.values())
        assert (keys.optout in story.store.optouts) == (msisdn in story.stopped | story.by_hand)


def an_unknown_is_never_sent_again(story: Story, turn: Turn) -> None:
    """Nothing whose submit was ended, or had no answer, leaves a second time.

    That every other move is one of the table, the model asks at each write.
    """
    for submit in turn.changes.effects.submits:
        assert submit.reply_id not in story.never_again, f"reply {submit.reply_id} left again"
    lost = {told.reply_id for told in turn.seen.outcomes if told.kind in LOST}
    story.never_again |= lost & turn.flights.keys()
    story.never_again |= {done.reply_id for done in turn.changes.finished}


def links_and_holds_are_heeded(story: Story, turn: Turn) -> None:
    """Nothing leaves by a link that is down or held, beyond a window, or by a wrong clock."""
    submits = turn.changes.effects.submits
    flying = [flight.link for flight in story.standing.flights.values()]
    for link in {submit.link for submit in submits}:
        assert link not in story.down
        assert flying.count(link) <= story.window
        for scope in (link, "*"):
            hold = story.store.holds.get(scope)
            assert hold is None or not hold.lasts(turn.now.wall_ns), f"{scope} is held"
    assert not (turn.now.clock_fault and submits)


LAWS: tuple[Law, ...] = (
    no_budget_is_overdrawn,
    money_is_conserved,
    every_period_has_its_own,
    throttles_hold,
    shares_hold,
    quiet_is_kept,
    a_claim_is_answered_once,
    silence_is_kept,
    the_forgotten_are_gone,
    an_unknown_is_never_sent_again,
    links_and_holds_are_heeded,
)
