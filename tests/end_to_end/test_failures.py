"""Bad days of a real server: nothing is lost, nothing is burnt, and an alarm says what to do.

Time passes by `levers`: the process is real, its clocks are moved, so nobody waits for ten minutes.
Each test ends with the books: one reply a sender, and the ledger equal to the carrier's invoice.
"""

import resource
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from routing.records import ReplyState
from smpp_server.smsc_invoice import Submission
from tests.end_to_end import wire
from tests.end_to_end.books import Books
from tests.end_to_end.canaries import found
from tests.end_to_end.levers import Levers
from tests.end_to_end.server import LATER, NOW, OUT_NANOS, Server, configured, until
from tests.end_to_end.smsc import Smsc

WORD = "Quokkabraten"
WINDOW = 20  # of the configured link
DAY_S, YEAR_S = 86_400, 365 * 86_400
NO_CREDIT, VENDORS_OWN = 0x0A, 0x0410  # a status of the account class; one that means nothing to us


def crowd(count: int, block: int = 0) -> list[str]:
    """So many senders nobody has seen, out of a block of their own."""
    return [f"3364718{block:02}{n:02}" for n in range(count)]


def texts(smsc: Smsc, senders: list[str], called: str = NOW) -> None:
    """One text of each."""
    for sender in senders:
        smsc.text(sender, called, WORD.encode())


def replied(smsc: Smsc) -> list[str]:
    """To whom the carrier took a reply, each as often as it did."""
    return sorted(destination for destination, _ in smsc.accepted.elements())


def books_agree(smsc: Smsc, server: Server) -> Books:
    """Of the server that has stopped: every reply is where its money is."""
    books = Books.read(server.state)
    assert books.balance == books.posted
    assert books.balance["settled"] == smsc.invoice.outbound_nanos
    assert books.balance["reserved"] == books.states[ReplyState.UNKNOWN] * OUT_NANOS
    return books


def nothing_kept(server: Server, senders: list[str]) -> None:
    """No word, no number in any file, whatever happens just now."""
    assert found(server.folder, [WORD], senders) == []


def passed(server: Server, levers: Levers, span_s: int) -> None:
    """So much time has gone by, in steps that leave everybody the time to speak."""
    for _ in range(0, span_s, 20):
        levers.pass_s(20)
        for _ in range(4):
            server.status()
            time.sleep(0.02)


@pytest.fixture
def levers(tmp_path: Path) -> Levers:
    """Of the server that runs in this folder."""
    return Levers(tmp_path / "levers")


def moved(folder: Path, config: str) -> Server:
    """A server that obeys the levers."""
    return Server(folder, config, "tests.end_to_end.levers")


# a disk


def room(server: Server, octets: int) -> None:
    """No file of the process may grow beyond this many octets, its log included."""
    assert server.process is not None
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (octets, hard))


@pytest.mark.slow
def test_a_disk_that_fills(tmp_path: Path, levers: Levers) -> None:
    before, during, after = crowd(30), crowd(60, 1), crowd(30, 2)
    with Smsc() as smsc, moved(tmp_path, configured(smsc.port)) as server:
        server.start().fund()
        texts(smsc, before[:15])
        texts(smsc, before[15:], LATER)
        until(lambda: smsc.idle and smsc.submits >= 15, "for the first replies")

        room(server, 1)
        texts(smsc, during)
        until(lambda: server.alarmed("store_failed"), "for the alarm")
        until(lambda: not smsc.bound, "for the bind to be dropped")
        left = (smsc.submits, smsc.statuses.copy())
        passed(server, levers, 20)  # tries to open it again, in vain
        assert (smsc.submits, smsc.statuses, smsc.bound) == (*left, False)
        told = server.smppd("status")
        assert told.returncode == 0 and "store_failed" in told.stdout and not told.stderr
        refused = server.smppd("fund", "1.00")
        assert refused.returncode == 1 and "nothing was changed" in refused.stderr
        nothing_kept(server, before[::10] + during[::20])

        room(server, resource.RLIM_INFINITY)
        texts(smsc, after)
        passed(server, levers, 60)
        until(lambda: smsc.bound and smsc.idle, "for every text to be confirmed")
        until(server.at_rest, "for all replies")
        assert server.alarms() == set() and server.status()["store"] == "ok"
        assert replied(smsc) == sorted(before + during + after)
        assert smsc.statuses.keys() == {0} and smsc.faults == []
        server.stop()
        books = books_agree(smsc, server)
        assert books.states == {ReplyState.ACCEPTED: 120}
        assert books.balance["given"] == 10_000 * 10**9
        nothing_kept(server, before[::10] + during[::20])


# a commit


@pytest.mark.slow
def test_a_commit_that_takes_more_than_30_seconds(tmp_path: Path, levers: Levers) -> None:
    """The link lives on, nothing leaves before it, and what was answered meanwhile is not late."""
    early, (slow, *others) = crowd(5), crowd(20, 1)
    answers = iter([None])

    def verdict(submission: Submission) -> int | None:
        return next(answers, 0) if submission.destination == slow else 0

    often = "enquire_link_s = 10"
    with (
        Smsc(verdict) as smsc,
        moved(tmp_path, configured(smsc.port, link_main=often)) as server,
    ):
        server.start().fund()
        texts(smsc, early)
        texts(smsc, [slow])
        until(lambda: smsc.submits == 6 and smsc.idle, "for the first replies")
        until(lambda: server.status()["in_flight"] == 1, "for the one that is not answered")
        [submit] = [f for f in smsc.heard if f.command_id == wire.SUBMIT_SM][-1:]
        turns = server.status()["turns"]

        levers.hang(True)
        texts(smsc, others)
        until(lambda: levers.met, "for the commit to hang")
        acks, before = sum(smsc.statuses.values()), len(smsc.heard)

        def asked() -> int:
            return [f.command_id for f in smsc.heard[before:]].count(wire.ENQUIRE_LINK)

        for n in range(1, 5):
            if n == 2:  # 20 s after it left: in time, though no turn can take it
                smsc.write(submit.response(0, b"slow\0").octets())
            levers.pass_s(10)
            assert server.status()["turns"] == turns
            until(lambda wanted=n: asked() >= wanted, "for the server's enquire_link")
            smsc.enquire()
            until(lambda wanted=n: smsc.enquiries == wanted, "for the answer to ours")
        assert (smsc.submits, sum(smsc.statuses.values())) == (6, acks)
        nothing_kept(server, [slow, others[0]])

        levers.hang(False)
        until(lambda: smsc.idle and smsc.submits == 25, "for all replies")
        until(server.at_rest, "for their responses")
        assert server.tally("accepted") == 25 and server.tally("unknown") == 0
        assert smsc.binds == 1 and server.alarms() == set()
        server.stop()
        assert Books.read(server.state).states == {ReplyState.ACCEPTED: 25}
        assert smsc.faults == server.faults() == []


# a clock


@pytest.mark.slow
@pytest.mark.parametrize("step_s", [-DAY_S, 75 * YEAR_S], ids=["a day back", "75 years ahead"])
def test_a_clock_that_jumps(tmp_path: Path, levers: Levers, step_s: int) -> None:
    """And comes back: in between it is texted, killed and started again."""
    first, late, during, again = crowd(3), crowd(3, 1), crowd(3, 2), crowd(3, 3)
    with Smsc() as smsc, moved(tmp_path, configured(smsc.port)) as server:
        server.start().fund()
        texts(smsc, first)
        texts(smsc, late, LATER)
        until(lambda: smsc.submits == 3 and smsc.idle, "for the first replies")
        until(lambda: server.tally("accepted") == 3, "for the answers")
        day, keys = server.status()["money"]["day"], sorted((server.state / "keys").iterdir())

        def held(waiting: int) -> None:
            until(lambda: smsc.idle, "for the texts to be confirmed")
            until(lambda: server.status()["waiting"] == waiting, "for the replies to wait")
            assert server.alarmed("clock") and server.status()["clock_fault"]
            assert server.status()["money"]["day"] == day
            assert sorted((server.state / "keys").iterdir()) == keys
            assert smsc.submits == 3

        levers.step_wall(step_s)
        texts(smsc, first + during)  # the first ones have had their reply
        held(6)
        passed(server, levers, 140)  # over the late ones' time, over two ticks
        held(6)
        server.kill()
        server.start().ready()
        until(lambda: smsc.bound, "for the bind")
        texts(smsc, first + during + again)
        texts(smsc, late, LATER)
        held(9)
        passed(server, levers, 80)
        held(9)
        told = server.smppd("alarms")
        assert told.returncode == 0 and "smppd clock accept" in told.stdout
        nothing_kept(server, [first[0], late[0], during[0]])

        levers.step_wall(-step_s)
        texts(smsc, first)
        until(lambda: smsc.submits == 12, "for what was held")
        until(server.at_rest, "for the answers")
        assert server.alarms() == set()
        assert replied(smsc) == sorted(first + late + during + again)
        server.stop()
        assert books_agree(smsc, server).states == {ReplyState.ACCEPTED: 12}


@pytest.mark.slow
def test_a_clock_that_is_right_after_all(tmp_path: Path, levers: Levers) -> None:
    """As after a machine's long sleep: the operator looks, and believes it."""
    first, during = crowd(3), crowd(3, 1)
    with Smsc() as smsc, moved(tmp_path, configured(smsc.port)) as server:
        server.start().fund()
        texts(smsc, first)
        until(lambda: smsc.submits == 3, "for the first replies")
        levers.step_wall(DAY_S // 2)
        texts(smsc, during)
        until(lambda: smsc.idle and server.status()["waiting"] == 3, "for the replies to wait")
        assert server.alarmed("clock") and smsc.submits == 3
        told = server.smppd("clock", "accept", "--yes")
        assert (told.returncode, told.stderr) == (0, "")
        until(lambda: smsc.submits == 6, "for what was held")
        until(server.at_rest, "for the answers")
        assert server.alarms() == set() and not server.status()["clock_fault"]
        texts(smsc, first)
        until(lambda: smsc.idle, "for the confirmation")
        assert replied(smsc) == sorted(first + during)
        server.stop()
        assert books_agree(smsc, server).states == {ReplyState.ACCEPTED: 6}


# a carrier


class Mood:
    """What the carrier answers to a submit_sm, for now; and whom it was ever asked for."""

    def __init__(self, status: int | None) -> None:
        self.status = status
        self.asked: Counter[str] = Counter()

    def __call__(self, submission: Submission) -> int | None:
        self.asked[submission.destination] += 1
        return self.status


@pytest.mark.slow
def test_a_carrier_that_answers_no_submit(tmp_path: Path, levers: Levers) -> None:
    """It answers enquire_link: three unanswered, and from then on one submit at a time asks."""
    senders, mood = crowd(WINDOW + 12), Mood(None)
    with Smsc(mood) as smsc, moved(tmp_path, configured(smsc.port)) as server:
        server.start().fund()
        texts(smsc, senders)
        until(lambda: smsc.idle and smsc.submits == WINDOW, "for a full window")
        passed(server, levers, 40)
        until(lambda: smsc.binds == 2, "for the second bind")
        assert server.alarmed("submits_unanswered")
        until(lambda: smsc.submits == WINDOW + 1, "for the probe")
        for probes in (2, 3, 4):
            passed(server, levers, 40)
            until(lambda wanted=probes: smsc.submits == WINDOW + wanted, "for the next probe")
            assert server.status()["in_flight"] == 1
            assert server.tally("unknown") == WINDOW + probes - 1
        assert server.alarmed("submits_unanswered")
        nothing_kept(server, senders[::10])

        mood.status = 0
        texts(smsc, senders)  # they have their claim: no second reply
        passed(server, levers, 40)
        until(lambda: smsc.idle and server.at_rest(), "for the rest")
        assert not server.alarmed("submits_unanswered")
        assert mood.asked == dict.fromkeys(senders, 1), "an unknown one was sent again"
        server.stop()
        unknown = WINDOW + 4
        books = books_agree(smsc, server)
        assert books.states == {
            ReplyState.UNKNOWN: unknown,
            ReplyState.ACCEPTED: len(senders) - unknown,
        }
        assert smsc.faults == server.faults() == []


@pytest.mark.slow
@pytest.mark.parametrize(("status", "burnt"), [(NO_CREDIT, 0), (VENDORS_OWN, 4)])
def test_a_carrier_without_credit_for_us(
    tmp_path: Path, levers: Levers, status: int, burnt: int
) -> None:
    """A status we do not know must come five times before it is taken for the account's."""
    senders, mood = crowd(WINDOW + 10), Mood(status)
    kept = len(senders) - burnt
    with Smsc(mood) as smsc, moved(tmp_path, configured(smsc.port)) as server:
        server.start().fund()
        texts(smsc, senders)
        until(lambda: smsc.idle and server.alarmed("account_held"), "for the alarm")
        until(lambda: server.status()["waiting"] == kept, "for the queue to be whole")
        sent = smsc.submits

        def held() -> None:
            shown = server.status()
            assert (shown["waiting"], shown["in_flight"]) == (kept, 0)
            assert shown["money"]["reserved_nanos"] == shown["money"]["settled_nanos"] == 0
            assert shown["links"][0]["state"] == "bound" and shown["links"][0]["held"]
            assert server.tally("refused") == burnt

        held()
        passed(server, levers, 500)
        assert smsc.submits == sent
        passed(server, levers, 120)
        until(lambda: smsc.submits == sent + 1, "for the probe")
        until(lambda: server.status()["waiting"] == kept, "for its refusal")
        held()
        passed(server, levers, 300)
        assert smsc.submits == sent + 1 and server.alarmed("account_held")
        assert attempts(server) == {0}
        nothing_kept(server, senders[::10])

        mood.status = 0
        passed(server, levers, 320)
        until(lambda: server.at_rest(), "for all replies")
        assert not server.alarmed("account_held") and smsc.binds == 1
        assert len(replied(smsc)) == len(set(replied(smsc))) == kept
        server.stop()
        states = {ReplyState.ACCEPTED: kept} | ({ReplyState.REFUSED: burnt} if burnt else {})
        assert books_agree(smsc, server).states == states
        assert smsc.faults == server.faults() == []


def attempts(server: Server) -> set[int]:
    """How often what waits was tried, as far as it counts."""
    with closing(sqlite3.connect(f"file:{server.state / 'smppd.db'}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT DISTINCT attempts FROM reply WHERE state = 0").fetchall()
    return {tried for (tried,) in rows}
