"""`smppd fund`, `hold`, `release` and `clock accept`: commands that answer after their commit."""

from pathlib import Path

import click

from routing.money import MoneyError, parse_nanos
from smpp_server.cli import client, show
from smpp_server.cli.place import Sentence, place_options


def positive(_: click.Context, __: click.Parameter, value: str) -> str:
    """A click callback: the text of an amount above zero."""
    try:
        nanos = parse_nanos(value)
    except MoneyError as error:
        raise click.BadParameter(f"{error}.") from None
    if nanos <= 0:
        raise click.BadParameter("an amount given is above zero.")
    return value


@click.command()
@click.argument("amount", callback=positive)
@click.argument("currency", required=False)
@click.option("--note", default="", help="What the books remember of it, 200 characters.")
@place_options
def fund(socket: Path, amount: str, currency: str | None, note: str) -> None:
    """Enter money that was given: `smppd fund 25.00 EUR`.

    The amount is exact to nine decimals. With a CURRENCY, one that is not that of the books is
    refused.
    """
    fields = {"amount": amount} | ({"note": note} if note else {})
    if currency:
        fields["currency"] = currency.upper()
    client.tell(socket, "/fund", fields)
    money = client.look(socket, "/status")["money"]
    click.echo(
        f"{show.amount(parse_nanos(amount), money['currency'])} entered; "
        f"{show.amount(money['left_nanos'], money['currency'])} may be spent."
    )


@click.command()
@click.argument("link", required=False)
@place_options
def hold(socket: Path, link: str | None) -> None:
    """Stop sending, on one LINK or on all, until it is released.

    Texts are still received and acknowledged; their replies wait.
    """
    client.tell(socket, "/hold", {"link": link} if link else {})
    click.echo(
        f"{link or 'Everything'} is held. `smppd release{f' {link}' if link else ''}` ends it."
    )


@click.command()
@click.argument("link", required=False)
@place_options
def release(socket: Path, link: str | None) -> None:
    """End a hold: of one LINK, or of all when none is named."""
    client.tell(socket, "/release", {"link": link} if link else {})
    click.echo(f"{link or 'Everything'} is released.")


@click.group()
def clock() -> None:
    """What to do when the wall clock has jumped."""


@clock.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
def accept(socket: Path, yes: bool) -> None:
    """Believe the machine's clock as it stands now, after it was looked at.

    While it is not believed no reply leaves, no new budget period begins and no key is destroyed.
    """
    value = client.look(socket, "/status")
    if not value["clock_fault"]:
        raise Sentence("the clock is believed already; nothing was changed")
    if not yes:
        click.confirm(
            f"The clock is not believed: {value['clock_fault']}. Is it right?", abort=True
        )
    client.tell(socket, "/accept-clock", {})
    click.echo("The clock is believed again.")
