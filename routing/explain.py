"""What would happen to a contact, and what it would cost: the real decision, thrown away."""

from collections.abc import Mapping, Sequence

from routing.budget import Purse
from routing.draft import Draft
from routing.policy import decide
from routing.rate_card import RateCard
from routing.records import Contact, LinkFact, Now, Rules
from routing.standing import ALL, Known, Seen, Standing


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
    ways = []
    for link in number.links:
        fact = next((fact for fact in links if fact.link == link), None)
        carrier = rules.links[link].carrier
        rate = draft.rate(carrier, reply)
        ways.append(
            {
                "link": link,
                "carrier": carrier,
                "bound": bool(fact and fact.bind_id),
                "held": _held(known, link, now),
                "price_nanos": rate and draft.cost(carrier, rate[0] * reply.segments).nanos,
                "exact": bool(rate and rate.exact),
            }
        )
    prices = [way["price_nanos"] for way in ways if isinstance(way["price_nanos"], int)]
    purse = Purse(known.balances, rules.money, now.day)
    said |= {
        "text": reply.text_id,
        "segments": reply.segments,
        "due_in_s": (reply.due_ns - now.wall_ns) // 1_000_000_000,
        "price_nanos": prices[0] if prices else None,
        "ways": ways,
        "money": purse.refusal(prices[0]) if prices else "no price",
        "held": now.clock_fault or _held(known, ALL, now),
        "waiting_before": known.waiting,
    }
    return said


def _held(known: Known, scope: str, now: Now) -> str:
    """Why releases of a link, or all of them, are held now; "" when they are not."""
    hold = known.holds.get(scope)
    return hold.reason if hold is not None and hold.lasts(now.wall_ns) else ""
