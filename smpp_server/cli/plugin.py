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


class _Plugin(click.Command):
    """A mistake on the command line is UNKNOWN too: never taken for a state of the links."""

    def main(self, *args: Any, **options: Any) -> Any:
        """See click."""
        return super().main(*args, **options)

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """See click."""
        try:
            return super().make_context(*args, **options)
        except click.UsageError as error:
            error.exit_code = UNKNOWN
            raise


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


@click.command("bind-status", cls=_Plugin)
@place_options
def _asked(socket: Path) -> Verdict:
    try:
        return judge(client.look(socket, "/bind-status", ANSWER_S))
    except (KeyError, TypeError, ValueError):
        raise Sentence(f"what answers at {socket} is no smppd of this version") from None


@click.command("bind-status", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def bind_status(context: click.Context, arguments: tuple[str, ...]) -> None:
    pass
