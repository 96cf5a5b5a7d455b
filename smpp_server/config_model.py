"""The keys of server.toml and replies.toml: their types, bounds and defaults, as data."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from routing.money import NANOS, parse_nanos
from routing.rate_rows import day_ns


def _day(text: str) -> str:
    day_ns(text)
    return text


def _tps(value: Any) -> int | str:
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,6}/[1-9][0-9]{0,4}", value):
        return value
    raise ValueError('write segments a second, or a ratio in quotes: "1/2" is one in two seconds')


def _amount(value: Any) -> int:
    nanos = parse_nanos(value)
    if nanos < 0:
        raise ValueError("an amount cannot be below zero")
    return nanos


Nanos = Annotated[int, BeforeValidator(_amount)]
Count = Annotated[int, Field(ge=1)]
Limit = Annotated[int, Field(ge=0)]  # 0: no limit
Guarded = Annotated[int, Field(ge=0, le=1_000_000_000)]  # 0: no limit
GuardedOne = Annotated[int, Field(ge=0, le=1_000_000)]  # of a sender or a range
GuardedMoney = Annotated[Nanos, Field(le=400_000 * 10**9)]
Tps = Annotated[int | str, BeforeValidator(_tps)]  # "1/2": one in two seconds
Percent = Annotated[int, Field(ge=1, le=100)]
Days = Annotated[int, Field(ge=1, le=3650)]
TimerSeconds = Annotated[int, Field(ge=1, le=86_400)]
Octet = Annotated[int, Field(ge=0, le=255)]
Status = Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
Tag = Annotated[int, Field(ge=1, le=0xFFFF)]

PLAIN_TEXT_WORDS = "I accept that texts and passwords travel unencrypted"

# Names stand in logs, where seven digits in a row are refused as a possible phone number.
NAME = r"^(?!.*[0-9]{7})[A-Za-z][A-Za-z0-9_-]{0,31}\Z"
ASCII = r"^[\x20-\x7e]*\Z"
COUNTRY = r"^[A-Z]{2}\Z"
CURRENCY = r"^[A-Z]{3}\Z"
LANGUAGE = r"^[a-z]{2}\Z"
MSISDN = r"^[1-9][0-9]{2,14}\Z"
PREFIX = r"^[1-9][0-9]{0,8}\Z"
VALIDITY = r"^([0-9]{12}000R)?\Z"
TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z"
DAY = r"^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z"
NETWORK = r"^[2-7][0-9]{2}([0-9]{2,3})?\Z"
PATTERNS = {
    NAME: "a name starts with a letter and has at most 32 letters, digits, - or _, "
    "no seven digits in a row",
    ASCII: "only ASCII characters can be written here",
    COUNTRY: "a country is two capital letters (ISO 3166), as FR",
    CURRENCY: "a currency is three capital letters (ISO 4217), as EUR",
    LANGUAGE: "a language is two small letters (ISO 639), as fr",
    MSISDN: 'write 3 to 15 digits, international form without "+" or "00"',
    TIME: 'write a time of day in quotes, as in "22:00"',
    DAY: 'write a day in quotes, as in "2026-11-24"',
    NETWORK: 'write an MCC, or MCC and MNC, as in "208" or "20801" (ITU-T E.212)',
    PREFIX: 'write the first 1 to 9 digits of numbers, without "+" or "00"',
    VALIDITY: "write a relative time of SMPP 3.4 section 7.1.1, as 000002000000000R for two days",
}

Name = Annotated[str, Field(pattern=NAME)]
Country = Annotated[str, Field(pattern=COUNTRY)]
Column = Literal[
    "prefix", "direction", "price", "currency", "country", "mcc", "mnc", "mccmnc",
    "valid_from", "valid_to",
]  # fmt: skip
BillColumn = Literal[
    "message_id", "price", "rate", "segments", "currency", "direction", "status", "time",
    "source", "destination", "day", "country", "mccmnc", "messages", "amount",
]  # fmt: skip


class Table(BaseModel):
    """A table of the file; a key it does not know is a fault."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        regex_engine="python-re",
    )


class ServerTable(Table):
    """[server]"""

    state_dir: Annotated[str, Field(min_length=1)] = "state"
    replies: str = ""  # "": the texts that come with the program
    numbering: str = ""  # "": the tables that come with the program
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drain_s: TimerSeconds = 10
    max_waiting: Count = 100_000
    full_status: Literal["ESME_RX_T_APPN", "ESME_RMSGQFUL", "ESME_RTHROTTLED"] = "ESME_RX_T_APPN"
    stats_s: Limit = 60


class TimeTable(Table):
    """[time]"""

    zone: str = "UTC"
    clock_step_max_h: Count = 6
    downtime_max_days: Days = 30


class QuietTable(Table):
    """[quiet.COUNTRY]: no replies from a time of day to another; equal ones: no quiet hours."""

    begins: Annotated[str, Field(pattern=TIME, alias="from")] = "00:00"
    ends: Annotated[str, Field(pattern=TIME, alias="to")] = "00:00"
    zone: str = ""  # "": that of [time]


class ConversionTable(Table):
    """One rate of exchange: a unit of `currency` is numerator ÷ denominator units of the books'."""

    currency: Annotated[str, Field(pattern=CURRENCY)]
    begins: Annotated[str, Field(pattern=DAY, alias="from"), AfterValidator(_day)]
    numerator: Count
    denominator: Count


class BudgetTable(Table):
    """What may be spent; without a key there is no such limit."""

    budget_hour: Nanos | None = None
    budget_day: Nanos | None = None
    budget_month: Nanos | None = None
    budget_total: Nanos | None = None


class MoneyTable(BudgetTable):
    """[money]"""

    currency: Annotated[str, Field(pattern=CURRENCY)] = "EUR"
    budget_day: Nanos = 20_000_000_000
    last_days: Annotated[int, Field(ge=0, le=3650)] = 0
    inbound_reserve: Nanos = 0
    conversion: list[ConversionTable] = []


class PrivacyTable(Table):
    """[privacy]"""

    epoch_days: Days = 14
    unknown_days: Days = 7
    receipt_days: Days = 3
    receipt_hold_s: TimerSeconds = 300
    reconcile_days: Days = 100


class RetryTable(Table):
    """[retry]"""

    attempts: Count = 5
    first_min: Count = 1
    last_min: Count = 30
    unknown_max_hour: Count = 100


class CampaignTable(BudgetTable):
    """[campaign.NAME]"""

    delay_min: Limit | None = None  # 60 when neither unit is written
    delay_s: Limit | None = None
    spread_min: Limit | None = None  # a quarter of the delay when neither is written
    spread_s: Limit | None = None
    claim_days: Days = 7
    max_replies: Count = 1
    texts: list[str] = []  # []: the text N of each number's language
    after_last_text: Literal["silence", "repeat the last text"] = "silence"
    reply_max_age_h: Count = 24
    countries: list[Country] = ["FR"]
    confirm_stop: bool = False


class SourceTable(Table):
    """How one of our numbers is written as the source of a reply (SMPP 3.4 section 5.2.5)."""

    value: Annotated[str, Field(min_length=1, max_length=20, pattern=ASCII)]
    ton: Annotated[int, Field(ge=0, le=6)] = 1
    npi: Annotated[int, Field(ge=0, le=18)] = 1


class LimitTable(Table):
    """Segments that may pass; 0 sets no limit."""

    tps_segments: Tps = 0
    segments_per_hour: Limit = 0
    segments_per_day: Limit = 0
    segments_per_month: Limit = 0


class NumberTable(LimitTable, BudgetTable):
    """[number.NAME]"""

    msisdn: Annotated[str, Field(pattern=MSISDN)]
    campaign: str = "default"
    language: Annotated[str, Field(pattern=LANGUAGE)] = "fr"
    text: str = ""  # "": those of its campaign
    texts: list[str] = []
    links: Annotated[list[str], Field(min_length=1)]
    source: SourceTable | None = None


class CarrierTable(LimitTable):
    """[carrier.NAME]"""

    rate_card: Annotated[str, Field(min_length=1)]
    columns: dict[Column, Annotated[str, Field(min_length=1)]] = {}
    currency: Annotated[str, Field(pattern=CURRENCY)] | None = None  # None: that of the books
    surcharge: Nanos = 0
    network_surcharges: dict[Annotated[str, Field(pattern=NETWORK)], Nanos] = {}
    bill_refused: bool = False
    bill_undelivered: bool = True
    monthly_fee: Nanos = 0
    minimum_month: Nanos = 0
    receipt_fee: Nanos = 0
    vat_percent: Annotated[Nanos, Field(le=100 * NANOS)] = 0
    registered_delivery: Annotated[int, Field(ge=0, le=31)] = 1
    pause_statuses: list[Status] = []
    retry_statuses: list[Status] = []
    session_statuses: list[Status] = []
    account_statuses: list[Status] = []
    refused_statuses: list[Status] = []
    network_tags: Annotated[list[Tag], Field(max_length=2)] = [0x060D]
    id_match: Literal["exact", "case", "zeros", "radix"] = "radix"
    cdr_columns: dict[BillColumn, Annotated[str, Field(min_length=1)]] = {}
    rate_zone: str = ""


class LinkTable(LimitTable):
    """[link.NAME]"""

    carrier: str
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 2775
    bind: Literal["transceiver", "pair"] = "transceiver"
    system_id: Annotated[str, Field(max_length=15, pattern=ASCII)]
    password: Annotated[str, Field(pattern=ASCII)] | None = None
    public_password: Annotated[str, Field(pattern=ASCII)] | None = None
    password_file: str | None = None
    password_env: str | None = None
    password_credential: str | None = None
    system_type: Annotated[str, Field(max_length=12, pattern=ASCII)] = ""
    interface_version: Literal["3.3", "3.4", "5.0"] = "3.4"
    address_range: Annotated[str, Field(max_length=40, pattern=ASCII)] = ""
    addr_ton: Octet = 0
    addr_npi: Octet = 0
    window: Annotated[int, Field(ge=1, le=10_000)] = 10
    share_percent: Percent = 100
    error_percent: Percent = 50
    tls: bool = False
    ca_directory: str = ""
    certificate_name: str = ""
    client_certificate: str = ""
    private_key: str = ""
    plain_text_to_remote_hosts: str = ""
    bind_address: str = ""
    connect_timeout_s: TimerSeconds = 10
    bind_timeout_s: TimerSeconds = 10
    response_timeout_s: TimerSeconds = 30
    enquire_link_s: TimerSeconds = 30
    inactivity_s: Limit = 0
    unbind_timeout_s: TimerSeconds = 5
    bind_stable_s: TimerSeconds = 60
    mo_format: str = "international"
    default_alphabet: Literal["gsm", "latin-1"] = "gsm"
    long_text: Literal["refuse", "message_payload"] = "refuse"
    service_type: Annotated[str, Field(max_length=5, pattern=ASCII)] = ""
    priority_flag: Annotated[int, Field(ge=0, le=3)] = 0
    validity_period: Annotated[str, Field(pattern=VALIDITY)] = ""
    user_message_reference: bool = False


class LoopTable(Table):
    """[loop]"""

    within_s: Limit = 30
    most: Count = 3


class GuardTable(Table):
    """[guard.SCOPE]: what one of the scope may cause; 0 sets no limit."""

    contacts_per_hour: Guarded = 0
    contacts_per_day: Guarded = 0
    segments_per_hour: Guarded = 0
    segments_per_day: Guarded = 0


class SenderGuardTable(GuardTable):
    """[guard.sender]"""

    contacts_per_hour: GuardedOne = 0
    contacts_per_day: GuardedOne = 0
    segments_per_hour: GuardedOne = 10
    segments_per_day: GuardedOne = 20


class PrefixGuardTable(GuardTable):
    """[guard.prefix]"""

    contacts_per_hour: GuardedOne = 0
    contacts_per_day: GuardedOne = 0
    segments_per_hour: GuardedOne = 10
    segments_per_day: GuardedOne = 50


class CountryGuardTable(GuardTable):
    """[guard.country]"""

    segments_per_hour: Guarded = 50
    segments_per_day: Guarded = 200
    money_per_day: GuardedMoney = 20_000_000_000


class HomeGuardTable(GuardTable):
    """[guard.home]"""

    segments_per_hour: Guarded = 2000
    segments_per_day: Guarded = 20_000
    money_per_day: GuardedMoney = 0


class GuardTables(Table):
    """[guard.*]"""

    sender: SenderGuardTable = SenderGuardTable()
    prefix: PrefixGuardTable = PrefixGuardTable()
    country: CountryGuardTable = CountryGuardTable()
    home: HomeGuardTable = HomeGuardTable()
    number: GuardTable = GuardTable()


class BreakerTable(Table):
    """[breaker]"""

    on: bool = True
    least_contacts: Count = 50
    repeated_percent: Percent = 70
    range_percent: Percent = 30
    fresh_senders: Count = 300
    spend_percent: Percent = 25
    slower_min: Limit = 30


class AlarmTable(Table):
    """[alarm]"""

    alarm_command: list[str] = []


class ServerFile(Table):
    """server.toml"""

    server: ServerTable = ServerTable()
    time: TimeTable = TimeTable()
    money: MoneyTable = MoneyTable()
    privacy: PrivacyTable = PrivacyTable()
    retry: RetryTable = RetryTable()
    alarm: AlarmTable = AlarmTable()
    loop: LoopTable = LoopTable()
    guard: GuardTables = GuardTables()
    breaker: BreakerTable = BreakerTable()
    quiet: dict[Country, QuietTable] = {}
    campaign: Annotated[dict[Name, CampaignTable], Field(min_length=1)]
    number: Annotated[dict[Name, NumberTable], Field(min_length=1)]
    carrier: Annotated[dict[Name, CarrierTable], Field(min_length=1)]
    link: Annotated[dict[Name, LinkTable], Field(min_length=1)]


class TextTable(Table):
    """[text.LANGUAGE.VARIANT] of replies.toml"""

    words: Annotated[str, Field(min_length=1)]
    allow_ucs2: bool = False
    allow_segments: Annotated[int, Field(ge=1, le=10)] = 1


class RepliesFile(Table):
    """replies.toml"""

    stop_words: Annotated[list[str], Field(min_length=1)]
    robot_words: list[Annotated[str, Field(min_length=4)]] = []
    text: Annotated[dict[str, dict[str, TextTable]], Field(min_length=1)]
