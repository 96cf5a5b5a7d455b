"""Checked tables → the frozen values the program runs on."""

from pathlib import Path

from routing.abuse import BreakerRules, Caps, GuardRules
from routing.budget import PERIODS
from routing.conversion import Conversion
from routing.numbering import MoForm, Plan
from routing.rate_rows import day_ns
from routing.records import (
    Campaign,
    Carrier,
    ClockRules,
    Limits,
    LinkRule,
    MoneyRules,
    OurNumber,
    OutcomeKind,
    Retention,
    Rules,
)
from smpp_server.config_checks import (
    STATUS_CLASSES,
    delay_s,
    spread_s,
    stop_text_of,
    texts_of,
)
from smpp_server.config_model import (
    BudgetTable,
    CarrierTable,
    CountryGuardTable,
    GuardTable,
    HomeGuardTable,
    LimitTable,
    MoneyTable,
    NumberTable,
    ServerFile,
)
from smpp_server.config_records import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    Billing,
    LinkConfig,
    QuietHours,
    Secret,
    ServerConfig,
    Source,
)
from smpp_server.config_texts import Replies

ID_MATCHES = {"exact": 0, "case": 1, "zeros": 2, "radix": 3}  # as smpp.receipts.IdMatch counts
_INTERFACE_VERSIONS = {"3.3": 0x33, "3.4": 0x34, "5.0": 0x50}
_FULL_STATUSES = {"ESME_RX_T_APPN": 0x64, "ESME_RMSGQFUL": 0x14, "ESME_RTHROTTLED": 0x58}


def rules(file: ServerFile, plan: Plan, replies: Replies) -> Rules:
    """What decisions depend on."""
    keep, money, retry = file.privacy, file.money, file.retry
    return Rules(
        campaigns={name: _campaign(file, name) for name in file.campaign},
        numbers={name: _number(file, name) for name in file.number},
        carriers={
            name: Carrier(
                name,
                _limits(table),
                table.bill_refused,
                bool(table.registered_delivery & 3),
                table.bill_undelivered,
                table.monthly_fee,
                table.minimum_month,
                table.receipt_fee,
                table.vat_percent,
            )
            for name, table in file.carrier.items()
        },
        links={
            name: LinkRule(
                name, table.carrier, _limits(table), table.share_percent, table.error_percent
            )
            for name, table in file.link.items()
        },
        texts=replies.texts,
        plan=plan,
        money=MoneyRules(
            money.currency,
            _budgets(file),
            money.inbound_reserve,
            _conversions(money),
            money.last_days,
        ),
        retention=Retention(
            unknown_ns=keep.unknown_days * DAY_NS,
            receipt_ns=keep.receipt_days * DAY_NS,
            reconcile_ns=keep.reconcile_days * DAY_NS,
            epoch_ns=keep.epoch_days * DAY_NS,
            receipt_hold_ns=keep.receipt_hold_s * SECOND_NS,
        ),
        clock=ClockRules(
            file.time.clock_step_max_h * HOUR_NS, file.time.downtime_max_days * DAY_NS
        ),
        stop_words=replies.stop_words,
        robot_words=replies.robot_words,
        max_waiting=file.server.max_waiting,
        retry_attempts=retry.attempts,
        retry_first_ns=retry.first_min * MINUTE_NS,
        retry_last_ns=retry.last_min * MINUTE_NS,
        unknown_max_hour=retry.unknown_max_hour,
        guards=_guards(file),
        breaker=_breaker(file),
        mo_forms={name: MoForm.parse(table.mo_format) for name, table in file.link.items()},
    )


def quiet(file: ServerFile) -> dict[str, QuietHours]:
    """Country → the hours in which it gets no replies."""

    def minutes(time: str) -> int:
        return int(time[:2]) * 60 + int(time[3:])

    return {
        country: QuietHours(
            minutes(table.begins), minutes(table.ends), table.zone or file.time.zone
        )
        for country, table in file.quiet.items()
    }


def server(file: ServerFile, state_dir: Path) -> ServerConfig:
    """What the process depends on."""
    return ServerConfig(
        state_dir=state_dir,
        drain_s=file.server.drain_s,
        max_waiting=file.server.max_waiting,
        full_status=_FULL_STATUSES[file.server.full_status],
        log_level=file.server.log_level,
        stats_s=file.server.stats_s,
        alarm_command=tuple(file.alarm.alarm_command),
        zone=file.time.zone,
        currency=file.money.currency,
    )


def link(file: ServerFile, name: str, password: Secret, base: Path) -> LinkConfig:
    """What one link depends on."""
    table = file.link[name]
    carrier = file.carrier[table.carrier]

    def path(value: str) -> Path | None:
        return base / value if value else None

    return LinkConfig(
        name=name,
        carrier=table.carrier,
        host=table.host,
        port=table.port,
        bind=table.bind,
        system_id=table.system_id,
        password=password,
        system_type=table.system_type,
        interface_version=_INTERFACE_VERSIONS[table.interface_version],
        addr_ton=table.addr_ton,
        addr_npi=table.addr_npi,
        address_range=table.address_range,
        window=table.window,
        tls=table.tls,
        ca_directory=path(table.ca_directory),
        certificate_name=table.certificate_name or table.host,
        client_certificate=path(table.client_certificate),
        private_key=path(table.private_key),
        bind_address=table.bind_address,
        connect_timeout_ns=table.connect_timeout_s * SECOND_NS,
        bind_timeout_ns=table.bind_timeout_s * SECOND_NS,
        response_timeout_ns=table.response_timeout_s * SECOND_NS,
        enquire_link_ns=table.enquire_link_s * SECOND_NS,
        inactivity_ns=table.inactivity_s * SECOND_NS,
        unbind_timeout_ns=table.unbind_timeout_s * SECOND_NS,
        bind_stable_ns=table.bind_stable_s * SECOND_NS,
        drain_ns=file.server.drain_s * SECOND_NS,
        default_alphabet=table.default_alphabet,
        long_text=table.long_text,
        registered_delivery=carrier.registered_delivery,
        service_type=table.service_type,
        priority_flag=table.priority_flag,
        validity_period=table.validity_period,
        sources={
            number: _source(written)
            for number, written in file.number.items()
            if name in written.links
        },
        outcomes=_outcomes(carrier),
        network_tags=tuple(carrier.network_tags),
        id_match=ID_MATCHES[carrier.id_match],
        reference=table.user_message_reference,
    )


def billing(file: ServerFile, carrier: str) -> Billing:
    """How one carrier bills."""
    table = file.carrier[carrier]
    return Billing(
        table.currency or file.money.currency,
        table.rate_zone or file.time.zone,
        {str(ours): theirs for ours, theirs in table.cdr_columns.items()},
        ID_MATCHES[table.id_match],
    )


def _campaign(file: ServerFile, name: str) -> Campaign:
    table = file.campaign[name]
    return Campaign(
        name=name,
        delay_ns=delay_s(table) * SECOND_NS,
        spread_ns=spread_s(table) * SECOND_NS,
        claim_ns=table.claim_days * DAY_NS,
        max_replies=table.max_replies,
        reply_max_age_ns=table.reply_max_age_h * HOUR_NS,
        countries=frozenset(table.countries),
        confirm_stop=table.confirm_stop,
    )


def _budgets(file: ServerFile) -> dict[str, int]:
    """Every budget there is, by the names of `routing.budget`."""
    tables: dict[str, BudgetTable] = {"": file.money}
    tables |= {f"campaign/{name}/": table for name, table in file.campaign.items()}
    tables |= {f"number/{name}/": table for name, table in file.number.items()}
    return {
        scope + period: nanos
        for scope, table in tables.items()
        for period in PERIODS
        if (nanos := getattr(table, f"budget_{period}")) is not None
    }


def _conversions(money: MoneyTable) -> dict[str, tuple[Conversion, ...]]:
    """currency → its rates, in the order of their days."""
    found: dict[str, tuple[Conversion, ...]] = {}
    for table in sorted(money.conversion, key=lambda table: table.begins):
        one = Conversion(day_ns(table.begins), table.numerator, table.denominator)
        found[table.currency] = (*found.get(table.currency, ()), one)
    return found


def _number(file: ServerFile, name: str) -> OurNumber:
    table = file.number[name]
    return OurNumber(
        name=name,
        msisdn=table.msisdn,
        campaign=table.campaign,
        text_ids=texts_of(file, name),
        stop_text_id=stop_text_of(file, name),
        links=tuple(table.links),
        limits=_limits(table),
        inbound_nanos=0,
    )


def _source(table: NumberTable) -> Source:
    if table.source is None:
        return Source(table.msisdn, 1, 1)
    return Source(table.source.value, table.source.ton, table.source.npi)


def _guards(file: ServerFile) -> GuardRules:
    guard, loop = file.guard, file.loop
    return GuardRules(
        _caps(guard.sender),
        _caps(guard.prefix),
        _caps(guard.country),
        _caps(guard.home),
        _caps(guard.number),
        loop.within_s * SECOND_NS,
        loop.most,
    )


def _breaker(file: ServerFile) -> BreakerRules | None:
    table = file.breaker
    if not table.on:
        return None
    return BreakerRules(
        table.least_contacts,
        table.repeated_percent,
        table.range_percent,
        table.fresh_senders,
        table.spend_percent,
        table.slower_min * MINUTE_NS,
    )


def _caps(table: GuardTable) -> Caps:
    money = table.money_per_day if isinstance(table, CountryGuardTable | HomeGuardTable) else 0
    return Caps(
        table.contacts_per_hour,
        table.contacts_per_day,
        table.segments_per_hour,
        table.segments_per_day,
        money,
    )


def _limits(table: LimitTable) -> Limits:
    segments, _, seconds = str(table.tps_segments).partition("/")
    return Limits(
        int(segments),
        table.segments_per_hour,
        table.segments_per_day,
        table.segments_per_month,
        int(seconds or 1),
    )


def _outcomes(carrier: CarrierTable) -> dict[int, OutcomeKind]:
    statuses: dict[int, OutcomeKind] = {}
    for kind in STATUS_CLASSES:
        listed: list[int] = getattr(carrier, f"{kind}_statuses")
        statuses |= dict.fromkeys(listed, OutcomeKind(kind))
    return statuses
