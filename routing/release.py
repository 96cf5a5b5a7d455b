"""Which waiting replies leave now: by lane, in turn, as far as limits, links and money reach."""

from typing import NamedTuple

from routing.budget import DAY_REFUSAL
from routing.conversion import Cost
from routing.draft import Draft
from routing.rate_card import Rate
from routing.records import Flight, Lane, OurNumber, Reply, ReplyKind, Submit
from routing.throttle import SLOTS, SPANS, Gauge, blocked_by, take


class Way(NamedTuple):
    """One link a lane may use now, with every limit on it."""

    link: str
    carrier: str
    path: list[Gauge]
    scopes: tuple[str, str, str]


def release(draft: Draft) -> None:
    """Cancel what is too old, release what is due, say when to look again."""
    for reply in draft.known.too_old:
        if reply.id not in draft.gone:
            draft.cancel(reply, "too old", stored=True)
            draft.wake_in(0)  # there may be more than one turn takes up
    queues = [(lane, _queue(draft, lane)) for lane in _lanes(draft)]
    if not draft.stopped():
        active = [(lane, queue, _ways(draft, lane)) for lane, queue in queues if queue]
        while len(active) > 1:  # one reply a lane a round, so that no lane starves another
            active = [item for item in active if _release_one(draft, *item)]
        for item in active:  # the last one has nobody to wait for
            while _release_one(draft, *item):
                pass
    for _, queue in queues:
        for reply, stored in queue:
            if not stored:
                draft.changes.waiting_new.append(reply)
    _wake_for_later(draft)


Queue = list[tuple[Reply, bool]]  # (reply, does its row exist), the next one last


def _lanes(draft: Draft) -> list[Lane]:
    """Lanes with something to do, the one after the last that was served first."""
    lanes = sorted(draft.known.due.keys() | draft.fresh.keys())
    last = draft.last_lane
    return [lane for lane in lanes if lane > last] + [lane for lane in lanes if lane <= last]


def _queue(draft: Draft, lane: Lane) -> Queue:
    """The lane's due replies, stored ones first. Fresh ones for later are put in the store."""
    now = draft.now.wall_ns
    gone = draft.gone
    queue: Queue = []
    for reply in draft.known.due.get(lane, ()):
        if reply.due_ns > now:
            draft.wake_in(reply.due_ns - now)
            break
        if reply.id not in gone:
            queue.append((reply, True))
    for reply in draft.fresh.get(lane, ()):
        if reply.id in gone:
            continue
        if reply.due_ns <= now:
            queue.append((reply, False))
        else:
            draft.changes.waiting_new.append(reply)
    queue.reverse()
    return queue


def _ways(draft: Draft, lane: Lane) -> list[Way]:
    if lane in draft.parks:
        return []
    number = draft.rules.numbers[lane[0]]
    return [way for link in number.links if (way := _way(draft, number, link)) is not None]


def _way(draft: Draft, number: OurNumber, link: str) -> Way | None:
    """The way over `link`, None when it is down, held or its carrier pauses."""
    fact = draft.links.get(link)
    if fact is None or not fact.bind_id:
        return None
    if draft.held(link) is not None:
        return None
    pause = draft.pauses.get(fact.carrier)
    if pause is not None and pause.until_ns > draft.now.monotonic_ns:
        draft.wake_in(pause.until_ns - draft.now.monotonic_ns)
        return None
    health = draft.health.get(link)
    if health is not None and health.probing:
        flying = any(flight.link == link for flight in draft.flights.values())
        draft.free[link] = 0 if flying else min(1, draft.free[link])
    scopes = draft.scopes(number, link)
    return Way(link, fact.carrier, draft.throttle.path(scopes), scopes)


def _release_one(draft: Draft, lane: Lane, queue: Queue, ways: list[Way]) -> bool:
    """Move the lane's next reply on. False when the lane has nothing more or must wait."""
    if not queue:
        return False
    reply, stored = queue[-1]
    if stored:
        reply, fault = _look_again(draft, reply)
        if fault:
            queue.pop()
            draft.cancel(reply, fault, stored)
            draft.wake_in(0)  # one more could be read in its place
            return True
    for way in ways:
        if draft.free[way.link] < 1 or blocked_by(way.path, reply.segments):
            continue
        rate = draft.rate(way.carrier, reply)
        if rate is not None:
            break
    else:
        return _no_way(draft, lane, queue, ways, reply)
    cost = draft.cost(way.carrier, rate.nanos_per_segment * reply.segments)
    refusal = draft.purse.refusal(cost.nanos)
    if refusal:
        _no_money(draft, lane, refusal)
        return False
    queue.pop()
    _fly(draft, reply, way, cost, rate, stored)
    draft.last_lane = lane
    return True


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
        text = draft.rules.texts.get(number.text_id if first else number.stop_text_id)
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
        _, stored = queue.pop()  # the card changed since the contact was answered
        draft.cancel(reply, "no price", stored)
        draft.wake_in(0)
        return True
    _wait_for(draft, lane, [way for way in ways if draft.rate(way.carrier, reply)], reply)
    return False


def _fly(draft: Draft, reply: Reply, way: Way, cost: Cost, rate: Rate, stored: bool) -> None:
    """WAITING → SUBMITTING: the money is reserved and the limits are taken in the same turn."""
    take(way.path, reply.segments)
    draft.free[way.link] -= 1
    price, billed, currency = cost
    draft.purse.reserve(price)
    draft.post(reply.id, "reserve", price, rate.version, billed, currency)
    day, wall = draft.now.day, draft.now.wall_ns
    flight = Flight(
        reply,
        way.link,
        way.carrier,
        price,
        rate.version,
        rate.exact,
        day,
        wall,
        billed,
        currency,
    )
    draft.flights[reply.id] = flight
    draft.waiting -= 1
    (draft.changes.released if stored else draft.changes.flights_new).append(flight)
    draft.changes.effects.submits.append(
        Submit(reply.id, way.link, reply.number, reply.msisdn, reply.text_id)
    )


def _wait_for(draft: Draft, lane: Lane, ways: list[Way], reply: Reply) -> None:
    """Say when the lane is worth another look. Windows and links wake it by their own events."""
    now = draft.now.wall_ns
    caps: list[tuple[int, str]] = []
    for way in ways:
        blocked = blocked_by(way.path, reply.segments)
        if not blocked:
            continue  # its window is full
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


def _no_money(draft: Draft, lane: Lane, refusal: str) -> None:
    draft.park(lane, refusal, draft.now.next_day_ns if refusal == DAY_REFUSAL else 0)
    draft.raise_alarm("no_funds", refusal, f"{draft.waiting} replies wait")


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
