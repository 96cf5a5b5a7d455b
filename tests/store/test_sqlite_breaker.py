"""The breaker on a real store: it outlives the process, and its rows keep their size."""

from pathlib import Path

from routing.standing import SWEPT_MOST
from smpp_server import events as ev
from tests.store.turns import SECOND, Bench, configuration, sent

MINUTE = 60 * SECOND


def bench(folder: Path, delay_s: int = 3600) -> Bench:
    server = Bench(folder, configuration(folder, delay_s=delay_s))
    server.funded()
    return server


def minutes(server: Bench, count: int) -> list[str]:
    """Housekeeping once a minute; the attack alarms that began."""
    began = []
    for _ in range(count):
        server.wall_ns += MINUTE
        server.monotonic_ns += MINUTE
        alarms = server.run(ev.Tick()).alarms
        began += [a.subject for a in alarms if a.begins and a.code == "attack"]
    return began


def step(server: Bench) -> str:
    assert server.turn.summary is not None and server.turn.summary.attack is not None
    return server.turn.summary.attack.step


def test_an_attack_from_one_range_through_a_restart(tmp_path: Path) -> None:
    """What waits for the attacked range is cancelled, a thousand a turn, over a restart too; those
    of other ranges leave."""
    server = bench(tmp_path)
    server.run(server.texts("33612350001"))
    crowd = [f"3361234{i:04}" for i in range(SWEPT_MOST + 200)]
    server.run(server.texts(*crowd))
    server.run(server.texts("33612360001"))
    assert minutes(server, 1) == ["slower"]
    server.restart()
    assert minutes(server, 1) == ["first-time"]
    assert server.rows("SELECT length(prefixes) FROM sweep") == [(12 * 16,)]
    server.run()
    server.restart()
    for _ in range(3):
        server.run()
    assert server.rows("SELECT * FROM sweep") == []
    assert server.rows("SELECT reason, count(*) FROM reply GROUP BY reason ORDER BY 2") == [
        (None, 2),
        ("breaker", len(crowd)),
    ]
    freed = server.rows("SELECT count(*) FROM claim WHERE replies = 0")
    assert freed == [(len(crowd),)]
    assert minutes(server, 25) == ["slower"]
    assert step(server) == "open"
    server.wall_ns += 3600 * SECOND
    server.monotonic_ns += 3600 * SECOND
    assert sent(server.run()) + sent(server.run()) == 2
    server.check_books()
    sizes = server.rows("SELECT DISTINCT length(text) FROM breaker")
    assert sizes == [(1024,)]
    assert len(server.rows("SELECT * FROM breaker")) <= 13


def test_an_operator_s_hold_lasts_through_a_restart(tmp_path: Path) -> None:
    server = bench(tmp_path, delay_s=0)
    server.run(ev.Asked(ev.Command(1, "breaker-hold")))
    server.restart()
    server.run(server.texts("33612340001"))
    assert sent(server.run()) == 0
    assert step(server) == "hold"
    out = server.run(ev.Asked(ev.Command(2, "breaker-release")))
    assert out.answers == {2: "done"}
    assert sent(out) == 0  # made while held, it waits half an hour longer
    minutes(server, 30)
    assert server.states() == {1: 1}
    assert server.rows("SELECT what FROM audit ORDER BY id")[1:] == [
        ("breaker-hold",),
        ("breaker-release",),
    ]
