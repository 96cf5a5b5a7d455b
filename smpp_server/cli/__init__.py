"""The command `smppd`: one module per group of commands, imported when its command is asked for.

A look at a running server must not wait for Twisted or pydantic to be imported, so nothing here
imports them, and rich only where something is displayed.
"""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import click

COMMANDS: Final[Mapping[str, str]] = {
    "demo": "smpp_server.cli.demo:demo",
    "init": "smpp_server.cli.files:init",
    "check-config": "smpp_server.cli.files:check_config",
    "run": "smpp_server.cli.serve:run",
    "status": "smpp_server.cli.look:status",
    "alarms": "smpp_server.cli.look:alarms",
    "bind-status": "smpp_server.cli.plugin:bind_status",
    "explain": "smpp_server.cli.explain:explain",
    "fund": "smpp_server.cli.operate:fund",
    "fee": "smpp_server.cli.money:fee",
    "budget": "smpp_server.cli.money:budget",
    "ledger": "smpp_server.cli.ledger:ledger",
    "rates": "smpp_server.cli.rates:rates",
    "reconcile": "smpp_server.cli.reconcile:reconcile",
    "hold": "smpp_server.cli.operate:hold",
    "release": "smpp_server.cli.operate:release",
    "cancel": "smpp_server.cli.orders:cancel",
    "optout": "smpp_server.cli.orders:optout",
    "forget": "smpp_server.cli.orders:forget",
    "breaker": "smpp_server.cli.breaker:breaker",
    "clock": "smpp_server.cli.operate:clock",
    "simulate": "smpp_server.cli.simulate:simulate",
    "load-test": "smpp_server.cli.load_test:load_test",
    "version": "smpp_server.cli.look:version",
}


class Commands(click.Group):
    """The commands in the order a newcomer meets them, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command, or None when there is none of that name."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; a name that is none is answered with the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            question = f' Did you mean "{near[0]}"?' if near else ""
            ctx.fail(f'There is no command "{args[0]}".{question}')
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from smpp_server.cli.show import version_line

        click.echo(version_line())
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and end.",
)
def group() -> None:
    """Answer each person who texts your numbers once, exactly, and within a budget.

    Begin with `smppd demo`: it needs no account and costs nothing.
    """


def main(*args: Any, **options: Any) -> Any:
    """The entry point of the program; like click's own, but a closed pipe is no fault."""
    try:
        return group(*args, prog_name="smppd", **options)
    except BrokenPipeError:  # `smppd status | head`: nobody listens any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
