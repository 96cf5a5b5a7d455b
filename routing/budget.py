"""Budgets: accounts outbound money cannot take below zero. A reservation debits all or none.

A budget is named by what it limits and for how long: "day" limits everything, "campaign/NAME/day"
and "number/NAME/day" a part. Periods are hour, day, month, and total, which never ends. A budget
of a period has an account for each: "day/2026-11-26". A reservation is written down with the
accounts it was taken from, so that what is given back is given back to exactly those.

All amounts are nano-units of the accounting currency.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from routing.records import MoneyRules, Now, Rules

FUNDS = "no funds"
PERIODS = {
    "hour": "budget of the hour",
    "day": "budget of the day",
    "month": "budget of the month",
    "total": "total budget",
}
"""Period → what a refusal calls its budget."""

TOTAL = "total"
ALLOWANCE = "allowance"
ALLOWANCE_TITLE = "allowance of the day"
MONTH_DAYS = 30  # of a recurring fee, where one of its days is meant


class Override(NamedTuple):
    """A budget as it was set in the running server; None: no limit."""

    nanos: int | None
    day: str = ""  # of an allowance: the day it was made for


class Room:
    """What one budget still allows in this turn."""

    __slots__ = ("budget", "left", "title")

    def __init__(self, budget: str, left: int, title: str) -> None:
        self.budget = budget
        self.left = left
        self.title = title  # "" for that of the budget


class Debit(NamedTuple):
    """Everything one reservation is taken from."""

    rooms: tuple[Room, ...]
    accounts: str  # the accounts that count it, joined by spaces


class Refusal(NamedTuple):
    """Why money may not be reserved: the budget's name, and when its period ends (0: never)."""

    title: str
    until_ns: int


NO_FUNDS = Refusal(FUNDS, 0)


def title_of(budget: str) -> str:
    """ "campaign/x/day" is "campaign x: budget of the day"."""
    scope, _, period = budget.rpartition("/")
    return (f"{scope.replace('/', ' ')}: " if scope else "") + PERIODS[period]


def titles(rules: Rules) -> list[str]:
    """Every name a refusal may have: of the budgets there are, and of those that may be set."""
    scopes = ["", *(f"campaign/{name}/" for name in rules.campaigns)]
    scopes += [f"number/{name}/" for name in rules.numbers]
    found = [title_of(scope + period) for scope in scopes for period in PERIODS]
    return [FUNDS, ALLOWANCE_TITLE, *found]


def account_of(budget: str, now: Now) -> str:
    """The account that counts now for a budget. KeyError for a period there is not."""
    return _account(budget, now.hour, now.day, now.month)


@lru_cache(1024)  # a turn asks for some twenty, the next ones for the same
def _account(budget: str, hour: str, day: str, month: str) -> str:
    key = {"hour": hour, "day": day, "month": month, TOTAL: ""}[budget.rpartition("/")[2]]
    return f"{budget}/{key}" if key else budget


def end_of(budget: str, now: Now) -> int:
    """Wall time at which the running period of a budget ends, 0 for never."""
    ends = {"hour": now.next_hour_ns, "day": now.next_day_ns, "month": now.next_month_ns}
    return ends.get(budget.rpartition("/")[2], 0)


def limits(rules: MoneyRules, overrides: Mapping[str, Override]) -> Mapping[str, int]:
    """Budget → its limit: what was set in the running server goes before the configuration."""
    if not overrides:
        return rules.budgets
    found = dict(rules.budgets)
    for name, (nanos, _) in overrides.items():
        if nanos is None:
            found.pop(name, None)
        elif name != ALLOWANCE:
            found[name] = nanos
    return found


def allowance(overrides: Mapping[str, Override], now: Now) -> int | None:
    """What the day may cost so that the money lasts; None when nobody has said it for today."""
    found = overrides.get(ALLOWANCE)
    return found.nanos if found is not None and found.day == now.day else None


class Purse:
    """The money of one turn: balances as `begin` read them, and what the turn does to them.

    Inbound and fees are debited without asking, since they are billed whether or not there is
    money; replies stop when spendable money runs out, they never overdraw it.
    """

    __slots__ = (
        "_allowance",
        "_balances",
        "_debit",
        "_least",
        "_limits",
        "_moved",
        "_now",
        "_rooms",
        "_run",
        "_spendable",
    )  # fmt: skip

    def __init__(
        self,
        balances: Mapping[str, int],
        rules: MoneyRules,
        overrides: Mapping[str, Override],
        now: Now,
    ) -> None:
        self._balances = balances
        self._now = now
        self._spendable = spendable(balances, rules)
        self._limits = limits(rules, overrides)
        self._allowance = allowance(overrides, now)
        self._rooms: dict[str, Room] = {}  # by account, those somebody asked for
        self._moved: dict[str, int] = {}  # accounts → reserved less given back in this turn
        # Replies of a lane follow each other: as long as they do, one figure stands for them all.
        self._debit: Debit | None = None  # what they are taken from,
        self._run = 0  # what they took that is not debited yet,
        self._least = 0  # and what the tightest of all budgets still allows them

    @property
    def spendable(self) -> int:
        """What was given and is neither spent, reserved nor kept back."""
        self._end_run()
        return self._spendable

    @property
    def day_nanos(self) -> int | None:
        """What the whole day may cost, None without a limit."""
        known = [n for n in (self._limits.get("day"), self._allowance) if n is not None]
        return min(known, default=None)

    def debit(self, number: str, campaign: str, counted: str = "") -> Debit:
        """What a reply from `number` is paid from; `counted` is one more account that counts it."""
        rooms: list[Room] = []
        accounts = [counted] if counted else []
        for scope in ("", f"campaign/{campaign}/", f"number/{number}/"):
            for period in PERIODS:
                name = scope + period
                room = self._room(name)
                if room is not None:
                    rooms.append(room)
                if name == "day" or (room is not None and name != TOTAL):
                    accounts.append(account_of(name, self._now))
        return Debit(tuple(rooms), " ".join(accounts))

    def _room(self, budget: str) -> Room | None:
        """What `budget` still allows, None when it is not limited."""
        limit, title = self._limits.get(budget), ""
        if budget == "day" and self._allowance is not None:
            if limit is None or self._allowance < limit:
                limit, title = self._allowance, ALLOWANCE_TITLE
        if limit is None:
            return None
        account = account_of(budget, self._now)
        room = self._rooms.get(account)
        if room is None:
            room = self._rooms[account] = Room(budget, limit - self._used(account), title)
        return room

    def _used(self, account: str) -> int:
        """What stands on the account, this turn's reservations included."""
        if account == TOTAL:
            before = self._balances.get("reserved", 0) + self._balances.get("settled", 0)
            return before + sum(self._moved.values())
        used = self._balances.get(account, 0)
        if self._moved:
            used += sum(n for names, n in self._moved.items() if account in names.split())
        return used

    def funded(self, nanos: int) -> bool:
        """Is there so much money, whatever the budgets say?"""
        return nanos <= self.spendable and self._spendable > 0

    def refusal(self, nanos: int, debit: Debit) -> Refusal | None:
        """None when `nanos` may be reserved, else the budget that forbids it."""
        if debit is self._debit and nanos < self._least:
            return None
        self._end_run()
        if nanos > self._spendable or self._spendable <= 0:
            return NO_FUNDS
        for room in debit.rooms:
            if nanos > room.left:
                title = room.title or title_of(room.budget)
                return Refusal(title, end_of(room.budget, self._now))
        self._debit = debit
        self._least = min([self._spendable, *(room.left for room in debit.rooms)])
        return None

    def times(self, nanos: int) -> int:
        """How often so much may be reserved. The caller has asked `refusal` just before."""
        return self._least // nanos

    def reserve(self, nanos: int, debit: Debit) -> None:
        """Debit every budget. The caller has asked `refusal`, or `times`, just before."""
        assert debit is self._debit, "nobody asked whether the money is there"
        self._least -= nanos
        self._run += nanos

    def _end_run(self) -> None:
        """Debit what the replies of one lane took."""
        debit, nanos = self._debit, self._run
        if debit is not None:
            self._spendable -= nanos
            for room in debit.rooms:
                room.left -= nanos
            self._moved[debit.accounts] = self._moved.get(debit.accounts, 0) + nanos
            self._debit, self._run = None, 0

    def release(self, nanos: int, accounts: str) -> None:
        """Give a reservation back to every account it was taken from; a negative amount takes it
        again."""
        self._end_run()
        self._spendable += nanos
        self._moved[accounts] = self._moved.get(accounts, 0) - nanos
        for account in (TOTAL, *accounts.split()):
            room = self._rooms.get(account)
            if room is not None:
                room.left += nanos

    def add(self, nanos: int) -> None:
        """Money came in, or (negative) an inbound text or a fee took it."""
        self._end_run()
        self._spendable += nanos

    def limit(self, budget: str, nanos: int | None) -> None:
        """Another limit from now on, None for none. Debits that were made do not know it."""
        self._end_run()
        kept = {name: limit for name, limit in self._limits.items() if name != budget}
        self._limits = kept if nanos is None else {**kept, budget: nanos}
        self._rooms.pop(account_of(budget, self._now), None)

    def allow(self, nanos: int) -> None:
        """What this day may cost so that the money lasts."""
        self._end_run()
        self._allowance = nanos
        self._rooms.pop(account_of("day", self._now), None)

    def changes(self) -> dict[str, int]:
        """By how much each account changes."""
        self._end_run()
        found: dict[str, int] = {}
        for accounts, nanos in self._moved.items():
            if nanos:
                for account in accounts.split():
                    found[account] = found.get(account, 0) + nanos
        return found


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


def share(spendable_nanos: int, monthly_nanos: int, days: int) -> int:
    """What one of `days` days may cost, after what recurring fees will take in them."""
    return max(0, (spendable_nanos - monthly_nanos * days // MONTH_DAYS) // days)
