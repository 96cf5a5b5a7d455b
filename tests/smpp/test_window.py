"""The window: numbers, slots, and the memory of those given up."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from smpp_server.smpp.window import GENERIC_NACK, LAST_NUMBER, Window

RESP = 0x80000004
OTHER_RESP = 0x80000103


def opened(window: Window, *tokens: int) -> list[int]:
    numbers = window.take(len(tokens))
    window.open(numbers, [(token, RESP) for token in tokens])
    return list(numbers)


def test_numbers_rise_by_one_from_one() -> None:
    """Section 3.2: sequence_number should increase monotonically."""
    window = Window(10, 10)
    assert opened(window, 7, 8, 9) == [1, 2, 3]
    assert list(window.take(2)) == [4, 5]
    assert window.free == 7
    assert len(window) == 3


def test_every_request_has_one_number() -> None:
    with pytest.raises(ValueError, match="zip"):
        Window(10, 10).open([1, 2], [(7, RESP)])


def test_numbers_end_at_7fffffff_and_never_are_zero() -> None:
    """Section 5.1.4."""
    window = Window(10, 10, first=LAST_NUMBER - 1)
    assert list(window.take(3)) == [LAST_NUMBER - 1, LAST_NUMBER, 1]
    assert list(window.take(1)) == [2]
    window = Window(10, 10, first=LAST_NUMBER)
    assert list(window.take(1)) == [LAST_NUMBER]
    assert list(window.take(1)) == [1]


def test_numbers_skip_outstanding_and_remembered_ones() -> None:
    window = Window(10, 10)
    assert opened(window, 101, 102, 103, 104) == [1, 2, 3, 4]
    window.expire([3])
    window.settle(2, RESP)
    again = Window(10, 10, first=LAST_NUMBER)
    again._open, again._late = window._open, window._late
    assert list(again.take(4)) == [LAST_NUMBER, 2, 5, 6]


def test_only_its_own_response_or_a_nack_settles_a_request() -> None:
    """Q24, Q28: another type answers nothing; generic_nack answers whatever has its number."""
    window = Window(10, 10)
    first, second = opened(window, 7, 8)
    assert window.settle(first, OTHER_RESP) is None
    assert window.settle(99, RESP) is None
    assert window.tokens() == [7, 8]
    assert window.settle(second, GENERIC_NACK) == 8
    assert window.settle(first, RESP) == 7
    assert window.settle(first, RESP) is None
    assert window.free == 10


def test_what_was_given_up_is_remembered_up_to_the_memory() -> None:
    """Q26: a late response still finds its request, once."""
    window = Window(10, 2)
    numbers = opened(window, 11, 12, 13, 14)
    assert window.expire(numbers[:3]) == [11, 12, 13]
    assert window.free == 9
    assert window.recall(numbers[0], RESP) is None  # forgotten: two are kept
    assert window.recall(numbers[1], OTHER_RESP) is None
    assert window.recall(numbers[1], RESP) == 12
    assert window.recall(numbers[1], RESP) is None
    assert window.recall(numbers[2], GENERIC_NACK) == 13


class WindowAgainstModel(RuleBasedStateMachine):
    """The window near the wrap against a list of (number, token)."""

    def __init__(self) -> None:
        super().__init__()
        self.window = Window(8, 4, first=LAST_NUMBER - 5)
        self.model: list[tuple[int, int]] = []
        self.last = 0

    @rule(count=st.integers(0, 8))
    def send(self, count: int) -> None:
        count = min(count, self.window.free)
        tokens = list(range(self.last + 1, self.last + 1 + count))
        self.last += count
        numbers = opened(self.window, *tokens)
        assert len(set(numbers)) == count
        assert not {number for number, _ in self.model} & set(numbers)
        assert all(1 <= number <= LAST_NUMBER for number in numbers)
        self.model += zip(numbers, tokens, strict=True)

    @rule()
    def jump_back(self) -> None:
        """As if 2**31 requests had gone by."""
        self.window._next = LAST_NUMBER - 5

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def respond(self, data: st.DataObject) -> None:
        number, token = self.model.pop(data.draw(st.integers(0, len(self.model) - 1)))
        assert self.window.settle(number, RESP) == token

    @precondition(lambda self: self.model)
    @rule(count=st.integers(1, 8))
    def give_up(self, count: int) -> None:
        gone, self.model = self.model[:count], self.model[count:]
        assert self.window.expire([n for n, _ in gone]) == [token for _, token in gone]
        assert self.window.recall(gone[-1][0], RESP) == gone[-1][1]

    @invariant()
    def agrees(self) -> None:
        assert self.window.tokens() == [token for _, token in self.model]
        assert self.window.free == 8 - len(self.model)


TestWindowAgainstModel = WindowAgainstModel.TestCase
