"""Guards on a real store and through a real turn: what they count outlives the process."""

from pathlib import Path

import pytest

from routing.guards import DAY_HEADS, HEAD_NS
from smpp_server.smpp.happenings import Received
from smpp_server.store import sqlite_guard
from tests.store.turns import SECOND, Bench, configuration

RANGE = "[guard.prefix]\ncontacts_per_hour = 1000000\ncontacts_per_day = 1000000"
RANGE += "\nsegments_per_hour = 1000000"
TIGHT = RANGE.replace("segments_per_hour = 1000000", "segments_per_hour = 3")
CROWD = [f"3361234{i:04}" for i in range(8)]


def bench(folder: Path, *edit: tuple[str, str]) -> Bench:
    server = Bench(folder, configuration(folder, edit=edit))
    server.funded()
    return server


def later(server: Bench, span_ns: int) -> None:
    """Time passes on both clocks."""
    server.wall_ns += span_ns
    server.monotonic_ns += span_ns


def silent(server: Bench) -> dict[str, int]:
    """Reason → how many contacts it silenced in this process."""
    assert server.turn.summary is not None
    tallies = server.turn.summary.tallies
    return {k.removeprefix("silent: "): n for k, n in tallies.items() if k.startswith("silent")}


def test_a_limit_is_kept_through_a_restart(tmp_path: Path) -> None:
    server = bench(tmp_path, (RANGE, TIGHT))
    server.run(server.texts(*CROWD[:2]))
    server.restart()
    server.run(server.texts(*CROWD[2:]))
    assert len(server.states()) == 3
    assert silent(server) == {"limit of the number range": 5}
    later(server, 3 * HEAD_NS)
    server.run(server.texts(*CROWD[3:]))
    assert len(server.states()) == 6
    server.check_books()


def test_a_row_never_changes_its_size(tmp_path: Path) -> None:
    """One that grew would leave copies of itself on split pages."""
    server = bench(tmp_path)
    sizes = set()
    for sender in CROWD:
        server.run(server.texts(sender))
        [row] = server.rows("SELECT * FROM guard")
        sizes.add(tuple((number.bit_length() + 8) // 8 for number in row))
    assert len(sizes) == 1


def test_rows_that_count_nothing_any_more_are_deleted(tmp_path: Path) -> None:
    server = bench(tmp_path)
    server.run(server.texts("33612340001"))
    later(server, 3 * DAY_HEADS * HEAD_NS - 2 * SECOND)
    server.run(server.texts("33651240001"))
    assert len(server.rows("SELECT * FROM guard")) == 2
    server.store.tidy(server.wall_ns + HEAD_NS, server.turn._ages, 500)
    assert len(server.rows("SELECT * FROM guard")) == 1


@pytest.mark.parametrize(("limit", "times"), [(500, 3), (2, 5)])
def test_rows_are_looked_at_some_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, times: int
) -> None:
    """Three at once here, wherever their keys lie; then from the first one again."""
    monkeypatch.setattr(sqlite_guard, "GUARDS_LOOKED", 3)
    server = bench(tmp_path)
    store, now_ns = server.store, server.wall_ns
    keys = [sqlite_guard.FIRST_KEY, -7, -1, 0, 1, 99, sqlite_guard.LAST_KEY]
    for _ in range(2):
        rows = [(key, sqlite_guard.oldest_head(now_ns) + (key == 99)) for key in keys]
        store._db.executemany("INSERT OR REPLACE INTO guard VALUES (?, ?, 0, 0, 0, 0)", rows)
        for _ in range(times):
            store.tidy(now_ns, server.turn._ages, limit)
        assert server.rows("SELECT id FROM guard") == [(99,)]


def test_a_loop_is_seen_through_the_store(tmp_path: Path) -> None:
    """The replies left in earlier turns: when, is asked of their rows."""
    nine = 'claim_days = 7\nmax_replies = 9\nafter_last_text = "repeat the last text"'
    server = bench(tmp_path, ("claim_days = 7", nine))
    for _ in range(4):
        server.run(server.accepted(server.run(server.texts("33612340001"))))
    assert len(server.states()) == 3
    assert silent(server) == {"answers our replies at once": 1}
    assert server.rows("SELECT loops FROM claim") == [(3,)]


OURS = "Réponse automatique. Si on vous a donné ce numéro, c'était pour vous dire non."


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (f"> {OURS}".encode("latin-1"), "our own text came back"),
        (f"RE: {OURS[:60]}".encode("utf-16-be"), "our own text came back"),
        (OURS.upper().replace("É", "é").encode("latin-1"), "our own text came back"),
        (b"AUTO-REPLY: I am away until Monday", "words of a machine"),
        ("Je suis en mode Ne pas déranger".encode("latin-1"), "words of a machine"),
        ("Vous avez un appel manqué du 06".encode("utf-16-be"), "words of a machine"),
        ("Réponds moi, je suis déjà au café".encode("latin-1"), ""),
    ],
)
def test_texts_that_no_person_wrote(tmp_path: Path, words: bytes, why: str) -> None:
    server = bench(tmp_path)
    text = server.text("33612340001", words)
    text.data_coding = 8 if b"\0" in words else 3
    server.run(server.heard(Received(text)))
    assert silent(server) == ({why: 1} if why else {})


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ('text = "fr.N"', {"words of a machine": 1}),
        ('texts = ["fr.N", "fr.A"]', {"our own text came back": 1}),
    ],
)
def test_the_text_of_every_stage_is_known_when_it_comes_back(
    tmp_path: Path, texts: str, why: dict[str, int]
) -> None:
    """Quoted, our second text is ours; one that no number sends is only a machine's."""
    server = bench(tmp_path, ('text = "fr.N"', texts))
    words = f"> {server.config.rules.texts['fr.A'].words}"
    text = server.text("33612340001", words.encode("utf-16-be"))
    text.data_coding = 8
    server.run(server.heard(Received(text)))
    assert silent(server) == why
