"""Which link takes a reply: the cheapest healthy one, by configured order among equals.

Three things may set a link back: what it costs, how its last submits ended, and how much of the
day's segments it has carried already.
"""

from array import array
from collections.abc import Mapping
from typing import Final, NamedTuple

from routing.budget import Debit
from routing.conversion import Cost
from routing.rate_card import Rate
from routing.records import LinkRule, OutcomeKind
from routing.throttle import SECOND_NS, Counter, CounterKey, Gauge

RECENT: Final = 20  # submits of a link that its health is judged by
PROBE_NS: Final = 60 * SECOND_NS  # an ill link gets one reply this often, to see
SHARE: Final = "share"  # stands where the counters of sliding spans name theirs

FAILURES: Final = frozenset(
    {
        OutcomeKind.RETRY,
        OutcomeKind.SESSION,
        OutcomeKind.ACCOUNT,
        OutcomeKind.REFUSED,
        OutcomeKind.NO_ANSWER,
    }
)
"""Outcomes that speak against a link. To be throttled does not: the carrier is paused for it."""

_MASK = (1 << RECENT) - 1


class Track(NamedTuple):
    """How the last submits of a link ended; a link without a track had no failure."""

    failures: int = 0  # one bit a submit, the newest lowest; 1: it failed
    probed_ns: int = 0  # monotonic: when it was last tried although it is ill; 0: try it now

    @property
    def failed(self) -> int:
        """How many of the last RECENT submits failed."""
        return self.failures.bit_count()

    def then(self, failed: bool) -> "Track":
        """The track after one more outcome. One that went well lets the next try follow."""
        failures = (self.failures << 1 | failed) & _MASK
        return Track(failures, self.probed_ns if failed else 0)

    def is_ill(self, error_percent: int) -> bool:
        """Did more than `error_percent` of the last RECENT submits fail?"""
        return self.failed * 100 > error_percent * RECENT

    def may_probe(self, monotonic_ns: int) -> bool:
        """Is it time to try an ill link again?"""
        return not self.probed_ns or monotonic_ns >= self.probed_ns + PROBE_NS


class Way(NamedTuple):
    """One link a lane may use now, with every limit on it."""

    link: str
    carrier: str
    path: list[Gauge]
    scopes: tuple[str, str, str]
    place: int  # in the configured order
    debit: Debit  # what a reply over it is paid from


class Choice(NamedTuple):
    """A way that could take a reply, and for how much."""

    way: Way
    rate: Rate
    cost: Cost
    ill: bool

    def rank(self) -> tuple[bool, int, int]:
        """The least is taken: healthy before ill, then the price, then the configured order."""
        return self.ill, self.cost.nanos, self.way.place


class Shares:
    """Segments each link carried today, where a link may carry only a share of all of them.

    A link may take a text while it has carried at most its share of the day's segments: so it is
    never more than one text above it. Where the shares of several links add up to 100 percent,
    one of them is always open. Days are those of the configured zone.
    """

    def __init__(
        self, links: Mapping[str, LinkRule], counters: Mapping[CounterKey, Counter], day: str
    ) -> None:
        self._percent = {
            name: rule.share_percent for name, rule in links.items() if rule.share_percent < 100
        }
        self._carried: dict[str, int] = {}
        self._taken: set[str] = set()
        self.counts = bool(self._percent)  # False: nothing is asked, nothing is counted
        if not self.counts:
            return
        self._day = int(day.replace("-", ""))
        for link in links:
            counter = counters.get((f"link/{link}", SHARE))
            today = counter is not None and counter.head == self._day
            self._carried[link] = counter.slots[0] if counter is not None and today else 0

    def full(self, link: str) -> bool:
        """Has the link carried its share?"""
        percent = self._percent.get(link)
        if percent is None:
            return False
        return self._carried[link] * 100 > percent * sum(self._carried.values())

    def take(self, link: str, segments: int) -> None:
        """The link carries a text."""
        self._carried[link] += segments
        self._taken.add(link)

    def taken(self) -> dict[CounterKey, Counter]:
        """The counters that changed, as the store keeps them: `head` is the day, as a number."""
        return {
            (f"link/{link}", SHARE): Counter(self._day, array("I", [self._carried[link]]))
            for link in sorted(self._taken)
        }
