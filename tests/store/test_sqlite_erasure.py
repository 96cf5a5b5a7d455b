"""What is erased is gone from the disk: database, log and shared memory are searched for it."""

import random
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from routing.records import ReplyState
from smpp_server.store import Keys
from smpp_server.store.sqlite import SqliteStore
from tests.store.model import AGES
from tests.store.small_turns import (
    CLAIM,
    NOW,
    PREFIX,
    begin,
    cancel,
    end,
    leave,
    reply,
    wait,
)
from tests.store.turns import Bench, configuration, sent

MARK = b"\xf3\x1eSEAL\x9b\xc7"
SEALED = MARK * 6


def forms(secret: bytes) -> Iterator[bytes]:
    """The ways a secret could be written: raw, hexadecimal, UTF-16, base64 at every offset."""
    yield secret
    for text in (secret.hex(), secret.hex().upper(), secret.decode("latin-1")):
        yield text.encode("ascii" if text.isascii() else "utf-8")
        yield text.encode("utf-16-le")
        yield text.encode("utf-16-be")
    for offset in range(3):
        written = b64encode(bytes(offset) + secret)
        yield written[4 if offset else 0 : -4]  # without what depends on the neighbours


def found(path: Path, *secrets: bytes) -> set[bytes]:
    """Which of the secrets stand in the store's files, in any form."""
    files = [Path(f"{path}{suffix}") for suffix in ("", "-wal", "-shm")]
    content = b"".join(file.read_bytes() for file in files if file.exists())
    assert content
    return {secret for secret in secrets if any(form in content for form in forms(secret))}


def seal(msisdn: str, reply_id: int) -> bytes:
    """Every octet of it can be searched for; the number is not in it."""
    return SEALED


def lived(path: Path, seed: int, count: int = 900) -> SqliteStore:
    """A store in which many replies waited, left and ended, in a disorder that splits pages."""
    store = SqliteStore(path)
    chance = random.Random(seed)
    ids = list(range(1, count + 1))
    for start in range(0, count, 150):
        wait(store, ids[start : start + 150], seal)
    chance.shuffle(ids)
    leave(store, ids[:600])
    state = ReplyState
    end(store, state.SUBMITTING, state.CLOSED, ids[:200])
    end(store, state.SUBMITTING, state.ACCEPTED, ids[200:400])
    store.rest(1)
    end(store, state.SUBMITTING, state.UNKNOWN, ids[400:600])
    end(store, state.ACCEPTED, state.DELIVERED, ids[200:400])
    cancel(store, ids[600:750])
    end(store, state.UNKNOWN, state.ASSUMED_SENT, ids[400:600])
    cancel(store, ids[750:])
    return store


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_left_of_replies_that_ended(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "smppd.db"
    store = lived(path, seed)
    assert found(path, MARK, CLAIM, PREFIX) == {MARK, CLAIM, PREFIX}  # the search does find
    store.rest(2)
    assert found(path, MARK, CLAIM, PREFIX, reply(1).msisdn.encode()) == set()
    later = NOW.wall_ns + AGES.reconcile_ns
    while store.tidy(later, AGES, 100):
        store.rest(3)
    assert begin(store, Keys(outcomes=range(1000))).stored == {}
    store.rollback()
    store.close()
    assert found(path, MARK, CLAIM, PREFIX) == set()


def test_a_reader_delays_the_erasure_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "smppd.db"
    store = lived(path, 9)
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM reply").fetchone() == (900,)
    wait(store, [1001], seal)
    cancel(store, [1001])
    store.rest(60 * 10**9)
    assert MARK in found(path, MARK)
    assert not store.wants_rest(60 * 10**9) and store.wants_rest(62 * 10**9)
    reader.close()
    store.rest(62 * 10**9, idle=False)
    assert found(path, MARK, CLAIM, PREFIX) == set()
    store.close()


def test_a_log_left_by_a_crash_is_erased_at_the_next_rest(tmp_path: Path) -> None:
    path = tmp_path / "smppd.db"
    store = lived(path, 4)
    crash = tmp_path / "crash.db"
    for suffix in ("", "-wal"):
        Path(f"{crash}{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    store.close()
    store = SqliteStore(crash)
    assert MARK in found(crash, MARK)
    store.rest(1)
    assert found(crash, MARK, CLAIM, PREFIX) == set()
    store.close()


def test_no_number_ever_stands_on_the_disk_in_clear(tmp_path: Path) -> None:
    """Real turns with the real vault: not while a reply waits, not in flight, not after."""
    bench = Bench(tmp_path, configuration(tmp_path, 2))
    bench.funded()
    senders = [f"336{12000000 + 7919 * n:08}" for n in range(120)]
    numbers = [sender.encode() for sender in senders]
    tails = [sender[3:].encode() for sender in senders]
    bench.run(bench.texts(*senders), bench.texts(*senders[:20], words=b"stop"))
    seals = [row[0] for row in bench.rows("SELECT sealed FROM reply WHERE sealed IS NOT NULL")]
    assert len(seals) == 120 - 20 and not found(bench.path, *numbers, *tails)
    assert found(bench.path, *seals) == set(seals)
    bench.run()
    out = bench.run()
    assert sent(out) == 100 and not found(bench.path, *numbers, *tails)
    bench.run(bench.accepted(out))
    bench.turn.rest(bench.monotonic_ns, idle=True)
    pieces = [seal[at : at + 12] for seal in seals for at in (4, 16, 28, 40)]
    assert not found(bench.path, *numbers, *tails, *pieces)
    bench.store.close()
