"""kill -9 at random moments under load: nobody is lost, nobody is answered twice, the books agree.

The SMSC delivers again what was not answered, as every carrier does. Section 4 of the design: a
text is confirmed only after its commit, a reply leaves only when it is paid for.
"""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routing.records import ReplyState
from tests.end_to_end.books import IN_FLIGHT, Books, pseudonyms
from tests.end_to_end.server import IN_NANOS, LATER, NOW, OUT_NANOS, Server, configured, until
from tests.end_to_end.smsc import Smsc

KILLS = 24
WINDOW = 20  # of the configured link
TURN_S = 0.01  # about as long as a turn and its way there and back
NAMES = {NOW: "now", LATER: "later"}

Text = tuple[str, str]  # (sender, the number of ours they text)


class Crowd:
    """Mostly somebody new; sometimes the same one again, or one who may not be answered."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.allowed: list[Text] = []
        self.others = 0

    def texts(self, most: int) -> Iterator[Text]:
        """Up to so many texts."""
        for _ in range(self.rng.randint(0, most)):
            chance = self.rng.random()
            if chance < 0.15 and self.allowed:
                yield self.rng.choice(self.allowed[-50:])
            elif chance < 0.2:
                self.others += 1
                yield f"38{self.rng.randrange(1000):03d}", NOW
            else:
                n = len(self.allowed)
                self.allowed.append((f"336{10_000_000 + n}", LATER if n % 3 == 0 else NOW))
                yield self.allowed[-1]


def live(smsc: Smsc, crowd: Crowd, wanted: Callable[[], bool]) -> None:
    """A steady load until then; what comes while the server is down waits at the SMSC."""

    def met() -> bool:
        for source, called in crowd.texts(4):
            smsc.text(source, called)
        return wanted()

    until(met, "for the server to go on")


def some_time(span_s: float) -> Callable[[], bool]:
    """Whether so much time has gone by since now."""
    ends = time.monotonic() + span_s
    return lambda: time.monotonic() > ends


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_and_nobody_answered_twice(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    crowd = Crowd(rng)
    with Smsc() as smsc, Server(tmp_path, configured(smsc.port)) as server:
        server.start().fund()
        for binds in range(1, KILLS + 1):
            live(smsc, crowd, lambda wanted=binds: smsc.binds == wanted)
            live(smsc, crowd, some_time(rng.choice((0, 0.03, 0.3)) * rng.random()))
            for source, called in crowd.texts(2 * WINDOW):
                smsc.text(source, called)
            time.sleep(rng.random() * TURN_S)
            server.kill()
            server.start()
        live(smsc, crowd, some_time(0.5))
        until(lambda: smsc.idle, "for every text to be confirmed")
        server.ready()
        until(server.at_rest, "for the replies that were due later")
        server.stop()

        assert smsc.faults == server.faults() == []
        assert smsc.statuses.keys() == {0}
        assert smsc.doubtful > KILLS, "the kills met no text on its way: this run proves nothing"
        books = Books.read(server.state)
        answered_once(crowd, smsc, books, server.state)
        books_agree(smsc, books)


def answered_once(crowd: Crowd, smsc: Smsc, books: Books, state: Path) -> None:
    """Each sender who may be answered has one reply at the SMSC, or one that is in doubt."""
    twice = [text for text, replies in smsc.accepted.items() if replies > 1]
    assert twice == []
    assert smsc.accepted.keys() <= set(crowd.allowed)
    keys = pseudonyms(state).sender_keys
    missing = [text for text in crowd.allowed if text not in smsc.accepted]
    forgotten = [
        (sender, called)
        for sender, called in missing
        if (keys(sender).claims[0], NAMES[called]) not in books.unknown
    ]
    assert forgotten == []
    assert books.states[ReplyState.UNKNOWN] <= KILLS * WINDOW
    assert sum(books.states.values()) == len(crowd.allowed)
    assert not any(books.states[state] for state in IN_FLIGHT)
    assert books.states.keys() <= {ReplyState.ACCEPTED, ReplyState.UNKNOWN}


def books_agree(smsc: Smsc, books: Books) -> None:
    """The invoice is never above the ledger, and equal to it but for what is in doubt."""
    assert books.balance == books.posted
    outbound = books.balance["settled"] + books.balance["reserved"]
    assert books.balance["settled"] == books.states[ReplyState.ACCEPTED] * OUT_NANOS
    assert books.balance["reserved"] == books.states[ReplyState.UNKNOWN] * OUT_NANOS
    invoice = smsc.invoice
    assert books.balance["settled"] <= invoice.outbound_nanos <= outbound
    surplus = books.balance["inbound"] - invoice.inbound_nanos
    assert 0 <= surplus <= smsc.doubtful * IN_NANOS
