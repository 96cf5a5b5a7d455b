"""Taking a rate card over, step by step: told twice it is done once, out of order not at all."""

import pytest

from routing.rate_rows import Row
from routing.standing import CardStep, Command
from tests.routing.worlds import World

OLD, NEW = "a" * 64, "b" * 64


def row(line: int) -> Row:
    return Row(line, f"3{line}", "out", 1, "EUR", "", "", "", 0, 9)


def step(what: str, place: int = 0, rows: int = 0, **more: str) -> CardStep:
    named = tuple(row(place + index) for index in range(rows))
    return CardStep(what, "acme", NEW, 5, "EUR", place, named)._replace(**more)


HALF = [step("begin"), step("rows", 0, 3)]


@pytest.mark.parametrize(
    ("steps", "answer", "written"),
    [
        ([step("begin")], "done", 1),
        ([step("begin", carrier="nobody")], "there is no carrier nobody", 0),
        ([step("rows", 0, 3)], "another import has taken its place; begin again", 0),
        ([*HALF], "done", 2),
        ([*HALF, step("rows", 3, 2)], "done", 3),
        ([*HALF, step("rows", 0, 3)], "done", 2),  # its answer was lost, it came again
        ([*HALF, step("rows", 5, 2)], "row 3 is the next, not 5; begin again", 2),
        ([*HALF, step("rows", 3, 2, digest=OLD)],
         "another import has taken its place; begin again", 2),
        ([*HALF, step("valid", 5)], "3 rows have come, not 5; begin again", 2),
        ([*HALF, step("valid", 3, fault="line 2: no")], "line 2: no", 2),
        ([*HALF, step("valid", 3)], "done", 3),
        ([*HALF, step("valid", 3), step("valid", 3)],
         "another import has taken its place; begin again", 3),
        ([*HALF, step("begin"), step("valid", 3)], "0 rows have come, not 3; begin again", 3),
    ],
)  # fmt: skip
def test_steps(steps: list[CardStep], answer: str, written: int) -> None:
    world = World()
    commands = [Command(n, "card", card=one) for n, one in enumerate(steps, 1)]
    changes = world.turn(commands=commands)
    assert changes.effects.answers[len(steps)] == answer
    assert len(changes.cards) == written
    valid = [one for one in changes.cards if one.what == "valid"]
    assert changes.audit == [("card", "acme version 5, 3 rows") for _ in valid]


def test_a_card_command_without_a_card() -> None:
    changes = World().turn(commands=[Command(1, "card")])
    assert changes.effects.answers == {1: "there is no command card"}
