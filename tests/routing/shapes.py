"""What worlds to decide in are made of: rules from a few figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from routing.abuse import BreakerRules, GuardRules
from routing.budget import PERIODS
from routing.conversion import Conversion
from routing.money import parse_nanos
from routing.numbering import Home, Mark, Plan
from routing.rate_card import RateCard
from routing.records import (
    Campaign,
    Carrier,
    ClockRules,
    Limits,
    LinkRule,
    MoneyRules,
    OurNumber,
    ReplyText,
    Retention,
    Rules,
)
from routing.throttle import DAY_NS, HOUR_NS, SECOND_NS

MINUTE_NS = 60 * SECOND_NS
OURS = "33644649021"
NO_GUARDS = GuardRules()
PLAN = Plan.of(
    {
        "336": {11: Mark("FR", None)},
        "338": {11: Mark("FR", "never")},
        "491": {13: Mark("DE", None)},
        "447": {12: Mark("GB", None)},
    },
    {"FR": Home("0", ("33",))},
    "FR",
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What differs from world to world."""

    delay_min: int = 0
    spread_min: int = 0
    claim_days: int = 7
    max_replies: int = 1
    max_age_h: int = 24
    confirm_stop: bool = False
    numbers: Mapping[str, tuple[str, ...]] | None = None  # name → links
    links: Mapping[str, str] | None = None  # name → carrier
    limits: Mapping[str, Limits] | None = None  # scope → limits
    shares: Mapping[str, int] | None = None  # link → percent of a day's segments
    error_percent: int = 50
    quiet: Mapping[str, tuple[int, int]] | None = None  # country → minutes of the day, UTC
    cards: Mapping[str, RateCard] | None = None  # carrier → card
    campaigns: Mapping[str, str] | None = None  # number → campaign
    billed: Sequence[str] = ()  # carriers that bill refused submits
    undelivered_free: Sequence[str] = ()  # carriers that do not bill what they cannot deliver
    conversions: Mapping[str, tuple[Conversion, ...]] = field(default_factory=dict)
    untracked: Sequence[str] = ()  # carriers that are asked for no receipts
    segments: int = 1
    stages: Sequence[int] = ()  # segments of the second text, of the third ...
    guards: GuardRules = NO_GUARDS
    breaker: BreakerRules | None = None
    countries: tuple[str, ...] = ("FR",)
    funds: str = "100.00"
    budget_hour: str | None = None
    budget_day: str | None = None
    budget_month: str | None = None
    budget_total: str | None = None
    budgets: Mapping[str, str] | None = None  # "campaign/NAME/day" → amount
    last_days: int = 0
    tariffs: Mapping[str, Mapping[str, str]] | None = None  # carrier → fee → amount
    inbound: str = "0"
    inbound_reserve: str = "0"
    max_waiting: int = 1000
    window: int = 10
    unknown_max: int = 1000
    at: str = "10:00"


def campaign_of(name: str, shape: Shape) -> Campaign:
    """One campaign of a world of this shape."""
    return Campaign(
        name,
        shape.delay_min * MINUTE_NS,
        shape.spread_min * MINUTE_NS,
        shape.claim_days * DAY_NS,
        shape.max_replies,
        shape.max_age_h * HOUR_NS,
        frozenset(shape.countries),
        shape.confirm_stop,
    )


def link_of(name: str, carrier: str, shape: Shape) -> LinkRule:
    """One link of a world of this shape."""
    limits = (shape.limits or {}).get(f"link/{name}", Limits())
    return LinkRule(name, carrier, limits, (shape.shares or {}).get(name, 100), shape.error_percent)


def budgets_of(shape: Shape) -> dict[str, int]:
    """Every budget of a world of this shape."""
    written = {period: getattr(shape, f"budget_{period}") for period in PERIODS}
    written |= shape.budgets or {}
    return {name: parse_nanos(text) for name, text in written.items() if text is not None}


def rules_of(shape: Shape) -> Rules:
    """The rules of a world of this shape."""
    numbers = shape.numbers or {"relou": ("main",)}
    carriers = dict(shape.links or {"main": "acme"})
    limits = shape.limits or {}
    tariffs = shape.tariffs or {}
    none = Limits()
    called = dict.fromkeys(numbers, "default") | dict(shape.campaigns or {})
    return Rules(
        campaigns={name: campaign_of(name, shape) for name in sorted(set(called.values()))},
        numbers={
            name: OurNumber(
                name,
                str(int(OURS) + index),
                called[name],
                ("fr.1", *(f"fr.{nth}" for nth, _ in enumerate(shape.stages, 2))),
                "fr.stop" if shape.confirm_stop else "",
                ways,
                limits.get(f"number/{name}", none),
                parse_nanos(shape.inbound),
            )
            for index, (name, ways) in enumerate(numbers.items())
        },
        carriers={
            name: Carrier(
                name,
                limits.get(f"carrier/{name}", none),
                name in shape.billed,
                name not in shape.untracked,
                name not in shape.undelivered_free,
                **{f"{k}_nanos": parse_nanos(v) for k, v in tariffs.get(name, {}).items()},
            )
            for name in carriers.values()
        },
        links={name: link_of(name, carrier, shape) for name, carrier in carriers.items()},
        texts={
            "fr.1": ReplyText("fr.1", "fr", "words", 0, shape.segments),
            "fr.stop": ReplyText("fr.stop", "fr", "stop words", 0, 1),
        }
        | {
            f"fr.{nth}": ReplyText(f"fr.{nth}", "fr", f"words {nth}", 0, segments)
            for nth, segments in enumerate(shape.stages, 2)
        },
        plan=PLAN,
        money=MoneyRules(
            "EUR",
            budgets_of(shape),
            parse_nanos(shape.inbound_reserve),
            shape.conversions,
            last_days=shape.last_days,
        ),
        retention=Retention(7 * DAY_NS, 3 * DAY_NS, 100 * DAY_NS, 14 * DAY_NS),
        clock=ClockRules(6 * HOUR_NS, 30 * DAY_NS),
        stop_words=frozenset({"STOP"}),
        max_waiting=shape.max_waiting,
        unknown_max_hour=shape.unknown_max,
        guards=shape.guards,
        breaker=shape.breaker,
    )
