"""Claims made in a flood wait in a log before they go to their table; nobody can tell."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from smpp_server import events as ev
from smpp_server.store import StoreFailed, sqlite_claims
from smpp_server.store.sqlite_claims import CROWD
from tests.store.test_forgotten import order
from tests.store.test_sqlite_erasure import found
from tests.store.turns import DAY, Bench, acks, configuration, sent

MANY = [f"3361234{number:04}" for number in range(CROWD)]
NEXT = [f"3365124{number:04}" for number in range(CROWD)]


def bench(folder: Path, *edit: tuple[str, str], **store: Any) -> Bench:
    """A funded server."""
    server = Bench(folder, configuration(folder, edit=edit), **store)
    server.funded()
    return server


def claims(server: Bench) -> tuple[int, int]:
    """How many claims stand in the log and in the table."""
    [(logged,)] = server.rows("SELECT count(*) FROM claim_log")
    [(moved,)] = server.rows("SELECT count(*) FROM claim")
    return logged, moved


def replies(server: Bench, *senders: str, words: bytes = b"hello") -> int:
    """How many replies leave when each of the senders texts once more."""
    out = server.run(server.texts(*senders, words=words))
    assert acks(out) == len(senders)
    server.run(server.accepted(out))
    return sent(out)


def test_a_crowd_is_logged_and_a_few_are_not(tmp_path: Path) -> None:
    server = bench(tmp_path)
    assert replies(server, *MANY[1:]) == CROWD - 1
    assert claims(server) == (0, CROWD - 1)
    assert replies(server, *NEXT) == CROWD
    assert claims(server) == (CROWD, CROWD - 1)


@pytest.mark.parametrize("again", [1, CROWD], ids=["one of them", "all of them"])
def test_who_stands_in_the_log_gets_no_second_reply(tmp_path: Path, again: int) -> None:
    server = bench(tmp_path)
    assert replies(server, *MANY) == CROWD
    assert replies(server, *MANY[:again]) == 0
    assert claims(server) == (0, CROWD)
    assert server.rows("SELECT contacts, count(*) FROM claim GROUP BY 1 ORDER BY 1") == [
        row for row in [(1, CROWD - again), (2, again)] if row[1]
    ]


def test_old_and_new_senders_of_one_batch(tmp_path: Path) -> None:
    """First claims go to the log, changed ones to the table."""
    server = bench(tmp_path)
    assert replies(server, *MANY) == CROWD
    assert replies(server, MANY[0], *NEXT) == CROWD
    assert claims(server) == (CROWD, CROWD)
    assert replies(server, *MANY, *NEXT) == 0


@pytest.mark.parametrize("end", ["killed", "rested", "tidied"])
def test_the_log_survives(tmp_path: Path, end: str) -> None:
    server = bench(tmp_path)
    assert replies(server, *MANY) == CROWD
    if end == "rested":
        server.store.rest(server.monotonic_ns)
    elif end == "tidied":
        server.store.tidy(server.wall_ns, server.turn._ages, 500)
    else:
        server.restart()
        server.run()  # buckets start empty
    assert claims(server) == ((CROWD, 0) if end == "killed" else (0, CROWD))
    assert replies(server, *MANY, *NEXT) == CROWD
    assert claims(server) == (CROWD, CROWD)


def test_a_full_log_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the first turn that finds it so."""
    monkeypatch.setattr(sqlite_claims, "LOGGED_MOST", 2 * CROWD)
    server = bench(tmp_path)
    assert replies(server, *MANY) == CROWD
    out = server.run(server.texts(*NEXT))
    assert claims(server) == (2 * CROWD, 0)
    server.run(server.accepted(out))
    assert claims(server) == (0, 2 * CROWD)
    others = [number.replace("33612", "33613") for number in MANY]
    assert replies(server, *others) == CROWD
    assert claims(server) == (CROWD, 2 * CROWD)  # it was empty, and fills anew
    assert replies(server, *MANY, *NEXT) == 0


def test_the_key_of_a_claim_in_the_log_is_in_use(tmp_path: Path) -> None:
    server = bench(tmp_path)
    assert replies(server, *MANY) == CROWD
    assert claims(server) == (CROWD, 0)
    assert server.store.forgettable_epochs(9) == []
    server.store.rest(server.monotonic_ns)
    assert server.store.forgettable_epochs(9) == []
    server.store._db.execute("DELETE FROM claim")
    assert server.store.forgettable_epochs(9) == [*range(1, 9)]


def test_a_stop_is_heard_from_who_stands_in_the_log(tmp_path: Path) -> None:
    """Their reply, which waits, is found by their claim and cancelled."""
    server = bench(tmp_path, ("delay_s = 0", "delay_s = 600"))
    server.run(server.texts(*MANY))
    assert claims(server) == (CROWD, 0)
    server.run(server.texts(MANY[3], words=b"STOP"))
    assert server.rows("SELECT reason FROM reply WHERE state = 5") == [("opt-out",)]


def test_nothing_is_left_of_who_is_forgotten_out_of_the_log(tmp_path: Path) -> None:
    server = bench(tmp_path)
    assert replies(server, *MANY) == CROWD
    assert claims(server) == (CROWD, 0)
    mine, theirs = (set(server.vault.sender_keys(one).claims) for one in MANY[:2])
    assert found(server.path, *mine, *theirs) == mine | theirs  # the search does find
    assert server.run(order("forget", f"+{MANY[0]}")).answers == {1: "done"}
    while not server.rows("SELECT ended FROM job")[0][0]:
        server.run()
    server.turn.rest(server.monotonic_ns, idle=True)
    assert found(server.path, *mine, *theirs) == theirs


def test_a_reply_that_gets_too_old_frees_a_claim_of_the_log(tmp_path: Path) -> None:
    server = bench(tmp_path, ("delay_s = 0", "delay_s = 600"))
    server.run(server.texts(*MANY))
    server.wall_ns += 2 * DAY
    server.monotonic_ns += 2 * DAY
    server.run(ev.Tick())
    assert claims(server) == (0, CROWD)
    assert server.rows("SELECT DISTINCT replies, reply_id FROM claim") == [(0, 0)]


def test_a_claim_that_is_freed_at_once_is_not_logged(tmp_path: Path) -> None:
    """Two crowds in one turn: one claims, the other one's replies are too old."""
    server = bench(tmp_path, ("delay_s = 0", "delay_s = 600"))
    server.run(server.texts(*MANY))
    server.wall_ns += 2 * DAY
    server.monotonic_ns += 2 * DAY
    server.run(ev.Tick(), server.texts(*NEXT))
    assert claims(server) == (0, 2 * CROWD)
    freed = server.rows("SELECT replies, count(*) FROM claim GROUP BY 1 ORDER BY 1")
    assert freed == [(0, CROWD), (1, CROWD)]


class FailsOnce(sqlite3.Connection):
    """Refuses the next COMMIT when told to: nothing of that transaction is kept."""

    refuse = False

    def execute(self, query: str, *values: Any) -> sqlite3.Cursor:
        """See sqlite3.Connection."""
        if query == "COMMIT" and FailsOnce.refuse:
            FailsOnce.refuse = False
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(query, *values)


def connect(path: str, **how: Any) -> sqlite3.Connection:
    """For SqliteStore."""
    return sqlite3.connect(path, factory=FailsOnce, **how)


def test_a_commit_that_fails_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    """The log had been moved in that transaction; on the disk it was not."""
    server = bench(tmp_path, connect=connect)
    assert replies(server, *MANY) == CROWD
    FailsOnce.refuse = True
    with pytest.raises(StoreFailed):
        server.run(server.texts(MANY[0]))
    server.run()  # a turn that knows nothing of it
    assert claims(server) == (CROWD, 0)
    assert replies(server, *MANY) == 0
    assert claims(server) == (0, CROWD)
