"""What a called number of ours implies for the senders of one country: looked up once a batch."""

from routing.draft import Draft
from routing.prices import Offer
from routing.records import OurNumber


class Calls(dict[tuple[str, str], "Called"]):
    """(name of our number, country of the sender) → what holds for all such contacts."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def __missing__(self, key: tuple[str, str]) -> "Called":
        called = self[key] = Called(self._draft, *key)
        return called


class Called:
    """One number of ours, as it stands to the senders of one country in this batch."""

    __slots__ = (
        "campaign", "due_ns", "fresh", "gate", "number", "offers", "opened", "reach", "scope",
        "spread_ns", "text_id",
    )  # fmt: skip

    def __init__(self, draft: Draft, name: str, country: str) -> None:
        rules = draft.rules
        self.number = number = rules.numbers[name]
        self.campaign = campaign = rules.campaigns[number.campaign]
        self.scope, self.spread_ns = campaign.name, campaign.spread_ns
        self.opened = country in campaign.countries
        self.text_id = number.text_ids[0]  # of a first reply
        self.due_ns = draft.now.wall_ns + campaign.delay_ns  # before its spread
        if draft.breaker is not None:
            self.due_ns += draft.breaker.slower_ns()
        self.fresh = draft.fresh.setdefault((name, number.campaign), [])
        self.gate = draft.guards.gate(country, name, campaign.max_replies == 1)
        cards = [draft.rates[rules.links[link].carrier] for link in number.links]
        self.reach = max((card.reach(country) for card in cards), default=0)
        self.offers = _Offers(draft, number, country)


class _Offers(dict[tuple[str, str, str], Offer | None]):
    """(first digits of the sender, their network, text) → what it costs by the first link that has
    a price; None when none has. The digits are `Called.reach`: no price depends on more."""

    def __init__(self, draft: Draft, number: OurNumber, country: str) -> None:
        self._draft = draft
        self._number = number
        self._country = country

    def __missing__(self, key: tuple[str, str, str]) -> Offer | None:
        offer = self[key] = self._offer(*key)
        return offer

    def _offer(self, digits: str, mccmnc: str, text_id: str) -> Offer | None:
        draft = self._draft
        for link in self._number.links:
            carrier = draft.rules.links[link].carrier
            card = draft.rates[carrier]
            rate = card.price(digits, self._country, draft.now.wall_ns, mccmnc)
            if rate is not None:
                segments = draft.rules.texts[text_id].segments
                return draft.prices.offer(carrier, rate, segments)
        return None
