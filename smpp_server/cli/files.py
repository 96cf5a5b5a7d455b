"""`smppd init` and `smppd check-config`: the configuration before a server runs on it."""

import os
import sys
from pathlib import Path
from typing import Final

import click

from smpp_server.cli import show
from smpp_server.cli.place import Sentence, config_path
from smpp_server.cli.serve import load

SIMULATOR: Final = ("127.0.0.1", 2775, "simulator", "loopback")  # what `smppd simulate` accepts


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
def init(directory: Path) -> None:
    """Write a commented configuration into DIR, ready to start.

    On a terminal it asks for host, system_id and password of the first link; otherwise, and for
    empty answers, the configuration speaks to `smppd simulate` on this machine. Nothing that is
    there already is changed.
    """
    from smpp_server.config import starter_files

    host, port, system_id, password = _asked() if sys.stdin.isatty() else SIMULATOR
    files = starter_files(host, system_id, password, port=port)
    there = [name for name in files if (directory / name).exists()]
    if there:
        raise Sentence(f"{directory / there[0]} is there already; nothing was written")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in files.items():
            _write(directory / name, content, 0o600 if name == "server.toml" else 0o644)
    except OSError as error:
        raise Sentence(f"{error.filename or directory}: {error.strerror}") from None
    click.echo(f"Wrote {', '.join(files)} into {directory}.")
    click.echo(_next_steps(directory / "server.toml", host == SIMULATOR[0]))


def _asked() -> tuple[str, int, str, str]:
    """Host, port, system_id and password, as the carrier gave them."""
    click.echo("What did your carrier give you? Enter alone keeps the simulator's value.")
    host = click.prompt("Host", default=SIMULATOR[0])
    port = click.prompt("Port", default=SIMULATOR[1], type=click.IntRange(1, 65_535))
    system_id = click.prompt("system_id", default=SIMULATOR[2])
    password = click.prompt(
        "Password (not shown)", default=SIMULATOR[3], hide_input=True, show_default=False
    )
    return host, port, system_id, password


def _write(path: Path, content: str, mode: int) -> None:
    """A new file; one that has come meanwhile is never written over."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(content)


def _next_steps(path: Path, simulated: bool) -> str:
    steps = [
        ("smppd check-config " + str(path), "look it over"),
        ("smppd simulate", "an SMSC on this machine, in another terminal") if simulated else None,
        (f"smppd run --config {path}", "run the server"),
        (f"smppd fund 10.00 --config {path}", "enter the money it may spend"),
        (f"smppd status --config {path}", "see how it is"),
    ]
    rows = show.columns([step for step in steps if step], "    ")
    return "\n".join(
        [f"\nYour numbers, texts, countries and budget stand in {path}. Next:\n", *rows]
    )


@click.command("check-config")
@click.argument(
    "file", required=False, type=click.Path(path_type=Path, dir_okay=False), metavar="[FILE]"
)
def check_config(file: Path | None) -> None:
    """Tell every fault of the configuration at once, with file and line.

    Ends with 78 when there is one. Otherwise shows what it comes to: links, numbers, what each
    text costs, and how many replies the limits let through. Nothing is connected to or changed.
    """
    path = config_path(file)
    config = load(path)
    from smpp_server.cli.report import report

    for line in report(config):
        click.echo(line)
    click.echo(f"\n{path} is fine.")
