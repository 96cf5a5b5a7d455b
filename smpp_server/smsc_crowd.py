"""Who texts, when and what: the shapes of traffic a number lives through, drawn from a seed.

Every shape is an iterator in the order of time, so that a million texts need no memory.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from smpp_server.config_simulator import CrowdTable
from smpp_server.smpp.schema import DeliverSm, Pdu
from smpp_server.smsc_chance import Chance
from smpp_server.smsc_plan import Submitted, Text

E164_DIGITS = 11  # of a made-up number; E.164 allows 15
RISE = 4  # a wave has its crest after this part of its span
STRANGERS = (  # prefix and digits of numbers that should get no reply, or a dear one
    ("38", 5), ("36", 5), ("1900", 11), ("881", 12), ("979", 12), ("590690", 12),
    ("2126", 12), ("23480", 13), ("4915", 13), ("0", 10),
)  # fmt: skip
NAMES = ("MaBanque", "INFO", "Orange", "Livraison", "Google")
ALPHANUMERIC = 5  # TON, SMPP 3.4 section 5.2.5
UNKNOWN = 0


class Sent(NamedTuple):
    """Something somebody sends, so long after the crowd began."""

    at_ms: int
    item: Text | Pdu


def _someone(prefix: str, chance: Chance, nth: int, digits: int = E164_DIGITS) -> str:
    """A number with this prefix."""
    rest = max(0, digits - len(prefix))
    return f"{prefix}{chance.below(10**rest, 'number ' + prefix, nth):0{rest}d}" if rest else prefix


def _times(table: CrowdTable) -> Iterator[int]:
    """Milliseconds, evenly over the span."""
    for nth in range(table.texts):
        yield table.start_ms + nth * table.last_ms // table.texts


def steady(table: CrowdTable, chance: Chance) -> Iterator[Sent]:
    """People one after the other, each once."""
    for nth, at_ms in enumerate(_times(table)):
        yield Sent(at_ms, Text(_someone(table.prefix, chance, nth), table.to, table.words))


def wave(table: CrowdTable, chance: Chance) -> Iterator[Sent]:
    """The day a number is in the news: up to a crest within a quarter of the span, then down.

    The rate is a triangle; its inverse distribution places each text, in whole milliseconds.
    """
    rise = table.last_ms // RISE
    fall = table.last_ms - rise
    for nth in range(table.texts):
        share = (nth + 0.5) / table.texts
        if share < 1 / RISE:
            at_ms = int(rise * (share * RISE) ** 0.5)
        else:
            at_ms = table.last_ms - int(fall * ((1 - share) * RISE / (RISE - 1)) ** 0.5)
        text = Text(_someone(table.prefix, chance, nth), table.to, table.words)
        yield Sent(table.start_ms + at_ms, text)


def flood(table: CrowdTable, chance: Chance) -> Iterator[Sent]:
    """One sender, again and again, never twice the same words."""
    source = _someone(table.prefix, chance, 0)
    for nth, at_ms in enumerate(_times(table)):
        yield Sent(at_ms, Text(source, table.to, f"{table.words} {nth}"))


def raid(table: CrowdTable, chance: Chance) -> Iterator[Sent]:
    """Many numbers of one block that differ in their last digits only."""
    block = _someone(table.prefix, chance, 0, E164_DIGITS - 4)
    for nth, at_ms in enumerate(_times(table)):
        yield Sent(at_ms, Text(_someone(block, chance, nth), table.to, table.words))


def strangers(table: CrowdTable, chance: Chance) -> Iterator[Sent]:
    """Spoofed senders: short codes, premium ranges, names, far countries, our own number."""
    for nth, at_ms in enumerate(_times(table)):
        kind = chance.below(len(STRANGERS) + 2, "stranger", nth)
        if kind < len(STRANGERS):
            prefix, digits = STRANGERS[kind]
            source, ton = _someone(prefix, chance, nth, digits), int(digits > 5 and prefix != "0")
        elif kind == len(STRANGERS):
            source, ton = chance.choice(NAMES, "name", nth), ALPHANUMERIC
        else:
            source, ton = table.to, 1
        yield Sent(at_ms, Text(source, table.to, table.words, source_ton=ton))


def long(table: CrowdTable, chance: Chance) -> Iterator[Sent]:
    """Texts of several parts, which come in any order."""
    words = table.words * (1 + 320 // max(1, len(table.words)))
    for nth, at_ms in enumerate(_times(table)):
        parts = Text(_someone(table.prefix, chance, nth), table.to, words).pdus(nth)
        for part in chance.shuffled(parts, "parts", nth):
            yield Sent(at_ms, part)


def stop(table: CrowdTable, chance: Chance) -> Iterator[Sent]:
    """Everybody texts, then says STOP, then texts again."""
    said = ("", "STOP", "")
    for nth, at_ms in enumerate(_times(table)):
        source = _someone(table.prefix, chance, nth // len(said))
        yield Sent(at_ms, Text(source, table.to, said[nth % len(said)] or table.words))


Shape = Callable[[CrowdTable, Chance], Iterator[Sent]]
SHAPES: Mapping[str, Shape] = {
    "steady": steady,
    "wave": wave,
    "flood": flood,
    "raid": raid,
    "strangers": strangers,
    "robots": steady,  # they begin like people; `Robots` answers for them
    "long": long,
    "stop": stop,
}


class Robots:
    """Auto-responders among the senders: each answers our reply with a text, so many times."""

    def __init__(self, table: CrowdTable) -> None:
        self._table = table
        self._left: dict[str, int] = {}

    def began(self, item: Text | Pdu) -> None:
        """One of them has texted."""
        source = item.source if isinstance(item, Text) else ""
        self._left.setdefault(source, self._table.answers)

    def answer(self, reply: Submitted) -> Text | None:
        """What the one that got this reply texts back; None when it is no robot, or tired."""
        left = self._left.get(reply.destination, 0)
        if not left or reply.source != self._table.to:
            return None
        self._left[reply.destination] = left - 1
        words = f"Automatic answer {self._table.answers - left + 1}: I am not here"
        return Text(reply.destination, self._table.to, words)


def our_number(item: Text | Pdu) -> str:
    """Whom this is for."""
    if isinstance(item, Text):
        return item.destination
    return item.destination_addr if isinstance(item, DeliverSm) else ""
