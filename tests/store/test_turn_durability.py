"""Turn, store and vault together: nothing leaves before it is durable, whatever breaks."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from routing.records import ReplyState
from routing.standing import Command
from smpp_server import events as ev
from smpp_server.smpp.happenings import Answered
from smpp_server.smpp.schema import SubmitSmResp
from smpp_server.store import StoreFailed
from smpp_server.store.sqlite import SqliteStore
from tests.store.turns import BIND, DAY, SECOND, Bench, acks, configuration, sent

ANNA, BERT, CARL = "33612340001", "33612340002", "33612340003"
BOTH = pytest.mark.parametrize("delay_s", [0, 2])


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    """Makes funded servers; their books are checked, and they are closed, at the end."""
    made: list[Bench] = []

    def make(delay_s: int = 0, **store: Any) -> Bench:
        bench = Bench(tmp_path, configuration(tmp_path, delay_s), **store)
        made.append(bench)
        bench.funded()
        return bench

    yield make
    for bench in made:
        bench.check_books()
        bench.store.close()


class Faulty(sqlite3.Connection):
    """A real connection whose COMMIT fails on order: before the deed, or after it was done."""

    order = ""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:  # type: ignore[override]
        if sql == "COMMIT" and self.order:
            if self.order == "after":
                super().execute(sql)
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *values)


def faulty(*args: Any, **options: Any) -> sqlite3.Connection:
    """Opens a Faulty connection."""
    return sqlite3.connect(*args, factory=Faulty, **options)


def order(bench: Bench, what: str) -> None:
    """From now on COMMIT fails `what` ("": not at all)."""
    bench.store._db.order = what  # type: ignore[attr-defined]


def reopen(bench: Bench) -> None:
    """What the house does after a failed commit."""

    def opened() -> SqliteStore:
        bench.store = SqliteStore(bench.path, connect=faulty)
        return bench.store

    bench.turn.reopen(opened)


@BOTH
def test_a_text_is_answered_once(bench: Callable[..., Bench], delay_s: int) -> None:
    server = bench(delay_s)
    out = server.run(server.texts(ANNA, BERT))
    assert acks(out) == 2 and sent(out) == (0 if delay_s else 2)
    if delay_s:
        assert out.wake_in_ns == 2 * SECOND
        assert sent(server.run()) == 0
        out = server.run()
        assert sent(out) == 2
    assert acks(server.run(server.accepted(out))) == 0
    assert set(server.states().values()) == {ReplyState.CLOSED}
    again = server.run(server.texts(ANNA, BERT, CARL, CARL))
    assert acks(again) == 4 and sent(again) == (0 if delay_s else 1)


@BOTH
def test_the_number_is_sealed_only_while_it_waits(
    bench: Callable[..., Bench], delay_s: int
) -> None:
    server = bench(delay_s)
    out = server.run(server.texts(ANNA))
    assert len(server.rows("SELECT id FROM reply WHERE sealed IS NOT NULL")) == (delay_s > 0)
    out = server.run(server.accepted(out)) if not delay_s else (server.run(), server.run())[1]
    server.run(server.accepted(out))
    assert server.rows("SELECT sealed, claim, prefix FROM reply") == [(None, None, None)]


def test_a_failed_commit_sends_nothing_and_forgets_no_outcome(bench: Callable[..., Bench]) -> None:
    server = bench(0, connect=faulty)
    first = server.run(server.texts(ANNA))
    order(server, "before")
    with pytest.raises(StoreFailed):
        server.run(server.accepted(first), server.texts(BERT, CARL))
    assert set(server.states().values()) == {ReplyState.SUBMITTING}
    with pytest.raises(StoreFailed):
        server.run(server.texts(BERT, CARL))
    reopen(server)
    out = server.run(server.texts(BERT, CARL))  # no ack went out: they come again
    assert (acks(out), sent(out)) == (2, 2)
    assert list(server.states().values()) == [ReplyState.CLOSED, *[ReplyState.SUBMITTING] * 2]


def test_a_flight_that_never_flew_waits_again(bench: Callable[..., Bench]) -> None:
    """The COMMIT was reported lost, yet it was on the disk: no octet left, so it is NotSent."""
    server = bench(2, connect=faulty)
    server.run(server.texts(ANNA))
    server.run()
    order(server, "after")
    with pytest.raises(StoreFailed):
        server.run()
    assert list(server.states().values()) == [ReplyState.SUBMITTING]
    reopen(server)
    assert sent(server.run()) == 0
    assert list(server.states().values()) == [ReplyState.WAITING]
    out = server.run()
    assert sent(out) == 1
    server.run(server.accepted(out))
    assert list(server.states().values()) == [ReplyState.CLOSED]


@pytest.mark.parametrize("status, leave", [(0, 1), (0x58, 2)])
def test_an_outcome_that_was_stored_and_said_to_be_lost(
    bench: Callable[..., Bench], status: int, leave: int
) -> None:
    """The kept outcome meets a row that has moved on: it changes nothing, and work goes on.

    What was throttled leaves again with the next text; what was accepted does not.
    """
    server = bench(0, connect=faulty)
    first = server.run(server.texts(ANNA))
    [(token, _)] = first.submits[BIND]
    order(server, "after")
    response = SubmitSmResp(message_id="m1", command_status=status)
    with pytest.raises(StoreFailed):
        server.run(server.heard(Answered(token, response)))
    reopen(server)
    out = server.run(server.texts(BERT))
    assert (acks(out), sent(out)) == (1, leave)
    server.run(server.accepted(out))
    assert list(server.states().values()) == [ReplyState.CLOSED] * 2


def test_a_flight_whose_number_is_lost_gives_the_claim_back(bench: Callable[..., Bench]) -> None:
    """Delay 0: the number was never sealed, and the process that knew it gave the turn up."""
    server = bench(0, connect=faulty)
    order(server, "after")
    with pytest.raises(StoreFailed):
        server.run(server.texts(ANNA))
    reopen(server)
    assert sent(server.run()) == 0
    assert sent(server.run()) == 0
    assert server.rows("SELECT state, reason FROM reply") == [
        (ReplyState.CANCELLED, "seal unreadable")
    ]
    out = server.run(server.texts(ANNA))  # no ack went out: the text comes again
    assert (acks(out), sent(out)) == (1, 1)


@BOTH
def test_a_restart_makes_flights_unknown_exactly_once(
    bench: Callable[..., Bench], delay_s: int
) -> None:
    server = bench(delay_s)
    out = server.run(server.texts(ANNA, BERT))
    if delay_s:
        server.run()
        out = server.run()
    assert sent(out) == 2
    server.restart()
    assert set(server.states().values()) == {ReplyState.SUBMITTING}
    server.run()
    assert set(server.states().values()) == {ReplyState.UNKNOWN}
    assert server.turn.summary is not None
    assert server.turn.summary.tallies["unknown"] == 2
    server.restart()
    server.run()
    assert server.turn.summary is not None and "unknown" not in server.turn.summary.tallies
    server.run(server.accepted(out))  # late responses settle them
    assert set(server.states().values()) == {ReplyState.ACCEPTED}


def test_a_start_that_fails_first_tells_of_the_restart_once(bench: Callable[..., Bench]) -> None:
    server = bench(0)
    server.run(server.texts(ANNA))
    server.store.close()
    server.monotonic_ns = SECOND
    server.open(connect=faulty)
    order(server, "before")
    with pytest.raises(StoreFailed):
        server.run()
    reopen(server)
    server.run()
    assert server.turn.summary is not None
    assert server.turn.summary.tallies["unknown"] == 1


@BOTH
def test_a_stop_is_kept_over_rotations_and_restarts(
    bench: Callable[..., Bench], delay_s: int
) -> None:
    server = bench(delay_s)
    out = server.run(server.texts(ANNA, words=b" stop. "))
    assert (acks(out), sent(out)) == (1, 0)
    for _ in range(3):
        server.turn.rotate()
        server.restart()
        server.run()
    assert server.vault.live() == (4, 3, 2, 1)
    out = server.run(server.texts(ANNA))
    assert acks(out) == 1 and server.states() == {}


def test_a_stop_cancels_what_waits(bench: Callable[..., Bench]) -> None:
    server = bench(2)
    server.run(server.texts(ANNA, BERT))
    server.turn.rotate()  # the claim stands under the old key now
    server.run(server.texts(ANNA, words=b"STOP"))
    assert list(server.states().values()) == [ReplyState.CANCELLED, ReplyState.WAITING]
    assert sent(server.run()) == 1


def test_a_claim_is_honoured_under_the_next_key(bench: Callable[..., Bench]) -> None:
    server = bench(0)
    server.run(server.accepted(server.run(server.texts(ANNA))))
    server.turn.rotate()
    server.restart()
    out = server.run(server.texts(ANNA))
    assert (acks(out), sent(out)) == (1, 0)
    assert server.rows("SELECT epoch, contacts, replies FROM claim") == [(2, 2, 1)]
    assert server.store.forgettable_epochs(2) == [1]


def test_a_reply_sealed_before_a_rotation_leaves(bench: Callable[..., Bench]) -> None:
    server = bench(2)
    server.run(server.texts(ANNA))
    server.turn.rotate()
    server.restart()
    server.run(ev.Tick())
    server.turn.rest(server.monotonic_ns, idle=True)
    assert server.vault.epochs() == (1, 2)
    out = server.run()
    assert sent(out) == 1
    # It comes back and is sealed under the new key: its row holds the old one all the same.
    token = out.submits[7][0][0]
    throttled = SubmitSmResp(command_status=0x58)
    server.run(server.heard(Answered(token, throttled)))
    server.turn.rotate()
    assert server.store.forgettable_epochs(3) == []
    server.restart()
    assert sent(server.run()) == 0  # a bucket starts empty
    assert sent(server.run()) == 1


def test_keys_go_when_nothing_stands_under_them(bench: Callable[..., Bench]) -> None:
    server = bench(0)
    server.run(server.accepted(server.run(server.texts(ANNA))))
    epoch_ns = server.config.rules.retention.epoch_ns
    for epochs in ((1, 2), (1, 2, 3)):
        server.wall_ns += epoch_ns
        server.monotonic_ns += epoch_ns
        server.run(ev.Tick())
        server.turn.rest(server.monotonic_ns, idle=True)
        assert server.vault.epochs() == epochs
    server.wall_ns += 3 * DAY
    server.monotonic_ns += 3 * DAY
    for _ in range(2):  # the claim goes in one rest, the keys in the next
        server.run(ev.Tick())
        server.turn.rest(server.monotonic_ns, idle=True)
    assert server.rows("SELECT * FROM claim") == []
    assert server.vault.epochs() == (3,)


@pytest.mark.parametrize("step_ns", [-DAY, 75 * 365 * DAY], ids=["a day back", "75 years ahead"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_wrong_clock_sends_and_forgets_nothing(
    bench: Callable[..., Bench], step_ns: int, restarted: bool
) -> None:
    server = bench(0)
    server.run(server.accepted(server.run(server.texts(ANNA))))
    if restarted:
        server.restart()
    claims = server.rows("SELECT * FROM claim")
    server.wall_ns += step_ns
    out = server.run(server.texts(BERT), ev.Tick())
    assert (acks(out), sent(out)) == (1, 0)
    assert [(alarm.code, alarm.begins) for alarm in out.alarms] == [("clock", True)]
    server.turn.rest(server.monotonic_ns, idle=True)
    assert server.vault.epochs() == (1,)
    assert set(claims) < set(server.rows("SELECT * FROM claim"))
    assert list(server.states().values()) == [ReplyState.CLOSED, ReplyState.WAITING]
    out = server.run(ev.Asked(Command(9, "accept-clock")))
    assert [(alarm.code, alarm.begins) for alarm in out.alarms] == [("clock", False)]


def test_explain_writes_nothing_and_releases_nothing(bench: Callable[..., Bench]) -> None:
    server = bench(0)
    before = server.rows("SELECT * FROM balance")
    out = server.run(ev.Explained(5, "+" + ANNA, ""))
    answer = out.answers[5]
    assert isinstance(answer, dict) and answer["answered"] and answer["money"] == ""
    assert sent(out) == 0 and server.states() == {}
    assert server.rows("SELECT * FROM balance") == before
