"""What submits came to, and replies whose time to wait is over."""

from operator import attrgetter

from routing.draft import Draft
from routing.pace import throttled
from routing.records import (
    BILLS_ALL,
    Flight,
    Outcome,
    OutcomeKind,
    ReplyState,
    made,
)
from routing.reply import Posting, ReplyEvent, move
from routing.route import FAILURES
from routing.standing import ALL, Finished, Health, HeldReceipt, Returned, Stored
from routing.throttle import EMPTY, HOUR_NS, SECOND_NS, add, advance
from routing.ways import shut

ACCOUNT_PROBE_NS = 600 * SECOND_NS  # a held account is probed by one submit this often
EQUAL_REFUSALS = 5
OK = OutcomeKind.ACCEPTED
SUBMITTING = ReplyState.SUBMITTING
ACCEPTED = move(SUBMITTING, ReplyEvent.ACCEPTED).next
UNTRACKED = move(ACCEPTED, ReplyEvent.RECEIPT_OVER).next
UNANSWERED = 3
_MONEY = attrgetter("carrier", "price_nanos", "rate_version", "billed_nanos", "currency")


def settle(draft: Draft, outcomes: list[Outcome]) -> None:
    """Every outcome of the batch, in its order, before anything new is decided."""
    flights, finished, held = draft.flights, draft.changes.finished, draft.known.held_receipts
    tracks, health = draft.tracks, draft.health
    accepted, money = 0, None
    for outcome in outcomes:
        reply_id, kind, message_id, _ = outcome
        flight = flights.pop(reply_id, None)
        if flight is None:
            _settle_stored(draft, outcome)
        elif kind is OK:  # by far the most, and most of them cost the same
            its_money = _MONEY(flight)
            if its_money != money:
                carrier, *terms = money = its_money
                settled = draft.posted_to(("settle", *terms))
                tracked = ACCEPTED if draft.rules.carriers[carrier].receipts else UNTRACKED
            settled.append(reply_id)
            state = tracked if message_id else UNTRACKED
            if held:
                state = _early(draft, flight, outcome, state)
            finished.append(made(Finished, (reply_id, SUBMITTING, state, message_id, "")))
            if tracks or health:
                _went_well(draft, flight.link)
            accepted += 1
        else:
            if kind in _LATE:
                _spoke(draft, flight.link)
            if kind in FAILURES:
                draft.tried(flight.link, failed=True)
            _ACTIONS[kind](draft, flight, outcome)
    if accepted:
        draft.count("accepted", accepted)


def _went_well(draft: Draft, link: str) -> None:
    """A submit over the link was accepted: it is no longer ill."""
    draft.tried(link, failed=False)
    health = draft.health.get(link)
    if health is None or (health.account and draft.held(link)):
        return  # what left before the account was held says nothing about its credit
    if health.probing:
        draft.end_alarm("submits_unanswered", link)
        draft.end_alarm("account_held", link)
    del draft.health[link]


def _early(draft: Draft, flight: Flight, outcome: Outcome, state: ReplyState) -> ReplyState:
    """The receipt may have come before its response."""
    early = draft.known.held_receipts.get((flight.carrier, outcome.message_id))
    if early is None:
        return state
    step = move(ReplyState.ACCEPTED, FINAL_RECEIPT[early.delivered])
    use(draft, early)
    _fate(draft, flight.link, early.delivered)
    _post(draft, stored_as(flight, ReplyState.ACCEPTED), step.posting)
    return step.next


def _spoke(draft: Draft, link: str) -> None:
    """Any response ends a row of submits without one."""
    health = draft.health.get(link)
    if health is not None and health.unanswered:
        draft.health[link] = health._replace(unanswered=0)


def _pause(draft: Draft, flight: Flight, outcome: Outcome) -> None:
    until_ns = throttled(draft, flight.carrier, outcome.label)
    draft.refused_money(flight)
    links = draft.rules.numbers[flight.reply.number].links
    elsewhere = any(not shut(draft, link) for link in links)  # it was certainly not accepted
    wait_ns = 0 if elsewhere else until_ns - draft.now.monotonic_ns
    _back(draft, flight, wait_ns, flight.reply.attempts)


def _retry(draft: Draft, flight: Flight, outcome: Outcome) -> None:
    attempts = flight.reply.attempts + 1
    draft.refused_money(flight)
    if attempts >= draft.rules.retry_attempts:
        draft.finish(
            flight.reply.id,
            ReplyState.SUBMITTING,
            ReplyEvent.EXHAUSTED,
            reason=f"{attempts} attempts, {outcome.label}",
        )
        draft.count("refused")
        return
    wait = min(draft.rules.retry_first_ns << (attempts - 1), draft.rules.retry_last_ns)
    _back(draft, flight, wait, attempts)


def _session(draft: Draft, flight: Flight, outcome: Outcome) -> None:
    draft.refused_money(flight)
    _back(draft, flight, 0, flight.reply.attempts)
    if flight.link not in draft.changes.effects.rebind:
        draft.changes.effects.rebind.append(flight.link)
    draft.free[flight.link] = 0


def _account(draft: Draft, flight: Flight, outcome: Outcome) -> None:
    draft.refused_money(flight)
    _back(draft, flight, 0, flight.reply.attempts)
    _hold_account(draft, flight, outcome)


def _hold_account(draft: Draft, flight: Flight, outcome: Outcome) -> None:
    if draft.held(flight.link) is None:
        until = draft.now.wall_ns + ACCOUNT_PROBE_NS
        draft.hold(flight.link, f"account: {outcome.label}", until)
        draft.raise_alarm("account_held", flight.link, outcome.label)
    draft.set_health(flight.link, Health(probing=True, account=True))


def _refused(draft: Draft, flight: Flight, outcome: Outcome) -> None:
    health = draft.health.get(flight.link, Health())
    same = 1
    if health.label == outcome.label:
        if health.last_claim == flight.reply.claim:
            same = health.same
        else:
            same = health.same + 1
    draft.refused_money(flight)
    if same >= EQUAL_REFUSALS or health.account:
        _back(draft, flight, 0, flight.reply.attempts)
        _hold_account(draft, flight, outcome)
        return
    draft.set_health(
        flight.link,
        health._replace(label=outcome.label, same=same, last_claim=flight.reply.claim),
    )
    draft.finish(flight.reply.id, ReplyState.SUBMITTING, ReplyEvent.REFUSED, reason=outcome.label)
    draft.count("refused")


def _not_sent(draft: Draft, flight: Flight, outcome: Outcome) -> None:
    draft.money_back(flight.reply.id, "release", flight)
    _back(draft, flight, 0, flight.reply.attempts)


def _lost(draft: Draft, flight: Flight, outcome: Outcome) -> None:
    reply_id = flight.reply.id
    draft.finish(reply_id, SUBMITTING, ReplyEvent.LOST, reason=outcome.kind.value)
    draft.moved[reply_id] = ReplyState.UNKNOWN
    draft.count("unknown")
    if outcome.kind is OutcomeKind.RESTART:
        return
    counter = advance(draft.unknown_hour or EMPTY, "hour", draft.now.wall_ns)
    draft.unknown_hour = counter = add(counter, 1)
    if sum(counter.slots) > draft.rules.unknown_max_hour and draft.held(ALL) is None:
        draft.hold(ALL, "too many unknown outcomes", draft.now.wall_ns + HOUR_NS)
        draft.raise_alarm("unknown_rate", ALL, f"{sum(counter.slots)} in an hour")
    if outcome.kind is OutcomeKind.NO_ANSWER:
        _unanswered(draft, flight.link)


def _unanswered(draft: Draft, link: str) -> None:
    health = draft.health.get(link, Health())
    health = health._replace(unanswered=health.unanswered + 1)
    if health.unanswered >= UNANSWERED:
        health = health._replace(unanswered=0, probing=True)
        draft.raise_alarm("submits_unanswered", link, f"{UNANSWERED} in a row")
        if link not in draft.changes.effects.rebind:
            draft.changes.effects.rebind.append(link)
        draft.free[link] = 0
    draft.set_health(link, health)


def _back(draft: Draft, flight: Flight, wait_ns: int, attempts: int) -> None:
    reply = flight.reply
    campaign = draft.rules.campaigns[reply.campaign]
    due = min(draft.now.wall_ns + wait_ns, reply.created_ns + campaign.reply_max_age_ns)
    waiting = reply._replace(due_ns=due, attempts=attempts)
    draft.changes.returned.append(Returned(waiting))
    draft.waiting += 1
    draft.count("returned")


_ACTIONS = {
    OutcomeKind.PAUSE: _pause,
    OutcomeKind.RETRY: _retry,
    OutcomeKind.SESSION: _session,
    OutcomeKind.ACCOUNT: _account,
    OutcomeKind.REFUSED: _refused,
    OutcomeKind.NOT_SENT: _not_sent,
    OutcomeKind.NO_ANSWER: _lost,
    OutcomeKind.LINK_LOST: _lost,
    OutcomeKind.RESTART: _lost,
}

_LATE = {
    OutcomeKind.ACCEPTED: ReplyEvent.ACCEPTED,
    OutcomeKind.REFUSED: ReplyEvent.REFUSED,
    OutcomeKind.PAUSE: ReplyEvent.RETURNED,
    OutcomeKind.RETRY: ReplyEvent.RETURNED,
    OutcomeKind.SESSION: ReplyEvent.RETURNED,
    OutcomeKind.ACCOUNT: ReplyEvent.RETURNED,
}


_FATES = {ReplyState.DELIVERED: True, ReplyState.FAILED: False}
FINAL_RECEIPT = {True: ReplyEvent.DELIVERED, False: ReplyEvent.FAILED}


def _settle_stored(draft: Draft, outcome: Outcome) -> None:
    """A response that came after we had given the reply up, or that says nothing new."""
    reply_id = outcome.reply_id
    stored = draft.known.stored.get(reply_id)
    if stored is None and draft.moved.get(reply_id) is ReplyState.UNKNOWN:  # in this very turn
        stored = stored_as(draft.standing.flights[reply_id], ReplyState.UNKNOWN)
    event = _LATE.get(outcome.kind)
    if stored is None or event is None:
        draft.count("stray outcomes")
        return
    apply(draft, stored, event, outcome.message_id, f"late {outcome.label}".rstrip())
    early = draft.known.held_receipts.get((stored.carrier, outcome.message_id))
    if early is not None:
        use(draft, early)
        apply(draft, stored, FINAL_RECEIPT[early.delivered], reason="receipt")


def use(draft: Draft, held: HeldReceipt) -> None:
    """A held receipt has served: it goes under all the ids it was held by."""
    draft.changes.receipts_used.append((held.carrier, held.lead or held.message_id))


def _fate(draft: Draft, link: str, delivered: bool) -> None:
    """One more reply over `link` was delivered, or was not: see `Standing.fates`."""
    draft.fates.setdefault(link, [0, 0])[not delivered] += 1
    draft.count(f"{'delivered' if delivered else 'not delivered'}: {link}")


def stored_as(flight: Flight, state: ReplyState) -> Stored:
    """A reply that left SUBMITTING in this turn, as the next turn would find it."""
    return Stored(
        flight.reply.id,
        state,
        flight.carrier,
        flight.link,
        flight.reply.number,
        flight.price_nanos,
        flight.rate_version,
        flight.accounts,
        flight.reply.claim,
        flight.billed_nanos,
        flight.currency,
        flight.submitted_ns,
        flight.exact,
    )


def apply(
    draft: Draft, stored: Stored, event: ReplyEvent, message_id: str = "", reason: str = ""
) -> None:
    """Move a stored reply by the table and post what the move says."""
    state = draft.moved.get(stored.reply_id, stored.state)
    step = move(state, event)
    draft.count(step.counted or f"{event.name.lower()} after {state.name.lower()}")
    if step.alarm:
        draft.raise_alarm("ledger", stored.carrier, reason)
    _post(draft, stored, step.posting)
    if step.next is not state:
        draft.changes.finished.append(
            Finished(stored.reply_id, state, step.next, message_id, reason)
        )
        draft.moved[stored.reply_id] = step.next
        if step.next in _FATES:
            _fate(draft, stored.link, _FATES[step.next])


def _post(draft: Draft, stored: Stored, posting: Posting) -> None:
    reply_id = stored.reply_id
    tariff = draft.tariff(stored.carrier)
    if posting is Posting.BY_TARIFF_REFUSED:
        posting = Posting.SETTLE if tariff.bill_refused else Posting.RELEASE
    elif posting is Posting.BY_TARIFF_FAILED:
        posting = Posting.SETTLE if tariff.bill_undelivered else Posting.RELEASE
    elif posting is Posting.CORRECT_FAILED:
        posting = Posting.NONE if tariff.bill_undelivered else Posting.CORRECT
    if posting is Posting.SETTLE:
        draft.posted(reply_id, "settle", stored)
    elif posting is Posting.RELEASE:
        draft.money_back(reply_id, "release", stored)
    elif posting is Posting.CORRECT:
        draft.money_back(reply_id, "correction", stored)
    elif posting is Posting.POST_AGAIN and (not tariff.bill_refused or tariff is BILLS_ALL):
        draft.posted(reply_id, "reserve", stored)  # one that was billed is settled already
        draft.posted(reply_id, "settle", stored)
        draft.purse.release(-stored.price_nanos, stored.accounts)


def close_aged(draft: Draft) -> None:
    """UNKNOWN and ACCEPTED replies whose time is over end on the cautious side."""
    for stored in draft.known.aged:
        if stored.reply_id in draft.moved:
            continue  # this very batch told more about it
        event = (
            ReplyEvent.UNKNOWN_OVER
            if stored.state is ReplyState.UNKNOWN
            else ReplyEvent.RECEIPT_OVER
        )
        apply(draft, stored, event)
