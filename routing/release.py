"""Which waiting replies leave now: by lane, in turn, as far as limits, links and money reach."""

from itertools import islice

from routing.budget import Refusal
from routing.draft import Draft
from routing.records import Flight, Lane, Reply, ReplyKind, Submit, made
from routing.route import SHARE, Choice, Way
from routing.throttle import SLOTS, SPANS, take
from routing.ways import WINDOW, barred, choices, choose, ways_of


def release(draft: Draft) -> None:
    """Cancel what is too old, release what is due, say when to look again."""
    for reply in draft.known.too_old:
        if reply.id not in draft.gone:
            draft.cancel(reply, "too old", stored=True)
            draft.wake_in(0)  # there may be more than one turn takes up
    queues = [(lane, _queue(draft, lane)) for lane in _lanes(draft)]
    if not draft.stopped():
        active = [(lane, queue, ways_of(draft, lane)) for lane, queue in queues if queue]
        while len(active) > 1:  # one reply a lane a round, so that no lane starves another
            active = [item for item in active if _release_some(draft, *item, 1)]
        for item in active:  # the last one has nobody to wait for
            while _release_some(draft, *item, len(item[1])):
                pass
    for _, queue in queues:
        draft.changes.waiting_new += [reply for reply in queue if not _stored(draft, reply)]
    _wake_for_later(draft)


Queue = list[Reply]  # the next one last


def _stored(draft: Draft, reply: Reply) -> bool:
    """Does its row exist? It does not when the reply was promised in this turn."""
    return reply.id < draft.known.next_id


def _lanes(draft: Draft) -> list[Lane]:
    """Lanes with something to do, the one after the last that was served first."""
    lanes = sorted(draft.known.due.keys() | draft.fresh.keys())
    last = draft.last_lane
    return [lane for lane in lanes if lane > last] + [lane for lane in lanes if lane <= last]


def _queue(draft: Draft, lane: Lane) -> Queue:
    """The lane's due replies, stored ones first. Fresh ones for later are put in the store."""
    now = draft.now.wall_ns
    gone, quiet = draft.gone, draft.now.quiet
    queue: Queue = []
    for reply in draft.known.due.get(lane, ()):
        if reply.due_ns > now:
            draft.wake_in(reply.due_ns - now)
            break
        if reply.id not in gone:
            later = _after_quiet(draft, reply) if quiet else None
            if later is None:
                queue.append(reply)
            else:
                draft.changes.postponed.append(later)
                draft.wake_in(0)  # one more could be read in its place
    fresh = draft.fresh.get(lane, [])
    if gone:
        fresh = [reply for reply in fresh if reply.id not in gone]
    if quiet:
        fresh = [(reply.due_ns <= now and _after_quiet(draft, reply)) or reply for reply in fresh]
    draft.changes.waiting_new += [reply for reply in fresh if reply.due_ns > now]
    queue += [reply for reply in fresh if reply.due_ns <= now]
    queue.reverse()
    return queue


def _after_quiet(draft: Draft, reply: Reply) -> Reply | None:
    """The reply with a later due time while its country sleeps, None when it may leave now."""
    until_ns = draft.now.quiet.get(reply.country)
    if until_ns is None:
        return None
    age_ns = draft.rules.campaigns[reply.campaign].reply_max_age_ns
    due_ns = min(until_ns, reply.created_ns + age_ns)
    return reply._replace(due_ns=due_ns) if due_ns > draft.now.wall_ns else None


def _release_some(draft: Draft, lane: Lane, queue: Queue, ways: list[Way], most: int) -> bool:
    """Move the lane's next reply on, and up to `most` of those behind it that are just like it.

    False when the lane has nothing more or must wait.
    """
    if not queue:
        return False
    reply = queue[-1]
    if _stored(draft, reply):
        reply, fault = _look_again(draft, reply)
        if fault:
            queue.pop()
            draft.cancel(reply, fault, stored=True)
            draft.wake_in(0)  # one more could be read in its place
            return True
    found = choices(draft, ways, reply)
    if not found:
        return _no_way(draft, lane, queue, ways, reply)
    choice = choose(found)
    refusal = draft.purse.refusal(choice.cost.nanos, choice.way.debit)
    if refusal is not None:
        _no_money(draft, lane, refusal)
        return False
    queue[-1] = reply
    _fly(draft, queue, choice, _alike(draft, queue, choice, most) if len(ways) == 1 else 1)
    draft.last_lane = lane
    return True


def _alike(draft: Draft, queue: Queue, choice: Choice, most: int) -> int:
    """How many fresh replies at the head of the queue cost the same and fit all limits at once.

    The first one does: that was asked already.
    """
    way, rate, cost, _ = choice
    segments = queue[-1].segments
    if draft.tracks or draft.shares.counts or not cost.nanos:
        return 1  # an ill link is tried by one; a share is asked for each
    most = min(most, draft.free[way.link], draft.purse.times(cost.nanos), len(queue))
    most = min([most, *(gauge.room // segments for gauge in way.path)])
    offers = draft.offers
    offer = offers.get(queue[-1].id)
    if offer is None or offer.rate is not rate or offer.carrier != way.carrier:
        return 1
    count = 0
    for reply in islice(reversed(queue), most):
        if offers.get(reply.id) is not offer:
            break
        count += 1
    return count


def _look_again(draft: Draft, reply: Reply) -> tuple[Reply, str]:
    """A stored reply as the configuration of today has it, and why it may not leave, or ""."""
    if not reply.msisdn:
        return reply, "seal unreadable"
    if reply.kind is ReplyKind.REPLY and (
        reply.optout in draft.known.optouts or reply.optout in draft.opted_out
    ):
        return reply, "opt-out"  # the STOP came while it was on its way, or to another campaign
    age = draft.rules.campaigns[reply.campaign].reply_max_age_ns
    if reply.created_ns + age <= draft.now.wall_ns:
        return reply, "too old"
    text = draft.rules.texts.get(reply.text_id)
    if text is None:
        number = draft.rules.numbers[reply.number]
        first = reply.kind is ReplyKind.REPLY
        text = draft.rules.texts.get(number.text_ids[0] if first else number.stop_text_id)
        if text is None:
            return reply, "no text"
    if (text.text_id, text.segments) != (reply.text_id, reply.segments):
        reply = reply._replace(text_id=text.text_id, segments=text.segments)
    return reply, ""


def _no_way(draft: Draft, lane: Lane, queue: Queue, ways: list[Way], reply: Reply) -> bool:
    """No way is open to the next reply: cancel it when it has no price, else let the lane wait."""
    number = draft.rules.numbers[lane[0]]
    carriers = [draft.rules.links[link].carrier for link in number.links]
    if all(draft.rate(carrier, reply) is None for carrier in carriers):
        queue.pop()  # the card changed since the contact was answered
        draft.cancel(reply, "no price", _stored(draft, reply))
        draft.wake_in(0)
        return True
    _wait_for(draft, lane, [way for way in ways if draft.rate(way.carrier, reply)], reply)
    return False


def _fly(draft: Draft, queue: Queue, choice: Choice, count: int) -> None:
    """WAITING → SUBMITTING for the next `count` replies, all with the segments of the first.

    Their money is reserved and the limits are taken in the same turn. More than one are all fresh.
    """
    way, rate, (price, billed, currency), _ = choice
    link, carrier, accounts = way.link, way.carrier, way.debit.accounts
    segments = queue[-1].segments * count
    take(way.path, segments)
    if draft.shares.counts:
        draft.shares.take(link, segments)
    if draft.tracks:
        draft.probe(link)
    draft.free[link] -= count
    draft.waiting -= count
    draft.purse.reserve(price * count, way.debit)
    wall_ns, version, exact = draft.now.wall_ns, rate.version, rate.exact
    leaving = queue[: -count - 1 : -1]
    del queue[-count:]
    ids, number = [reply.id for reply in leaving], leaving[0].number
    draft.posted_to(("reserve", price, version, billed, currency)).extend(ids)
    flights = [
        made(
            Flight,
            (reply, link, carrier, price, version, exact, accounts, wall_ns, billed, currency),
        )
        for reply in leaving
    ]
    draft.flights.update(zip(ids, flights, strict=True))
    changes = draft.changes
    (changes.released if _stored(draft, leaving[0]) else changes.flights_new).extend(flights)
    changes.effects.submits += [
        made(Submit, (reply_id, link, number, reply.msisdn, reply.text_id))
        for reply_id, reply in zip(ids, leaving, strict=True)
    ]


def _wait_for(draft: Draft, lane: Lane, ways: list[Way], reply: Reply) -> None:
    """Say when the lane is worth another look. Windows and links wake it by their own events."""
    now = draft.now.wall_ns
    caps: list[tuple[int, str]] = []
    for way in ways:
        blocked = barred(draft, way, reply.segments)
        if blocked == WINDOW:
            continue
        if blocked == SHARE:  # other links may open it before
            draft.wake_in(draft.now.next_day_ns - now)
            continue
        wait, until = draft.throttle.wake_ns(way.scopes, blocked, reply.segments)
        if blocked == "tps":
            draft.wake_in(wait)
        else:  # a text longer than the cap waits for nothing that could be named
            caps.append((until or now + SPANS[blocked] // SLOTS, f"cap per {blocked}"))
    if not caps:
        return
    until, reason = min(caps)
    draft.wake_in(until - now)
    if len(caps) == len(draft.rules.numbers[lane[0]].links):  # no event can open another way
        draft.park(lane, reason, until)


def _no_money(draft: Draft, lane: Lane, refusal: Refusal) -> None:
    draft.park(lane, refusal.title, refusal.until_ns, money=True)
    draft.raise_alarm("no_funds", refusal.title, f"{draft.waiting} replies wait")


def _wake_for_later(draft: Draft) -> None:
    """The next thing that time alone brings sets the wake-up: the last turn's is forgotten."""
    now = draft.now.wall_ns
    for reply in draft.changes.waiting_new:
        if reply.due_ns > now:
            draft.wake_in(reply.due_ns - now)
    for returned in draft.changes.returned:
        draft.wake_in(max(0, returned.reply.due_ns - now))
    for waits in (draft.parks, draft.holds):
        for wait in waits.values():
            if wait.until_ns > now:
                draft.wake_in(wait.until_ns - now)
