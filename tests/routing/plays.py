"""Tables that are played: one line an event, and what came of it."""

import re
from itertools import groupby

from routing.money import parse_nanos
from routing.records import OutcomeKind, ReceiptKind
from routing.standing import Command
from tests.routing.worlds import World, keys_of, outcome, time_of


def flying(count: int, **how: object) -> World:
    """A world with `count` replies on their way, to 0001, 0002 …, and an SMSC that is silent."""
    world = World(**how)
    world.answers["main"] = None
    for i in range(1, count + 1):
        world.turn(contacts=[world.contact(f"+3361234{i:04}")])
    world.said.clear()
    return world


def play(world: World, table: str) -> None:
    """Run every line of a table and compare all that came of it; lines are numbered from 1."""
    lines = [line.strip() for line in table.strip().splitlines()]
    found = []
    for line in lines:
        when, rest = line.split(maxsplit=1)
        what, _, _ = rest.partition("→")
        world.until(time_of(when))
        act(world, what.split())
        world.settle()
        said, world.said = world.said, []
        found.append(f"{when} {' '.join(what.split())} → {_short(said) or '-'}")
    wanted = [" ".join(line.split()) for line in lines]
    assert found == wanted, "\n".join(["it came to", *found])


def _short(said: list[str]) -> str:
    """What was said again and again is said once and counted."""
    said = ["cancels" if words.endswith(": breaker") else words for words in said]
    runs = [(words, len(list(run))) for words, run in groupby(said)]
    told = ", ".join(f"{words} x{n}" if n > 1 else words for words, n in runs)
    return re.sub(r"alarm attack (\S+) ends, alarm attack (\S+)\b", r"attack \1 to \2", told)


def act(world: World, words: list[str]) -> None:
    """Who does what: the vocabulary of the tables."""
    match words:
        case ["-"]:
            pass
        case ["tick"]:
            world.turn(tick=True)
        case ["operator", "funds", amount]:
            world.turn(commands=[Command(1, "fund", "", parse_nanos(amount))])
        case ["operator", "fee", amount, *carrier]:
            nanos = parse_nanos(amount)
            world.turn(commands=[Command(1, "fee", "".join(carrier), nanos)])
        case ["operator", "budget", name, amount]:
            world.turn(commands=[Command(1, "budget", name, parse_nanos(amount))])
        case ["operator", "cancels", *number]:
            world.turn(commands=[Command(1, "cancel", "".join(number))])
        case ["operator", "optout" | "optout-undo" | "forget" as name, msisdn]:
            keys = keys_of(msisdn[1:], world.epochs)
            world.turn(commands=[Command(1, name, keys=keys)])
        case ["operator", command, *scope]:
            world.turn(commands=[Command(1, command, "".join(scope))])
        case ["clock", "says", when]:
            world.wall_ns = time_of(when)
            world.turn()
        case [link, "is", state]:
            {"down": world.down.add, "up": world.down.discard}[state](link)
            world.turn()
        case [link, "answers", *kind]:
            world.answers[link] = None if kind == ["nothing"] else OutcomeKind(" ".join(kind))
        case [link, "says", sender, *kind]:
            said = outcome(world.rows(sender)[-1], OutcomeKind(" ".join(kind)))
            world.turn(outcomes=[said])
        case [address, "receipt", kind, *candidates]:
            receipt = world.receipt(address[1:], ReceiptKind(kind), *candidates)
            world.turn(receipts=[receipt])
        case [address, "texts", *to]:
            world.turn(contacts=[world.contact(address, "".join(to))])
        case [count, "in", address, "text", *to]:  # as many people whose numbers begin like this
            first = world.crowd
            world.crowd += int(count)
            people = [f"{address}{i:04}" for i in range(first, world.crowd)]
            world.turn(contacts=[world.contact(each, "".join(to)) for each in people])
        case [count, "from", "everywhere", "text"]:  # as many people, each of a range of their own
            first = world.crowd
            world.crowd += int(count)
            people = [f"+336{i:04}{i:04}" for i in range(first, world.crowd)]
            world.turn(contacts=[world.contact(each) for each in people])
        case [count, "times", address, "texts"]:
            world.turn(contacts=[world.contact(address) for _ in range(int(count))])
        case [address, "stops", *to]:
            world.turn(contacts=[world.contact(address, "".join(to), stop=True)])
        case _:
            raise AssertionError(f"no such line: {' '.join(words)}")
