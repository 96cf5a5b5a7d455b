"""What the command line plays: typed texts, loads, the demo, simulator and server together."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smpp_server.cli.stage import typed
from tests.server.test_cli import process, smppd

ROOT = Path(__file__).parent.parent.parent


def test_what_is_typed() -> None:
    assert typed("33612340001 Bonsoir !\n") == ("33612340001", "Bonsoir !")
    assert typed("+33612340001  hi") == ("33612340001", "hi")
    for line in ("", "33612340001", "33612340001  ", "hello 1", "336١2 x", "3" * 21 + " x"):
        assert typed(line) is None


@pytest.mark.slow
def test_the_demo_ends_with_equal_books() -> None:
    shown = process("-m", "smpp_server", "demo")
    assert shown.returncode == 0, shown.stderr
    assert "Equal, to the last decimal." in shown.stdout
    assert shown.stdout.count("silent: replied already") == 3
    for why in ("short code", "alphanumeric sender", "opted out", "country not opened"):
        assert f"silent: {why}" in shown.stdout
    assert shown.stderr == "" and "\x1b[" not in shown.stdout


@pytest.mark.slow
def test_simulator_and_server_as_two_processes(tmp_path: Path) -> None:
    """The life of an operator: init, simulate, run, fund, look, stop."""
    words = [sys.executable, "-m", "smpp_server"]
    options: dict[str, Any] = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True}
    smsc = subprocess.Popen([*words, "simulate", "--port", "0", "--text", "33612340001:Salut",
                             "--max-messages", "1", "--cdr", "cdr.csv",
                             "--invoice-summary", "sums.csv"], **pipes, **options)  # fmt: skip
    assert smsc.stdout is not None
    port = smsc.stdout.readline().partition("port ")[2].partition(":")[0]
    assert smppd("init", tmp_path / "conf").exit_code == 0
    path = tmp_path / "conf" / "server.toml"
    text = path.read_text().replace("port = 2775", f"port = {port}")
    path.write_text(text.replace("delay_min = 60", "delay_s = 0\nspread_s = 0"))
    server = subprocess.Popen([*words, "run", "--config", path], stderr=subprocess.PIPE, **options)
    try:
        while smppd("fund", "1", "--config", path).exit_code:
            assert server.poll() is None
        out, _ = smsc.communicate(timeout=30)
        assert "-> 33612340001  1 segment  Réponse automatique." in out
        assert out.split()[-7:] == ["0.0495", "EUR", "received", "1", "text", "0.00", "EUR"], out
        rows = list(csv.DictReader((tmp_path / "cdr.csv").read_text().splitlines()))
        assert [(row["direction"], row["destination"], row["price"]) for row in rows] == [
            ("mo", "33644649021", "0.00"),
            ("mt", "33612340001", "0.0495"),
        ]
        sums = list(csv.DictReader((tmp_path / "sums.csv").read_text().splitlines()))
        assert [(row["direction"], row["messages"], row["amount"]) for row in sums] == [
            ("mo", "1", "0.00"),
            ("mt", "1", "0.0495"),
        ]
        money = json.loads(smppd("status", "--json", "--config", path).output)["money"]
        assert (money["settled_nanos"], money["reserved_nanos"]) == (49_500_000, 0)
    finally:
        smsc.kill()
        server.terminate()
        _, errors = server.communicate(timeout=30)
    assert server.returncode == 0, errors
    assert not (tmp_path / "conf" / "state" / "admin.sock").exists()
