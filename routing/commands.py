"""What an operator asks for: commands, and the chunks in which files reach a running server."""

from typing import NamedTuple

from routing.rate_rows import Row
from routing.records import Contact, SenderKeys

ABOUT_A_PERSON = frozenset(("optout", "optout-undo", "forget"))  # commands that name a number


class CardStep(NamedTuple):
    """One step of taking over a rate card: "begin", then "rows" as often as needed, then "valid".

    Until its last step is stored a card is a draft that no price comes from.
    """

    what: str
    carrier: str
    digest: str  # SHA-256 of the file, in hex
    version: int = 0
    currency: str = ""
    place: int = 0  # how many rows came before; with "valid", how many there must be
    rows: tuple[Row, ...] = ()
    fault: str = ""  # why it cannot become valid, found before the decision


class Closing(NamedTuple):
    """The end of a month's books, and where the chain of the journal goes on."""

    month: str
    seq: int  # the month's last journal row ...
    digest: bytes  # ... and its digest
    rows: int  # since the closing before
    sums: str  # "account nanos" joined by ";"
    reserved: str  # "reply id nanos" of what was in flight, joined by ";"
    at_ns: int = 0
    dropped: bool = False  # its rows were exported and may be deleted
    until_ns: int = 0  # wall time at which the month ended; only while it is being closed


class Edge(NamedTuple):
    """The journal around the row that is to be a month's last one."""

    digest: bytes
    at_ns: int
    next_at_ns: int  # 0 when it is the last of all
    closed: Closing | None  # the last month that was closed


class CdrRow(NamedTuple):
    """One line of a carrier's CDR, or one reply it is about."""

    message_id: str = ""
    at_ns: int = 0
    source: str = ""  # as the carrier writes our number; in memory only, as all of this
    destination: str = ""
    number: str = ""  # name of our number
    keys: SenderKeys | None = None  # of the destination
    reply_id: int = 0
    nanos: int = 0  # what was billed, of the carrier's currency


class CdrStep(NamedTuple):
    """One chunk of a reconciliation: "billed", "not billed" or "corrected"."""

    what: str
    carrier: str
    rows: tuple[CdrRow, ...]


class Command(NamedTuple):
    """What an operator asked for; `ticket` finds the one who waits for the answer."""

    ticket: int
    name: str  # fund, fee, budget, close, hold, release, cancel, accept-clock, ABOUT_A_PERSON ...
    text: str = ""  # scope of a hold; carrier of a fee; name of a budget; for cancel our number
    nanos: int = 0
    contact: Contact | None = None  # for explain
    card: CardStep | None = None  # for card
    note: str = ""  # what the books remember of a donation or a fee
    closing: Closing | None = None  # for close
    cdr: CdrStep | None = None  # for cdr
    campaign: str = ""  # for cancel, "": of all
    keys: SenderKeys | None = None  # of the person; None: the number was none
