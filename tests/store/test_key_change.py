"""A change of keys in the middle of somebody's waiting: claim and reply still know each other."""

from pathlib import Path

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
