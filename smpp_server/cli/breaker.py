"""`smppd breaker show|hold|release`: the breaker against attacks, looked at and overruled."""

from pathlib import Path

import click

from smpp_server.cli import client, show
from smpp_server.cli.place import place_options


@click.group()
def breaker() -> None:
    """The breaker against attacks: its step, and the operator's word over it."""


@breaker.command(name="show")
@place_options
def show_(socket: Path) -> None:
    """The step, since when, and the figures of the ten minutes judged last."""
    for line in show.breaker_lines(client.look(socket, "/status")["breaker"]):
        click.echo(line)


@breaker.command()
@place_options
def hold(socket: Path) -> None:
    """Send nothing until `smppd breaker release`, whatever the figures say."""
    client.tell(socket, "/breaker", {"action": "hold"})
    click.echo("The breaker holds all replies. `smppd breaker release` ends it.")


@breaker.command()
@place_options
def release(socket: Path) -> None:
    """Open it: what came until now no longer counts, new figures may close it again."""
    client.tell(socket, "/breaker", {"action": "release"})
    click.echo("The breaker is open.")
