"""What the product promises, one function a promise: it yields what contradicts it."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from routing.ledger import JournalRow, LedgerError, balances, verify
from routing.records import ReplyState as State
from tests.simulation.crowd import ANSWERABLE, DIGITS, LEADS, WORD
from tests.simulation.swarm import IN_NANOS, Shape

if TYPE_CHECKING:
    from tests.simulation.world import World

Faults = Iterator[str]
NEEDLES = (
    *((lead + DIGITS).encode() for lead in LEADS),
    WORD.encode(),
    WORD.encode("utf-16-be"),
)


class Violation(Exception):
    """A promise is broken: (number of the property, what was seen)."""

    def __init__(self, number: int, seen: str) -> None:
        super().__init__(f"property {number}: {PROPERTIES[number].__doc__}\n  seen: {seen}")
        self.number = number


def no_fault_of_ours(w: "World") -> Faults:
    """No exception of our own escapes, and the server starts on whatever a crash left."""
    yield from w.noticed(0)


def one_response(w: "World") -> Faults:
    """Every deliver_sm gets exactly one response per delivery, once faults stop."""
    yield from w.noticed(1)
    if w.ended:
        yield from _owed(w)


def _owed(w: "World") -> Faults:
    """Responses that have not left."""
    for line in w.auditor.lines.values():
        for sequence, times in line.came.items():
            if line.answered.get(sequence, 0) != times:
                yield f"deliver_sm {sequence} on connection {line.number} has no response"


def one_reply(w: "World") -> Faults:
    """At most max_replies per claim, plus one per extra kind."""
    yield from w.noticed(2)
    most = {"reply": w.swarm.shape.max_replies, "stop": int(w.swarm.shape.confirm_stop)}
    for (_, kind), times in w.auditor.accepted.items():
        if times > most[kind]:
            yield f"one sender got {times} of the kind {kind}"


def every_cent(w: "World") -> Faults:
    """Outbound invoice ≤ settled + reserved, equal but for the unknown; inbound ≤ the doubtful."""
    books, invoice = w.auditor.balances, w.smsc.invoice
    spent = books.get("settled", 0) + books.get("reserved", 0)
    if invoice.outbound_nanos > spent:
        yield f"the invoice says {invoice.outbound_nanos}, the ledger {spent}"
    inbound = books.get("inbound", 0)
    if not invoice.inbound_nanos <= inbound <= w.auditor.texts_came * IN_NANOS:
        yield f"inbound: invoice {invoice.inbound_nanos}, ledger {inbound}"
    if w.ended:
        query = "SELECT coalesce(sum(price), 0) FROM reply WHERE state IN (?, ?)"
        doubtful = w.stored(query, State.UNKNOWN, State.ASSUMED_SENT)[0][0]
        if spent - invoice.outbound_nanos > doubtful:
            yield f"ledger {spent}, invoice {invoice.outbound_nanos}, only {doubtful} is unknown"
        yield from _books(w)


def _books(w: "World") -> Faults:
    """The chain, and the balances by the chain."""
    try:
        rows = map(JournalRow._make, w.stored("SELECT * FROM journal ORDER BY seq"))
        for account, nanos in balances(verify(rows)).items():
            if w.auditor.balances.get(account, 0) != nanos:
                yield f"the balance of {account} is not what the journal says"
    except LedgerError as error:
        yield str(error)


BUDGETS: tuple[tuple[str, Callable[[dict[str, int]], int], Callable[[Shape], int]], ...] = (
    ("total", lambda b: b.get("reserved", 0) + b.get("settled", 0), lambda s: s.budget_total),
    (
        "day",
        lambda b: max([n for name, n in b.items() if name.startswith("day/")], default=0),
        lambda s: s.budget_day,
    ),
    ("funds", lambda b: b.get("reserved", 0) + b.get("settled", 0), lambda s: s.funds),
)
"""(name, what was taken of it by these balances, its size)."""


def no_budget_below_zero(w: "World") -> Faults:
    """No outbound budget goes below zero, ever."""
    yield from w.noticed(4)
    for name, taken, size in BUDGETS:
        if taken(w.auditor.balances) > size(w.swarm.shape):
            yield f"{taken(w.auditor.balances)} of {size(w.swarm.shape)} taken from {name}"


LIMITS: tuple[tuple[str, float, Callable[[Shape], int]], ...] = (
    ("second", 1.0, lambda s: s.tps and s.tps + 2 * max(s.tps // 10, s.segments)),
    ("hour", 3600.0, lambda s: s.per_hour),
    ("day", 86400.0, lambda s: s.per_day),
)
"""(name, span in seconds, most segments in any such span, 0 for any number).

A bucket holds a tenth of a second or one text; a slow commit may let two of them meet.
"""


def within_limits(w: "World") -> Faults:
    """Segments in any second ≤ TPS + burst, in any hour or day ≤ cap; the window never exceeded."""
    sent, now = w.auditor.sent, w.auditor.now_s
    for name, span_s, most in LIMITS:
        cap = most(w.swarm.shape)
        if cap and sent:
            since = now - span_s + (w.auditor.lag_s if span_s > 1 else 0)
            segments = sum(n for at, n in sent if at > since)
            if segments > cap:
                yield f"{segments} segments in a {name}, {cap} allowed"
    replies = sum(times for (_, kind), times in w.auditor.accepted.items() if kind == "reply")
    most_replies = w.swarm.shape.per_range
    if most_replies and replies * w.swarm.shape.segments > most_replies:
        yield f"{replies} replies to one range in an hour, {most_replies} segments allowed"
    young = now - w.swarm.shape.response_timeout_s + 1e-6  # the server counts in integers
    for line in w.auditor.lines.values():
        count = sum(since > young for since in line.open.values())
        if count > w.swarm.shape.window:
            yield f"{count} submits without a response, the window is {w.swarm.shape.window}"


def only_to_whom_we_may(w: "World") -> Faults:
    """No reply to a never-answer number or after an opt-out."""
    yield from w.noticed(6)
    for destination, _ in w.auditor.accepted:
        if destination not in ANSWERABLE:
            yield "a never-answer number was answered"


def durable_first(w: "World") -> Faults:
    """Nothing is sent before its row is durable: the wire checks the disk."""
    yield from w.noticed(7)


def everything_leaves(w: "World") -> Faults:
    """Faults off, all due replies leave in bounded time."""
    if not w.calm:
        return
    house = w.house
    if house is None:
        yield "the server does not run"
        return
    yield from _owed(w)
    for name, link in house.links.items():
        if link.state != "bound":
            yield f"link {name} is {link.state}"
    if not w.smsc.idle and not (blocked(w) and w.swarm.shape.max_waiting < 100):
        yield "the SMSC still has something to deliver"
    states = dict(w.stored("SELECT state, count(*) FROM reply GROUP BY state ORDER BY state"))
    if states.get(State.SUBMITTING):
        yield f"{states[State.SUBMITTING]} replies are in flight"
    if states.get(State.WAITING) and not blocked(w):
        yield f"{states[State.WAITING]} replies wait for no limit: {house.status()['parks']}"


def blocked(w: "World") -> str:
    """The name of a budget or cap that has no room for one more reply, or ""."""
    shape, books = w.swarm.shape, w.auditor.balances
    price = w.price
    for name, taken, size in BUDGETS:
        spent = taken(books) + (books.get("inbound", 0) if name == "funds" else 0)
        if spent + price > size(shape):
            return name
    for name, span_s, most in LIMITS[1:]:
        since = w.auditor.now_s - span_s * 62 / 60  # a slot more than the span is counted
        segments = sum(n for at, n in w.auditor.taken if at > since)
        if most(shape) and segments + shape.segments > most(shape):
            return name
    return ""


def nothing_kept(w: "World") -> Faults:
    """No text and no clear number in any row, log line or report."""
    yield from w.noticed(9)
    if w.ended:
        for name, octets in w.files():
            if any(needle in octets for needle in NEEDLES):
                yield f"{name} holds a number or a word in clear"


def no_timer_left(w: "World") -> Faults:
    """No timer and no connection is left after the stop."""
    yield from w.noticed(10)


PROPERTIES: tuple[Callable[["World"], Faults], ...] = (
    no_fault_of_ours,
    one_response,
    one_reply,
    every_cent,
    no_budget_below_zero,
    within_limits,
    only_to_whom_we_may,
    durable_first,
    everything_leaves,
    nothing_kept,
    no_timer_left,
)
ALWAYS = tuple(n for n in range(len(PROPERTIES)) if n != 8)  # 8 takes its time


def check(w: "World", numbers: tuple[int, ...] = ALWAYS) -> None:
    """Raises Violation for the first promise that is broken now."""
    for number in numbers:
        for seen in PROPERTIES[number](w):
            raise Violation(number, seen)
