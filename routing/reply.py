"""The life of a reply: one table, (state, event) → (next state, what happens to its money).

Whatever changes a reply's state or its money is written here. A pair that is absent is an error
of ours and raises; every event a peer can cause is named in every state, so that no habit of a
peer can stop the server.
"""

from enum import StrEnum
from typing import NamedTuple

from routing.records import ReplyState


class ReplyEvent(StrEnum):
    """What can happen to a reply. The first group is ours, the second a peer can cause."""

    RELEASED = "due, and budget, throttle and route allow"
    PARKED = "due, but no budget, cap, hours or link"
    CANCELLED = "opt-out, operator, too old, restored, seal unreadable"
    TOLD_TO_STOP = "opt-out, hold or cancel after it left"
    NOT_SENT = "certainly not one octet left"
    UNKNOWN_OVER = "unknown_days are over"
    RECEIPT_OVER = "no receipt asked, or receipt_days are over"
    RESENT = "the operator orders a new reply"
    NOT_BILLED = "the CDR does not bill it"
    BILLED = "the CDR bills it"

    ACCEPTED = "ESME_ROK"
    RETURNED = "pause, retry, session or account"
    EXHAUSTED = "retry, attempts used up"
    REFUSED = "refused"
    LOST = "no response in time, link lost or restart"
    DELIVERED = "final receipt: delivered"
    FAILED = "final receipt: not delivered"
    INTERMEDIATE = "intermediate or repeated receipt"


OURS = frozenset(list(ReplyEvent)[:10])
PEERS = frozenset(list(ReplyEvent)[10:])


class Posting(StrEnum):
    """What a move does with the reply's money."""

    NONE = "–"
    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"
    BY_TARIFF_REFUSED = "settle if the tariff bills refusals, else release"
    BY_TARIFF_FAILED = "settle if the tariff bills what it could not deliver, else release"
    CORRECT_FAILED = "correction if the tariff does not bill what it could not deliver"
    CORRECT = "correction: give the settled price back"
    POST_AGAIN = "reserve and settle what was released"


class Move(NamedTuple):
    """Where a reply goes and what its money does; `counted` names what is ignored but counted."""

    next: ReplyState
    posting: Posting = Posting.NONE
    counted: str = ""
    alarm: bool = False


class ReplyError(Exception):
    """We asked for a move the table forbids: a bug, loud."""


_S = ReplyState
_E = ReplyEvent


def _stay(state: ReplyState, counted: str = "ignored") -> Move:
    return Move(state, Posting.NONE, counted)


TABLE: dict[tuple[ReplyState, ReplyEvent], Move] = {
    # WAITING
    (_S.WAITING, _E.RELEASED): Move(_S.SUBMITTING, Posting.RESERVE),
    (_S.WAITING, _E.PARKED): Move(_S.WAITING),
    (_S.WAITING, _E.CANCELLED): Move(_S.CANCELLED),
    # SUBMITTING
    (_S.SUBMITTING, _E.ACCEPTED): Move(_S.ACCEPTED, Posting.SETTLE),
    (_S.SUBMITTING, _E.RETURNED): Move(_S.WAITING, Posting.BY_TARIFF_REFUSED),
    (_S.SUBMITTING, _E.EXHAUSTED): Move(_S.REFUSED, Posting.BY_TARIFF_REFUSED),
    (_S.SUBMITTING, _E.REFUSED): Move(_S.REFUSED, Posting.BY_TARIFF_REFUSED),
    (_S.SUBMITTING, _E.NOT_SENT): Move(_S.WAITING, Posting.RELEASE),
    (_S.SUBMITTING, _E.LOST): Move(_S.UNKNOWN),
    (_S.SUBMITTING, _E.TOLD_TO_STOP): Move(_S.SUBMITTING),
    (_S.SUBMITTING, _E.DELIVERED): _stay(_S.SUBMITTING, "receipt held"),
    (_S.SUBMITTING, _E.FAILED): _stay(_S.SUBMITTING, "receipt held"),
    # UNKNOWN: never sent again by itself
    (_S.UNKNOWN, _E.ACCEPTED): Move(_S.ACCEPTED, Posting.SETTLE),
    (_S.UNKNOWN, _E.REFUSED): Move(_S.REFUSED, Posting.BY_TARIFF_REFUSED),
    (_S.UNKNOWN, _E.RETURNED): Move(_S.REFUSED, Posting.BY_TARIFF_REFUSED),
    (_S.UNKNOWN, _E.EXHAUSTED): Move(_S.REFUSED, Posting.BY_TARIFF_REFUSED),
    (_S.UNKNOWN, _E.DELIVERED): Move(_S.DELIVERED, Posting.SETTLE),
    (_S.UNKNOWN, _E.FAILED): Move(_S.FAILED, Posting.BY_TARIFF_FAILED),
    (_S.UNKNOWN, _E.BILLED): Move(_S.ACCEPTED, Posting.SETTLE),
    (_S.UNKNOWN, _E.NOT_BILLED): Move(_S.REFUSED, Posting.RELEASE),
    (_S.UNKNOWN, _E.UNKNOWN_OVER): Move(_S.ASSUMED_SENT, Posting.SETTLE),
    (_S.UNKNOWN, _E.RESENT): Move(_S.UNKNOWN),
    (_S.UNKNOWN, _E.TOLD_TO_STOP): Move(_S.UNKNOWN),
    # ACCEPTED
    (_S.ACCEPTED, _E.DELIVERED): Move(_S.DELIVERED),
    (_S.ACCEPTED, _E.FAILED): Move(_S.FAILED, Posting.CORRECT_FAILED),
    (_S.ACCEPTED, _E.RECEIPT_OVER): Move(_S.CLOSED),
    (_S.ACCEPTED, _E.TOLD_TO_STOP): Move(_S.ACCEPTED),
    # after the end
    (_S.CLOSED, _E.DELIVERED): Move(_S.DELIVERED),
    (_S.CLOSED, _E.FAILED): Move(_S.FAILED, Posting.CORRECT_FAILED),
    (_S.DELIVERED, _E.DELIVERED): _stay(_S.DELIVERED, "repeated receipt"),
    (_S.DELIVERED, _E.FAILED): _stay(_S.DELIVERED, "receipt conflict"),
    (_S.FAILED, _E.DELIVERED): _stay(_S.FAILED, "receipt conflict"),
    (_S.FAILED, _E.FAILED): _stay(_S.FAILED, "repeated receipt"),
    (_S.REFUSED, _E.DELIVERED): Move(_S.DELIVERED, Posting.POST_AGAIN, "", alarm=True),
    (_S.ASSUMED_SENT, _E.DELIVERED): Move(_S.DELIVERED, Posting.NONE, "", alarm=True),
    (_S.ASSUMED_SENT, _E.NOT_BILLED): Move(_S.REFUSED, Posting.CORRECT),
}
for _state in ReplyState:
    for _event in ReplyEvent:
        if _event in PEERS:
            TABLE.setdefault((_state, _event), _stay(_state))


def move(state: ReplyState, event: ReplyEvent) -> Move:
    """What `event` does to a reply in `state`. Raises ReplyError for a pair we may not cause."""
    found = TABLE.get((state, event))
    if found is None:
        raise ReplyError(f"a reply in {state.name} cannot take {event.name}")
    return found


FINAL = frozenset({_S.REFUSED, _S.CANCELLED, _S.DELIVERED, _S.FAILED, _S.CLOSED, _S.ASSUMED_SENT})
"""States in which the reply waits for nothing: its pseudonym is nulled."""

FREES_CLAIM = frozenset({"too old", "breaker", "operator", "restored", "seal unreadable"})
"""Reasons of CANCELLED that give the sender's claim back."""


def diagram() -> str:
    """The table as a Graphviz digraph, one edge a pair that changes something."""
    edges = [
        f'  {state.name} -> {found.next.name} [label="{event.name}"];'
        for (state, event), found in TABLE.items()
        if found.next is not state
    ]
    return "digraph reply {\n" + "\n".join(edges) + "\n}\n"
