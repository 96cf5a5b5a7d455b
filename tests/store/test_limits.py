"""Limits on a real turn and its database: what a carrier tells of its load, restarts, nights."""

from itertools import pairwise
from pathlib import Path

import pytest

from smpp_server.smpp.happenings import Answered
from smpp_server.smpp.schema import SubmitSmResp
from tests.store.turns import BIND, SECOND, Bench, configuration

CONGESTION_STATE = 0x0428  # SMPP 5.0 section 4.8.4.18
SENDERS = [f"3361234{i:04}" for i in range(1, 9)]


def bench_with(tmp_path: Path, *changes: tuple[str, str]) -> Bench:
    """A funded server on the bench's configuration with some lines changed."""
    bench = Bench(tmp_path, configuration(tmp_path, edit=changes))
    bench.funded()
    return bench


@pytest.mark.parametrize(
    ("value", "permille"),
    [(b"\x5a", 500), (b"\x64", 500), (b"\x59", 1000), (b"\x65", 1000), (b"", 1000), (b"Z\0", 1000)],
)
def test_congestion_state_slows_its_carrier(tmp_path: Path, value: bytes, permille: int) -> None:
    """90 to 100 halve; what is out of range, or not one octet, is nothing."""
    bench = bench_with(tmp_path)
    [(reply_id, _)] = bench.run(bench.texts(SENDERS[0])).submits[BIND]
    told = SubmitSmResp(message_id="m1", tlvs=((CONGESTION_STATE, value),))
    bench.run(bench.heard(Answered(reply_id, told)))
    paces = bench.turn._standing.paces
    found = paces["bench"].permille if paces else 1000
    assert found == permille
    assert bench.states() == {reply_id: 8}, "the reply itself was taken"


def test_caps_are_rows_and_buckets_begin_empty(tmp_path: Path) -> None:
    """Three an hour: whoever starts again has what was left, and no token."""
    hour = (
        "segments_per_hour = 1000000000\nsegments_per_day",
        "segments_per_hour = 3\nsegments_per_day",
    )
    tps = ("tps_segments = 1000000\n", 'tps_segments = "1/4"\n')
    bench = bench_with(tmp_path, hour, tps)
    gone: list[int] = []
    seconds: list[int] = []

    def run(count: int) -> None:
        for _ in range(count):
            out = bench.run()
            sent = out.submits.get(BIND, [])
            gone.extend(reply_id for reply_id, _ in sent)
            seconds.extend([bench.wall_ns // SECOND - began] * len(sent))
            bench.run(bench.accepted(out))

    began = bench.wall_ns // SECOND
    bench.run(bench.texts(*SENDERS))
    run(3)
    bench.restart()
    run(8)
    bench.restart()
    run(10)
    assert len(gone) == len(set(gone)) == 3, "the hour is full, whoever runs"
    assert all(later - before >= 4 for before, later in pairwise(seconds))


def test_a_night_in_the_database(tmp_path: Path) -> None:
    """Replies whose country sleeps get a new due time in their rows, and leave by it."""
    night = ("[campaign.default]", '[quiet.FR]\nfrom = "00:00"\nto = "23:59"\n[campaign.default]')
    bench = bench_with(tmp_path, night, ("delay_s = 0", "delay_s = 3"))
    assert not bench.run(bench.texts(*SENDERS)).submits
    for _ in range(6):
        out = bench.run()
        assert not out.submits
    [(due,)] = bench.rows("SELECT DISTINCT due FROM reply")
    assert due % (86_400 * SECOND) == (23 * 60 + 59) * 60 * SECOND
    bench.restart()
    bench.wall_ns = due
    assert not bench.run().submits, "the buckets of a new process are empty"
    assert len(bench.run().submits[BIND]) == len(SENDERS)
    bench.check_books()
