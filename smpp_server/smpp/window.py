"""The window: requests sent and not yet answered, their sequence numbers, and the late ones."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Protocol

from smpp_server.smpp.constants import CommandId

GENERIC_NACK = int(CommandId.GENERIC_NACK)
LAST_NUMBER = 0x7FFFFFFF  # section 5.1.4; 0 belongs to generic_nack

Waiting = tuple[int, int]  # (token of the caller, command_id of the response it awaits)


class Encodable(Protocol):
    """A request prepared beforehand, such as a reply template, that is no `Pdu`."""

    @property
    def command_id(self) -> int:
        """Its command_id."""

    def encode(self, sequence_number: int) -> bytes:
        """The whole PDU with this sequence_number."""


class Window:
    """What one side has asked and not been told yet, oldest first.

    Numbers rise by one from `first` to 0x7FFFFFFF, then start again at 1, and skip those still
    outstanding or remembered (sections 3.2, 5.1.4). The peer's numbers are another space.
    """

    __slots__ = ("_late", "_memory", "_next", "_open", "size")

    def __init__(self, size: int, memory: int, first: int = 1) -> None:
        self.size = size
        self._memory = memory
        self._next = first
        self._open: dict[int, Waiting] = {}
        self._late: dict[int, Waiting] = {}

    @property
    def free(self) -> int:
        """How many requests may still be opened."""
        return self.size - len(self._open)

    def __len__(self) -> int:
        return len(self._open)

    def take(self, count: int) -> Sequence[int]:
        """The next `count` sequence numbers; they are spent, used or not."""
        first = self._next
        stop = first + count
        numbers = range(first, stop)
        taken = self._open.keys()
        if stop <= LAST_NUMBER and taken.isdisjoint(numbers) and not self._remembers(numbers):
            self._next = stop
            return numbers
        return [self._step() for _ in range(count)]

    def open(self, numbers: Sequence[int], waiting: Iterable[Waiting]) -> None:
        """Requests with these numbers are on their way."""
        self._open.update(zip(numbers, waiting, strict=True))

    def settle(self, number: int, command_id: int) -> int | None:
        """Close the outstanding request `number` if it awaits this response or a generic_nack.

        Returns its token; None leaves everything as it was.
        """
        waiting = self._open.get(number)
        if waiting is None or command_id not in (waiting[1], GENERIC_NACK):
            return None
        del self._open[number]
        return waiting[0]

    def recall(self, number: int, command_id: int) -> int | None:
        """Like `settle`, for a request that was given up: its response came late."""
        waiting = self._late.get(number)
        if waiting is None or command_id not in (waiting[1], GENERIC_NACK):
            return None
        del self._late[number]
        return waiting[0]

    def expire(self, numbers: Iterable[int]) -> list[int]:
        """Give these requests up: their slots are free, their tokens are returned.

        The youngest `memory` of them are remembered, in case the response is only late.
        """
        given_up = {number: self._open.pop(number) for number in numbers}
        self._late.update(given_up)
        for number in list(islice(self._late, max(0, len(self._late) - self._memory))):
            del self._late[number]
        return [token for token, _ in given_up.values()]

    def tokens(self) -> list[int]:
        """The tokens of all outstanding requests in the order of sending."""
        return [token for token, _ in self._open.values()]

    def _remembers(self, numbers: range) -> bool:
        return bool(self._late) and not self._late.keys().isdisjoint(numbers)

    def _step(self) -> int:
        number = self._next
        while number in self._open or number in self._late:
            number = number % LAST_NUMBER + 1
        self._next = number % LAST_NUMBER + 1
        return number
