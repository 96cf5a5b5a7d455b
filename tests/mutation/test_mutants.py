"""The mutants of a small function, and the list of those that change nothing."""

from pathlib import Path

import pytest

from tests.mutation.mutants import mutants

ROOT = Path(__file__).parent.parent.parent
LISTED = Path(__file__).with_name("equivalent.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < 1", {"a < 1 -> a <= 1", "1 -> 2", "1 -> 0"}),
        ("a is not b", {"a is not b -> a is b"}),
        ("a + b", {"a + b -> a - b"}),
        ("a and not b", {"a and (not b) -> a or not b", "not b -> not not b"}),
        ("a if b else c", {"a if b else c -> a if not b else c"}),
        ("True", {"True -> False"}),
        ("a / b", set()),
        ("a: b | c = d", set()),
        ("def f(a: b | c) -> d | e:\n    pass", set()),
        ("def f():\n    return a", {"return a -> return None"}),
        ("def f():\n    return", set()),
        ("def f():\n    return False", {"False -> True"}),
        ("while a:\n    del b", {"while a: -> while not a:", "del b -> pass"}),
    ],
)
def test_the_mutants_of_an_expression(source: str, expected: set[str]) -> None:
    assert {f"{mutant.was} -> {mutant.now}" for mutant in mutants(source)} == expected


def test_a_mutant_is_code_and_leaves_the_source_alone() -> None:
    found = list(mutants("def f(a):\n    b = a\n    a.append(1)\n    return b\n"))
    assert [mutant.line for mutant in found] == [2, 3, 4, 3, 3]
    assert str(found[0]) == "b = a -> pass in b = a"
    assert all(compile(mutant.tree(), "<mutant>", "exec") for mutant in found)


def test_every_mutant_said_to_change_nothing_exists_and_has_a_reason() -> None:
    for line in LISTED:
        path, _, told = line.partition(": ")
        mutant, _, reason = told.rpartition("  # ")
        assert len(reason.split()) > 2, line
        assert mutant in map(str, mutants((ROOT / path).read_text("utf-8"))), line
