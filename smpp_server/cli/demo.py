"""`smppd demo`: simulator, server, a few people who text; no account and no cost."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import click

from routing.money import format_nanos
from smpp_server.cli import show
from smpp_server.cli.place import Sentence
from smpp_server.cli.stage import (
    OUR_NUMBER,
    Books,
    Lines,
    Script,
    Stage,
    is_terminal,
    opened,
    perform,
    say,
    typed,
    words_of,
)
from smpp_server.smsc_plan import Submitted, Text

GIFT_NANOS: Final = 10 * 10**9
TEXT_S: Final = 5.0  # one text, its reply and its receipt take milliseconds
SHORT: Final = 44  # of a text, as much as a line shows


class Person(NamedTuple):
    """Who texts, from where, and how her or his number is written."""

    source: str
    words: str
    ton: int = 1  # SMPP 3.4 section 5.2.5: 1 international, 5 alphanumeric, 0 not told


PEOPLE: Final = (
    Person("33612340001", "Salut ! C'est Paul, du bar."),
    Person("33612340002", "Coucou, tu fais quoi ce soir ?"),
    Person("33755512399", "allo ?"),
    Person("33755512399", "Pourquoi tu réponds pas"),
    Person("33755512399", "REPONDS"),
    Person("33755512399", "???"),
    Person("38200", "Gagnez un voyage", 0),
    Person("MaBanque", "Votre code est 1234", 5),
    Person("33612340003", "STOP"),
    Person("33612340003", "c'est encore moi"),
    Person("4915123456789", "Hallo, wer ist da?"),
)


class Told(NamedTuple):
    """What became of one text."""

    replies: list[Submitted]
    silences: list[str]


@click.command()
def demo() -> None:
    """See it work: an SMSC, the server and some people who text, all on this machine.

    It takes some seconds, needs no account and leaves nothing behind. On a terminal you may then
    text the number yourself.
    """
    equal = perform(_play)
    raise SystemExit(0 if equal is not False else 1)


async def _play(reactor: Any) -> bool:
    """The whole demonstration; whether ledger and invoice are equal."""
    replies: list[Submitted] = []
    say(show.colour("smppd demo", "cyan", bold=True) + show.faint("  nothing here costs money"))
    async with opened(reactor, Script(budget="20.00"), replies.append) as stage:
        await stage.fund(GIFT_NANOS)
        money = stage.status()["money"]
        say(
            f"Bound to a simulated SMSC. {show.amount(GIFT_NANOS, money['currency'])} were given. "
            f"People text {OUR_NUMBER}:\n"
        )
        for person in PEOPLE:
            say(*_line(person, await _text(stage, replies, person)))
        _sum_up(stage)
        if is_terminal():
            await _converse(stage, replies)
    return stage.ours() == stage.theirs()


async def _text(stage: Stage, replies: list[Submitted], person: Person) -> Told:
    """Deliver one text, wait for all that follows from it, and see what did."""
    before = dict(stage.status()["tallies"])
    replies.clear()
    stage.simulator.deliver(Text(person.source, OUR_NUMBER, person.words, source_ton=person.ton))
    if not await stage.until(stage.resting, TEXT_S):
        raise Sentence(f"a text was not dealt with in {TEXT_S:.0f} s:\n{stage.log()}")
    after: Mapping[str, int] = stage.status()["tallies"]
    grown = [name for name, n in after.items() if n > before.get(name, 0)]
    silences = [name.removeprefix("silent: ") for name in grown if name.startswith("silent: ")]
    return Told(list(replies), silences)


def _line(person: Person, told: Told) -> list[str]:
    """One text and what became of it."""
    words = person.words if len(person.words) <= SHORT else person.words[: SHORT - 3] + "..."
    lines = [f"  {person.source:<14} {words}"]
    for reply in told.replies:
        lines.append(" " * 17 + show.colour("-> " + words_of(reply), "green"))
    if not told.replies:
        why = ", ".join(told.silences)
        lines.append(" " * 17 + show.faint(f"   silent: {why}"))
    return lines


def _sum_up(stage: Stage) -> None:
    """Our books beside the SMSC's."""
    ours, theirs = stage.ours(), stage.theirs()
    money = stage.status()["money"]
    rows = [("", "our ledger", "the SMSC's invoice")]
    for what, mine, its in zip(_described(ours), _amounts(ours), _amounts(theirs), strict=True):
        rows.append((what, mine, its))
    rows.append((f"left, {money['currency']}", format_nanos(money["left_nanos"], 4), ""))
    say("", *show.columns(rows, "  "))
    if ours == theirs:
        say("  " + show.colour("Equal, to the last decimal.", "green"), "")
    else:
        say("  " + show.colour(f"NOT EQUAL: {ours} and {theirs}.", "red", bold=True), "")


def _described(books: Books) -> list[str]:
    return [show.replies(books.replies) + " sent", show.count(books.texts, "text") + " received"]


def _amounts(books: Books) -> list[str]:
    return [format_nanos(books.outbound_nanos, 4), format_nanos(books.inbound_nanos, 4)]


async def _converse(stage: Stage, replies: list[Submitted]) -> None:
    """Let a person text, until an empty line or the end of input."""
    state_dir = stage.directory / "state"
    say("Now you. Write a phone number and a text, as in", "",
        "  33612345678 Bonsoir !", "",
        show.faint(f"In another terminal: smppd status --state-dir {state_dir}"),
        show.faint("An empty line ends it."))  # fmt: skip
    lines = Lines(stage.reactor)
    while True:
        click.echo("> ", nl=False)
        line = await lines.next()
        if not line.strip():
            break
        said = typed(line)
        if said is None:
            say("  A number, a space and a text, please.")
            continue
        person = Person(*said, 1 if len(said[0]) > 6 else 0)
        say(*_line(person, await _text(stage, replies, person))[1:])
    _sum_up(stage)
