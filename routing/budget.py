"""Budgets: accounts outbound money cannot take below zero. A reservation debits all or none."""

from collections.abc import Mapping

from routing.records import MoneyRules

FUNDS_REFUSAL = "no funds"
DAY_REFUSAL = "budget of the day"
TOTAL_REFUSAL = "total budget"
REFUSALS = (FUNDS_REFUSAL, DAY_REFUSAL, TOTAL_REFUSAL)
"""Names of the budgets that may forbid a reservation."""


def day_account(day: str) -> str:
    """The account that sums what was reserved on `day` and not released since."""
    return f"day/{day}"


class Purse:
    """The money of one turn: balances as `begin` read them, and what the turn does to them.

    All amounts are nano-units of the accounting currency. Inbound is debited without asking,
    since an inbound text is billed whether or not there is money; replies stop when spendable
    money runs out, they never overdraw it.
    """

    __slots__ = ("_day", "_day_left", "_rules", "_spendable", "_total_left", "days")

    def __init__(self, balances: Mapping[str, int], rules: MoneyRules, day: str) -> None:
        used = balances.get("reserved", 0) + balances.get("settled", 0)
        self._rules = rules
        self._day = day
        self._spendable = spendable(balances, rules)
        self._day_left = None
        if rules.budget_day_nanos is not None:
            self._day_left = rules.budget_day_nanos - balances.get(day_account(day), 0)
        self._total_left = None
        if rules.budget_total_nanos is not None:
            self._total_left = rules.budget_total_nanos - used
        self.days: dict[str, int] = {}

    def refusal(self, nanos: int) -> str:
        """ "" when `nanos` may be reserved, else the name of the budget that forbids it."""
        if nanos > self._spendable or self._spendable <= 0:
            return FUNDS_REFUSAL
        if self._day_left is not None and nanos > self._day_left:
            return DAY_REFUSAL
        if self._total_left is not None and nanos > self._total_left:
            return TOTAL_REFUSAL
        return ""

    def reserve(self, nanos: int) -> None:
        """Debit every budget. The caller has asked `refusal` first."""
        self._spend(nanos)
        if self._day_left is not None:
            self._day_left -= nanos
        self.days[self._day] = self.days.get(self._day, 0) + nanos

    def release(self, nanos: int, day: str) -> None:
        """Give a reservation made on `day` back to every budget it was taken from; a negative
        amount takes it again."""
        self._spend(-nanos)
        if day == self._day and self._day_left is not None:
            self._day_left += nanos
        self.days[day] = self.days.get(day, 0) - nanos

    def add(self, nanos: int) -> None:
        """Money came in, or (negative) an inbound text or a fee took it."""
        self._spendable += nanos

    def _spend(self, nanos: int) -> None:
        self._spendable -= nanos
        if self._total_left is not None:
            self._total_left -= nanos


def spendable(balances: Mapping[str, int], rules: MoneyRules) -> int:
    """given − inbound − fees − settled − reserved − inbound_reserve, in nano-units."""
    return (
        balances.get("given", 0)
        - balances.get("inbound", 0)
        - balances.get("fee", 0)
        - balances.get("settled", 0)
        - balances.get("reserved", 0)
        - rules.inbound_reserve_nanos
    )
