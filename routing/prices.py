"""What things cost in one turn: a carrier's prices in the books, with its VAT."""

from collections.abc import Mapping
from typing import NamedTuple

from routing.conversion import Conversion, Cost, in_force
from routing.money import NANOS
from routing.rate_card import Rate, RateCard
from routing.records import OurNumber, Rules


class Offer(NamedTuple):
    """What a text costs by a carrier."""

    carrier: str
    rate: Rate
    segments: int
    nanos: int  # for all segments, in the books


class Prices:
    """The rate cards and conversions in force at one instant; each conversion is looked up once."""

    def __init__(self, rules: Rules, rates: Mapping[str, RateCard], wall_ns: int) -> None:
        self.rules = rules
        self.rates = rates
        self.wall_ns = wall_ns
        self.conversions: dict[str, Conversion | None] = {}  # carrier → the one in force
        self._offers: dict[tuple[str, Rate, int], Offer] = {}

    def cost(self, carrier: str, nanos: int) -> Cost:
        """What `nanos` of the carrier's currency are in the books, with VAT: rounded up, once."""
        if carrier not in self.conversions:
            self.conversions[carrier] = self._conversion(carrier)
        conversion = self.conversions[carrier]
        if conversion is None:
            return Cost(nanos)
        currency = self.rates[carrier].currency or self.rules.money.currency
        return Cost(conversion.convert(nanos), nanos, currency)

    def offer(self, carrier: str, rate: Rate, segments: int) -> Offer:
        """The cost of a text at a rate: the same object for the same, so that replies alike are
        known by it."""
        key = (carrier, rate, segments)
        if key not in self._offers:
            nanos = self.cost(carrier, segments * rate.nanos_per_segment).nanos
            self._offers[key] = Offer(*key, nanos)
        return self._offers[key]

    def _conversion(self, carrier: str) -> Conversion | None:
        """From what the carrier bills to what it costs us, None where that is the same."""
        money, vat = self.rules.money, self.rules.carriers[carrier].vat_nanos
        currency = self.rates[carrier].currency
        if currency not in ("", money.currency):
            found = in_force(money.conversions[currency], self.wall_ns)
        elif vat:
            found = Conversion(0, 1, 1)
        else:
            return None
        whole = 100 * NANOS
        return Conversion(found.from_ns, found.numerator * (whole + vat), found.denominator * whole)

    def inbound(self, number: OurNumber) -> Cost:
        """One text to our number: the dearest of the carriers it may come in by."""
        costs = [Cost(number.inbound_nanos)]
        for carrier in dict.fromkeys(self.rules.links[link].carrier for link in number.links):
            nanos = self.rates[carrier].inbound(number.msisdn, self.wall_ns)
            if nanos is not None:
                costs.append(self.cost(carrier, nanos))
        return max(costs)

    def monthly_nanos(self) -> int:
        """What the carriers bill in every month, whatever is sent."""
        carriers = self.rules.carriers.values()
        return sum(
            self.cost(one.name, one.monthly_fee_nanos).nanos
            for one in carriers
            if one.monthly_fee_nanos
        )
