"""A change of keys in the middle of somebody's waiting: claim and reply still know each other."""

from pathlib import Path

import pytest

from smpp_server.store import StoreFailed
from smpp_server.store.sqlite import SqliteStore
from tests.store.turns import DAY, Bench, configuration, sent

SENDER = "33612345678"


def test_a_claim_that_moved_to_the_new_key_is_freed_by_its_reply(tmp_path: Path) -> None:
    bench = Bench(tmp_path, configuration(tmp_path / "conf"))
    bench.run(bench.texts(SENDER))  # no money: the reply waits
    bench.turn.rotate()
    bench.run(bench.texts(SENDER))  # silent, and the claim moves to the new key
    [(claim,)] = bench.rows("SELECT claim FROM reply")
    assert bench.rows("SELECT pseudonym FROM claim") == [(claim,)]

    bench.wall_ns += DAY + 1
    bench.monotonic_ns += DAY + 1
    bench.run(bench.texts())  # too old
    assert bench.rows("SELECT reason FROM reply") == [("too old",)]
    bench.funded()
    assert sent(bench.run(bench.texts(SENDER))) == 1


def test_a_stop_after_the_change_cancels_what_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path, configuration(tmp_path / "conf"))
    bench.run(bench.texts(SENDER))
    bench.turn.rotate()
    bench.run(bench.texts(SENDER))
    bench.run(bench.texts(SENDER, words=b"STOP"))
    assert bench.rows("SELECT reason FROM reply") == [("opt-out",)]


def test_a_change_that_was_stored_though_reported_as_failed_is_taken_up(tmp_path: Path) -> None:
    """Claims stand under the key whose epoch they name, or it would be destroyed before them."""
    bench = Bench(tmp_path, configuration(tmp_path / "conf"))
    bench.funded()
    note_keys = bench.store.note_keys

    def stored_all_the_same(*what: object) -> None:
        note_keys(*what)  # type: ignore[arg-type]
        raise StoreFailed("note keys: SQLITE_IOERR")

    bench.store.note_keys = stored_all_the_same  # type: ignore[method-assign, assignment]
    with pytest.raises(StoreFailed):
        bench.turn.rotate()
    bench.turn.reopen(lambda: SqliteStore(bench.path))
    assert sent(bench.run(bench.texts(SENDER))) == 1
    [(pseudonym, epoch)] = SqliteStore(bench.path)._db.execute("SELECT pseudonym, epoch FROM claim")
    keys = dict(zip(bench.vault.live(), bench.vault.sender_keys(SENDER).claims, strict=True))
    assert keys[epoch] == pseudonym
