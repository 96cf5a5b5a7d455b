"""Builds with a fault put in on purpose, each of which the simulation must find."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from _pytest.monkeypatch import MonkeyPatch

from routing import settle
from routing.budget import Purse
from routing.draft import Draft
from smpp_server import esme_bind
from smpp_server.house import House
from smpp_server.smpp import happenings as hp
from smpp_server.smpp.window import Window
from smpp_server.vault import Vault

Fault = Callable[[MonkeyPatch], None]


def ack_before_commit(patch: MonkeyPatch) -> None:
    """deliver_sm is acknowledged as it is read."""
    heard = esme_bind.Bind._happened

    def happened(self: Any, events: Any, octets: int) -> None:
        for event in events:
            if type(event) is hp.Received:
                self.session.answer([(event.pdu.command_id, event.pdu.sequence_number)])
        self.flush()
        heard(self, events, octets)

    patch.setattr(esme_bind.Bind, "_happened", happened)
    patch.setattr(House, "_answer", lambda self, binds, out: None)


def reserve_skipped(patch: MonkeyPatch) -> None:
    """A submit leaves and no money is set aside for it."""
    posted_to = Draft.posted_to

    def skipping(self: Any, terms: Any) -> list[int]:
        kind, nanos, *rest = terms
        return posted_to(self, (kind, 0 if kind == "reserve" else nanos, *rest))

    patch.setattr(Draft, "posted_to", skipping)
    patch.setattr(Purse, "reserve", lambda self, nanos, debit: None)


def window_off_by_one(patch: MonkeyPatch) -> None:
    """One submit more than the link's window."""
    patch.setattr(Window, "free", property(lambda self: self.size + 1 - len(self._open)))


def unknown_sent_again(patch: MonkeyPatch) -> None:
    """No response in time: the reply goes back to the queue."""
    lost = settle._ACTIONS
    again = {kind: settle._not_sent for kind, act in lost.items() if act is settle._lost}
    patch.setattr(settle, "_ACTIONS", {**lost, **again})


def number_left_unsealed(patch: MonkeyPatch) -> None:
    """A waiting number is stored as it is."""
    patch.setattr(Vault, "seal", lambda self, msisdn, reply_id: msisdn.encode("ascii"))
    patch.setattr(Vault, "unseal", lambda self, sealed, reply_id: bytes(sealed).decode("ascii"))


FAULTS: dict[str, tuple[Fault, tuple[int, ...]]] = {
    "ack before commit": (ack_before_commit, (7,)),
    "reserve skipped": (reserve_skipped, (3,)),
    "window off by one": (window_off_by_one, (5,)),
    "resend of UNKNOWN": (unknown_sent_again, (2, 3)),
    "number left unsealed": (number_left_unsealed, (9,)),
}
"""What is broken → (how, the properties that may tell first)."""


@contextmanager
def build(fault: Fault) -> Iterator[None]:
    """The product with this fault, for as long as it lasts."""
    with MonkeyPatch.context() as patch:
        fault(patch)
        yield
