"""One turn being decided: working copies of what `begin` read, and the changes they add up to."""

from collections.abc import Mapping, Sequence

from routing.breaker import Attack, Breaker, Step
from routing.budget import ALLOWANCE, Debit, Override, Purse, share
from routing.fates import slid
from routing.guards import Guards
from routing.ledger import Terms, write_postings
from routing.prices import Offer, Prices
from routing.rate_card import Rate, RateCard
from routing.records import (
    BILLS_ALL,
    Carrier,
    Flight,
    Lane,
    Limits,
    LinkFact,
    Now,
    OurNumber,
    Reply,
    ReplyState,
    Rules,
)
from routing.reply import FREES_CLAIM, ReplyEvent, move
from routing.route import Shares, Track
from routing.standing import (
    ALL,
    AlarmChange,
    Changes,
    Claim,
    ClaimKey,
    Effects,
    Finished,
    Health,
    Hold,
    Known,
    Park,
    Standing,
    Stored,
    claim_scope,
)
from routing.throttle import Throttle


class Draft:
    """Mutable only inside one call of `decide`; nothing it was made from is changed."""

    def __init__(
        self,
        known: Known,
        standing: Standing,
        rules: Rules,
        rates: Mapping[str, RateCard],
        links: Sequence[LinkFact],
        now: Now,
    ) -> None:
        self.known = known
        self.standing = standing
        self.rules = rules
        self.rates = rates
        self.links = {fact.link: fact for fact in links}
        self.free = {fact.link: fact.free for fact in links}
        self.now = now
        self.purse = Purse(known.balances, rules.money, known.budgets, now)
        self.throttle = _throttle(known, standing, rules, now)
        self.guards = Guards(
            rules.guards, rules.plan.home, known.guards, known.counters, now.wall_ns
        )
        self.breaker = breaker_of(rules, known, now)
        self.figures = standing.figures
        self.flights = dict(standing.flights)
        self.claims: dict[ClaimKey, Claim] = {}
        self.holds = dict(known.holds)
        self.health = dict(standing.health)
        self.tracks = dict(standing.tracks)
        self.shares = Shares(rules.links, known.counters, now.day)
        self.pauses = dict(standing.pauses)
        self.paces = dict(standing.paces)
        self.parks = {
            lane: park
            for lane, park in standing.parks.items()
            if not park.until_ns or park.until_ns > now.wall_ns
        }
        self.last_lane = standing.last_lane
        self.alarms = set(standing.alarms)
        self.unknown_hour = standing.unknown_hour
        self.waiting = known.waiting
        self.next_id = known.next_id
        self.changes = Changes(standing, Effects())
        self.drafts = dict(known.drafts)
        self.prices = Prices(rules, rates, now.wall_ns)
        self.cost, self.inbound = self.prices.cost, self.prices.inbound
        self._begin()

    def _begin(self) -> None:
        """What this turn adds up, still empty."""
        self.postings: dict[Terms, list[int]] = {}  # → ids of the replies that have it
        self.fresh: dict[Lane, list[Reply]] = {}
        self.fresh_of: dict[bytes, list[Reply]] | None = None  # opt-out pseudonym → fresh replies
        self.stopped_of: dict[bytes, list[Reply]] | None = None  # claim → `known.stopped`
        self.tallies: dict[str, int] = {}
        self.fates: dict[str, list[int]] = {}  # link → delivered and not, of this turn
        self.moved: dict[int, ReplyState] = {}  # stored replies this turn has moved already
        self.gone: set[int] = set()  # WAITING replies this turn has cancelled
        self.opted_out: set[bytes] = set()
        self.offers: dict[int, Offer] = {}  # fresh reply → the price it was promised at
        self.moved_claims: dict[ClaimKey, bytes] = {}  # old key → pseudonym it moved to
        self.claims_freed: list[tuple[bytes, str, int]] = []

    def claim(self, keys: Sequence[bytes], campaign: str) -> tuple[ClaimKey, Claim] | None:
        """The sender's claim under whichever epoch key it stands, this turn's changes included."""
        for pseudonym in keys:
            key = (pseudonym, campaign)
            found = self.claims.get(key) or self.known.claims.get(key)
            if found is not None:
                return key, found
        return None

    def rate(self, carrier: str, reply: Reply) -> Rate | None:
        """What a segment of this reply costs over `carrier` now; None when nobody says."""
        offer = self.offers.get(reply.id)
        if offer is not None and offer.carrier == carrier:
            return offer.rate
        card = self.rates[carrier]
        return card.price(reply.msisdn, reply.country, self.now.wall_ns, reply.mccmnc)

    def tariff(self, carrier: str) -> Carrier:
        """The contract; one that is no longer configured is taken to bill all."""
        return self.rules.carriers.get(carrier, BILLS_ALL)

    def open_day(self) -> None:
        """The first turn of a day says what it may cost, so that the money lasts."""
        days, found = self.rules.money.last_days, self.known.budgets.get(ALLOWANCE)
        if days and (found is None or found.day != self.now.day):
            self._allow(share(self.purse.spendable, self.prices.monthly_nanos(), days))

    def given(self, nanos: int) -> None:
        """Money came in: a part of it is for today."""
        self.purse.add(nanos)
        days = self.rules.money.last_days
        if days:
            today = self.changes.budgets.get(ALLOWANCE) or self.known.budgets[ALLOWANCE]
            self._allow((today.nanos or 0) + nanos // days)

    def _allow(self, nanos: int) -> None:
        self.purse.allow(nanos)
        self.changes.budgets[ALLOWANCE] = Override(nanos, self.now.day)

    def debit(self, number: OurNumber, carrier: str) -> Debit:
        """The budgets that a reply from `number` over `carrier` is taken from."""
        counted = ""
        if self.rules.carriers[carrier].minimum_month_nanos:
            counted = f"carrier/{carrier}/month/{self.now.month}"
        return self.purse.debit(number.name, number.campaign, counted)

    def post(
        self,
        reply_id: int,
        kind: str,
        nanos: int,
        rate_version: int = 0,
        billed_nanos: int = 0,
        currency: str = "",
    ) -> None:
        """One line of this turn's journal row; with a currency, what the carrier bills too."""
        self.posted_to((kind, nanos, rate_version, billed_nanos, currency)).append(reply_id)

    def posted_to(self, terms: Terms) -> list[int]:
        """Replies that have this posting in this turn; the caller adds at least one."""
        return self.postings.setdefault(terms, [])

    def count(self, what: str, by: int = 1) -> None:
        """One more of `what`, for status and metrics."""
        self.tallies[what] = self.tallies.get(what, 0) + by

    def raise_alarm(self, code: str, subject: str, figures: str) -> None:
        """The alarm begins, unless it lasts already."""
        if (code, subject) not in self.alarms:
            self.alarms.add((code, subject))
            self.changes.effects.alarms.append(AlarmChange(code, subject, True, figures))

    def end_alarm(self, code: str, subject: str, figures: str = "") -> None:
        """The alarm ends, if it lasts."""
        if (code, subject) in self.alarms:
            self.alarms.discard((code, subject))
            self.changes.effects.alarms.append(AlarmChange(code, subject, False, figures))

    def set_health(self, link: str, health: Health) -> None:
        """How `link` answers from now on."""
        self.health[link] = health

    def tried(self, link: str, failed: bool) -> None:
        """One more submit over `link` has ended."""
        track = self.tracks.get(link, Track()).then(failed)
        if track.failures:
            self.tracks[link] = track
        else:
            self.tracks.pop(link, None)

    def probe(self, link: str) -> None:
        """A reply leaves by `link`: should it be ill, the next try is due some time later."""
        track = self.tracks.get(link)
        if track is not None:
            self.tracks[link] = track._replace(probed_ns=self.now.monotonic_ns)

    def hold(self, scope: str, reason: str, until_ns: int) -> None:
        """Stop releases of a link, or of everything (`ALL`)."""
        self.holds[scope] = Hold(reason, until_ns)

    def held(self, scope: str) -> Hold | None:
        """The hold on `scope` that lasts now."""
        hold = self.holds.get(scope)
        return hold if hold is not None and hold.lasts(self.now.wall_ns) else None

    def stopped(self) -> str:
        """Why nothing at all may be released now, "" when something may."""
        if self.now.clock_fault:
            return self.now.clock_fault
        if self.breaker is not None and self.breaker.step >= Step.HOLD:
            return "attack"
        hold = self.held(ALL)
        return hold.reason if hold else ""

    def cancel(self, reply: Reply, reason: str, stored: bool) -> None:
        """End a WAITING reply without sending it; some reasons give the sender's claim back."""
        move(ReplyState.WAITING, ReplyEvent.CANCELLED)
        self.waiting -= 1
        self.gone.add(reply.id)
        self.count(f"cancelled: {reason}")
        if stored:
            self.changes.cancelled.append((reply.id, reason))
        if reason in FREES_CLAIM:
            scope = claim_scope(reply.campaign, reply.kind)
            pseudonym = self.moved_claims.get((reply.claim, scope), reply.claim)
            self.claims_freed.append((pseudonym, scope, reply.id))

    def finish(self, reply_id: int, was: ReplyState, event: ReplyEvent, **what: str) -> ReplyState:
        """Write the move that `event` causes; the caller posts its money. Returns the new state."""
        state = move(was, event).next
        message_id, reason = what.get("message_id", ""), what.get("reason", "")
        self.changes.finished.append(Finished(reply_id, was, state, message_id, reason))
        return state

    def posted(self, reply_id: int, kind: str, of: Flight | Stored) -> None:
        """Post what was reserved for a reply, in both currencies, as `kind`."""
        self.post(reply_id, kind, of.price_nanos, of.rate_version, of.billed_nanos, of.currency)

    def money_back(self, reply_id: int, kind: str, of: Flight | Stored) -> None:
        """Release or correct a reservation; lanes that waited for money may try again."""
        self.posted(reply_id, kind, of)
        self.give_back(of.price_nanos, of.accounts)

    def give_back(self, nanos: int, accounts: str) -> None:
        """Money of those budgets may be spent again; lanes that waited for it may try."""
        self.purse.release(nanos, accounts)
        self.unpark_money()

    def refused_money(self, flight: Flight) -> None:
        """What a submit that was answered by an error costs, by the carrier's tariff."""
        if self.tariff(flight.carrier).bill_refused:
            self.posted(flight.reply.id, "settle", flight)
        else:
            self.money_back(flight.reply.id, "release", flight)

    def unpark_money(self) -> None:
        """Lanes that stand for want of money are read again, in the next turn."""
        for lane, park in list(self.parks.items()):
            if park.money:
                del self.parks[lane]
                self.wake_in(0)

    def park(self, lane: Lane, reason: str, until_ns: int, money: bool = False) -> None:
        """Leave the lane alone until `until_ns` (wall; 0: until an event)."""
        self.parks[lane] = Park(reason, until_ns, money)

    def wake_in(self, wait_ns: int) -> None:
        """Ask for another turn after `wait_ns`, or sooner if somebody asked already."""
        before = self.changes.effects.wake_in_ns
        if before < 0 or wait_ns < before:
            self.changes.effects.wake_in_ns = wait_ns

    def scopes(self, number: OurNumber, link: str) -> tuple[str, str, str]:
        """The three scopes whose limits a reply from `number` over `link` must pass."""
        return (
            f"carrier/{self.rules.links[link].carrier}",
            f"link/{link}",
            f"number/{number.name}",
        )

    def _attack(self, breaker: Breaker) -> Attack:
        changes = self.changes
        sweeping = self.known.sweep is not None and not changes.sweep_over
        return Attack(
            breaker.step.title,
            breaker.since_ns,
            breaker.by_hand,
            self.figures,
            tuple(breaker.attacked.values()),
            sweeping or changes.sweep is not None,
        )

    def close(self) -> Changes:
        """Everything decided, as one value."""
        changes = self.changes
        changes.tracked = frozenset(c.name for c in self.rules.carriers.values() if c.receipts)
        changes.claims = self.claims
        changes.claims_freed = self.claims_freed
        buckets, changes.counters = self.throttle.taken()
        changes.counters.update(self.guards.counters())
        changes.guards = self.guards.rows()
        if self.breaker is not None:
            changes.breaker = self.breaker.kept()
            changes.attack = self._attack(self.breaker)
        changes.counters.update(self.shares.taken())
        if self.postings:
            changes.journal, changes.balances = write_postings(
                self.known.journal_digest,
                self.known.journal_seq + 1,
                self.now.wall_ns,
                self.postings,
            )
        changes.balances |= self.purse.changes()
        changes.holds = self.holds if self.holds != self.known.holds else None
        changes.tallies = self.tallies
        changes.monthly_nanos = self.prices.monthly_nanos()
        changes.waiting = self.waiting
        changes.next_id = self.next_id
        changes.wall_ns = self.now.wall_ns
        changes.standing = Standing(
            flights=self.flights,
            buckets=buckets,
            health=self.health,
            tracks=self.tracks,
            pauses=self.pauses,
            paces=self.paces,
            parks=self.parks,
            alarms=frozenset(self.alarms),
            unknown_hour=self.unknown_hour,
            figures=self.figures,
            fates=slid(self.standing.fates, self.fates, self.now.wall_ns),
            last_lane=self.last_lane,
            wall_ns=self.now.wall_ns,
            monotonic_ns=self.now.monotonic_ns,
        )
        return changes


def breaker_of(rules: Rules, known: Known, now: Now) -> Breaker | None:
    """The breaker, if one is configured."""
    if rules.breaker is None:
        return None
    return Breaker(rules.breaker, known.breaker, rules.plan.home, rules.plan.homes, now.wall_ns)


def _throttle(known: Known, standing: Standing, rules: Rules, now: Now) -> Throttle:
    return Throttle(
        limits_of(rules),
        standing.buckets,
        known.counters,
        largest_text(rules),
        now.monotonic_ns,
        now.wall_ns,
        _slowed(standing, rules, now) if standing.paces else None,
    )


def _slowed(standing: Standing, rules: Rules, now: Now) -> dict[str, int]:
    """scope → permille of its TPS, of carriers that are slowed and of their links."""
    slowed: dict[str, int] = {}
    for name, pace in standing.paces.items():
        permille = pace.permille_at(now.monotonic_ns)
        links = [link.name for link in rules.links.values() if link.carrier == name]
        slowed |= dict.fromkeys([f"carrier/{name}", *(f"link/{n}" for n in links)], permille)
    return slowed


def largest_text(rules: Rules) -> int:
    """Segments of the longest configured text."""
    return max((text.segments for text in rules.texts.values()), default=1)


def limits_of(rules: Rules) -> dict[str, Limits]:
    """scope → limits, for every scope that may carry one."""
    limits: dict[str, Limits] = {}
    for carrier in rules.carriers.values():
        limits[f"carrier/{carrier.name}"] = carrier.limits
    for link in rules.links.values():
        limits[f"link/{link.name}"] = link.limits
    for number in rules.numbers.values():
        limits[f"number/{number.name}"] = number.limits
    return limits
