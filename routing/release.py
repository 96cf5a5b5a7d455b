"""Which waiting replies leave now: by lane, in turn, as far as limits, links and money reach."""

from typing import NamedTuple

from routing.draft import Draft
from routing.records import Flight, Lane, OurNumber, Reply, Submit
from routing.throttle import DAY_NS, HOUR_NS, Gauge, blocked_by, take


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
            draft.gone.add(reply.id)
    stopped = draft.stopped()
    queues = [(lane, _queue(draft, lane)) for lane in _lanes(draft)]
    if not stopped:
        active = [(lane, queue, _ways(draft, lane)) for lane, queue in queues if queue]
        while active:  # one reply a lane a round, so that no lane starves another
            active = [item for item in active if _release_one(draft, *item)]
    for _, queue in queues:
        for reply, stored in queue:
            if not stored:
                draft.changes.waiting_new.append(reply)
    _wake_for_later(draft)


Queue = list[tuple[Reply, bool]]  # (reply, does its row exist), the next one last


def _lanes(draft: Draft) -> list[Lane]:
    return sorted(draft.known.due.keys() | draft.fresh.keys())


def _queue(draft: Draft, lane: Lane) -> Queue:
    """The lane's due replies, stored ones first. Fresh ones for later are put in the store."""
    now = draft.now.wall_ns
    queue: Queue = [
        (reply, True)
        for reply in draft.known.due.get(lane, ())
        if reply.due_ns <= now and reply.id not in draft.gone
    ]
    for reply in draft.fresh.get(lane, ()):
        if reply.due_ns <= now:
            queue.append((reply, False))
        else:
            draft.changes.waiting_new.append(reply)
    queue.reverse()
    return queue


def _ways(draft: Draft, lane: Lane) -> list[Way]:
    if lane in draft.parks and not _park_over(draft, lane):
        return []
    number = draft.rules.numbers[lane[0]]
    return [way for link in number.links if (way := _way(draft, number, link)) is not None]


def _park_over(draft: Draft, lane: Lane) -> bool:
    until = draft.parks[lane].until_ns
    if until and until <= draft.now.wall_ns:
        del draft.parks[lane]
        return True
    return False


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
    if not reply.msisdn:
        queue.pop()
        draft.cancel(reply, "seal unreadable", stored)
        return True
    if reply.optout in draft.known.optouts or reply.optout in draft.opted_out:
        queue.pop()  # the STOP came while the reply was on its way, or to another campaign
        draft.cancel(reply, "opt-out", stored)
        return True
    way, blocked = _open_way(draft, ways, reply)
    if way is None:
        _wait_for(draft, lane, ways, blocked, reply)
        return False
    rate = draft.rates[way.carrier].price(reply.msisdn, reply.country, draft.now.wall_ns)
    if rate is None:  # the card changed since the contact was answered
        queue.pop()
        draft.cancel(reply, "no price", stored)
        return True
    price = rate.nanos_per_segment * reply.segments
    refusal = draft.purse.refusal(price)
    if refusal:
        _no_money(draft, lane, refusal)
        return False
    queue.pop()
    _fly(draft, reply, way, price, rate.version, rate.exact, stored)
    return True


def _open_way(draft: Draft, ways: list[Way], reply: Reply) -> tuple[Way | None, str]:
    """The first way that lets the reply through, else what blocks the last one tried."""
    blocked = "no link"
    for way in ways:
        if draft.free[way.link] < 1:
            blocked = "window"
            continue
        limit = blocked_by(way.path, reply.segments)
        if not limit:
            return way, ""
        blocked = limit
    return None, blocked


def _fly(
    draft: Draft, reply: Reply, way: Way, price: int, version: int, exact: bool, stored: bool
) -> None:
    """WAITING → SUBMITTING: the money is reserved and the limits are taken in the same turn."""
    take(way.path, reply.segments)
    draft.free[way.link] -= 1
    draft.purse.reserve(price)
    draft.post(reply.id, "reserve", price, version)
    flight = Flight(
        reply, way.link, way.carrier, price, version, exact, draft.now.day, draft.now.wall_ns
    )
    draft.flights[reply.id] = flight
    draft.waiting -= 1
    (draft.changes.released if stored else draft.changes.flights_new).append(flight)
    draft.changes.effects.submits.append(
        Submit(reply.id, way.link, reply.number, reply.msisdn, reply.text_id)
    )


def _wait_for(draft: Draft, lane: Lane, ways: list[Way], blocked: str, reply: Reply) -> None:
    """Say when the lane is worth another look. Windows and links wake it by their own events."""
    if blocked in ("window", "no link"):
        return
    waits = [draft.throttle.wake_ns(way.scopes, blocked, reply.segments) for way in ways]
    if blocked == "tps":
        draft.wake_in(min(wait for wait, _ in waits))
        return
    until = min(wall for _, wall in waits)
    span = HOUR_NS if blocked == "hour" else DAY_NS
    until = until or draft.now.wall_ns + span // 60
    draft.park(lane, f"cap per {blocked}", until)
    draft.wake_in(until - draft.now.wall_ns)


def _no_money(draft: Draft, lane: Lane, refusal: str) -> None:
    until = draft.now.next_day_ns if refusal == "budget of the day" else 0
    draft.park(lane, refusal, until)
    if until:
        draft.wake_in(until - draft.now.wall_ns)
    draft.raise_alarm("no_funds", refusal, f"{draft.waiting} replies wait")


def _wake_for_later(draft: Draft) -> None:
    """The first reply that is not due yet sets the next wake-up."""
    now = draft.now.wall_ns
    for replies in draft.known.due.values():
        if replies and replies[-1].due_ns > now:
            draft.wake_in(replies[-1].due_ns - now)
    for reply in draft.changes.waiting_new:
        if reply.due_ns > now:
            draft.wake_in(reply.due_ns - now)
    for returned in draft.changes.returned:
        draft.wake_in(max(0, returned.reply.due_ns - now))
