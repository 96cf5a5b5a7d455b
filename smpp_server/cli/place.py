"""Where configuration and running server are found, without reading the whole configuration."""

import tomllib
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from smpp_server.web import SOCKET

DEFAULTS: Final = ("server.toml", "conf/server.toml", "/etc/smppd/server.toml")

F = TypeVar("F", bound=Callable[..., Any])


class Sentence(click.ClickException):
    """What stands in the way, in a sentence on stderr; ends with status 1."""

    def show(self, file: Any = None) -> None:
        """The sentence alone: what an operator reads begins with what matters."""
        click.echo(f"smppd: {self.message}", err=True)


class BadConfig(Sentence):
    """The configuration is not to be had, or not to be used."""

    exit_code = 78  # EX_CONFIG of sysexits.h


def config_path(given: Path | None) -> Path:
    """The file that is named, else the first of DEFAULTS that there is.

    Raises:
        BadConfig: there is none.
    """
    if given is not None:
        return given
    for name in DEFAULTS:
        if Path(name).is_file():
            return Path(name)
    places = ", ".join(DEFAULTS)
    raise BadConfig(f"there is no configuration ({places}); make one with `smppd init DIR`")


def state_directory(state_dir: Path | None, config: Path | None) -> Path:
    """Where the server keeps its socket: as named, else as its configuration says.

    Raises:
        BadConfig: neither is to be had.
    """
    if state_dir is not None:
        return state_dir
    path = config_path(config)
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise BadConfig(f"{path} is not TOML; `smppd check-config {path}` tells where") from None
    server = data.get("server", {})
    named = server.get("state_dir", "state") if isinstance(server, dict) else "state"
    return path.absolute().parent / str(named)


def place_options(command: F) -> F:
    """Adds --state-dir and --config; the command is given `socket`, a path."""

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
    @wraps(command)
    def with_socket(config: Path | None, state_dir: Path | None, **given: Any) -> Any:
        return command(socket=state_directory(state_dir, config) / SOCKET, **given)

    return with_socket  # type: ignore[return-value]
