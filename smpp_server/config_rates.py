"""Rate cards from CSV files, and whether they hold a price for all that will be needed."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import phonenumbers

from routing.rate_card import RateCard, parse_rows
from smpp_server.config_checks import Sight
from smpp_server.config_lines import ConfigError, Fault


def read_card(path: Path, name: str, currency: str) -> RateCard:
    """Read one card. Its version names its content: another price list has another version.

    Raises:
        ConfigError: it cannot be read, or some of its lines are wrong.
    """
    try:
        content = path.read_bytes()
        lines = content.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise ConfigError([Fault(name, 0, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Fault(name, 0, "", "this is not UTF-8 text")]) from None
    rows, wrong = parse_rows(lines, currency)
    if wrong:
        raise ConfigError(
            Fault(name, fault.line, "", f"{fault.message}: {fault.cure}") for fault in wrong
        )
    version = int.from_bytes(hashlib.sha256(content).digest()[:4])
    return RateCard.build(rows, version)


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
