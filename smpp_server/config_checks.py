"""What one key says about another: references, units of time, lengths of keeping, open networks."""

import zoneinfo
from collections.abc import Container, Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

from routing.capacity import capacity
from routing.numbering import MoForm, Plan
from routing.records import ReplyText, Rules
from smpp_server.config_lines import Document, Fault, KeyPath, did_you_mean
from smpp_server.config_model import PLAIN_TEXT_WORDS, CampaignTable, LinkTable, ServerFile
from smpp_server.config_secrets import SecretError, refuse_open_file

SHORT_CODE_DIGITS: Final = 6  # at most
STATUS_CLASSES: Final = ("pause", "retry", "session", "account", "refused")
_DELAY_MIN: Final = 60
_TON_ALPHANUMERIC: Final = 5
_LONGEST_NAME: Final = 11  # characters of an alphanumeric source
_ALL_PERCENT: Final = 100
_DAY_S: Final = 86_400
_HOUR_S: Final = 3_600
_TLS_KEYS: Final = ("ca_directory", "certificate_name", "client_certificate", "private_key")


class Sight(NamedTuple):
    """Everything that is looked at together."""

    file: ServerFile
    document: Document
    base: Path  # paths in the file are relative to it
    texts: Mapping[str, ReplyText] | None  # None: replies.toml could not be read
    plan: Plan

    def fault(self, *where: str, says: str) -> Fault:
        """A fault of the key at `where`."""
        return self.document.fault(where, says)


def all_checks(sight: Sight) -> Iterator[Fault]:
    """Every fault that only shows when tables are read together, except prices and passwords."""
    yield from _zones(sight)
    yield from _privacy(sight)
    yield from _guards(sight)
    for name in sight.file.campaign:
        yield from _campaign(sight, name)
    for name in sight.file.number:
        yield from _number(sight, name)
    yield from _twins(sight)
    for name in sight.file.carrier:
        yield from _carrier(sight, name)
    for name in sight.file.link:
        yield from _link(sight, name)


def _guards(sight: Sight) -> Iterator[Fault]:
    """A limit below one reply would never let it pass."""
    longest = max((text.segments for text in (sight.texts or {}).values()), default=1)
    for scope in type(sight.file.guard).model_fields:
        table = getattr(sight.file.guard, scope)
        for key in ("segments_per_hour", "segments_per_day"):
            if 0 < getattr(table, key) < longest:
                yield sight.fault(
                    "guard",
                    scope,
                    key,
                    says=f"is below the {longest} segments of the longest text, so that text would"
                    " never leave: raise it, or shorten the text",
                )


def delay_s(campaign: CampaignTable) -> int:
    """The delay of a campaign in seconds."""
    if campaign.delay_s is not None:
        return campaign.delay_s
    return 60 * (_DELAY_MIN if campaign.delay_min is None else campaign.delay_min)


def spread_s(campaign: CampaignTable) -> int:
    """Its spread in seconds; a quarter of the delay when the file does not say."""
    if campaign.spread_s is not None:
        return campaign.spread_s
    return delay_s(campaign) // 4 if campaign.spread_min is None else 60 * campaign.spread_min


def is_this_machine(host: str) -> bool:
    """Whether packets to `host` stay on this machine. Names other than localhost do not count."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def unused(sight: Sight) -> Iterator[Fault]:
    """Tables nothing refers to; worth a warning."""
    numbers = sight.file.number.values()
    used = {
        "campaign": {number.campaign for number in numbers},
        "link": {link for number in numbers for link in number.links},
        "carrier": {link.carrier for link in sight.file.link.values()},
    }
    for kind, names in used.items():
        for name in getattr(sight.file, kind):
            if name not in names:
                yield sight.fault(kind, name, says="nothing uses it")


def _unknown(sight: Sight, path: KeyPath, kind: str, name: str, known: Iterable[str]) -> Fault:
    return sight.document.fault(path, f'there is no {kind} "{name}"{did_you_mean(name, known)}')


def _refers(
    sight: Sight, where: tuple[str, ...], kind: str, names: Iterable[str], known: Container[str]
) -> Iterator[Fault]:
    for name in names:
        if name not in known:
            tables: Mapping[str, object] = getattr(sight.file, kind)
            yield _unknown(sight, where, kind, name, tables)


def _zones(sight: Sight) -> Iterator[Fault]:
    zones: dict[KeyPath, str] = {("time", "zone"): sight.file.time.zone}
    for country, table in sight.file.quiet.items():
        if table.zone:
            zones["quiet", country, "zone"] = table.zone
        if country not in sight.plan.homes:
            yield _unknown(sight, ("quiet", country), "country", country, ())
    for name, carrier in sight.file.carrier.items():
        if carrier.rate_zone:
            zones["carrier", name, "rate_zone"] = carrier.rate_zone
    for where, zone in zones.items():
        try:
            zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            known = zoneinfo.available_timezones()
            yield _unknown(sight, where, "time zone", zone, known)


def _privacy(sight: Sight) -> Iterator[Fault]:
    keep = sight.file.privacy
    if keep.unknown_days > keep.epoch_days:
        yield sight.fault(
            "privacy", "unknown_days", says=f"must not be above epoch_days ({keep.epoch_days})"
        )
    if keep.reconcile_days < max(keep.unknown_days, keep.receipt_days):
        longest = max(keep.unknown_days, keep.receipt_days)
        yield sight.fault(
            "privacy",
            "reconcile_days",
            says=f"must not be below unknown_days and receipt_days ({longest})",
        )
    slowest = max((link.response_timeout_s for link in sight.file.link.values()), default=0)
    if keep.receipt_hold_s < slowest:
        yield sight.fault(
            "privacy",
            "receipt_hold_s",
            says=f"must not be below the longest response_timeout_s ({slowest})",
        )
    retry = sight.file.retry
    if retry.first_min > retry.last_min:
        yield sight.fault(
            "retry", "first_min", says=f"must not be above last_min ({retry.last_min})"
        )


def _campaign(sight: Sight, name: str) -> Iterator[Fault]:
    campaign = sight.file.campaign[name]
    for what in ("delay", "spread"):
        if None not in (getattr(campaign, f"{what}_min"), getattr(campaign, f"{what}_s")):
            says = f"{what}_min and {what}_s are the same thing; keep one"
            yield sight.fault("campaign", name, f"{what}_s", says=says)
    delay, spread = delay_s(campaign), spread_s(campaign)
    spread_key = "spread_min" if campaign.spread_s is None else "spread_s"
    if spread > delay:
        says = f"the spread ({spread} s) must not be above the delay ({delay} s)"
        yield sight.fault("campaign", name, spread_key, says=says)
    longest = delay + spread
    max_age = campaign.reply_max_age_h * _HOUR_S
    if longest > max_age:
        says = f"replies would be too old before they may leave, up to {longest} s after the text"
        yield sight.fault("campaign", name, "reply_max_age_h", says=says)
    needed = -(-(campaign.claim_days * _DAY_S + longest + max_age) // _DAY_S)
    if sight.file.privacy.epoch_days < needed:
        yield sight.fault(
            "privacy",
            "epoch_days",
            says=f"must be {needed} or more: claim_days, the longest delay and reply_max_age_h "
            f'of campaign "{name}" together',
        )
    for place, country in enumerate(campaign.countries):
        if country not in sight.plan.homes:
            path = ("campaign", name, "countries", place)
            yield _unknown(sight, path, "country", country, ())


def _number(sight: Sight, name: str) -> Iterator[Fault]:
    number = sight.file.number[name]
    where = ("number", name)
    yield from _refers(
        sight, (*where, "campaign"), "campaign", [number.campaign], sight.file.campaign
    )
    yield from _refers(sight, (*where, "links"), "link", number.links, sight.file.link)
    if len(set(number.links)) < len(number.links):
        yield sight.fault(*where, "links", says="a link stands twice")
    shares = sum(sight.file.link[link].share_percent for link in number.links
                 if link in sight.file.link)  # fmt: skip
    if 0 < shares < _ALL_PERCENT:
        says = f"share_percent of these links adds up to {shares}: replies would wait for no reason"
        yield sight.fault(*where, "links", says=says)
    yield from _number_text(sight, name)
    source = number.source
    if source is None and len(number.msisdn) <= SHORT_CODE_DIGITS:
        says = "carriers differ in how they write a short code: ask yours, and write it here"
        yield sight.fault(*where, "source", says=says)
    elif source is not None and source.ton == _TON_ALPHANUMERIC:
        if len(source.value) > _LONGEST_NAME:
            says = f"a name of a sender has at most {_LONGEST_NAME} characters"
            yield sight.fault(*where, "source", "value", says=says)
    elif source is not None and not source.value.removeprefix("+").isdigit():
        yield sight.fault(*where, "source", "value", says="must be digits; a name has ton = 5")


def _number_text(sight: Sight, name: str) -> Iterator[Fault]:
    if sight.texts is None:
        return
    number = sight.file.number[name]
    where = _texts_key(sight.file, name)
    for text_id in texts_of(sight.file, name):
        text = sight.texts.get(text_id)
        if text is None:
            yield _unknown(sight, where, "text", text_id, sight.texts)
        elif text.segments > 1:
            for link in number.links:
                if link in sight.file.link and sight.file.link[link].long_text == "refuse":
                    says = (
                        f'{text_id} costs {text.segments} segments and link "{link}" takes one: '
                        'shorten it, or set long_text = "message_payload" there'
                    )
                    yield sight.fault(*where, says=says)
    yield from _stages(sight, name, where)
    stop_id = stop_text_of(sight.file, name)
    if stop_id and stop_id not in sight.texts:
        yield _unknown(sight, ("number", name, "language"), "text", stop_id, ())


def _stages(sight: Sight, name: str, where: tuple[str, str, str]) -> Iterator[Fault]:
    """Every reply a sender may get has a text, or it is said in words that the last repeats."""
    number = sight.file.number[name]
    if number.text and number.texts:
        yield sight.fault(*where, says="text and texts are the same thing; keep one")
    campaign, stages = sight.file.campaign.get(number.campaign), len(texts_of(sight.file, name))
    if campaign and campaign.max_replies > stages and campaign.after_last_text == "silence":
        texts = "1 text is" if stages == 1 else f"{stages} texts are"
        says = (
            f'is above the number of texts: {texts} written for number "{name}". Lower it, write'
            ' more texts, or set after_last_text = "repeat the last text"'
        )
        yield sight.fault("campaign", number.campaign, "max_replies", says=says)


def texts_of(file: ServerFile, number: str) -> tuple[str, ...]:
    """Ids of the texts a number answers with: the first reply to a sender, the second ..."""
    table = file.number[number]
    campaign = file.campaign.get(table.campaign)
    written = table.texts or ([table.text] if table.text else campaign.texts if campaign else [])
    return tuple(written) or (f"{table.language}.N",)


def _texts_key(file: ServerFile, number: str) -> tuple[str, str, str]:
    """Where the texts of a number are written, or would be."""
    table = file.number[number]
    campaign = file.campaign.get(table.campaign)
    if campaign and campaign.texts and not (table.text or table.texts):
        return "campaign", table.campaign, "texts"
    return "number", number, "texts" if table.texts else "text"


def stop_text_of(file: ServerFile, number: str) -> str:
    """The id of the text that confirms a stop word, "" when none is sent."""
    table = file.number[number]
    campaign = file.campaign.get(table.campaign)
    return f"{table.language}.STOP" if campaign and campaign.confirm_stop else ""


def _twins(sight: Sight) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for name, number in sight.file.number.items():
        first = seen.setdefault(number.msisdn, name)
        if first != name:
            yield sight.fault("number", name, "msisdn", says=f'is that of number "{first}"')


def _carrier(sight: Sight, name: str) -> Iterator[Fault]:
    carrier = sight.file.carrier[name]
    seen: dict[int, str] = {}
    for kind in STATUS_CLASSES:
        key = f"{kind}_statuses"
        for place, status in enumerate(getattr(carrier, key)):
            first = seen.setdefault(status, key)
            if first != key:
                path = ("carrier", name, key, place)
                yield sight.document.fault(path, f"0x{status:02X} stands in {first} too")


def _link(sight: Sight, name: str) -> Iterator[Fault]:
    link = sight.file.link[name]
    where = ("link", name)
    yield from _refers(sight, (*where, "carrier"), "carrier", [link.carrier], sight.file.carrier)
    yield from _open_network(sight, where, link)
    yield from _tls_files(sight, where, link)
    try:
        form = MoForm.parse(link.mo_format)
        if form.home and form.home not in sight.plan.homes:
            yield _unknown(sight, (*where, "mo_format"), "country", form.home, ())
    except ValueError as error:
        yield sight.fault(*where, "mo_format", says=str(error))
    if link.bind_address and not _is_address(link.bind_address):
        yield sight.fault(*where, "bind_address", says="must be an IP address of this machine")
    if 0 < link.inactivity_s <= link.enquire_link_s:
        says = f"must be above enquire_link_s ({link.enquire_link_s}), or 0 for never"
        yield sight.fault(*where, "inactivity_s", says=says)


def _open_network(sight: Sight, where: tuple[str, str], link: LinkTable) -> Iterator[Fault]:
    said = link.plain_text_to_remote_hosts
    here = is_this_machine(link.host)
    if said not in ("", PLAIN_TEXT_WORDS):
        says = f'the words are "{PLAIN_TEXT_WORDS}"'
        yield sight.fault(*where, "plain_text_to_remote_hosts", says=says)
    elif not (link.tls or here or said):
        says = (
            "texts and the password would travel unencrypted to another machine: set tls = true, "
            f'or plain_text_to_remote_hosts = "{PLAIN_TEXT_WORDS}"'
        )
        yield sight.fault(*where, "host", says=says)
    if link.public_password is not None and not here:
        says = "is for this machine only: use password_file or another of its kind"
        yield sight.fault(*where, "public_password", says=says)


def _tls_files(sight: Sight, where: tuple[str, str], link: LinkTable) -> Iterator[Fault]:
    for key in _TLS_KEYS:
        value: str = getattr(link, key)
        if not value:
            continue
        path = sight.base / value
        if not link.tls:
            yield sight.fault(*where, key, says="has no effect without tls = true")
        elif key == "ca_directory" and not path.is_dir():
            yield sight.fault(*where, key, says=f"{path} is not a directory")
        elif key == "client_certificate" and not path.is_file():
            yield sight.fault(*where, key, says=f"{path} is not a file")
        elif key == "private_key":
            try:
                refuse_open_file(path)
            except SecretError as error:
                yield sight.fault(*where, key, says=str(error))
    if bool(link.client_certificate) != bool(link.private_key):
        key, other = ("client_certificate", "private_key")
        missing, present = (key, other) if link.private_key else (other, key)
        yield sight.fault(*where, present, says=f"needs {missing}")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def too_old_warnings(sight: Sight, rules: Rules) -> Iterator[Fault]:
    """Numbers of whose day's worth less than half can leave before it is too old."""
    for name, number in rules.numbers.items():
        most = capacity(rules, number)
        if 0 < most.in_time * 2 < most.day:
            says = (
                f"{most.day} segments may leave in a day, {most.in_time} of them between the delay "
                "and reply_max_age_h: of more texts at once the rest is cancelled as too old"
            )
            yield sight.fault("number", name, says=says)
