"""Receipts and the replies they mean: by message id, before their response, or after it was lost.

A receipt that fits no reply waits for the response it may have overtaken. Only when that time is
over may it resolve a reply of unknown outcome, and only the one it can mean.
"""

from collections.abc import Mapping

from routing import fees
from routing.draft import Draft
from routing.records import Receipt, ReceiptKind, ReplyState
from routing.settle import FINAL_RECEIPT, apply, stored_as, use
from routing.standing import HeldReceipt, Stored

KEY_OCTETS = 16  # of one pseudonym


class _Settled:
    """What this turn's outcomes left, as receipts of the same batch must find it."""

    def __init__(self, draft: Draft) -> None:
        self.by_message: dict[tuple[str, str], Stored] = {}
        self.unknown: set[bytes] = set()
        self.flying = {flight.carrier for flight in draft.flights.values()}
        for reply_id, _, state, message_id, _ in draft.changes.finished:
            flight = draft.standing.flights.get(reply_id)
            stored = stored_as(flight, state) if flight else draft.known.stored.get(reply_id)
            if stored is None:
                continue
            if state is ReplyState.UNKNOWN:
                if _in_doubt(draft, stored):
                    self.unknown.add(stored.claim)
            elif message_id and draft.tariff(stored.carrier).receipts:
                self.by_message[stored.carrier, message_id] = stored


def note(draft: Draft, receipts: list[Receipt]) -> None:
    """Every receipt of the batch: find its reply, else hold it, since its response may follow."""
    settled: _Settled | None = None
    fees.receipts(draft, receipts)
    for receipt in receipts:
        draft.count("receipts")
        if receipt.kind is ReceiptKind.INTERMEDIATE:
            continue
        delivered = receipt.kind is ReceiptKind.DELIVERED
        stored = by_message(draft.known.by_message, receipt.carrier, receipt.candidates)
        if stored is None:
            settled = settled or _Settled(draft)
            stored = by_message(settled.by_message, receipt.carrier, receipt.candidates)
        if stored is not None:
            apply(draft, stored, FINAL_RECEIPT[delivered], reason="receipt")
        elif settled is not None and _may_mean(draft, settled, receipt):
            draft.changes.held_receipts += _held(draft, receipt, delivered)
        else:
            draft.count("unmatched receipts")


def by_message(
    known: Mapping[tuple[str, str], Stored], carrier: str, candidates: tuple[str, ...]
) -> Stored | None:
    """The reply with the id as it was written, else the only one with an id derived from it."""
    found = [known[carrier, name] for name in candidates if (carrier, name) in known]
    if not found or (carrier, candidates[0]) in known:
        return found[0] if found else None
    return found[0] if len({stored.reply_id for stored in found}) == 1 else None


def _may_mean(draft: Draft, settled: _Settled, receipt: Receipt) -> bool:
    """Whether a response may still name it, or a reply in doubt may be meant."""
    claims = receipt.keys.claims if receipt.keys else ()
    known = draft.known
    meant = [stored for key in claims for stored in known.unknown_of.get(key, ())]
    meant += known.unknown_by_reference.get((receipt.carrier, receipt.reference), ())
    if any(_in_doubt(draft, stored) for stored in meant):
        return True
    if any(key in settled.unknown for key in claims):
        return True
    return bool(receipt.candidates) and receipt.carrier in settled.flying


def _held(draft: Draft, receipt: Receipt, delivered: bool) -> list[HeldReceipt]:
    """The receipt under every id it may mean; one without an id under its person's pseudonym."""
    claims = b"".join(receipt.keys.claims) if receipt.keys else b""
    names = receipt.candidates or (f"?{receipt.reference}{claims.hex()[: 2 * KEY_OCTETS]}",)
    until_ns = draft.now.wall_ns + draft.rules.retention.receipt_hold_ns
    return [
        HeldReceipt(
            receipt.carrier,
            name,
            delivered,
            until_ns,
            names[0],
            draft.now.wall_ns,
            receipt.number,
            claims,
            receipt.reference,
        )
        for name in names
    ]


def take_overdue(draft: Draft) -> None:
    """Receipts no response named: each may resolve the one UNKNOWN it can mean."""
    used = set(draft.changes.receipts_used)
    for held, candidates in draft.known.overdue:
        if (held.carrier, held.lead) in used:
            continue  # a response of this very batch named it
        use(draft, held)
        event = FINAL_RECEIPT[held.delivered]
        stored = by_message(draft.known.by_message, held.carrier, candidates)
        if stored is not None:
            apply(draft, stored, event, reason="receipt")
            continue
        found = _meant(draft, held)
        if len(found) == 1:
            message_id = "" if held.lead.startswith("?") else held.lead
            apply(draft, found[0], event, message_id, "receipt")
        else:
            draft.count("unmatched receipts")


def _meant(draft: Draft, held: HeldReceipt) -> list[Stored]:
    """UNKNOWN replies the receipt may mean: by its reference first, then by whom it is about."""
    known = draft.known
    referred = known.unknown_by_reference.get((held.carrier, held.reference), ())
    found = [stored for stored in referred if _fits(draft, held, stored)]
    if len(found) == 1:
        return found
    claims = [held.claims[at : at + KEY_OCTETS] for at in range(0, len(held.claims), KEY_OCTETS)]
    if any(flight.reply.claim in claims for flight in draft.flights.values()):
        return []  # it may be that of a reply still on its way
    return [
        stored
        for pseudonym in claims
        for stored in known.unknown_of.get(pseudonym, ())
        if stored.number == held.number and _fits(draft, held, stored)
    ]


def _fits(draft: Draft, held: HeldReceipt, stored: Stored) -> bool:
    """Submitted before the receipt came, by its carrier, and still in doubt."""
    return (
        stored.carrier == held.carrier
        and stored.submitted_ns <= held.at_ns
        and _in_doubt(draft, stored)
    )


def _in_doubt(draft: Draft, stored: Stored) -> bool:
    """Is it UNKNOWN still, this turn's moves included?"""
    return draft.moved.get(stored.reply_id, stored.state) is ReplyState.UNKNOWN
