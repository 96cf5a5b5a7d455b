"""What a carrier bills besides messages: fees, monthly minimums, receipts. Debited without asking.

A recurring fee is posted when its month begins, by the first housekeeping that sees the month; a
stored row remembers the last month of each carrier, so that none is posted twice, and months that
passed while nothing ran are made up for.
"""

from collections import Counter
from collections.abc import Iterable

from routing.budget import account_of
from routing.conversion import Cost
from routing.draft import Draft
from routing.money import format_nanos
from routing.records import Carrier, Receipt
from routing.standing import Command


def fee(draft: Draft, command: Command) -> str:
    """An operator enters a fee: with a carrier in its currency, else in that of the books."""
    carrier = command.text
    if carrier and carrier not in draft.rules.carriers:
        return f"there is no carrier {carrier}"
    cost = draft.cost(carrier, command.nanos) if carrier else Cost(command.nanos)
    _post(draft, cost, carrier, command.note)
    return "done"


def receipts(draft: Draft, seen: Iterable[Receipt]) -> None:
    """Delivery receipts are billed by the piece, where the contract says so."""
    counts = Counter(receipt.carrier for receipt in seen)
    for name, count in counts.items():
        nanos = draft.tariff(name).receipt_fee_nanos
        if nanos:
            cost = draft.cost(name, nanos)
            _debit(draft, Cost(cost.nanos * count, cost.billed_nanos * count, cost.currency))


def charge(draft: Draft) -> None:
    """Every month that has begun since the last look: the minimum of the one before, its fee."""
    month, known = draft.now.month, draft.known.fees
    charged = [c for c in draft.rules.carriers.values() if recurs(c)]
    for carrier in charged:
        name, last = carrier.name, known.get(carrier.name, "")
        while last < month:
            if last:
                _minimum(draft, carrier, last)
            last = month_after(last) if last else month
            if carrier.monthly_fee_nanos:
                cost = draft.cost(name, carrier.monthly_fee_nanos)
                _post(draft, cost, name, f"monthly fee {last}")
            draft.changes.fees[name] = last
    for name in known.keys() - {carrier.name for carrier in charged}:
        draft.changes.fees[name] = ""  # should it be charged again, it begins anew


def recurs(carrier: Carrier) -> bool:
    """Does the contract cost something in every month?"""
    return bool(carrier.monthly_fee_nanos or carrier.minimum_month_nanos)


def month_after(month: str) -> str:
    """ "2026-12" → "2027-01"."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def _minimum(draft: Draft, carrier: Carrier, month: str) -> None:
    """What the month's traffic was short of the minimum that is billed anyway."""
    if not carrier.minimum_month_nanos:
        return
    account = account_of(f"carrier/{carrier.name}/month", draft.now._replace(month=month))
    least = draft.cost(carrier.name, carrier.minimum_month_nanos)
    short = least.nanos - draft.known.balances.get(account, 0)
    if short > 0:
        billed = least.billed_nanos * short // least.nanos
        cost = least._replace(nanos=short, billed_nanos=billed)
        _post(draft, cost, carrier.name, f"minimum {month}")


def _post(draft: Draft, cost: Cost, carrier: str, note: str) -> None:
    """Debit the fee and let the books remember what it was for."""
    _debit(draft, cost)
    said = f"{format_nanos(cost.nanos)} {draft.rules.money.currency}"
    draft.changes.audit.append(("fee", ", ".join(filter(None, (said, carrier, note)))))


def _debit(draft: Draft, cost: Cost) -> None:
    draft.purse.add(-cost.nanos)
    draft.post(0, "fee", cost.nanos, 0, cost.billed_nanos, cost.currency)
