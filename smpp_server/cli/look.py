"""`smppd status`, `alarms` and `version`: a look at the running server."""

import json
from pathlib import Path

import click

from smpp_server.cli import client, show
from smpp_server.cli.place import place_options

json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")


@click.command()
@json_option
@place_options
def status(socket: Path, as_json: bool) -> None:
    """Show links, money, what waits, what was silent and why, and alarms."""
    value = client.look(socket, "/status")
    if as_json:
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))
        return
    for line in show.status_lines(value):
        click.echo(line)


@click.command()
@json_option
@place_options
def alarms(socket: Path, as_json: bool) -> None:
    """Show the alarms that last: what each means and what cures it."""
    lasting = client.look(socket, "/status")["alarms"]
    if as_json:
        click.echo(json.dumps(lasting, indent=2, ensure_ascii=False))
        return
    for line in show.alarm_lines(lasting) or ["There is no alarm."]:
        click.echo(line)


@click.command()
def version() -> None:
    """Show the version."""
    click.echo(show.version_line())
