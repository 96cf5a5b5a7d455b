"""Budgets set in the running server: they go before the configuration until they are reset."""

from routing.budget import PERIODS, Override, title_of
from routing.draft import Draft
from routing.money import format_nanos
from routing.records import Rules
from routing.standing import Command

SETTING = ("budget", "budget-lift", "budget-reset")
"""Commands: set a limit, have none, go back to what the configuration says."""


def fault_of(budget: str, rules: Rules) -> str:
    """Why this is not the name of a budget, "" when it is."""
    scope, _, period = budget.rpartition("/")
    kind, _, name = scope.partition("/")
    if period not in PERIODS:
        return f"a budget is for an hour, a day, a month or in total, not for {period!r}"
    names = {"": {""}, "campaign": rules.campaigns.keys(), "number": rules.numbers.keys()}
    if kind not in names:
        return f"a budget is of a campaign, of a number or of all, not of {kind!r}"
    return "" if name in names[kind] else f"there is no {kind} {name}"


def set_budget(draft: Draft, command: Command) -> str:
    """Carry it out: from this turn on, and after every start."""
    budget = command.text
    fault = fault_of(budget, draft.rules)
    if fault:
        return fault
    nanos: int | None = None
    if command.name == "budget":
        nanos = command.nanos
    elif command.name == "budget-reset":
        nanos = draft.rules.money.budgets.get(budget)
    reset = command.name == "budget-reset"
    draft.changes.budgets[budget] = None if reset else Override(nanos)
    draft.purse.limit(budget, nanos)
    draft.unpark_money()
    said = "no limit"
    if nanos is not None:
        said = f"{format_nanos(nanos)} {draft.rules.money.currency}"
    as_configured = ", as configured" if reset else ""
    draft.changes.audit.append((command.name, f"{title_of(budget)} {said}{as_configured}"))
    return "done"
