"""`smppd bind-status`: one line and an exit status, as monitoring systems ask for them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from smpp_server.cli import client, show
from smpp_server.cli.place import Sentence, place_options

OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
ANSWER_S: Final = 10.0
BAD: Final[Mapping[str, int]] = {
    "bound": OK,
    "half": WARNING,
    "draining": WARNING,
    "connecting": CRITICAL,
    "down": CRITICAL,
}


class Verdict(NamedTuple):
    """Exit status and line."""

    status: int
    line: str


class Misused(click.UsageError):
    """A mistake on the command line."""

    exit_code = UNKNOWN


class Plugin(click.Command):
    """Whatever goes wrong here is UNKNOWN, on stdout: never taken for a state of the links."""

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """See click."""
        try:
            return super().make_context(*args, **options)
        except click.UsageError as error:
            raise Misused(error.message, error.ctx) from None

    def invoke(self, ctx: click.Context) -> None:
        """Show one line and end with its status."""
        try:
            verdict: Verdict = super().invoke(ctx)
        except Sentence as sentence:
            verdict = Verdict(UNKNOWN, f"SMPP UNKNOWN - {sentence.message}".replace("|", "/"))
        click.echo(verdict.line)
        ctx.exit(verdict.status)


def judge(value: Mapping[str, Any]) -> Verdict:
    """What the links' states come to."""
    links = value["links"]
    worst = max((BAD.get(link["state"], CRITICAL) for link in links), default=UNKNOWN)
    if worst == OK and (value["holds"] or value["clock_fault"]):
        worst = WARNING
    said = [_said(link) for link in links]
    if "*" in value["holds"]:
        said.append(f"everything held ({value['holds']['*']})")
    if value["clock_fault"]:
        said.append(f"clock not believed ({value['clock_fault']})")
    # A bar would begin the performance data.
    told = "; ".join(said).replace("|", "/") or "no link is configured"
    return Verdict(worst, f"SMPP {WORDS[worst]} - {told} | {' '.join(_data(value))}")


def _said(link: Mapping[str, Any]) -> str:
    words = f"{link['name']} {link['state']} {show.span(link['since_s'])}"
    if link["state"] == "half":
        words += " (" + ", ".join(f"{s['kind']} {s['state']}" for s in link["sides"]) + ")"
    if link["held"]:
        words += f", held: {link['held']}"
    if link["state"] != "bound" and link["last_error"]:
        words += f", {link['last_error']}"
    return " ".join(words.split())


def _data(value: Mapping[str, Any]) -> Iterable[str]:
    """label=value;warning;critical;least;most"""
    links = value["links"]
    for link in links:
        label = "window" if len(links) == 1 else f"window_{link['name']}"
        yield f"{label}={link['outstanding']};;;0;{link['window']}"
    yield f"bound={sum(link['state'] == 'bound' for link in links)};;;0;{len(links)}"
    yield f"waiting={value['waiting']};;;0"
    yield f"in_flight={value['in_flight']};;;0"
    yield f"alarms={len(value['alarms'])};;;0"


@click.command("bind-status", cls=Plugin)
@place_options
def bind_status(socket: Path) -> Verdict:
    """Tell a monitoring system how the links are: one line with performance data.

    Ends with 0 OK, 1 WARNING (a half link, a hold, an unbelieved clock), 2 CRITICAL (a link is
    down) or 3 UNKNOWN (no server, or no sense in its answer).
    """
    try:
        return judge(client.look(socket, "/bind-status", timeout_s=ANSWER_S))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Sentence(f"what answers at {socket} is no smppd of this version") from None
