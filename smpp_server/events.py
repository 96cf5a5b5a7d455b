"""What can happen: frozen events go into a turn, frozen effects come out. No Twisted, no clock."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from routing.standing import AlarmChange, Command
from smpp_server.smpp import happenings


class Heard(NamedTuple):
    """Everything one read of one bind came to."""

    bind_id: int
    link: str
    events: Sequence[happenings.Event]


class LinkDown(NamedTuple):
    """A bind ended; `unanswered` are the reply ids it owed a response for."""

    bind_id: int
    link: str
    unanswered: Sequence[int]


class NotSent(NamedTuple):
    """Submits that certainly left not one octet, by reply id."""

    reply_ids: Sequence[int]


class Noticed(NamedTuple):
    """The shell saw an alarm begin or end."""

    code: str
    subject: str
    begins: bool
    figures: str


class Asked(NamedTuple):
    """An operator asks; the answer leaves after the commit."""

    command: Command

    @property
    def ticket(self) -> int:
        """Finds the one who waits for the answer."""
        return self.command.ticket


class Explained(NamedTuple):
    """What would happen to a text from `address` to one of our numbers? Answered, never kept."""

    ticket: int
    address: str
    number: str  # name of our number, "" for the first


class LinkChanged(NamedTuple):
    """A link came up or can send again: lanes without a link are worth another look."""

    link: str


class Tick(NamedTuple):
    """Housekeeping is due."""


Event = Heard | LinkDown | NotSent | Noticed | Asked | Explained | LinkChanged | Tick


class Encodable(Protocol):
    """A submit_sm that only lacks its sequence number."""

    @property
    def command_id(self) -> int:
        """Its command_id."""

    def encode(self, sequence_number: int) -> bytes:
        """The whole PDU."""


class Out(NamedTuple):
    """What leaves after the commit, per bind."""

    acks: dict[int, list[tuple[int, int]]]  # bind → (command_id, sequence_number), ESME_ROK
    refusals: dict[int, list[tuple[int, int]]]  # the same, with the status for a full list
    submits: dict[int, list[tuple[int, Encodable]]]  # bind → (reply id, PDU)
    rebind: list[str]
    answers: dict[int, object]
    alarms: list[AlarmChange]
    wake_in_ns: int
