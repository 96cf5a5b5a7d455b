"""`smppd cancel`, `optout` and `forget`: orders about what waits, and about persons."""

from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import click

from smpp_server.cli import client, show
from smpp_server.cli.place import Sentence, place_options

FOLLOWED_S: Final = 30.0
LOOK_S: Final = 0.2


@click.command()
@click.option("--waiting", is_flag=True, help="Replies that wait; what has left cannot be stopped.")
@click.option("--number", default="", metavar="NAME", help="Only those from this number of ours.")
@click.option("--campaign", default="", metavar="NAME", help="Only those of this campaign.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
def cancel(socket: Path, waiting: bool, number: str, campaign: str, yes: bool) -> None:
    """Cancel the replies that wait now: `smppd cancel --waiting`.

    Nobody is answered instead, and their senders may be answered when they write again. Replies
    made after the order are not concerned; `smppd hold` stops those.
    """
    if not waiting:
        raise Sentence("say what to cancel: only --waiting can be")
    if not yes:
        count = client.look(socket, "/status")["waiting"]
        whose = f" from {number}" * bool(number) + f" of campaign {campaign}" * bool(campaign)
        click.confirm(
            f"Cancel what waits{whose}? {show.replies(count)} wait in all", abort=True, err=True
        )
    client.tell(socket, "/cancel", {"number": number, "campaign": campaign})
    job = _followed(socket, "cancel")
    click.echo(f"{show.replies(job['cancelled'])} cancelled.{_goes_on(job)}")


@click.command()
@click.argument("number", required=False)
@click.option("--undo", is_flag=True, help="Take back what was entered by hand; never a STOP.")
@place_options
def optout(socket: Path, number: str | None, undo: bool) -> None:
    """Never answer NUMBER again, as if it had sent a stop word; what waits for it is cancelled.

    NUMBER is in international form, or in the form the first link of the first number reads. Left
    out, it is asked for, or read from standard input: so it stands in no history of the shell.
    """
    fields = {"number": number_of(number)} | ({"undo": "yes"} if undo else {})
    client.tell(socket, "/optout", fields)
    click.echo("The opt-out is taken back." if undo else "The number is never answered again.")


@click.command()
@click.argument("number", required=False)
@place_options
def forget(socket: Path, number: str | None) -> None:
    """Remove all that is kept of NUMBER (GDPR, article 17), but for a STOP of its own.

    Left out, NUMBER is asked for, or read from standard input: so it stands in no history of the
    shell. Its claims, counts, an opt-out entered by hand and its pseudonyms go; a reply that waits
    is cancelled. Amounts stay, they name nobody. A reply in doubt can then be settled by its
    message id or by time alone. Off the disk it is two minutes later at most.
    """
    client.tell(socket, "/forget", {"number": number_of(number)})
    job = _followed(socket, "forget")
    click.echo(
        f"Forgotten: {show.replies(job['cancelled'])} that waited cancelled, "
        f"{show.replies(job['cleared'])} that had left made nameless.{_goes_on(job)}"
    )


def number_of(given: str | None) -> str:
    """The number of a person that is meant, asked for unless it was given."""
    number = given if given is not None else click.prompt("Number", err=True)
    return str(number).strip()


def _followed(socket: Path, what: str) -> dict[str, Any]:
    """The order given last, as far as it has come: looked at until it ends, or for a while."""
    ends = monotonic() + FOLLOWED_S
    while True:
        jobs = client.look(socket, "/status")["jobs"]
        job: dict[str, Any] = next(job for job in reversed(jobs) if job["what"] == what)
        if job["ended"] or monotonic() > ends:
            return job
        sleep(LOOK_S)


def _goes_on(job: dict[str, Any]) -> str:
    return "" if job["ended"] else " It goes on; `smppd status` shows how far."
