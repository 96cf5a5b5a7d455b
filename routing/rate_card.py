"""Price per segment by destination: exact, dated, and nothing where no row applies.

A card is built once from checked rows. A network that the message told has its own row's price;
among rows of no network the longest prefix wins. A prefix tells the block a number came from, not
the network that serves it today, so where rows name networks and the message does not tell its
own, the price is the dearest that may apply: an upper bound.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

from routing.mcc import CODES
from routing.rate_rows import FOREVER_NS, IN, OUT, RateFault, Row, parse_rows

__all__ = ["IN", "OUT", "Rate", "RateCard", "RateFault", "Row", "parse_rows"]

_UNDATED_NS: Final = -1  # stands for "without a date", before all wall times


class Rate(NamedTuple):
    """The price of one segment, in the currency of its card."""

    nanos_per_segment: int
    version: int  # of the card that named it
    exact: bool  # False: an upper bound, the network is not known


_Leaf = list[tuple[int, int, Rate]]  # (from, to, price) in wall time, none meets another
_Span = tuple[int, int, int]  # (from, to, nano-units): one row of a network
_Blocks = dict[str, list[_Span]]  # prefix → rows


class _Prefixes(NamedTuple):
    """Prices by prefix: the longest wins, and at one length the row that names the country."""

    widths: Mapping[str, tuple[tuple[int, str], ...]]  # country → (length, key's country) in order
    leaves: Mapping[str, _Leaf]  # country + prefix → prices over time

    def find(self, msisdn: str, country: str, wall_ns: int) -> Rate | None:
        for width, owner in self.widths.get(country) or self.widths[""]:
            leaf = self.leaves.get(owner + msisdn[:width])
            if leaf is not None:
                for from_ns, to_ns, rate in leaf:
                    if from_ns <= wall_ns < to_ns:
                        return rate
        return None


class _Bound(NamedTuple):
    """The networks of some MCCs between two wall times."""

    from_ns: int
    to_ns: int
    least: int
    most: int  # -1: no row is valid then
    all_named: bool  # every MCC has a price for networks that have no row of their own


class _Networks(NamedTuple):
    """Prices of networks."""

    by_country: Mapping[str, tuple[str, ...]]  # country → MCCs of the rows that name it
    by_prefix: Mapping[str, tuple[str, ...]]  # prefix → MCCs of the rows that name no country
    widths: tuple[int, ...]  # their lengths
    lengths: tuple[int, ...]  # of all prefixes, the longest first
    spans: Mapping[tuple[str, str], Mapping[str, _Blocks]]  # (country, MCC) → MNC → rows
    bounds: dict[tuple[str, tuple[str, ...]], _Bound]  # found already: the last one of each

    def codes(self, msisdn: str, country: str) -> tuple[str, ...]:
        """MCCs whose networks may serve the number, as far as the card knows."""
        found = self.by_country.get(country, ())
        for width in self.widths:
            more = self.by_prefix.get(msisdn[:width], ())
            if more and more != found:
                found = tuple(sorted({*found, *more}))
        return found

    def own(self, msisdn: str, country: str, mccmnc: str, wall_ns: int) -> tuple[int, bool] | None:
        """(nano-units, exact) of one network's own rows, or of its MCC's where no MNC has any.

        Among several the one of the number's block counts, else the dearest.
        """
        mcc, mnc = mccmnc[:3], mccmnc[3:]
        owners = [self.spans.get((owner, mcc), {}) for owner in dict.fromkeys((country, ""))]
        if all(owner.keys() <= {""} for owner in owners):
            mnc = ""
        rows = [owner[mnc] for owner in owners if mnc in owner]
        if not rows:
            return None
        for length in self.lengths:
            for blocks in rows:
                for from_ns, to_ns, nanos in blocks.get(msisdn[:length], ()):
                    if from_ns <= wall_ns < to_ns:
                        return nanos, True
        bound = self.bound(country, (mcc + mnc,), wall_ns)
        return None if bound.most < 0 else (bound.most, bound.least == bound.most)

    def bound(self, country: str, codes: tuple[str, ...], wall_ns: int) -> _Bound:
        """What networks of these MCCs cost at a time."""
        key = (country, codes)
        found = self.bounds.get(key)
        if found is None or not found.from_ns <= wall_ns < found.to_ns:
            found = self._bound(country, codes, wall_ns)
            self.bounds[key] = found
        return found

    def _bound(self, country: str, codes: tuple[str, ...], wall_ns: int) -> _Bound:
        since, until = _UNDATED_NS, FOREVER_NS
        prices: set[int] = set()
        whole: set[str] = set()
        for code in codes:
            for mnc, (from_ns, to_ns, nanos) in self._rows(country, code):
                for edge in (from_ns, to_ns):
                    if edge <= wall_ns:
                        since = max(since, edge)
                    else:
                        until = min(until, edge)
                if from_ns <= wall_ns < to_ns:
                    prices.add(nanos)
                    if not mnc:
                        whole.add(code)
        all_named = whole == set(codes)
        return _Bound(since, until, min(prices, default=-1), max(prices, default=-1), all_named)

    def _rows(self, country: str, code: str) -> Iterator[tuple[str, _Span]]:
        """(MNC, row) for every row of an MCC, or of one network."""
        for owner in dict.fromkeys((country, "")):
            for mnc, blocks in self.spans.get((owner, code[:3]), {}).items():
                if code[3:] in ("", mnc):
                    for spans in blocks.values():
                        for span in spans:
                            yield mnc, span


@dataclass(frozen=True, slots=True)
class RateCard:
    """Prices of one carrier. Build it with `RateCard.build` from rows without faults."""

    version: int
    currency: str  # of its prices; "" for a card without rows
    outbound: _Prefixes
    networks: _Networks | None
    incoming: _Prefixes
    surcharges: Mapping[str, int]  # by MCC or MCC and MNC, nano-units a segment on top
    _added: dict[str, tuple[int, bool]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def build(
        cls, rows: Iterable[Row], version: int, surcharges: Mapping[str, int] | None = None
    ) -> Self:
        """Compile rows that `parse_rows` found no fault in.

        `surcharges` are nano-units on top of every outbound segment: under "" for all, under
        "208" or "20801" for the networks of an MCC, or one network.
        """
        added = dict(surcharges or {})
        flat = added.pop("", 0)
        by_prefix: list[Row] = []
        by_network: list[Row] = []
        incoming: list[Row] = []
        currency = ""
        for row in rows:
            currency = row.currency
            if row.direction == IN:
                incoming.append(row._replace(country=""))
            else:
                row = row._replace(nanos=row.nanos + flat) if flat else row
                (by_network if row.mcc else by_prefix).append(row)
        return cls(
            version,
            currency,
            _prefixes(by_prefix, version),
            _networks(by_network) if by_network else None,
            _prefixes(incoming, version),
            added,
        )

    def price(
        self, msisdn: str, country: str, wall_ns: int | None = None, mccmnc: str = ""
    ) -> Rate | None:
        """Price of one outbound segment to an E.164 number without "+", or None: unknown.

        `country` is the number's own (ISO 3166 alpha-2, "" when unknown); a line that names
        another country never applies. Without `wall_ns` only undated lines count. `mccmnc` is the
        network that serves the number now (5 or 6 digits), "" when nobody told; one that the card
        does not list for this destination is as good as unknown.
        """
        if wall_ns is None:
            wall_ns = _UNDATED_NS
        elif wall_ns < 0:
            wall_ns = 0
        rate = self.outbound.find(msisdn, country, wall_ns)
        if self.networks is not None:
            codes = self.networks.codes(msisdn, country)
            if codes:
                rate = self._by_network(rate, codes, msisdn, country, wall_ns, mccmnc)
        if rate is None or not self.surcharges:
            return rate
        return self._with_surcharge(rate, country, mccmnc)

    def reach(self, country: str) -> int:
        """How many first digits of a number from `country` its price can depend on."""
        widths = self.outbound.widths.get(country) or self.outbound.widths[""]
        longest = [width for width, _ in widths]
        if self.networks is not None:
            longest += self.networks.lengths
        return max(longest, default=0)

    def inbound(self, our_msisdn: str, wall_ns: int | None = None) -> int | None:
        """Nano-units one inbound text to our number costs; None when no line says."""
        wall_ns = _UNDATED_NS if wall_ns is None else max(0, wall_ns)
        rate = self.incoming.find(our_msisdn, "", wall_ns)
        return None if rate is None else rate.nanos_per_segment

    def _by_network(
        self,
        plain: Rate | None,
        codes: tuple[str, ...],
        msisdn: str,
        country: str,
        wall_ns: int,
        mccmnc: str,
    ) -> Rate | None:
        networks = self.networks
        assert networks is not None
        if mccmnc[:3] in codes:
            own = networks.own(msisdn, country, mccmnc, wall_ns)
            if own is not None:
                return Rate(own[0], self.version, own[1])
        bound = networks.bound(country, codes, wall_ns)
        if bound.most < 0:
            return plain
        least, most, all_named = bound.least, bound.most, bound.all_named
        if plain is not None:
            least, most = min(least, plain[0]), max(most, plain[0])
            all_named = True
        return Rate(most, self.version, least == most and all_named)

    def _with_surcharge(self, rate: Rate, country: str, mccmnc: str) -> Rate:
        codes = CODES.get(country)
        if codes is not None and mccmnc[:3] in codes:
            named = self.surcharges.get(mccmnc, self.surcharges.get(mccmnc[:3], 0))
            return rate._replace(nanos_per_segment=rate.nanos_per_segment + named)
        found = self._added.get(country)
        if found is None:
            found = self._added[country] = self._dearest_surcharge(codes)
        most, certain = found
        return Rate(rate.nanos_per_segment + most, rate.version, rate.exact and certain)

    def _dearest_surcharge(self, codes: frozenset[str] | None) -> tuple[int, bool]:
        """(what the dearest network of a country adds, do all of them add the same)."""
        mine = {
            name: nanos
            for name, nanos in self.surcharges.items()
            if codes is None or name[:3] in codes
        }
        others = {0} if codes is None or not codes <= mine.keys() else set()
        amounts = others | set(mine.values())
        return max(amounts), len(amounts) == 1


def _prefixes(rows: list[Row], version: int) -> _Prefixes:
    """Linear in the rows. Equal prices share one Rate."""
    leaves: dict[str, _Leaf] = {}
    lengths: dict[str, set[int]] = {"": set()}
    rates: dict[int, Rate] = {}
    for row in rows:
        rate = rates.get(row.nanos)
        if rate is None:
            rate = rates[row.nanos] = Rate(row.nanos, version, True)
        key = row.country + row.prefix
        leaves.setdefault(key, []).append((_since(row), row.to_ns, rate))
        lengths.setdefault(row.country, set()).add(len(row.prefix))
    widths = {}
    for country, own in lengths.items():
        both = [(width, country) for width in own]
        if country:
            both += [(width, "") for width in lengths[""]]
        both.sort(key=lambda pair: (-pair[0], not pair[1]))
        widths[country] = tuple(both)
    return _Prefixes(widths, leaves)


def _networks(rows: list[Row]) -> _Networks:
    by_country: dict[str, set[str]] = {}
    by_prefix: dict[str, set[str]] = {}
    spans: dict[tuple[str, str], dict[str, _Blocks]] = {}
    for row in rows:
        named = by_country.setdefault(row.country, set()) if row.country else None
        (by_prefix.setdefault(row.prefix, set()) if named is None else named).add(row.mcc)
        mncs = spans.setdefault((row.country, row.mcc), {})
        blocks = mncs.setdefault(row.mnc, {})
        blocks.setdefault(row.prefix, []).append((_since(row), row.to_ns, row.nanos))
    return _Networks(
        {country: tuple(sorted(codes)) for country, codes in by_country.items()},
        {prefix: tuple(sorted(codes)) for prefix, codes in by_prefix.items()},
        tuple({len(prefix) for prefix in by_prefix}),
        tuple(sorted({len(row.prefix) for row in rows}, reverse=True)),
        spans,
        {},
    )


def _since(row: Row) -> int:
    """When a row begins; one without any date counts also where none is asked for."""
    undated = row.from_ns == 0 and row.to_ns == FOREVER_NS
    return _UNDATED_NS if undated else row.from_ns
