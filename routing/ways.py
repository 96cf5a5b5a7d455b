"""The ways a reply could go now, which one it takes, and why it does not take another."""

from collections.abc import Iterable, Sequence

from routing.draft import Draft
from routing.records import Lane, OurNumber, Reply
from routing.route import SHARE, Choice, Way
from routing.throttle import blocked_by

WINDOW = "window"
THROTTLED = "its carrier throttles"


def ways_of(draft: Draft, lane: Lane) -> list[Way]:
    """Every link the lane may use now, in configured order."""
    if lane in draft.parks:
        return []
    number = draft.rules.numbers[lane[0]]
    ways = []
    for place, link in enumerate(number.links):
        why = shut(draft, link)
        if not why:
            ways.append(way_over(draft, number, link, place))
        elif why == THROTTLED:
            pause = draft.pauses[draft.rules.links[link].carrier]
            draft.wake_in(pause.until_ns - draft.now.monotonic_ns)
    return ways


def shut(draft: Draft, link: str) -> str:
    """Why nothing can leave by `link` now, whatever it is; "" when something can."""
    fact = draft.links.get(link)
    if fact is None or not fact.bind_id:
        return "not bound"
    hold = draft.held(link)
    if hold is not None:
        return f"held: {hold.reason}"
    pause = draft.pauses.get(fact.carrier)
    if pause is not None and pause.until_ns > draft.now.monotonic_ns:
        return THROTTLED
    return ""


def way_over(draft: Draft, number: OurNumber, link: str, place: int) -> Way:
    """The way over a link that is not shut."""
    health = draft.health.get(link)
    if health is not None and health.probing:
        draft.free[link] = 0 if _flies(draft, link) else min(1, draft.free[link])
    scopes = draft.scopes(number, link)
    carrier = draft.links[link].carrier
    debit = draft.debit(number, carrier)
    return Way(link, carrier, draft.throttle.path(scopes), scopes, place, debit)


def _flies(draft: Draft, link: str) -> bool:
    return any(flight.link == link for flight in draft.flights.values())


def barred(draft: Draft, way: Way, segments: int) -> str:
    """The first limit that keeps a text of so many segments from an open way, "" when none does:
    "window", "share", or the name of a gauge."""
    if draft.free[way.link] < 1:
        return WINDOW
    if draft.shares.counts and draft.shares.full(way.link):
        return SHARE
    return blocked_by(way.path, segments)


def is_set_back(draft: Draft, link: str) -> bool:
    """Is the link ill, and not to be tried just now? Any healthy one goes before it."""
    track = draft.tracks.get(link)
    if track is None or not track.is_ill(draft.rules.links[link].error_percent):
        return False
    return not track.may_probe(draft.now.monotonic_ns) or _flies(draft, link)


def choices(draft: Draft, ways: Iterable[Way], reply: Reply) -> list[Choice]:
    """Ways that would take the reply now, in configured order."""
    found = []
    for way in ways:
        if barred(draft, way, reply.segments):
            continue
        rate = draft.rate(way.carrier, reply)
        if rate is not None:
            cost = draft.cost(way.carrier, rate.nanos_per_segment * reply.segments)
            ill = bool(draft.tracks) and is_set_back(draft, way.link)
            found.append(Choice(way, rate, cost, ill))
    return found


def choose(found: Sequence[Choice]) -> Choice:
    """The cheapest healthy one; of equal ones the first. `found` is not empty."""
    return found[0] if len(found) == 1 else min(found, key=Choice.rank)
