"""The French number's week of October 2017, and two attacks of another kind: who texts, and when.

Of 30,000 texts in that week 22,000 were a raid, most of it on Monday from 16:00 to 20:00, some
senders with a thousand texts each; the other 8,000 are taken to be of 8,000 people. How they spread
over days and hours is made up: most of them at once, most of them in the evening.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

BEGIN_S = 1_509_055_200  # Friday, 27 October 2017, 00:00 in Paris; that Sunday has 25 hours
HOUR_S, DAY_S = 3600, 86_400
PEOPLE = (2000, 1900, 1300, 1200, 700, 500, 400)  # a day, from Friday on
HOURS = (6, 4, 3, 1, 1, 1, 1, 2, 3, 4, 4, 5, 6, 6, 5, 5, 5, 6, 7, 8, 9, 10, 9, 8)  # weights
RAID_AT_S = 3 * DAY_S + 17 * HOUR_S  # 16:00 of that Monday: the clocks went back on Sunday
RAID_S = 4 * HOUR_S
BURST_S = 5  # what attackers send in these seconds arrives together
OURS = tuple(f"33937{number:06}" for number in range(1, 11))
OVERSEAS = ("590690", "596696", "262692")  # Guadeloupe, Martinique, Reunion


class Arrival(NamedTuple):
    """A text: when, seconds after the beginning, from whom, to which of our numbers, its words."""

    at_s: float
    source: str
    number: int  # its place among ours
    words: str


Attack = Callable[[Random], Iterator[tuple[str, str]]]  # who and what, one after the other


@dataclass(frozen=True)
class Scene:
    """What is played: people of each day, one attack, and how the house is set up."""

    name: str
    people: tuple[int, ...]
    attack: Attack
    attack_at_s: int = RAID_AT_S
    numbers: int = 10
    inbound: str = "0"  # price of a text that reaches us
    countries: tuple[str, ...] = ("FR",)
    seed: int = 2017

    def arrivals(self) -> list[Arrival]:
        """Everybody's texts in the order of time; people begin with 336, attackers do not."""
        chance = Random(f"{self.seed}/{self.name}")
        texts = list(_people(self.people, self.numbers, chance))
        attack = list(self.attack(chance))
        for place, (source, words) in enumerate(attack):
            at_s = self.attack_at_s + place * RAID_S // len(attack) // BURST_S * BURST_S
            texts.append(Arrival(at_s, source, chance.randrange(self.numbers), words))
        return sorted(texts)


def is_person(source: str) -> bool:
    """One of the people, none of the attackers."""
    return source.startswith("336")


def _person(chance: Random) -> str:
    """Of metropolitan France for certain: 0639 and 069 may be written so for islands' numbers."""
    return f"336{chance.choice('0124578')}{chance.randrange(10**7):07}"


def _people(days: tuple[int, ...], numbers: int, chance: Random) -> Iterator[Arrival]:
    known = set()
    for day, count in enumerate(days):
        for hour in chance.choices(range(24), HOURS, k=count):
            source = _person(chance)
            while source in known:
                source = _person(chance)
            known.add(source)
            at_s = day * DAY_S + (hour + chance.random()) * HOUR_S
            yield Arrival(at_s, source, chance.randrange(numbers), "Salut, c'est moi")


def _words(place: int, chance: Random) -> str:
    """No two alike."""
    return f"{chance.choice(('lol', 'endettement', 'issou', 'coucou'))} {place}"


def raid(chance: Random) -> Iterator[tuple[str, str]]:
    """22,000 texts of 25 senders."""
    senders = [f"337{chance.randrange(5 * 10**7, 9 * 10**7):08}" for _ in range(25)]
    for place in range(22_000):
        yield senders[place % 25], _words(place, chance)


def spoofed(chance: Random) -> Iterator[tuple[str, str]]:
    """8,000 texts, each of another sender, out of three ranges of 10,000 numbers."""
    ranges = [f"337{chance.randrange(5000, 9000)}" for _ in range(3)]
    order = chance.sample(range(30_000), 8000)
    for place, number in enumerate(order):
        yield f"{ranges[number % 3]}{number // 3:04}", _words(place, chance)


def dear(chance: Random) -> Iterator[tuple[str, str]]:
    """8,000 texts, each of another sender overseas, where a reply costs up to three times more."""
    for place in range(8000):
        prefix = OVERSEAS[place % 3]
        yield f"{prefix}{place % 10}{chance.randrange(10**5):05}", _words(place, chance)


WEEK = Scene("the week, ten numbers", PEOPLE, raid)
WEEK_PAID_INBOUND = Scene("the week, ten numbers, paid texts", PEOPLE, raid, inbound="0.0075")
ONE_NUMBER = Scene("the week, one number", PEOPLE, raid, numbers=1)
AT_ONCE_S = 16 * HOUR_S
SPOOFED = Scene("a day, few ranges", (1200,), spoofed, AT_ONCE_S)
DEAR = Scene("a day, dear countries", (1200,), dear, AT_ONCE_S, countries=("FR", "GP", "MQ", "RE"))
SCENES = {
    "week": WEEK,
    "week-paid-inbound": WEEK_PAID_INBOUND,
    "one-number": ONE_NUMBER,
    "few-ranges": SPOOFED,
    "dear-countries": DEAR,
}
