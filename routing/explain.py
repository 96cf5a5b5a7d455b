"""What would happen to a contact, and what it would cost: the real decision, thrown away."""

from collections.abc import Mapping, Sequence

from routing.capacity import capacity
from routing.draft import Draft
from routing.policy import decide
from routing.rate_card import RateCard
from routing.records import Contact, LinkFact, Now, OurNumber, Reply, Rules
from routing.route import RECENT, SHARE, Choice, Track, Way
from routing.standing import ALL, Known, Seen, Standing
from routing.ways import WINDOW, barred, choices, choose, shut, way_over

LIMITS = {
    WINDOW: "its window is full",
    SHARE: "it has carried its share of the day",
    "tps": "no more this second",
}


def explain(
    contact: Contact,
    known: Known,
    standing: Standing,
    rules: Rules,
    rates: Mapping[str, RateCard],
    links: Sequence[LinkFact],
    now: Now,
) -> dict[str, object]:
    """Names and figures for an operator: answered or silent and why, when, price, way, money.

    Amounts are nano-units; times are seconds from now. Nothing is written or sent.
    """
    changes = decide(Seen(contacts=[contact]), known, standing, rules, rates, links, now)
    silences = [key for key in changes.tallies if key.startswith("silent: ")]
    made = [*changes.waiting_new, *(flight.reply for flight in changes.flights_new)]
    said: dict[str, object] = {
        "number": contact.number,
        "country": contact.country,
        "answered": bool(made),
        "why": silences[0].removeprefix("silent: ") if silences else "",
    }
    if not made:
        return said
    reply = made[0]
    number = rules.numbers[reply.number]
    draft = Draft(known, standing, rules, rates, links, now)
    ways = _candidates(draft, number, reply)
    chosen = [way for way in ways if way["chosen"]] or ways
    priced = [way for way in chosen if isinstance(way["price_nanos"], int)]
    prices = [way["price_nanos"] for way in priced if isinstance(way["price_nanos"], int)]
    debit = draft.debit(number, str(priced[0]["carrier"])) if priced else None
    refused = draft.purse.refusal(prices[0], debit) if debit else None
    said |= {
        "text": reply.text_id,
        "segments": reply.segments,
        "due_in_s": (reply.due_ns - now.wall_ns) // 1_000_000_000,
        "price_nanos": prices[0] if prices else None,
        "ways": ways,
        "money": (refused.title if refused else "") if prices else "no price",
        "held": now.clock_fault or _held(known, ALL, now),
        "waiting_before": known.waiting,
        "in_time": capacity(rules, number).in_time // reply.segments,
    }
    return said


def _candidates(draft: Draft, number: OurNumber, reply: Reply) -> list[dict[str, object]]:
    """Every link that may carry the reply, and why it would take it now, or not."""
    ways: list[Way] = []
    why: dict[str, str] = {}
    for place, link in enumerate(number.links):
        why[link] = shut(draft, link)
        if not why[link]:
            way = way_over(draft, number, link, place)
            ways.append(way)
            limit = barred(draft, way, reply.segments)
            why[link] = LIMITS.get(limit, f"cap per {limit}") if limit else ""
    found = choices(draft, ways, reply)
    best = choose(found) if found else None
    why |= {choice.way.link: _weighed(choice, best) for choice in found if best}
    said: list[dict[str, object]] = []
    for link in number.links:
        fact, carrier = draft.links.get(link), draft.rules.links[link].carrier
        rate = draft.rate(carrier, reply)
        hold, track = draft.held(link), draft.tracks.get(link, Track())
        said.append(
            {
                "link": link,
                "carrier": carrier,
                "bound": bool(fact and fact.bind_id),
                "held": hold.reason if hold else "",
                "price_nanos": rate and draft.cost(carrier, rate[0] * reply.segments).nanos,
                "exact": bool(rate and rate.exact),
                "failed": track.failed,
                "ill": track.is_ill(draft.rules.links[link].error_percent),
                "chosen": best is not None and best.way.link == link,
                "why": why[link] if rate else "no price",
            }
        )
    return said


def _weighed(choice: Choice, best: Choice) -> str:
    """What set one link that could take the reply against the one that does."""
    if choice is best:
        return "the cheapest healthy one" if not choice.ill else "the cheapest; none is healthy"
    if choice.ill and not best.ill:
        return f"too many of its last {RECENT} failed"
    if choice.cost.nanos > best.cost.nanos:
        return f"dearer than {best.way.link}"
    return f"costs the same and stands after {best.way.link}"


def _held(known: Known, scope: str, now: Now) -> str:
    """Why releases of a link, or all of them, are held now; "" when they are not."""
    hold = known.holds.get(scope)
    return hold.reason if hold is not None and hold.lasts(now.wall_ns) else ""
