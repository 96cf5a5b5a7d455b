"""Rate cards from CSV files, and whether they hold a price for all that will be needed."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import phonenumbers

from routing.rate_card import RateCard, parse_rows
from smpp_server.config_checks import Sight
from smpp_server.config_lines import ConfigError, Fault
from smpp_server.config_model import CarrierTable
from smpp_server.config_records import CardFile


def decoded(content: bytes) -> list[str]:
    """Lines of a CSV file, in whichever alphabet it was saved: UTF-8, UTF-16 or Windows-1252.

    Raises:
        ValueError: this is not text.
    """
    for mark, alphabet in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if content.startswith(mark):
            try:
                text = content.decode(alphabet)
                break
            except UnicodeDecodeError:
                if mark:
                    raise ValueError("this is not text: save the sheet as CSV") from None
    else:
        text = content.decode("cp1252", "replace")
    if "\0" in text or "\ufffd" in text:
        raise ValueError("this is not text: save the sheet as CSV")
    return text.splitlines()


def read_file(
    path: Path, name: str, currency: str, columns: Mapping[str, str], extra: Mapping[str, int]
) -> CardFile:
    """Read one card; `currency` "" takes whichever its first line names.

    Raises:
        ConfigError: it cannot be read, or some of its lines are wrong.
    """
    try:
        content = path.read_bytes()
        lines = decoded(content)
    except OSError as error:
        raise ConfigError([Fault(name, 0, "", f"cannot be read: {error.strerror}")]) from None
    except ValueError as error:
        raise ConfigError([Fault(name, 0, "", str(error))]) from None
    rows, wrong = parse_rows(lines, currency, columns)
    if wrong:
        raise ConfigError(
            Fault(name, fault.line, "", f"{fault.message}: {fault.cure}") for fault in wrong
        )
    digest = hashlib.sha256(content)
    named = hashlib.sha256(content + repr(sorted(columns.items())).encode() * bool(columns))
    version = int.from_bytes(named.digest()[:4])
    found = rows[0].currency if rows else currency
    return CardFile(digest.hexdigest(), version, found, rows, columns, extra)


def surcharges_of(table: CarrierTable) -> dict[str, int]:
    """What the contract adds to every segment, as `RateCard.build` takes it."""
    flat = {"": table.surcharge} if table.surcharge else {}
    return flat | table.network_surcharges


def conversion_faults(sight: Sight) -> Iterator[Fault]:
    """Currencies that cannot be brought into the books."""
    money = sight.file.money
    known = {money.currency} | {table.currency for table in money.conversion}
    days: set[tuple[str, str]] = set()
    for place, table in enumerate(money.conversion):
        where = ("money", "conversion", place)
        if table.currency == money.currency:
            yield sight.document.fault(where, "the books are kept in this currency already")
        if (table.currency, table.begins) in days:
            yield sight.document.fault(where, f"{table.currency} has a rate of this day already")
        days.add((table.currency, table.begins))
    for name, carrier in sight.file.carrier.items():
        if carrier.currency and carrier.currency not in known:
            says = f"{carrier.currency} has no rate of exchange: add one to conversion in [money]"
            yield sight.fault("carrier", name, "currency", says=says)


def price_faults(sight: Sight, rates: Mapping[str, RateCard]) -> Iterator[Fault]:
    """What a number would need a price for and has none."""
    file = sight.file
    for name, number in file.number.items():
        campaign = file.campaign.get(number.campaign)
        links = [file.link[link] for link in number.links if link in file.link]
        for carrier in sorted({link.carrier for link in links} & rates.keys()):
            card_name = file.carrier[carrier].rate_card
            if rates[carrier].inbound(number.msisdn) is None:
                says = f"{card_name} has no inbound price for it: add a line, with 0 if it is free"
                yield sight.fault("number", name, "msisdn", says=says)
            for country in campaign.countries if campaign else ():
                if country in sight.plan.homes and not _priced(rates[carrier], country):
                    says = f'no outbound rate for {country} in {card_name} (carrier "{carrier}")'
                    where = ("campaign", number.campaign, "countries")
                    yield sight.fault(*where, says=says)


def _priced(card: RateCard, country: str) -> bool:
    """Whether an ordinary handset of the country has a price today and without a date."""
    example = phonenumbers.example_number_for_type(
        country, phonenumbers.PhoneNumberType.MOBILE
    ) or phonenumbers.example_number(country)
    if example is None:
        return False
    msisdn = f"{example.country_code}{phonenumbers.national_significant_number(example)}"
    return card.price(msisdn, country) is not None
