"""What is known: `Standing` stays in memory, `Known` is read and locked for one turn, `Changes`
is what the turn writes, `Effects` what leaves after the commit.

`Standing` holds only what the configuration bounds. Balances, caps, holds and the last wall time
are always in `Known`: they are locked rows, never memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from routing.breaker import Attack, Figures, Kept
from routing.budget import Override
from routing.fates import Fates
from routing.guards import GuardRow
from routing.jobs import Job
from routing.ledger import JournalRow
from routing.rate_rows import Row
from routing.records import (
    AckRef,
    Contact,
    Flight,
    Lane,
    Outcome,
    Receipt,
    Reply,
    ReplyKind,
    ReplyState,
    SenderKeys,
    Submit,
)
from routing.route import Track
from routing.throttle import SECOND_NS, Bucket, Counter, CounterKey, Scope

ClaimKey = tuple[bytes, str]  # (pseudonym, campaign)
SWEPT_MOST = 1000  # waiting replies that one turn looks through
NO_FIGURES, NOT_KEPT = Figures(), Kept()
FULL = 1000  # permille of a configured TPS
ALL = "*"  # the scope of a hold that stops every release


class Claim(NamedTuple):
    """What a sender has had in one period of one campaign."""

    epoch: int
    contacts: int
    period_start_ns: int
    replies: int
    reply_id: int
    loops: int = 0  # replies of ours that were answered within seconds ...
    looped: int = 0  # ... the last of them


def claim_scope(campaign: str, kind: ReplyKind) -> str:
    """The campaign of a claim row: each kind of reply is claimed by itself."""
    return campaign if kind is ReplyKind.REPLY else f"{campaign}/{kind.value}"


class Hold(NamedTuple):
    """Releases stopped, by an operator or by a rule. `until_ns` 0: until somebody releases it."""

    reason: str
    until_ns: int

    def lasts(self, wall_ns: int) -> bool:
        """Does it still stop anything?"""
        return not self.until_ns or self.until_ns > wall_ns


class Health(NamedTuple):
    """How a link has answered lately."""

    unanswered: int = 0  # submits in a row without a response
    probing: bool = False  # one submit in flight at most, until one is accepted
    account: bool = False  # probing because the account refuses, not because it is silent
    label: str = ""  # the last refusal ...
    same: int = 0  # ... how often in a row ...
    last_claim: bytes = b""  # ... and to whom, so that one bad number is not five


class Pause(NamedTuple):
    """A throttled carrier: nothing leaves until `until_ns` (monotonic); `step` grows and decays."""

    until_ns: int
    step: int


class Pace(NamedTuple):
    """A carrier that had too much: it gets `permille` of its TPS, and a tenth more each second
    that passes after `since_ns` (monotonic)."""

    permille: int
    since_ns: int

    def permille_at(self, monotonic_ns: int) -> int:
        """What it gets at a later instant."""
        calm_s = max(0, monotonic_ns - self.since_ns) // SECOND_NS
        return min(FULL, self.permille + FULL // 10 * calm_s)


class Park(NamedTuple):
    """A lane that could not move: read again at `until_ns` (wall; 0: only an event wakes it)."""

    reason: str
    until_ns: int
    money: bool = False  # a budget stands in the way: money that comes back wakes it


class Sweep(NamedTuple):
    """Waiting replies to be looked through, in the order they were made: of these ranges, or of
    any country but `home` ("": of every country), they are cancelled."""

    prefixes: tuple[bytes, ...]
    home: str
    until_id: int  # later replies are not looked at
    at_ns: int  # the last one looked at was made then ...
    after_id: int  # ... and is this


class Stored(NamedTuple):
    """A reply that is not in flight, as an outcome or a receipt finds it."""

    reply_id: int
    state: ReplyState
    carrier: str
    link: str
    number: str
    price_nanos: int
    rate_version: int
    accounts: str
    claim: bytes
    billed_nanos: int = 0
    currency: str = ""
    submitted_ns: int = 0
    exact: bool = True  # False: the price is an upper bound


class HeldReceipt(NamedTuple):
    """A receipt that came before the response with its message_id, under one id it may mean."""

    carrier: str
    message_id: str
    delivered: bool
    until_ns: int
    lead: str = ""  # the id as it was written, which all ids of the receipt share
    at_ns: int = 0  # when it came
    number: str = ""  # our number it names
    claims: bytes = b""  # pseudonyms of the handset's number, 16 octets each
    reference: int = -1  # user_message_reference, -1: none


@dataclass(frozen=True, slots=True)
class Standing:
    """What one host remembers between turns; adopted only after the commit."""

    flights: Mapping[int, Flight] = field(default_factory=dict)
    buckets: Mapping[Scope, Bucket] = field(default_factory=dict)
    health: Mapping[str, Health] = field(default_factory=dict)
    tracks: Mapping[str, Track] = field(default_factory=dict)  # of links that had failures
    pauses: Mapping[str, Pause] = field(default_factory=dict)
    paces: Mapping[str, Pace] = field(default_factory=dict)  # of carriers that are slowed
    parks: Mapping[Lane, Park] = field(default_factory=dict)
    alarms: frozenset[tuple[str, str]] = frozenset()  # (code, subject) of those that last
    unknown_hour: Counter | None = None
    figures: Figures = NO_FIGURES  # what the breaker judged last
    fates: Fates = field(default_factory=dict)  # what receipts told of each link
    last_lane: Lane = ("", "")  # the next round of releases begins after it
    wall_ns: int = 0  # trusted wall time of the last turn ...
    monotonic_ns: int = 0  # ... and the monotonic instant it belongs to; 0 before the first

    def with_(self, **changes: object) -> "Standing":
        """A copy in which `changes` hold."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Seen:
    """One batch, recognised: everything a turn decides about."""

    contacts: list[Contact] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    commands: list["Command"] = field(default_factory=list)
    tick: bool = False  # housekeeping is due
    loads: dict[str, int] = field(default_factory=dict)  # carrier → congestion_state it told


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


@dataclass(slots=True)
class Known:
    """What `begin` read and locked. Decisions do not change it."""

    claims: dict[ClaimKey, Claim] = field(default_factory=dict)
    optouts: set[bytes] = field(default_factory=set)
    by_hand: set[bytes] = field(default_factory=set)  # those of them an operator entered
    balances: dict[str, int] = field(default_factory=dict)
    counters: dict[CounterKey, Counter] = field(default_factory=dict)
    guards: dict[bytes, GuardRow] = field(default_factory=dict)  # of senders and ranges
    left_ns: dict[int, int] = field(default_factory=dict)  # reply of a claim → when it left
    breaker: Kept = NOT_KEPT
    sweep: Sweep | None = None
    swept: list[Reply] = field(default_factory=list)  # its next replies
    jobs: list[Job] = field(default_factory=list)  # oldest first, some that ended too
    job_persons: set[bytes] = field(default_factory=set)  # whom the running one forgets
    job_waiting: list[Reply] = field(default_factory=list)  # its next replies that wait ...
    job_left: list[tuple[int, int, bytes]] = field(default_factory=list)  # or left: at, id, claim
    due: dict[Lane, list[Reply]] = field(default_factory=dict)  # in order; the last may be later
    too_old: list[Reply] = field(default_factory=list)
    stopped: dict[int, Reply] = field(default_factory=dict)  # waiting replies of who sends STOP
    stored: dict[int, Stored] = field(default_factory=dict)
    by_message: dict[tuple[str, str], Stored] = field(default_factory=dict)
    unknown_of: dict[bytes, list[Stored]] = field(default_factory=dict)  # by claim pseudonym
    unknown_by_reference: dict[tuple[str, int], list[Stored]] = field(default_factory=dict)
    held_receipts: dict[tuple[str, str], HeldReceipt] = field(default_factory=dict)
    overdue: list[tuple[HeldReceipt, tuple[str, ...]]] = field(default_factory=list)  # + its ids
    aged: list[Stored] = field(default_factory=list)  # UNKNOWN or ACCEPTED for too long
    holds: dict[str, Hold] = field(default_factory=dict)
    budgets: dict[str, Override] = field(default_factory=dict)  # set in the running server
    fees: dict[str, str] = field(default_factory=dict)  # carrier → last month its fee was posted
    edge: Edge | None = None  # for a command that closes a month
    drafts: dict[str, tuple[str, int]] = field(default_factory=dict)  # carrier → digest, rows
    waiting: int = 0
    next_id: int = 1
    journal_seq: int = 0
    journal_digest: bytes = bytes(32)
    last_wall_ns: int = 0
    epoch: int = 1

    def running(self) -> Job | None:
        """The job that is worked now."""
        return next((job for job in self.jobs if not job.ended_ns), None)


class Returned(NamedTuple):
    """SUBMITTING → WAITING."""

    reply: Reply  # with its new due time and attempts


class Finished(NamedTuple):
    """A reply that leaves SUBMITTING, UNKNOWN, ACCEPTED or an end state for `state`."""

    reply_id: int
    was: ReplyState
    state: ReplyState
    message_id: str
    reason: str


class Corrected(NamedTuple):
    """A reply whose upper bound came down to what was billed: exact from now on."""

    reply_id: int
    price_nanos: int
    billed_nanos: int  # of the carrier's currency, 0 where that is the books'


class AlarmChange(NamedTuple):
    """An alarm begins or ends."""

    code: str
    subject: str
    begins: bool
    figures: str  # a sentence of figures, no numbers of persons


@dataclass(slots=True)
class Effects:
    """What leaves after the commit, and only then."""

    full: list[AckRef] = field(default_factory=list)  # contacts answered with a temporary error
    submits: list[Submit] = field(default_factory=list)
    rebind: list[str] = field(default_factory=list)  # links whose binds are to be dropped
    answers: dict[int, object] = field(default_factory=dict)  # ticket → result or sentence
    alarms: list[AlarmChange] = field(default_factory=list)
    wake_in_ns: int = -1  # monotonic; -1: nothing waits


@dataclass(slots=True)
class Changes:
    """What one turn writes, in one transaction."""

    standing: Standing
    effects: Effects = field(default_factory=Effects)
    waiting_new: list[Reply] = field(default_factory=list)
    flights_new: list[Flight] = field(default_factory=list)  # born SUBMITTING in this turn
    released: list[Flight] = field(default_factory=list)  # WAITING rows that left
    returned: list[Returned] = field(default_factory=list)
    postponed: list[Reply] = field(default_factory=list)  # WAITING rows with a new due time
    finished: list[Finished] = field(default_factory=list)
    cancelled: list[tuple[int, str]] = field(default_factory=list)  # (reply id, reason)
    claims: dict[ClaimKey, Claim] = field(default_factory=dict)
    claims_dropped: list[ClaimKey] = field(default_factory=list)
    claims_moved: list[tuple[bytes, int]] = field(default_factory=list)  # new pseudonym, reply
    claims_freed: list[tuple[bytes, str, int]] = field(default_factory=list)  # + reply id
    optouts: list[bytes] = field(default_factory=list)  # by their own word
    by_hand: dict[bytes, bool] = field(default_factory=dict)  # opt-outs entered, or taken back
    tracked: frozenset[str] = frozenset()  # carriers whose receipts are asked for
    counters: dict[CounterKey, Counter] = field(default_factory=dict)
    guards: list[GuardRow] = field(default_factory=list)
    breaker: Kept = NOT_KEPT
    sweep: Sweep | None = None  # None: as it was
    sweep_over: bool = False
    guards_dropped: list[int] = field(default_factory=list)  # keys of rows
    jobs: list[Job] = field(default_factory=list)  # begun or worked
    job_persons: list[tuple[int, bytes]] = field(default_factory=list)  # job id, pseudonym
    cleared: list[int] = field(default_factory=list)  # replies whose pseudonyms go
    attack: Attack | None = None  # None: there is no breaker
    balances: dict[str, int] = field(default_factory=dict)  # account → change in nano-units
    journal: JournalRow | None = None
    holds: dict[str, Hold] | None = None  # None: unchanged
    budgets: dict[str, Override | None] = field(default_factory=dict)  # None: no longer set
    fees: dict[str, str] = field(default_factory=dict)  # carrier → month; "": no longer charged
    closings: list[Closing] = field(default_factory=list)
    held_receipts: list[HeldReceipt] = field(default_factory=list)
    receipts_used: list[tuple[str, str]] = field(default_factory=list)  # carrier, lead
    cards: list[CardStep] = field(default_factory=list)
    corrected: list[Corrected] = field(default_factory=list)
    audit: list[tuple[str, str]] = field(default_factory=list)  # (what, figures)
    tallies: dict[str, int] = field(default_factory=dict)
    monthly_nanos: int = 0  # what the carriers bill in every month, whatever is sent
    waiting: int = 0
    next_id: int = 1
    wall_ns: int = 0
    tidy_before_ns: int = 0  # retention may delete what ended before; 0: not now
