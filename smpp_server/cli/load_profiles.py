"""Who texts in a load test, and when: the shapes of traffic a number must live through.

A text is known by its place in the load, a sender by an integer; from either all else follows, so
that ten million of them need no memory.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

PEOPLE: Final = 10**7  # as many handsets as 3361 has room for
SCATTER: Final = 7_368_787  # prime to PEOPLE: neighbours stand in ranges far apart
FIRST: Final = 4_711_815  # of them
BLOCK: Final = "3364646"  # an attacker is one of this block of ten thousand
RAIDERS: Final = 25
HONEST_EVERY: Final = 45  # in a raid: 22,500 texts are 22,000 of raiders and 500 of others

Shape = Callable[[float], float]  # share of the texts → share of the time at which it is reached


def even(share: float) -> float:
    """The same rate all the time."""
    return share


def wave(share: float) -> float:
    """Up to a crest of twice the mean after a quarter of the time, then slowly down."""
    if share < 1 / 4:
        return float(1 / 4 * (4 * share) ** 0.5)
    return float(1 - 3 / 4 * ((1 - share) * 4 / 3) ** 0.5)


def spike(share: float) -> float:
    """Half the texts as always, the other half within a tenth of the time in the middle."""
    if share < 0.225:
        return share / 0.5
    if share < 0.775:
        return 0.45 + (share - 0.225) / 5.5
    return 0.55 + (share - 0.775) / 0.5


class Profile(NamedTuple):
    """A kind of load: how many texts in how many seconds, unless somebody asks for others."""

    says: str
    shape: Shape
    texts: int
    span_s: int  # 0: as fast as they are taken
    tps_percent: int  # segments a second we may send, in percent of the mean rate of texts
    real_h: int = 0  # so many hours are played in `span_s`; 0: time is not scaled
    attackers: int = 0


PROFILES: Final[Mapping[str, Profile]] = {
    "sustained": Profile("one text after the other, at one rate", even, 5000, 0, 0),
    "launch": Profile(
        "48 hours like the first of October 2017", wave, 10_000, 60, 130, real_h=48
    ),
    "raid": Profile(
        "six days of 25 attackers, among people who mean it",
        wave, 22_500, 60, 200, real_h=144, attackers=RAIDERS,
    ),
    "spike": Profile("half of all texts within a tenth of the time", spike, 6000, 60, 200),
    "soak": Profile("a quiet rate for long, to see what grows", even, 36_000, 3600, 200),
}  # fmt: skip


class Load(NamedTuple):
    """What is asked for."""

    profile: str
    texts: int
    span_s: float  # 0: as fast as they are taken
    window: int
    again: int  # of every so many texts one is from the sender of the text before it

    @property
    def shape(self) -> Profile:
        """The profile itself."""
        return PROFILES[self.profile]

    def due_s(self, nth: int) -> float:
        """When this text is sent, after the beginning."""
        return self.shape.shape((nth + 0.5) / self.texts) * self.span_s

    def sent_by(self, at_s: float) -> int:
        """How many texts are due by then."""
        low, high = 0, self.texts
        while low < high:
            middle = (low + high) // 2
            if self.due_s(middle) <= at_s:
                low = middle + 1
            else:
                high = middle
        return low

    def sender(self, nth: int) -> int:
        """Who sends this text."""
        attackers = self.shape.attackers
        if attackers:
            honest, place = divmod(nth, HONEST_EVERY)
            last = place == HONEST_EVERY - 1
            return attackers + honest if last else (nth - honest) % attackers
        return nth - 1 if nth and nth % self.again == self.again - 1 else nth

    def number(self, sender: int) -> str:
        """A sender's MSISDN: a handset of France."""
        if sender < self.shape.attackers:
            return f"{BLOCK}{sender:04d}"
        return f"3361{(sender * SCATTER + FIRST) % PEOPLE:07d}"

    def sender_of(self, number: str) -> int | None:
        """The inverse of `number`; None for one that did not text."""
        if not (number.isascii() and number.isdigit() and len(number) == 11):
            return None
        if number.startswith(BLOCK):
            sender = int(number[len(BLOCK) :])
            return sender if sender < self.shape.attackers else None
        sender = (int(number[4:]) - FIRST) * pow(SCATTER, -1, PEOPLE) % PEOPLE
        known = self.shape.attackers <= sender < self.places
        return sender if known and number.startswith("3361") else None

    @property
    def places(self) -> int:
        """Senders are below this; some of these numbers may be nobody's."""
        attackers = self.shape.attackers
        return attackers + self.texts // HONEST_EVERY if attackers else self.texts

    @property
    def honest(self) -> int:
        """How many people text who are owed a reply."""
        if self.shape.attackers:
            return self.texts // HONEST_EVERY
        return self.texts - self.texts // self.again

    @property
    def attackers(self) -> int:
        """How many senders there are who may be answered or not."""
        return min(self.shape.attackers, self.texts)

    @property
    def tps_segments(self) -> int:
        """Segments a second that a stage made for this load may send."""
        if not (self.span_s and self.shape.tps_percent):
            return 1_000_000
        return max(1, round(self.texts / self.span_s * self.shape.tps_percent / 100))
