"""Limits against abuse as an operator writes them down. The rules themselves: guards, breaker."""

from dataclasses import dataclass
from typing import NamedTuple


class Caps(NamedTuple):
    """What one scope may cause; 0 means no limit."""

    contacts_per_hour: int = 0
    contacts_per_day: int = 0
    segments_per_hour: int = 0  # of the replies it is promised
    segments_per_day: int = 0
    nanos_per_day: int = 0  # the price of those replies; countries only


NO_CAPS = Caps()


@dataclass(frozen=True, slots=True)
class GuardRules:
    """The limits of each kind of scope, and what makes a loop of two robots."""

    sender: Caps = NO_CAPS
    prefix: Caps = NO_CAPS  # a number without its last four digits
    country: Caps = NO_CAPS  # each country but the home country
    home: Caps = NO_CAPS
    number: Caps = NO_CAPS  # each number of ours
    loop_within_ns: int = 0  # a text so soon after our reply is a robot's; 0: not looked at
    loops: int = 3  # so many of our replies answered like this make a loop


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a pattern is an attack; all figures are those of ten minutes."""

    least: int = 50  # contacts, or first-time senders, below which nothing is an attack
    repeated_percent: int = 70  # of the contacts come from senders who had their reply
    range_percent: int = 30  # of the first-time senders come from few ranges, or are over a limit
    fresh: int = 300  # first-time senders: slower from here, which harms nobody
    spend_percent: int = 25  # of the day's budget are promised
    slower_ns: int = 1_800_000_000_000  # new replies wait so much longer from step 1 on
