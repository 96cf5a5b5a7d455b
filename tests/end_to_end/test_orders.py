"""Orders to a real server: a job outlives kill -9, and who was forgotten is in no file it wrote."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from smpp_server.vault import Vault
from tests.end_to_end.canaries import found
from tests.end_to_end.server import LATER, NOW, Server, configured, until
from tests.end_to_end.smsc import Smsc

PEOPLE = 2_500  # three turns of a job
PERSON, SILENT = "33647182936", "33659483726"


def quiet(port: int) -> str:
    """A configuration in which a crowd may wait for an hour."""
    text = configured(
        port,
        server='log_level = "debug"',
        breaker="on = false",  # it remembers ranges, which ten thousand people share
    )
    return text.replace("delay_s = 2", "delay_s = 3600")


def rows(server: Server, query: str) -> list[tuple[Any, ...]]:
    """What a reader sees."""
    with closing(sqlite3.connect(f"file:{server.state / 'smppd.db'}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


@pytest.mark.slow
def test_a_cancelling_outlives_kill_9(tmp_path: Path) -> None:
    """Everything that waited when it was ordered is cancelled once, and the books agree."""
    with Smsc() as smsc, Server(tmp_path, quiet(smsc.port)) as server:
        server.start().fund()
        until(lambda: smsc.bound, "for the bind")
        for n in range(PEOPLE):
            smsc.text(f"336{10_000_000 + 7 * n}", LATER)
        until(lambda: smsc.idle, "for the texts to be confirmed")
        assert server.status()["waiting"] == PEOPLE
        assert server.ask("POST", "/cancel", {"number": "later"}) == {"result": "done"}
        server.kill()
        server.start().ready()
        until(lambda: any(job["ended"] for job in server.status()["jobs"]), "for the job")
        [job] = server.status()["jobs"]
        assert (job["cancelled"], server.status()["waiting"]) == (PEOPLE, 0)
        ended = rows(server, "SELECT state, reason, count(*) FROM reply GROUP BY 1, 2")
        assert ended == [(5, "operator", PEOPLE)]
        smsc.text("33610000000", LATER)  # may be answered again
        until(lambda: server.status()["waiting"] == 1, "for the same sender to wait again")
        server.stop()
        assert smsc.submits == 0 and server.faults() == []


@pytest.mark.slow
def test_who_was_forgotten_is_in_no_file(tmp_path: Path) -> None:
    """Neither the number in any form, nor a pseudonym of it, but for the STOP it sent."""
    with Smsc(receipts=True) as smsc, Server(tmp_path, quiet(smsc.port)) as server:
        server.start().fund()
        until(lambda: smsc.bound, "for the bind")
        smsc.text(PERSON, NOW)
        smsc.text(PERSON, LATER)
        smsc.text(SILENT, NOW, b"STOP")
        until(lambda: smsc.idle and smsc.submits == 1, "for the reply")
        assert server.smppd("optout", f"+{PERSON}").returncode == 0
        assert server.smppd("optout", PERSON).returncode == 1
        for person in (PERSON, SILENT):
            shown = server.smppd("forget", person)
            assert shown.returncode == 0, shown.stderr
        log = server.state / "smppd.db-wal"
        until(lambda: log.stat().st_size == 0, "for the checkpoint")
        said = [figures for (figures,) in rows(server, "SELECT figures FROM audit")]
        assert "opt-out by hand" in said and not any(PERSON[-9:] in figures for figures in said)
        silent = server.ask("GET", f"/explain?number={SILENT}")
        assert silent["why"] == "opted out"
        server.stop()
        assert found(tmp_path, [], [PERSON, SILENT]) == []
        keys = Vault.open(server.state / "keys", bytes)
        keys.use(1, (1,))
        mine, kept = keys.sender_keys(PERSON), keys.sender_keys(SILENT)
        data = (server.state / "smppd.db").read_bytes()
        for pseudonym in (mine.optout, *mine.claims, mine.prefix, *kept.claims, kept.prefix):
            assert pseudonym not in data and pseudonym.hex().encode() not in data
        assert kept.optout in data
        assert server.faults() == []
