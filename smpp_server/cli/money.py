"""`smppd fee` and `smppd budget`: what a carrier bills beside messages, and what may be spent."""

import json
from pathlib import Path
from typing import Any

import click

from routing.money import MoneyError, parse_nanos
from smpp_server.cli import client, show
from smpp_server.cli.look import json_option
from smpp_server.cli.operate import positive
from smpp_server.cli.place import place_options


@click.command()
@click.argument("amount", callback=positive)
@click.option("--carrier", default="", metavar="NAME", help="Whose bill; then in its currency.")
@click.option("--note", default="", help="What the books remember of it, 200 characters.")
@place_options
def fee(socket: Path, amount: str, carrier: str, note: str) -> None:
    """Enter what was billed beside messages: `smppd fee 12.00 --carrier main --note "set-up"`.

    With a carrier its VAT is added. It is debited whether or not there is money. What recurs stands
    in the configuration: monthly_fee, minimum_month and receipt_fee.
    """
    fields = {"amount": amount, "carrier": carrier, "note": note}
    client.tell(socket, "/fee", {name: text for name, text in fields.items() if text})
    money = client.look(socket, "/status")["money"]
    left = show.amount(money["left_nanos"], money["currency"])
    click.echo(f"Entered; {left} may be spent.")


@click.group()
def budget() -> None:
    """What may be spent: per hour, day, month and in total; of all, a campaign or a number."""


@budget.command("show")
@json_option
@place_options
def show_budgets(socket: Path, as_json: bool) -> None:
    """Every budget in force: its limit, what is used of it, and who set it."""
    money = client.look(socket, "/status")["money"]
    if as_json:
        click.echo(json.dumps(money["budgets"], indent=2))
        return
    rows = [line(one, money["currency"]) for one in money["budgets"]]
    for text in show.columns([("budget", "limit", "used", "left", "until", "source"), *rows]):
        click.echo(text)


def line(one: dict[str, Any], currency: str) -> tuple[str, ...]:
    """One row of the table."""
    limit, used = one["limit_nanos"], one["used_nanos"]
    if limit is None:
        return one["name"], "no limit", "", "", "", one["source"]
    amounts = [show.amount(nanos, currency) for nanos in (limit, used, max(0, limit - used))]
    return one["name"], *amounts, one["until"] or "for ever", one["source"]


@budget.command("set")
@click.argument("name")
@click.argument("limit")
@place_options
def set_budget(socket: Path, name: str, limit: str) -> None:
    """Give budget NAME another LIMIT: an amount, `none`, or `default` as the configuration says.

    NAME is hour, day, month or total; campaign/NAME/day or number/NAME/month for a part. It holds
    from the next reply on, through restarts. A budget that is new counts from now on.
    """
    if limit not in ("none", "default"):
        try:
            parse_nanos(limit)
        except MoneyError as error:
            raise click.BadParameter(f"{error}, none or default.") from None
    client.tell(socket, "/budget", {"name": name, "limit": limit})
    money = client.look(socket, "/status")["money"]
    said = [line(one, money["currency"]) for one in money["budgets"] if one["name"] == name]
    for text in show.columns(said) or [f"{name}  no limit"]:
        click.echo(text)
