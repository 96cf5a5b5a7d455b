"""Who texts in a soak, and how many replies each of them is owed.

People are integers; most texts come from somebody new, some from those who have their reply, and
some from those whose claim is over, who are answered again.
"""

from array import array
from collections.abc import Iterator
from typing import Final

from smpp_server.cli.load_profiles import Load
from smpp_server.smsc_plan import Submitted, Text

OUR_NUMBER: Final = "33644649021"
WORDS: Final = "Salut, tu te souviens de moi ?"
CLAIM_DAYS: Final = 7
EVERY: Final = 20  # of so many texts one is from each of these:
AGAIN, LAST_PART, LONG_AGO = 9, 14, 19  # the sender before, one of the part before, of long ago


class Crowd:
    """All people of a run; `days` go by from one part to the next."""

    def __init__(self, texts: int, parts: int, days: float) -> None:
        self.texts, self.parts, self.days = texts, parts, days
        self.owed = bytearray(texts)
        self.reached = bytearray(texts)
        self.second = 0  # replies beyond what is owed
        self.strangers = 0  # replies to people who never texted
        self._people = 0
        self._began: list[int] = []  # part → its first newcomer
        self._promised = array("i", [-1]) * texts  # person → part of their last reply
        self._load = Load("soak", texts, 0, 1, EVERY)

    def part(self, part: int) -> Iterator[Text]:
        """The texts of one part; a text counts as sent when it is drawn."""
        self._began.append(self._people)
        for nth in range(self.size(part)):
            person = self._who(part, nth)
            last = self._promised[person]
            if last < 0 or (part - last) * self.days > CLAIM_DAYS:
                self.owed[person] += 1
                self._promised[person] = part
            yield Text(self._load.number(person), OUR_NUMBER, WORDS)

    def size(self, part: int) -> int:
        """How many texts it has."""
        return self.texts * (part + 1) // self.parts - self.texts * part // self.parts

    def submitted(self, reply: Submitted) -> None:
        """The SMSC has accepted a reply."""
        person = self._load.sender_of(reply.destination)
        if person is None or not self.owed[person]:
            self.strangers += 1
            return
        self.reached[person] += 1
        self.second += self.reached[person] > self.owed[person]

    def _who(self, part: int, nth: int) -> int:
        place, group = nth % EVERY, nth // EVERY
        back = {AGAIN: 0, LAST_PART: 1, LONG_AGO: int(CLAIM_DAYS / self.days) + 1}.get(place)
        if back == 0:
            return self._people - 1
        if back is not None and part >= back:
            return self._began[part - back] + group
        self._people += 1
        return self._people - 1
