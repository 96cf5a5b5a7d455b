"""The values that cross borders. None of them has a field for the words of a message.

Amounts are integers in nano-units (1e-9) of the accounting currency and end in `_nanos`; times are
integers in nanoseconds and end in `_ns`; wall times count from the Unix epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import NamedTuple

from routing.abuse import BreakerRules, GuardRules
from routing.conversion import Conversion
from routing.numbering import MoForm, Plan

NOBODY: Mapping[str, int] = MappingProxyType({})
Lane = tuple[str, str]  # (name of our number, campaign): what throttling must not let block another
made = tuple.__new__
"""`made(Submit, (1, "main", ...))` is `Submit(1, "main", ...)`, every field given, without the
Python code of a NamedTuple's constructor: for values that are made for each reply."""

AckRef = tuple[int, int, int]  # (bind_id, command_id, sequence_number): opaque here


class Silence(StrEnum):
    """Why a contact gets no reply: a decision, never an error."""

    ALPHANUMERIC = "alphanumeric sender"
    SHORT = "short code"
    NO_SENDER = "no sender"
    NETWORK_NUMBER = "network-specific sender"
    UNREADABLE_NUMBER = "number form not certain"
    NEVER_ANSWER = "never-answer range"
    OWN_NUMBER = "our own number"
    NOT_OURS = "called number is not ours"
    COUNTRY_CLOSED = "country not opened"
    NO_RATE = "no price for this destination"
    BINARY = "binary or port-addressed message"
    RECEIPT = "delivery receipt"
    ECHO = "our own text came back"
    OPTED_OUT = "opted out"
    CLAIMED = "replied already"
    STOP = "opted out now"
    SENDER_LIMIT = "limit of the sender"
    RANGE_LIMIT = "limit of the number range"
    COUNTRY_LIMIT = "limit of the country"
    NUMBER_LIMIT = "limit of our number"
    LOOP = "answers our replies at once"
    ROBOT = "words of a machine"
    ATTACK = "attack"
    FULL = "too many wait"
    MALFORMED = "message could not be read"


class ReplyState(IntEnum):
    """States of one reply; the table of moves is `routing.reply`."""

    WAITING = 0
    SUBMITTING = 1
    ACCEPTED = 2
    REFUSED = 3
    UNKNOWN = 4
    CANCELLED = 5
    DELIVERED = 6
    FAILED = 7
    CLOSED = 8
    ASSUMED_SENT = 9


class OutcomeKind(StrEnum):
    """What a submit came to, told without SMPP numbers (`recognise` translates them)."""

    ACCEPTED = "accepted"
    PAUSE = "pause"  # the whole carrier slows and recovers
    RETRY = "retry"  # this reply, later, a limited number of times
    SESSION = "session"  # the bind is not what we think: rebind
    ACCOUNT = "account"  # credit or set-up: hold the link, alarm, burn nothing
    REFUSED = "refused"  # this reply is refused for good
    NOT_SENT = "not sent"  # certainly no octet left us
    NO_ANSWER = "no answer"  # the response did not come in time, the link lives
    LINK_LOST = "link lost"  # the link went with the submit outstanding
    RESTART = "restart"  # the server stopped with the submit outstanding


class ReceiptKind(StrEnum):
    """What a delivery receipt says, reduced to what changes a reply."""

    DELIVERED = "delivered"
    FAILED = "failed"
    INTERMEDIATE = "intermediate"


class ReplyKind(StrEnum):
    """Why a reply is sent."""

    REPLY = "reply"
    STOP_CONFIRMATION = "stop"


class SenderKeys(NamedTuple):
    """Pseudonyms of one sender: 16 octets each, none reversible without its key."""

    optout: bytes  # under the permanent opt-out key
    claims: tuple[bytes, ...]  # under each live epoch key, current epoch first
    prefix: bytes  # of the number without its last four digits, current epoch


class Contact(NamedTuple):
    """One text (or call) that reached us, its words already dropped."""

    ack: AckRef
    number: str  # name of our number; "" when the called number is not ours
    sender: str  # E.164 digits without "+"; in memory only; "" when there is none to answer
    country: str  # ISO 3166 alpha-2, "" when unknown
    keys: SenderKeys | None  # None when `silence` already forbids an answer
    silence: Silence | None  # a reason found in the message itself
    stop: bool  # the whole text was a stop word
    part: int = 1  # part number of a long text; guards look at part 1 only
    mccmnc: str = ""  # the sender's network now, as in "20801" (ITU-T E.212); "" when not told


class Outcome(NamedTuple):
    """The end, or the pause, of one submit."""

    reply_id: int
    kind: OutcomeKind
    message_id: str = ""  # "" when the response had none: untracked
    label: str = ""  # the status by name, for alarms and logs


class Receipt(NamedTuple):
    """A delivery receipt; it is acknowledged, never answered."""

    ack: AckRef
    carrier: str
    candidates: tuple[str, ...]  # message ids it may mean, best first
    kind: ReceiptKind
    number: str  # our number it names, "" when none
    keys: SenderKeys | None  # of the handset's number, for matching an UNKNOWN
    reference: int = -1  # user_message_reference as it came back, -1: none


class LinkFact(NamedTuple):
    """What the shell knows of one link at the start of a turn."""

    link: str
    carrier: str
    bind_id: int  # the bind that takes submits; 0 when there is none
    free: int  # window slots left; 0 when paused, half or draining


class Now(NamedTuple):
    """One reading of the clocks for a whole turn."""

    wall_ns: int
    monotonic_ns: int
    day: str  # "2026-11-24" in the configured zone
    next_day_ns: int  # wall time at which `day` ends
    clock_fault: str = ""  # why wall time is not believed; then `wall_ns` is our own reckoning
    hour: str = ""  # "2026-11-24T10"; "2026-10-25T02B" when the clocks went back over it
    next_hour_ns: int = 0
    month: str = ""  # "2026-11"
    next_month_ns: int = 0
    quiet: Mapping[str, int] = NOBODY  # country → wall time at which its quiet hours end


class Periods(NamedTuple):
    """The local day, hour and month of an instant, and the wall times at which they end."""

    day: str
    next_day_ns: int
    hour: str
    next_hour_ns: int
    month: str
    next_month_ns: int


class Reply(NamedTuple):
    """One reply row, as far as decisions need it; `msisdn` is clear in memory, sealed at rest."""

    id: int
    campaign: str
    number: str
    kind: ReplyKind
    text_id: str
    segments: int
    country: str
    claim: bytes  # the pseudonym the claim row stands under
    epoch: int
    prefix: bytes
    created_ns: int
    due_ns: int
    attempts: int
    msisdn: str  # "" when the seal could not be opened
    optout: bytes = b""  # opt-out pseudonym, known once the number was read back
    mccmnc: str = ""  # the network its text came from, "" when not told


class Flight(NamedTuple):
    """A reply in SUBMITTING: its row and what was reserved for it."""

    reply: Reply
    link: str
    carrier: str
    price_nanos: int  # for all its segments
    rate_version: int
    exact: bool  # False: the price is an upper bound
    accounts: str  # those of the budgets that its reservation was taken from, joined by spaces
    submitted_ns: int
    billed_nanos: int = 0  # the price in the carrier's currency, where that is another one ...
    currency: str = ""  # ... and which; "" for that of the books


class Submit(NamedTuple):
    """One reply that leaves after the commit."""

    reply_id: int
    link: str
    number: str
    msisdn: str
    text_id: str


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A checked text: what it costs is known before anything is sent."""

    text_id: str
    language: str
    words: str
    data_coding: int  # as `smpp.text` counted it: 0 GSM 03.38, 8 UCS-2
    segments: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """One policy of answering."""

    name: str
    delay_ns: int
    spread_ns: int  # the delay is delay ± spread, by the sender's pseudonym
    claim_ns: int  # one claim period
    max_replies: int  # per claim period
    reply_max_age_ns: int  # an older WAITING reply is cancelled
    countries: frozenset[str]  # opened countries, ISO 3166 alpha-2
    confirm_stop: bool  # answer a stop word once with the STOP text


@dataclass(frozen=True, slots=True)
class Limits:
    """Segments a scope may carry; 0 means no limit."""

    tps_segments: int = 0
    segments_per_hour: int = 0
    segments_per_day: int = 0
    segments_per_month: int = 0  # 30 days
    tps_seconds: int = 1  # `tps_segments` may pass in every so many seconds


@dataclass(frozen=True, slots=True)
class OurNumber:
    """A number people may text."""

    name: str
    msisdn: str  # E.164 digits without "+", or a short code
    campaign: str
    text_ids: tuple[str, ...]  # of the first reply to a sender, the second ...; the last repeats
    stop_text_id: str  # "" when no confirmation is configured
    links: tuple[str, ...]  # links that may send from it, in order of preference
    limits: Limits
    inbound_nanos: int  # price of one inbound text where no rate card tells one

    def text_id(self, replies: int) -> str:
        """The text for a sender who has had `replies` replies in the period of their claim."""
        return self.text_ids[min(replies, len(self.text_ids) - 1)]


@dataclass(frozen=True, slots=True)
class Carrier:
    """A contract with an aggregator."""

    name: str
    limits: Limits
    bill_refused: bool  # the tariff bills refused submits
    receipts: bool  # receipts are asked for
    bill_undelivered: bool = True  # the tariff bills what it accepted but could not deliver
    monthly_fee_nanos: int = 0  # these in nano-units of the carrier's currency, without VAT
    minimum_month_nanos: int = 0  # less traffic than this in a month is billed as if it were this
    receipt_fee_nanos: int = 0
    vat_nanos: int = 0  # of a percent, on all it bills


BILLS_ALL = Carrier("", Limits(), True, True)
"""The tariff of a carrier that is no longer configured: nothing is taken to be given back."""


@dataclass(frozen=True, slots=True)
class LinkRule:
    """What routing must know of a link."""

    name: str
    carrier: str
    limits: Limits
    share_percent: int = 100  # of a day's segments of all links, at most
    error_percent: int = 50  # of its last submits may fail before healthy links go first


@dataclass(frozen=True, slots=True)
class MoneyRules:
    """The books' currency, and budgets in nano-units of it."""

    currency: str
    budgets: Mapping[str, int]  # as `routing.budget` names them → limit
    inbound_reserve_nanos: int
    conversions: Mapping[str, tuple[Conversion, ...]] = field(default_factory=dict)  # by date
    last_days: int = 0  # spend so that the money lasts this long; 0: no such rule


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept, in nanoseconds."""

    unknown_ns: int
    receipt_ns: int
    reconcile_ns: int
    epoch_ns: int
    optout_scope: str = "server"
    receipt_hold_ns: int = 300_000_000_000  # an unmatched receipt waits for its response


@dataclass(frozen=True, slots=True)
class ClockRules:
    """How far wall time may jump before releases are held."""

    step_max_ns: int
    downtime_max_ns: int


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything decisions depend on that an operator wrote down."""

    campaigns: Mapping[str, Campaign]
    numbers: Mapping[str, OurNumber]
    carriers: Mapping[str, Carrier]
    links: Mapping[str, LinkRule]
    texts: Mapping[str, ReplyText]
    plan: Plan
    money: MoneyRules
    retention: Retention
    clock: ClockRules
    stop_words: frozenset[str]  # normalised: upper case, single spaces, no trailing punctuation
    max_waiting: int  # replies that may wait
    robot_words: tuple[str, ...] = ()  # what only machines write, anywhere in a text
    retry_attempts: int = 5
    retry_first_ns: int = 60_000_000_000
    retry_last_ns: int = 1_800_000_000_000
    unknown_max_hour: int = 1000
    breaker: BreakerRules | None = None
    guards: GuardRules = field(default_factory=GuardRules)
    mo_forms: Mapping[str, MoForm] = field(default_factory=dict)  # link → how it writes senders
