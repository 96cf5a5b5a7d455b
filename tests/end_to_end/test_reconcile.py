"""Simulator and server as processes; then the simulator's own CDR and summary against our books."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.books import Books
from tests.end_to_end.server import NOW, OUT_NANOS, ROOT, Server, configured, until
from tests.end_to_end.wire import WAIT_S, Port

pytestmark = pytest.mark.slow

TEXTS = 40
PRICES = "out,33,France,0.0495\nin,33,texts,0.0075\n"


def plan(port: int, responses: str = "") -> str:
    """An SMSC that bills by its own counting, and people who text."""
    return f"""\
[smsc]
port = {port}
max_messages = {TEXTS}
max_seconds = 120
[account.main]
system_id = "us"
password = "tiptoe42"
[invoice]
prices = "prices.csv"
zone = "Europe/Paris"
cdr = "cdr.csv"
summary = "summary.csv"
[responses]
{responses}
[receipts]
never_percent = 100
[crowd.people]
shape = "steady"
to = "{NOW}"
texts = {TEXTS}
prefix = "33661"
last_ms = 1000
"""


@contextmanager
def simulated(folder: Path, text: str) -> Iterator[subprocess.Popen[bytes]]:
    """`smppd simulate` with this plan."""
    (folder / "plan.toml").write_text(text, "utf-8")
    (folder / "prices.csv").write_text(PRICES, "utf-8")
    command = [sys.executable, "-m", "smpp_server", "simulate", "--plan", str(folder / "plan.toml")]
    with (folder / "smsc.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(WAIT_S)


def reconcile(server: Server, file: str, *words: str) -> tuple[int, Any]:
    """(exit status, figures) of `smppd reconcile`."""
    done = server.smppd(
        "reconcile",
        str(server.folder / file),
        "--carrier",
        "main",
        "--json",
        "--config",
        str(server.file),
        *words,
    )
    assert done.returncode in (0, 3), done.stderr
    return done.returncode, json.loads(done.stdout)


def served(folder: Path, responses: str = "", **lines: str) -> Server:
    """A whole run: everybody texts and is answered, and the SMSC has written its invoice."""
    free = Port()
    free.close()
    carrier = lines.pop("carrier_main", "") + '\nrate_zone = "Europe/Paris"'
    server = Server(folder, configured(free.number, carrier_main=carrier, **lines))
    with simulated(folder, plan(free.number, responses)) as smsc:
        server.start().fund()
        until(lambda: smsc.poll() is not None, "for the SMSC to have had all replies")
        until(server.at_rest, "for the last responses")
    return server


def test_the_simulators_invoice_is_ours_to_the_nano(tmp_path: Path) -> None:
    """Without receipts too: message ids are kept, and no index of the server is needed."""
    server = served(tmp_path, carrier_main="registered_delivery = 0")
    with server:
        code, found = reconcile(server, "cdr.csv")
        assert (code, found["agrees"]) == (0, True)
        assert found["findings"] == {
            "matched": {
                "messages": TEXTS,
                "theirs_nanos": TEXTS * OUT_NANOS,
                "ours_nanos": TEXTS * OUT_NANOS,
            }
        }
        assert found["inbound"]["messages"] == TEXTS
        assert found["inbound"]["theirs_nanos"] == found["inbound"]["ours_nanos"] > 0

        code, found = reconcile(server, "summary.csv", "--summary")
        assert code == 0 and found["theirs_nanos"] == found["ours_nanos"] == TEXTS * OUT_NANOS
        assert found["inbound_theirs_nanos"] == found["inbound_ours_nanos"]
        said = server.smppd(
            "reconcile", str(tmp_path / "cdr.csv"), "--carrier", "main", "--config",
            str(server.file),
        )  # fmt: skip
        assert "Both sides agree." in said.stdout
        assert "3366" not in said.stdout + said.stderr + server.log.read_text("utf-8")
        server.stop()


def test_the_cdr_tells_what_lost_answers_did_not(tmp_path: Path) -> None:
    server = served(tmp_path, "lost_percent = 20", link_main="response_timeout_s = 1")
    with server:
        lost = server.tally("unknown")
        assert 0 < lost < TEXTS, "no answer was lost: this run proves nothing"
        code, found = reconcile(server, "cdr.csv", "--dry-run")
        assert code == 3
        assert found["findings"]["theirs but not ours"]["messages"] == lost
        assert found["findings"]["unknown to us, not theirs"]["messages"] == lost
        code, found = reconcile(server, "cdr.csv")
        assert (code, found["findings"].keys()) == (0, {"matched"})
        assert found["findings"]["matched"]["messages"] == TEXTS
        server.stop()
        books = Books.read(server.state)
        assert books.balance == books.posted
        assert books.balance["settled"] == TEXTS * OUT_NANOS and not books.balance["reserved"]


def test_a_file_that_is_none_changes_nothing(tmp_path: Path) -> None:
    """The faults name line and column, never what stands there."""
    one = Server(tmp_path, configured(2775))
    one.start().fund().stop()
    file = tmp_path / "cdr.csv"
    rows = ["message_id,price,time,destination", "a1,0.05,2026-11-24,33612340001"]
    file.write_text("\n".join([*rows, "a2,dear,yesterday,33612340002"]), "utf-8")
    said = one.smppd("reconcile", str(file), "--carrier", "main", "--config", str(one.file))
    assert said.returncode == 78
    assert f"{file}:3: price is not an amount" in said.stderr
    assert "dear" not in said.stderr and "0002" not in said.stderr
