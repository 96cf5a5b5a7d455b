"""What a faultless configuration comes to: links, numbers, costs, and how much may be sent."""

from collections.abc import Iterable

from routing.capacity import capacity
from routing.records import OurNumber
from smpp_server.cli import show
from smpp_server.config_records import Config
from smpp_server.smpp.text import count

Dearest = dict[tuple[str, str], int]  # (carrier, country) → nano-units of its dearest segment


def report(config: Config) -> list[str]:
    """The lines of `smppd check-config`."""
    prices = dearest(config)
    return [
        *("Links", *show.columns(_links(config), "    ")),
        *("", "Numbers", *show.columns(_numbers(config), "    ")),
        *("", "Texts", *show.columns(_texts(config, prices), "    ")),
        *("", "At most", *show.columns(_capacity(config, prices), "    ")),
    ]


def dearest(config: Config) -> Dearest:
    """The dearest outbound segment towards handsets of each opened country, today's dates left out.

    Every range of numbers that may be answered is priced: no example is taken for the whole.
    """
    opened = {c for campaign in config.rules.campaigns.values() for c in campaign.countries}
    found: Dearest = {}
    for prefix, zone in config.rules.plan.zones.items():
        for length, mark in zone.items():
            if mark.fault is not None or mark.country not in opened:
                continue
            for carrier, card in config.rates.items():
                rate = card.price(prefix.ljust(length, "0"), mark.country)
                if rate is not None:
                    key = (carrier, mark.country)
                    found[key] = max(found.get(key, 0), rate.nanos_per_segment)
    conversions = config.rules.money.conversions
    for carrier, country in found:
        dated = conversions.get(config.rates[carrier].currency)
        if dated:  # no clock here: by the last rate of exchange
            found[carrier, country] = dated[-1].convert(found[carrier, country])
    return found


def _links(config: Config) -> Iterable[tuple[str, ...]]:
    for link in config.links.values():
        yield (
            link.name,
            f"{link.host}:{link.port}",
            link.bind,
            f"as {link.system_id}",
            f"window {link.window}",
            "encrypted" if link.tls else "plain text",
        )


def _numbers(config: Config) -> Iterable[tuple[str, ...]]:
    for number in config.rules.numbers.values():
        campaign = config.rules.campaigns[number.campaign]
        delay = f"after {show.span(campaign.delay_ns // 10**9)}" if campaign.delay_ns else "at once"
        yield (
            number.name,
            number.msisdn,
            f"campaign {campaign.name}",
            f"answers {delay}",
            f"to {', '.join(sorted(campaign.countries))}",
            f"by {', '.join(number.links)}",
        )


def _texts(config: Config, prices: Dearest) -> list[tuple[str, ...]]:
    """The texts in use, and what one reply costs towards each country it may go to."""
    rows = []
    rules = config.rules
    for number in rules.numbers.values():
        for text_id in filter(None, (*number.text_ids, number.stop_text_id)):
            text = rules.texts[text_id]
            units = count(text.words).units
            costs = [
                f"{country} {show.amount(nanos * text.segments, rules.money.currency)}"
                for country in sorted(rules.campaigns[number.campaign].countries)
                if (nanos := _price(config, number, country, prices))
            ]
            rows.append(
                (
                    text_id,
                    f"{units} {'UCS-2 units' if text.data_coding else 'septets'}",
                    show.count(text.segments, "segment"),
                    ", ".join(costs),
                )
            )
    return list(dict.fromkeys(rows))


def _price(config: Config, number: OurNumber, country: str, prices: Dearest) -> int:
    """The dearest segment to the country over the carriers of a number; 0 when none has a price."""
    carriers = {config.rules.links[link].carrier for link in number.links}
    return max((prices.get((carrier, country), 0) for carrier in carriers), default=0)


def _capacity(config: Config, prices: Dearest) -> Iterable[tuple[str, ...]]:
    """Replies an hour and a day: what the caps allow, and what the day's budget pays for."""
    rules = config.rules
    for number in rules.numbers.values():
        segments = max(rules.texts[text_id].segments for text_id in number.text_ids)
        most = capacity(rules, number)
        said = [
            f"{cap // segments:,} replies {period}" if cap else f"no cap {period}"
            for cap, period in ((most.hour, "an hour"), (most.day, "a day"))
        ]
        yield number.name, *said
        month = f"{most.month // segments:,} replies in 30 days" if most.month else ""
        rush = f"{most.in_time // segments:,} of a rush, the rest gets too old"
        if most.in_time:
            yield "", month, rush
    budget = rules.money.budgets.get("day")
    dear = max(prices.values(), default=0)
    if budget is not None and dear:
        currency = rules.money.currency
        yield (
            "budget",
            f"{show.amount(budget, currency)} a day",
            f"pays for {budget // dear:,} segments at {show.amount(dear, currency)}",
        )
