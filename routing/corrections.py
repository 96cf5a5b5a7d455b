"""What a carrier's CDR says of replies: doubts that end, and money that comes back."""

from collections.abc import Callable, Mapping

from routing.draft import Draft
from routing.records import ReplyState
from routing.reply import ReplyEvent
from routing.settle import apply
from routing.standing import CdrRow, CdrStep, Corrected, Stored
from routing.throttle import HOUR_NS, SECOND_NS

CLOCKS_NS = 900 * SECOND_NS  # by which the carrier's clock may be behind ours
BILLED_WITHIN_NS = 72 * HOUR_NS  # a line that is later than this after a submit is another's
BILLED_STATES = frozenset(
    {ReplyState.ACCEPTED, ReplyState.DELIVERED, ReplyState.FAILED, ReplyState.CLOSED}
)
DOUBTFUL = frozenset({ReplyState.UNKNOWN, ReplyState.ASSUMED_SENT})


def take_step(draft: Draft, step: CdrStep) -> dict[str, object]:
    """Carry out one chunk; what it came to, for whom sent it. Each chunk is whole in its turn."""
    changed = _STEPS[step.what](draft, step)
    if changed:
        draft.count(f"CDR: {step.what}", changed)
        draft.changes.audit.append(("reconcile", f"{step.carrier}: {changed} {step.what}"))
    return {"done": changed}


def _billed(draft: Draft, step: CdrStep) -> int:
    """Lines whose ids fit no known reply: each may resolve the one UNKNOWN it can mean."""
    resolved = 0
    for row in step.rows:
        if (step.carrier, row.message_id) in draft.known.by_message:
            continue  # a receipt was quicker
        found = _meant(draft, step.carrier, row)
        if len(found) == 1:
            apply(draft, found[0], ReplyEvent.BILLED, row.message_id, "CDR")
            resolved += 1
    return resolved


def _meant(draft: Draft, carrier: str, row: CdrRow) -> list[Stored]:
    """UNKNOWN replies of the carrier to the same person from the same number, in fitting time."""
    if row.keys is None:
        return []
    return [
        stored
        for pseudonym in row.keys.claims
        for stored in draft.known.unknown_of.get(pseudonym, ())
        if stored.carrier == carrier
        and stored.number == row.number
        and -CLOCKS_NS <= row.at_ns - stored.submitted_ns <= BILLED_WITHIN_NS
        and draft.moved.get(stored.reply_id, stored.state) is ReplyState.UNKNOWN
    ]


def _not_billed(draft: Draft, step: CdrStep) -> int:
    """Replies in doubt that a whole CDR does not hold: they were never taken."""
    resolved = 0
    for row in step.rows:
        stored = _stored(draft, step, row)
        if stored is not None and draft.moved.get(row.reply_id, stored.state) in DOUBTFUL:
            apply(draft, stored, ReplyEvent.NOT_BILLED, "", "CDR")
            resolved += 1
    return resolved


def _correct(draft: Draft, step: CdrStep) -> int:
    """Upper bounds come down to what was billed, and the difference comes back."""
    corrected: dict[int, Corrected] = {}
    for row in step.rows:
        stored = _stored(draft, step, row)
        if stored is None or row.reply_id in corrected or stored.exact:
            continue
        ours = stored.billed_nanos if stored.currency else stored.price_nanos
        if stored.state not in BILLED_STATES or not 0 <= row.nanos < ours:
            continue
        change = _lower(stored, row.nanos)
        draft.post(
            row.reply_id,
            "correction",
            stored.price_nanos - change.price_nanos,
            stored.rate_version,
            stored.billed_nanos - change.billed_nanos,
            stored.currency,
        )
        draft.give_back(stored.price_nanos - change.price_nanos, stored.accounts)
        corrected[row.reply_id] = change
    draft.changes.corrected += corrected.values()
    return len(corrected)


def _lower(stored: Stored, nanos: int) -> Corrected:
    """The reply at the price that was billed; its own two amounts tell how it was converted, with
    its VAT, when it was submitted."""
    if not stored.currency:
        return Corrected(stored.reply_id, nanos, 0)
    price = -(-stored.price_nanos * nanos // stored.billed_nanos)
    return Corrected(stored.reply_id, price, nanos)


def _stored(draft: Draft, step: CdrStep, row: CdrRow) -> Stored | None:
    stored = draft.known.stored.get(row.reply_id)
    return stored if stored is not None and stored.carrier == step.carrier else None


_STEPS: Mapping[str, Callable[[Draft, CdrStep], int]] = {
    "billed": _billed,
    "not billed": _not_billed,
    "corrected": _correct,
}
CDR_STEPS = frozenset(_STEPS)
