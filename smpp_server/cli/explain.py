"""`smppd explain`: what would happen to a text from a number, and what it would cost."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from routing.money import format_nanos
from routing.route import RECENT
from smpp_server.cli import client, show
from smpp_server.cli.orders import number_of
from smpp_server.cli.place import DEFAULTS, Sentence, config_path, state_directory
from smpp_server.web import SOCKET


@click.command()
@click.argument("number", required=False)
@click.option("--to", default="", metavar="NAME", help="Which of our numbers is texted.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"The server's configuration (first of {', '.join(DEFAULTS)}).",
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The server's state directory, instead of the one its configuration names.",
)
def explain(
    number: str | None, to: str, as_json: bool, config: Path | None, state_dir: Path | None
) -> None:
    """Tell what would happen if NUMBER sent a text now; nothing is sent or written.

    Left out, NUMBER is asked for, or read from standard input: so it stands in no history of the
    shell.

    The decision is the server's own, thrown away. Without a running server it is made on
    configuration and database alone, as if every link were down.
    """
    socket = state_directory(state_dir, config) / SOCKET
    number = number_of(number)
    fields = {"number": number} | ({"to": to} if to else {})
    running = True
    try:
        value = client.look(socket, "/explain", fields)
    except client.NoServer:
        if socket.exists() and config is None:
            raise
        running = False
        value = _alone(config_path(config), state_dir, number, to)
    if as_json:
        click.echo(json.dumps(value | {"running": running}, indent=2, ensure_ascii=False))
        return
    if not running:
        click.echo(show.faint("No server runs: decided on configuration and database alone.\n"))
    for line in lines(value):
        click.echo(line)


def _alone(path: Path, state_dir: Path | None, number: str, to: str) -> dict[str, Any]:
    from smpp_server.cli.serve import load

    config = load(path, state_dir)
    if to and to not in config.rules.numbers:
        names = ", ".join(config.rules.numbers)
        raise Sentence(f'there is no number of ours named "{to}"; there is {names}')
    from smpp_server import app

    try:
        value = app.explain_offline(config, number, to)
    except app.Refusal as refusal:
        raise Sentence(str(refusal)) from None
    if not isinstance(value, dict):
        raise Sentence(str(value))
    return value


def lines(value: Mapping[str, Any]) -> list[str]:
    """The explanation for people."""
    country = f"a handset of {value['country']}" if value["country"] else "of no known country"
    if not value["answered"]:
        return [f"{show.colour('Silent', 'yellow')}: {value['why'] or 'no reply is made'}.",
                f"The sender is {country}."]  # fmt: skip
    due = "at once" if any(way["chosen"] for way in value["ways"]) else "when a link may take it"
    if value["due_in_s"] > 0:
        due = f"after {show.span(value['due_in_s'])}"
    rows = [
        ("sender", country),
        ("our number", value["number"]),
        ("text", f"{value['text']}, {show.count(value['segments'], 'segment')}"),
        ("before it", f"{value['waiting_before']} wait"),
    ]
    if 0 < value["in_time"] <= value["waiting_before"]:
        late = f"only {value['in_time']} can leave before they are too old: it may be cancelled"
        rows.append(("its limits", show.colour(late, "yellow")))
    rows += [("by link", _way(way)) for way in value["ways"]]
    if value["money"]:
        rows.append(("money", show.colour(f"it would wait: {value['money']}", "yellow")))
    if value["held"]:
        rows.append(("held", show.colour(value["held"], "yellow")))
    return [f"{show.colour('Answered', 'green')} {due}.", *show.columns(rows, "    ")]


def _way(way: Mapping[str, Any]) -> str:
    """Currency is left out: the rate card has one, that of the books."""
    if way["price_nanos"] is None:
        price = "no price"
    else:
        price = format_nanos(way["price_nanos"])
        price += "" if way["exact"] else " at most"
    failed = f", {way['failed']} of its last {RECENT} failed" if way["failed"] else ""
    why = f"chosen: {way['why']}" if way["chosen"] else way["why"]
    return f"{way['link']} ({way['carrier']}), {price}{failed}, {why}"
