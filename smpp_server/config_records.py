"""What the program reads from its configuration: frozen values, times in integer nanoseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple

from routing.rate_card import RateCard, Row
from routing.records import OutcomeKind, Rules
from smpp_server.config_lines import Fault

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS


class Secret:
    """A password that no log line, traceback or report can show by accident."""

    __slots__ = ("_words",)

    def __init__(self, words: str) -> None:
        self._words = words

    def reveal(self) -> str:
        """The password itself, for the bind only."""
        return self._words

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._words == other._words

    def __hash__(self) -> int:
        return hash(self._words)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not written anywhere")


class Source(NamedTuple):
    """How a carrier wants one of our numbers written (SMPP 3.4 sections 5.2.5, 5.2.6, 5.2.8)."""

    value: str
    ton: int
    npi: int


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """Everything the network side needs to know of one link."""

    name: str
    carrier: str
    host: str
    port: int
    bind: Literal["transceiver", "pair"]  # pair: a receiver and a transmitter
    system_id: str
    password: Secret
    system_type: str
    interface_version: int  # 0x34 for 3.4
    addr_ton: int
    addr_npi: int
    address_range: str
    window: int  # unanswered requests of ours on one bind
    tls: bool
    ca_directory: Path | None  # None: the system's certificate authorities
    certificate_name: str  # the name that must stand in the peer's certificate
    client_certificate: Path | None
    private_key: Path | None
    bind_address: str  # local address to connect from, "" for any
    connect_timeout_ns: int
    bind_timeout_ns: int
    response_timeout_ns: int
    enquire_link_ns: int  # silence after which we ask whether the peer lives
    inactivity_ns: int  # silence after which we hang up, 0 for never
    unbind_timeout_ns: int
    bind_stable_ns: int  # a bind that stayed up this long resets the back-off
    drain_ns: int  # how long a stop waits for outstanding responses
    default_alphabet: Literal["gsm", "latin-1"]  # what data_coding 0 means here
    long_text: Literal["refuse", "message_payload"]
    registered_delivery: int
    service_type: str
    priority_flag: int
    validity_period: str  # "" or a relative time of SMPP 3.4 section 7.1.1
    sources: Mapping[str, Source]  # name of our number → how it is written
    outcomes: Mapping[int, OutcomeKind]  # command_status → what it means, where not the usual
    network_tags: tuple[int, ...]  # TLVs that name the sender's network, MCC before MNC
    id_match: int = 3  # how freely receipts are matched: an `smpp.receipts.IdMatch`
    reference: bool = False  # user_message_reference is sent, and comes back in receipts


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Everything about the process itself."""

    state_dir: Path
    drain_s: int
    max_waiting: int
    full_status: int  # command_status for a text that would be one too many
    log_level: Literal["debug", "info", "warning", "error"]
    stats_s: int  # seconds between two lines of figures in the log, 0 for none
    alarm_command: tuple[str, ...]  # program and arguments, () for none
    zone: str  # of days and hours, a name of the IANA time zone database
    currency: str


class QuietHours(NamedTuple):
    """A span of every day in which a country gets no replies; equal times: none."""

    begins_min: int  # after midnight
    ends_min: int  # after midnight, of the next day when it is not later
    zone: str


class CardFile(NamedTuple):
    """A rate card as a file gave it."""

    digest: str  # SHA-256 of the file, in hex
    version: int  # names its content: another price list has another version
    currency: str
    rows: tuple[Row, ...]
    columns: Mapping[str, str]  # the names it has for our columns; empty where they are ours
    surcharges: Mapping[str, int]  # as RateCard.build takes them: the configuration's, not its own


class Billing(NamedTuple):
    """How one carrier bills: what is needed to read its CDRs and invoices."""

    currency: str
    zone: str  # of its days, a name of the IANA time zone database
    columns: Mapping[str, str]  # the names its files have for our columns, where others
    id_match: int  # as in LinkConfig


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration without a fault."""

    rules: Rules
    links: Mapping[str, LinkConfig]
    server: ServerConfig
    rates: Mapping[str, RateCard]  # carrier → the prices of its file
    cards: Mapping[str, CardFile]  # carrier → that file
    warnings: tuple[Fault, ...]
    quiet: Mapping[str, QuietHours] = field(default_factory=dict)  # by country
    billing: Mapping[str, Billing] = field(default_factory=dict)  # carrier → how it bills
