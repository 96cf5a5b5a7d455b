"""The rate cards in force: the configuration's files at a start, imported ones from then on.

Of a file and an import the one that came last wins. A file comes when it has changed since the
last start that read it; a start with the same file as before leaves an imported card in force.
"""

from collections.abc import Mapping, Sequence

from routing.rate_card import RateCard
from routing.rate_rows import Row, overlaps
from routing.standing import CardStep, Command
from smpp_server.config_records import CardFile, Config
from smpp_server.store import Store, StoredCard, StoreRefused


class Rates:
    """Carrier → its prices, as the store has them. Used by the turn's thread alone."""

    def __init__(self, config: Config) -> None:
        self.current: Mapping[str, RateCard] = config.rates
        self.known: dict[str, StoredCard] = {}  # carrier → the card in force
        self._config = config
        self._new: dict[str, CardFile] = {}  # files the store does not have yet
        self._ready: dict[str, RateCard] = {}  # drafts that may become valid in this turn

    def load(self, store: Store) -> None:
        """Take up what is in force; whatever is the same as in memory is not built again.

        Raises StoreRefused for a card in a currency that is no longer convertible.
        """
        stored = [card for card in store.cards() if card.valid]
        for carrier, file in self._config.cards.items():
            mine = [card for card in stored if card.carrier == carrier]
            files = [card for card in mine if card.source == "file"]
            if not files or (files[-1].digest, files[-1].version) != (file.digest, file.version):
                self._new[carrier] = file
            elif self.known.get(carrier) != mine[-1]:
                if fault := self._currency_fault(mine[-1]):
                    raise StoreRefused(f"the rate card of {carrier}: {fault}")
                self.known[carrier] = mine[-1]
                if mine[-1] == files[-1]:
                    self._adopt(carrier, self._config.rates[carrier])
                else:
                    self._adopt(carrier, self._build(mine[-1], store.card_rows(mine[-1])))

    def keep_files(self, store: Store, wall_ns: int) -> None:
        """Put files that are new into the store, where every version is kept."""
        for carrier, file in list(self._new.items()):
            rows = file.rows
            what = (carrier, "file", file.digest, file.version, file.currency, len(rows))
            store.put_card(StoredCard(0, *what, wall_ns, 1), rows)
            del self._new[carrier]
            self.known[carrier] = [card for card in store.cards() if card.carrier == carrier][-1]
            self._adopt(carrier, self._config.rates[carrier])

    def look(self, commands: list[Command], store: Store) -> None:
        """Build the drafts that are to become valid, or say in the step why they cannot."""
        for place, command in enumerate(commands):
            step = command.card
            if step is not None and step.what == "valid":
                fault = self._prepare(step, store)
                commands[place] = command._replace(card=step._replace(fault=fault))

    def _prepare(self, step: CardStep, store: Store) -> str:
        """Why the draft cannot become valid, "" when it can."""
        drafts = [card for card in store.cards() if not card.valid and card.carrier == step.carrier]
        if not drafts:
            return "there is no draft; begin again"
        [draft] = drafts
        rows = store.card_rows(draft)
        for overlap in overlaps(rows):
            return str(overlap)
        if fault := self._currency_fault(draft):
            return fault
        self._ready[step.carrier] = self._build(draft, rows)
        return ""

    def adopt(
        self, commands: Sequence[Command], answers: Mapping[int, object], store: Store
    ) -> None:
        """After the commit: cards that became valid price everything from the next turn on."""
        for command in commands:
            step = command.card
            if step is not None and step.what == "valid" and answers[command.ticket] == "done":
                self._adopt(step.carrier, self._ready[step.carrier])
                mine = [card for card in store.cards() if card.carrier == step.carrier]
                self.known[step.carrier] = mine[-1]
        self._ready.clear()

    def _currency_fault(self, card: StoredCard) -> str:
        money = self._config.rules.money
        if card.currency in (money.currency, *money.conversions):
            return ""
        return f"{card.currency} has no rate of exchange: add one to conversion in [money]"

    def _adopt(self, carrier: str, card: RateCard) -> None:
        self.current = {**self.current, carrier: card}

    def _build(self, card: StoredCard, rows: Sequence[Row]) -> RateCard:
        surcharges = self._config.cards[card.carrier].surcharges
        return RateCard.build(rows, card.version, surcharges)
