"""What a store promises: one turn is one durable transaction, and nothing leaves before it.

Two backends share this contract. A store is used by the turn's thread alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from routing.rate_rows import Row
from routing.records import Flight, Lane, Now
from routing.standing import Changes, Known

Unseal = Callable[[bytes, int], tuple[str, bytes]]  # (sealed, reply id) → (msisdn, opt-out key)
Seal = Callable[[str, int], bytes]  # (msisdn, reply id) → sealed


class StoreFailed(Exception):
    """The store could not do it (disk full, I/O error): nothing was sent, nothing may be.

    The message is ours: code and operation, never values.
    """


class StoreRefused(Exception):
    """An operator's matter: newer schema, held by another process, wrong keys. With its cure."""


class Keys(NamedTuple):
    """Everything a batch names, so that `begin` reads and locks it at once."""

    claims: Sequence[bytes] = ()
    optouts: Sequence[bytes] = ()
    stops: Sequence[bytes] = ()  # claim pseudonyms of those who send a stop word now
    outcomes: Sequence[int] = ()  # reply ids that are not in flight
    messages: Sequence[tuple[str, str]] = ()  # (carrier, message_id) a receipt may mean
    unknown: Sequence[bytes] = ()  # claim pseudonyms receipts name
    accepted: Sequence[tuple[str, str]] = ()  # (carrier, message_id) just learnt
    guards: Sequence[bytes] = ()  # pseudonyms of senders and ranges that guards count
    rhythm: bool = False  # is it asked when the replies of the claims left?
    references: Sequence[tuple[str, int]] = ()  # (carrier, user_message_reference) of receipts
    tick: bool = False
    cards: bool = False  # a rate card is on its way
    budgets: Sequence[str] = ()  # those of the configuration
    closing: int = 0  # the journal row a month is to be closed with
    persons: Sequence[bytes] = ()  # opt-out pseudonyms of whom an order concerns


class Loaded(NamedTuple):
    """What a start finds."""

    flights: Mapping[int, Flight]  # SUBMITTING rows; their numbers are gone
    alarms: frozenset[tuple[str, str]]
    epoch: int
    epoch_began_ns: int
    optout_fingerprint: str  # "" in a new database
    last_wall_ns: int


class StoredCard(NamedTuple):
    """A version of a carrier's prices, or a draft of one."""

    id: int
    carrier: str
    source: str  # "file" or "import"
    digest: str  # SHA-256 of the file it came from, in hex
    version: int
    currency: str
    rows: int
    imported_ns: int
    valid: int  # 0: a draft, 1: a card


class Ages(NamedTuple):
    """Spans in nanoseconds after which rows change or go."""

    reply_max_ns: int  # a WAITING reply is cancelled
    unknown_ns: int  # an UNKNOWN is assumed sent
    receipt_ns: int  # an ACCEPTED is closed
    reconcile_ns: int  # a finished reply is deleted
    claim_ns: int  # a claim whose period began before is deleted


class Store(Protocol):
    """One database. Every method but `read` belongs to the turn's thread."""

    def load(self) -> Loaded:
        """What was left by whoever ran before."""

    def begin(
        self, keys: Keys, quota: Mapping[Lane, int], now: Now, ages: Ages, unseal: Unseal
    ) -> Known:
        """Open the turn's transaction; read and lock all it needs. Raises StoreFailed."""

    def commit(self, changes: Changes, seal: Seal) -> None:
        """Write and make durable; durable when it returns. Raises StoreFailed."""

    def rollback(self) -> None:
        """Give the transaction up; also the way `explain` ends."""

    def last_wall_ns(self) -> int:
        """Trusted wall time of the last commit, 0 in a new database."""

    def note_keys(self, epoch: int, began_ns: int, optout_fingerprint: str) -> None:
        """Make a key epoch the current one, in a transaction of its own."""

    def forgettable_epochs(self, current: int) -> list[int]:
        """Epochs before `current` that no claim and no waiting reply stands under."""

    def tidy(self, now_ns: int, ages: Ages, limit: int) -> bool:
        """Delete at most `limit` rows whose time is over; True when there may be more."""

    def disagreement(self) -> str:
        """How balances differ from the last closing and the journal since; "" when they agree."""

    def cards(self) -> list[StoredCard]:
        """Every rate card there was, and drafts, oldest first."""

    def card_rows(self, card: StoredCard) -> tuple[Row, ...]:
        """The rows of one of them."""

    def put_card(self, card: StoredCard, rows: Sequence[Row]) -> None:
        """Keep a whole card, in a transaction of its own."""

    def wants_rest(self, monotonic_ns: int) -> bool:
        """Is a checkpoint due although turns are waiting?"""

    def rest(self, monotonic_ns: int, idle: bool = True) -> None:
        """Checkpoint. When idle, and else once a minute, what was deleted is gone from the disk."""

    def close(self) -> None:
        """Let go of the database."""
