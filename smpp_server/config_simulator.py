"""Reads simulator.toml, the plan of a simulated SMSC: its keys, and all faults at once."""

import zoneinfo
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from smpp_server.config_checks import is_this_machine
from smpp_server.config_faults import check, without
from smpp_server.config_lines import ConfigError, Document, Fault, did_you_mean, read_document
from smpp_server.config_model import (
    ASCII,
    CURRENCY,
    MSISDN,
    PREFIX,
    Count,
    Limit,
    Name,
    Status,
    Table,
)
from smpp_server.smsc_invoice import PriceFault, Prices
from smpp_server.smsc_noise import NOISE
from smpp_server.smsc_receipts import DIALECTS, STATE_WORDS

OPEN_WORDS = "I accept that anybody who reaches this port may bind"
EVERY = "every"  # of a list: all there are
PLAIN = "plain"  # Appendix B with the TLVs beside it, as most SMSCs write a receipt

_IN_EVERY_ALPHABET = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 !\"#%&'()*+,-./:;<=>?"
)
STATE_NUMBERS = {word: state for state, word in STATE_WORDS.items()}

Percent = Annotated[int, Field(ge=0, le=100)]
Milliseconds = Annotated[int, Field(ge=0, le=86_400_000)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Words = Annotated[str, Field(max_length=1500)]
Short = Annotated[str, Field(max_length=15, pattern=ASCII)]
Msisdn = Annotated[str, Field(pattern=MSISDN)]
StateWord = Literal["DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD"]


class SmscTable(Table):
    """[smsc]"""

    seed: Annotated[int, Field(ge=0, le=2**63)] = 1
    port: Port = 2775
    interface: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    open_to_network: str = ""
    certificate: str = ""
    private_key: str = ""
    system_id: Short = "SMSC"
    window: Annotated[int, Field(ge=1, le=10_000)] = 10
    enquire_link_s: Limit = 30
    response_timeout_s: Count = 30
    retry_s: Count = 5
    hex_ids: bool = False
    max_messages: Limit = 0
    max_seconds: Limit = 0


class AccountTable(Table):
    """[account.NAME]"""

    system_id: Annotated[str, Field(min_length=1, max_length=15, pattern=ASCII)]
    password: Annotated[str, Field(pattern=ASCII)]
    max_binds: Count = 10
    numbers: list[Msisdn] = Field(default=[])


class InvoiceTable(Table):
    """[invoice]"""

    prices: str = ""
    currency: Annotated[str, Field(pattern=CURRENCY)] = "EUR"
    zone: str = "UTC"
    bill_on: Literal["submit", "delivery"] = "submit"
    bill_refused: bool = False
    opt_out_clause: Annotated[str, Field(max_length=60)] = ""
    cdr: str = ""
    summary: str = ""


class ResponsesTable(Table):
    """[responses]"""

    latency: Literal["fixed", "uniform", "exponential"] = "fixed"
    latency_ms: Milliseconds = 0
    latency_max_ms: Milliseconds = 0
    tps: Limit = 0
    tps_status: Literal["ESME_RTHROTTLED", "ESME_RMSGQFUL"] = "ESME_RTHROTTLED"
    refused_percent: Percent = 0
    refused_status: Status = 0x45
    late_percent: Percent = 0
    late_ms: Milliseconds = 40_000
    reordered_percent: Percent = 0
    reordered_ms: Milliseconds = 500
    lost_percent: Percent = 0
    swallowed_percent: Percent = 0
    doubled_percent: Percent = 0
    empty_percent: Percent = 0


class BindsTable(Table):
    """[binds]"""

    refuse_first: Limit = 0
    refused_percent: Percent = 0
    refused_status: Status = 0x0D


class ConnectionTable(Table):
    """[connection]"""

    cut_every_s: Limit = 0
    cut_after_deliveries: Limit = 0
    cut_after_octets: Limit = 0
    cuts: Limit = 1
    unbind_every_s: Limit = 0
    silent_after_s: Limit = 0
    silent_for_s: Count = 120
    deliver_again: Limit = 0


class ReceiptsTable(Table):
    """[receipts]"""

    dialects: list[str] = Field(default=[PLAIN])
    delay: Literal["fixed", "uniform", "exponential"] = "fixed"
    delay_ms: Milliseconds = 0
    delay_max_ms: Milliseconds = 0
    before_percent: Percent = 0
    never_percent: Percent = 0
    doubled_percent: Percent = 0
    failed_percent: Percent = 0
    failed_state: StateWord = "UNDELIV"
    other_ids_percent: Percent = 0


class NoiseTable(Table):
    """[noise]"""

    every_ms: Milliseconds = 0
    kinds: list[str] = Field(default=[EVERY])


class CrowdTable(Table):
    """[crowd.NAME]"""

    shape: Literal["steady", "wave", "flood", "raid", "strangers", "robots", "long", "stop"]
    to: Msisdn
    texts: Count = 100
    start_ms: Milliseconds = 0
    last_ms: Milliseconds = 60_000
    prefix: Annotated[str, Field(pattern=PREFIX)] = "336"
    words: Words = "Salut, tu te souviens de moi ?"
    answers: Limit = 3
    answer_ms: Milliseconds = 1000


class SimulatorFile(Table):
    """The whole file."""

    smsc: SmscTable = SmscTable()
    account: Annotated[dict[Name, AccountTable], Field(min_length=1)]
    invoice: InvoiceTable = InvoiceTable()
    responses: ResponsesTable = ResponsesTable()
    binds: BindsTable = BindsTable()
    connection: ConnectionTable = ConnectionTable()
    receipts: ReceiptsTable = ReceiptsTable()
    noise: NoiseTable = NoiseTable()
    crowd: dict[Name, CrowdTable] = Field(default={})


def is_open(table: SmscTable) -> bool:
    """Whether other machines could bind, and nobody has said in words that they may."""
    return not is_this_machine(table.interface) and table.open_to_network != OPEN_WORDS


class SimulatorPlan(NamedTuple):
    """A file that holds together, with what it names."""

    file: SimulatorFile
    prices: Prices
    zone: zoneinfo.ZoneInfo
    base: Path  # paths in the file are relative to it


def load_simulator(path: Path) -> SimulatorPlan:
    """Read a plan and the price file it names.

    Raises:
        ConfigError: something must be changed first; it tells everything at once.
    """
    faults: list[Fault] = []
    document = read_document(path, str(path))
    file = check(SimulatorFile, document, faults)
    judged = file or _rest(document, faults)
    if judged is None:
        raise ConfigError(faults)
    base = path.absolute().parent
    wrong = {fault.key for fault in faults}
    if any(key.startswith("account.") for key in wrong):  # then nobody knows whose a number is
        wrong |= {f"crowd.{name}.to" for name in judged.crowd}
    faults += [fault for fault in _checks(judged, document, base) if fault.key not in wrong]
    prices = _prices(judged.invoice, document, base, faults)
    if file is None or prices is None or faults:
        raise ConfigError(faults)
    return SimulatorPlan(file, prices, zoneinfo.ZoneInfo(file.invoice.zone), base)


def _rest(document: Document, faults: Iterable[Fault]) -> SimulatorFile | None:
    """What of the file can be judged: without accounts and crowds that lack a needed key."""
    lame = [fault for fault in faults if fault.key.startswith(("account.", "crowd."))]
    tables = {".".join(fault.key.split(".")[:2]) for fault in lame}
    rest = without(SimulatorFile, document, list(faults))
    if rest is not None:
        return rest
    dropped = [Fault(document.name, 0, key, "") for key in tables]
    return without(SimulatorFile, document, [*faults, *dropped])


def _prices(
    table: InvoiceTable, document: Document, base: Path, faults: list[Fault]
) -> Prices | None:
    if not table.prices:
        return Prices.flat("0.0495", currency=table.currency)
    path, where = base / table.prices, ("invoice", "prices")
    try:
        return Prices.read(path.read_text("utf-8").splitlines(), table.currency)
    except OSError as error:
        faults.append(document.fault(where, f"{path} cannot be read: {error.strerror}"))
    except UnicodeDecodeError:
        faults.append(document.fault(where, f"{path} is not UTF-8 text"))
    except PriceFault as fault:
        faults.append(document.fault(where, f"{path}, {fault}"))
    return None


def _checks(file: SimulatorFile, document: Document, base: Path) -> Iterator[Fault]:
    """What one key says about another."""
    yield from _network(file.smsc, document, base)
    yield from _accounts(file, document)
    yield from _invoice(file.invoice, document)
    spans = {"responses": ("latency", file.responses), "receipts": ("delay", file.receipts)}
    for table, (key, values) in spans.items():
        if getattr(values, key) != "fixed" and (
            getattr(values, f"{key}_max_ms") < getattr(values, f"{key}_ms")
        ):
            says = f"must not be below {key}_ms, where {key} is not fixed"
            yield document.fault((table, f"{key}_max_ms"), says)
    yield from _named(
        document, ("receipts", "dialects"), file.receipts.dialects, [PLAIN, *DIALECTS]
    )
    yield from _named(document, ("noise", "kinds"), file.noise.kinds, NOISE)
    known = {number for account in file.account.values() for number in account.numbers}
    anywhere = any(not account.numbers for account in file.account.values())
    for name, crowd in file.crowd.items():
        if not anywhere and crowd.to not in known:
            says = f"no account has the number {crowd.to}{did_you_mean(crowd.to, known)}"
            yield document.fault(("crowd", name, "to"), says)


def _named(
    document: Document, where: tuple[str, ...], names: list[str], known: Iterable[str]
) -> Iterator[Fault]:
    if not names:
        yield document.fault(where, "must not be empty")
    for place, name in enumerate(names):
        if name != EVERY and name not in known:
            says = f'there is no "{name}"{did_you_mean(name, [*known, EVERY])}'
            yield document.fault((*where, place), says)


def _network(table: SmscTable, document: Document, base: Path) -> Iterator[Fault]:
    if table.open_to_network not in ("", OPEN_WORDS):
        yield document.fault(("smsc", "open_to_network"), f'the words are "{OPEN_WORDS}"')
    elif is_open(table):
        says = f'other machines could bind: say open_to_network = "{OPEN_WORDS}"'
        yield document.fault(("smsc", "interface"), says)
    pair = {"certificate": table.certificate, "private_key": table.private_key}
    for (key, value), other in zip(pair.items(), reversed(pair), strict=True):
        if value and not pair[other]:
            yield document.fault(("smsc", key), f"needs {other}")
        if value and not (base / value).is_file():
            yield document.fault(("smsc", key), f"{base / value} is not a file")


def _accounts(file: SimulatorFile, document: Document) -> Iterator[Fault]:
    ids: dict[str, str] = {}
    numbers: dict[str, str] = {}
    for name, account in file.account.items():
        first = ids.setdefault(account.system_id, name)
        if first != name:
            says = f'is that of account "{first}" too'
            yield document.fault(("account", name, "system_id"), says)
        for place, number in enumerate(account.numbers):
            if numbers.setdefault(number, name) != name:
                says = f'{number} belongs to account "{numbers[number]}" already'
                yield document.fault(("account", name, "numbers", place), says)


def _invoice(table: InvoiceTable, document: Document) -> Iterator[Fault]:
    try:
        zoneinfo.ZoneInfo(table.zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        close = did_you_mean(table.zone, zoneinfo.available_timezones())
        yield document.fault(("invoice", "zone"), f'there is no time zone "{table.zone}"{close}')
    odd = set(table.opt_out_clause) - set(_IN_EVERY_ALPHABET)
    if odd:
        says = f"{min(odd)!r} cannot be appended in every alphabet: letters, digits and plain signs"
        yield document.fault(("invoice", "opt_out_clause"), says)
