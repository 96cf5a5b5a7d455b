"""The end of a month's books: a closing row, after which the month's journal may be dropped.

A month is closed `reconcile_days` after its end, when carriers have sent their invoices. Whoever
closes it has exported its rows and verified them; here is checked that they end where they must.
"""

import datetime
from collections.abc import Mapping

from routing.draft import Draft
from routing.ledger import Books
from routing.money import format_nanos
from routing.standing import Closing

DAY_NS = 86_400_000_000_000
UNIX_DAY = datetime.date(1970, 1, 1).toordinal()


def close_month(draft: Draft, closing: Closing) -> str:
    """Write the closing row, or say why not."""
    month, edge, now = closing.month, draft.known.edge, draft.now
    if month >= now.month:
        return f"{month} is not over"
    opens_ns = closing.until_ns + draft.rules.retention.reconcile_ns
    if now.wall_ns < opens_ns:
        day = datetime.date.fromordinal(UNIX_DAY + -(-opens_ns // DAY_NS))
        return f"{month} can be closed from {day} on: reconcile_days after its end"
    if edge is None or edge.digest != closing.digest:
        return f"journal row {closing.seq} is not the one that was exported"
    if edge.at_ns >= closing.until_ns or 0 < edge.next_at_ns < closing.until_ns:
        return f"journal row {closing.seq} is not the last one of {month}"
    last = edge.closed
    if last is not None and (month, closing.seq) < (last.month, last.seq):
        return f"{last.month} is closed already, and with it all before"
    if last is not None and month == last.month and closing.seq != last.seq:
        return f"{month} is closed already, with journal row {last.seq}"
    draft.changes.closings.append(closing)
    what = "closed and dropped" if closing.dropped else "closed"
    draft.changes.audit.append(("close", f"{month} {what}, {closing.rows} journal rows"))
    return "done"


def closing_of(month: str, books: Books, dropped: bool) -> Closing:
    """The closing row of books that were walked to the month's last row."""
    sums = ";".join(f"{account} {nanos}" for account, nanos in books.sums.items())
    reserved = ";".join(f"{i} {nanos}" for i, nanos in sorted(books.reserved.items()))
    return Closing(month, books.seq, books.digest, books.rows, sums, reserved, dropped=dropped)


def books_after(closing: Closing | None) -> Books:
    """Books that go on where a closing ended; without one, from the beginning."""
    if closing is None:
        return Books()
    pairs = [item.split(" ") for item in closing.reserved.split(";") if item]
    reserved = {int(reply_id): int(nanos) for reply_id, nanos in pairs}
    return Books(closing.seq, closing.digest, read_sums(closing.sums), reserved)


def read_sums(sums: str) -> dict[str, int]:
    """The sums of a closing row."""
    pairs = [item.split(" ") for item in sums.split(";")]
    return {account: int(nanos) for account, nanos in pairs}


def compared(sums: Mapping[str, int], balances: Mapping[str, int]) -> str:
    """The first account whose balance is not what the journal says, "" when all are."""
    for account, nanos in sums.items():
        held = balances.get(account, 0)
        if held != nanos:
            return f"{account} holds {format_nanos(held)}, the journal says {format_nanos(nanos)}"
    return ""


def middle_ns(month: str) -> int:
    """An instant in the middle of a month, the same month in every zone."""
    return (datetime.date.fromisoformat(f"{month}-15").toordinal() - UNIX_DAY) * DAY_NS
