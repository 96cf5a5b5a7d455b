"""`smppd run`: the server in the foreground, as an init system wants it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from smpp_server.cli.place import DEFAULTS, BadConfig, Sentence, config_path

if TYPE_CHECKING:
    from smpp_server.config_records import Config


def load(path: Path, state_dir: Path | None = None) -> "Config":
    """Read the configuration; its warnings go to stderr.

    Raises:
        BadConfig: all its faults, each on a line.
    """
    from smpp_server.config import ConfigError
    from smpp_server.config import load as read

    try:
        config = read(path, state_dir=state_dir)
    except ConfigError as error:
        for fault in error.faults:
            click.echo(str(fault), err=True)
        n = len(error.faults)
        raise BadConfig(
            f"{path}: {n} {'thing has' if n == 1 else 'things have'} to be changed first"
        ) from None
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    return config


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"The configuration (default: the first of {', '.join(DEFAULTS)} that there is).",
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where database, keys and admin socket live, instead of where the configuration says.",
)
@click.pass_context
def run(context: click.Context, config: Path | None, state_dir: Path | None) -> None:
    """Run the server until it is told to stop (SIGTERM or Ctrl-C).

    A stop waits for the carriers' last answers; a second signal does not. The log goes to stderr.
    Ends with 78 when the configuration cannot be used, with 1 when something stands in the way.
    """
    settings = load(config_path(config), state_dir)
    from smpp_server import app

    try:
        context.exit(app.run(settings))
    except app.Refusal as refusal:
        raise Sentence(str(refusal)) from None
