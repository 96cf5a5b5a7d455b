"""Who texts: honest people, the impatient, a raid, robots, the spoofed, and those who say STOP."""

from random import Random

from smpp_server.smsc_plan import Text
from tests.simulation.swarm import OURS, Swarm

DIGITS = "271828"  # in every sender's number, behind one of LEADS: a few searches find any of them
LEADS = ("6", "9", "0", "1")  # six digits alone stand in some fingerprint of a key, seven hardly
WORD = "zebrafink"  # in every text but STOP
NEVER = (  # as they come, with TON and NPI: (source, ton, npi)
    ("38200", 3, 0),  # a short code
    ("BANK", 5, 0),  # a name
    ("33899271828", 1, 1),  # premium rate
    ("32470271828", 1, 1),  # priced, its country is not opened
    ("49151271828", 1, 1),  # no price
    (OURS, 1, 1),
    ("", 0, 0),
    ("9" * 20, 1, 1),
)


def person(number: int) -> str:
    """The MSISDN of an honest sender."""
    return f"336{DIGITS}{number:02}"


PEOPLE = tuple(person(number) for number in range(100))
ANSWERABLE = frozenset(PEOPLE)


class Crowd:
    """What they send and when; `texts` is (seconds, text), drawn before anything happens."""

    def __init__(self, swarm: Swarm) -> None:
        self._chance = Random(f"{swarm.seed}/crowd")
        self._span_s = swarm.seconds * 0.9
        self.texts: list[tuple[float, Text]] = []
        chance = self._chance
        self.robots = frozenset(PEOPLE[: chance.choice((0, 0, 2, 4))])
        self.robot_texts = 0
        honest = chance.randint(3, 25)
        for number in range(honest):
            for _ in range(chance.choice((1, 1, 1, 2, 3))):
                self._text(PEOPLE[number])
        if chance.random() < 0.3:
            self._burst(PEOPLE[chance.randrange(honest)], chance.randint(10, 30))
        if chance.random() < 0.3:
            self._raid(chance.randint(10, 40))
        for number in range(honest):
            if chance.random() < 0.2:
                self._add(chance.random() * self._span_s, Text(PEOPLE[number], OURS, "STOP"))
        for source, ton, npi in NEVER:
            if chance.random() < 0.4:
                text = Text(source, OURS, self._words(), source_ton=ton, source_npi=npi)
                self._add(chance.random() * self._span_s, text)

    def _add(self, at_s: float, text: Text) -> None:
        self.texts.append((5 + at_s, text))

    def _words(self) -> str:
        kind = self._chance.random()
        if kind < 0.1:
            return f"{WORD} " * 30  # several parts
        if kind < 0.2:
            return f"{WORD} ☃"
        return f"salut {WORD}"

    def _text(self, source: str) -> None:
        self._add(self._chance.random() * self._span_s, Text(source, OURS, self._words()))

    def _burst(self, source: str, times: int) -> None:
        at_s = self._chance.random() * self._span_s
        for _ in range(times):
            self._add(at_s + self._chance.random() * 10, Text(source, OURS, self._words()))

    def _raid(self, people: int) -> None:
        at_s = self._chance.random() * self._span_s
        for number in range(people):
            text = Text(PEOPLE[40 + number], OURS, f"salut {WORD}")
            self._add(at_s + self._chance.random(), text)

    def answer_of(self, destination: str) -> Text | None:
        """What a robot answers to our reply."""
        if destination not in self.robots or self.robot_texts >= 20:
            return None
        self.robot_texts += 1
        return Text(destination, OURS, f"vous avez ecrit, dit {WORD}")
