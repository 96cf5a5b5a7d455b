"""Housekeeping keeps up: what is old ends however much of it there is."""

from pathlib import Path

import pytest

from routing.records import ReplyState
from smpp_server import events as ev
from smpp_server import turn
from smpp_server.config import load
from smpp_server.store import sqlite_read
from tests.store.turns import BIND, DAY, SECOND, Bench, configuration, sent

SENDERS = [f"3361234{n:04}" for n in range(7)]


def test_all_that_is_old_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows a turn here; one share a minute would never catch up with a busy carrier."""
    monkeypatch.setattr(sqlite_read, "ROWS_MOST", 3)
    bench = Bench(tmp_path, configuration(tmp_path))
    bench.funded()
    out = bench.run(bench.texts(*SENDERS))
    assert sent(out) == len(SENDERS)
    bench.run(ev.LinkDown(BIND, "bench", [token for token, _ in out.submits[BIND]]))
    assert set(bench.states().values()) == {ReplyState.UNKNOWN}
    bench.wall_ns += 8 * DAY
    bench.monotonic_ns += 8 * DAY
    waits = [bench.run(ev.Tick()).wake_in_ns]
    while waits[-1] == 0:
        waits.append(bench.run().wake_in_ns)
    assert set(bench.states().values()) == {ReplyState.ASSUMED_SENT}
    assert len(waits) == 4, "three turns with work, and one that finds no more"
    bench.check_books()


def test_retention_goes_on_under_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share a second, though no second passes without a turn; nothing when nothing is old."""
    monkeypatch.setattr(turn, "TIDY_ROWS", 3)
    bench = Bench(tmp_path, configuration(tmp_path))
    bench.funded()
    bench.run(bench.accepted(bench.run(bench.texts(*SENDERS))))
    bench.wall_ns += 101 * DAY
    bench.monotonic_ns += 101 * DAY
    bench.turn.rest(bench.monotonic_ns, idle=True)
    bench.run(ev.Tick())
    shares = 0
    while bench.turn.rests(bench.monotonic_ns):
        assert bench.turn.rest(bench.monotonic_ns, idle=False) or bench.states() == {}
        assert not bench.turn.rests(bench.monotonic_ns + SECOND // 2)
        bench.run()
        shares += 1
    assert bench.states() == {} and bench.rows("SELECT 1 FROM claim") == []
    assert shares > len(SENDERS) * 2 // 3


def test_a_reply_is_booked_with_the_text_that_left(tmp_path: Path) -> None:
    """Its own text is gone when it may leave: segments and price are those of the one in use."""
    bench = Bench(tmp_path, configuration(tmp_path))
    bench.run(bench.texts(SENDERS[0]))  # no money: it waits
    replies = tmp_path / "replies.toml"
    longer = replies.read_text("utf-8").replace(
        "[text.fr.N]\n", "[text.fr.M]\nallow_segments = 2\n"
    )
    replies.write_text(longer.replace("respecter l'autre.", "respecter l'autre. " + "Non. " * 20))
    path = tmp_path / "bench.toml"
    edited = path.read_text("utf-8").replace('"fr.N"', '"fr.M"')
    path.write_text(
        edited.replace("[link.bench]\n", '[link.bench]\nlong_text = "message_payload"\n')
    )
    bench.config = load(path, state_dir=tmp_path)
    bench.restart()
    bench.funded()
    bench.run()
    assert bench.rows("SELECT state, text_id, segments FROM reply") == [(1, "fr.M", 2)]
