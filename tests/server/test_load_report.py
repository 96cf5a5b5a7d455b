"""A load from end to end: the verdict, the exit status, the report, and what must turn it red."""

import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from socket import socket
from typing import Any

import pytest

from smpp_server.cli.load_checks import checks
from smpp_server.cli.load_page import page, span
from smpp_server.cli.load_play import Outcome
from smpp_server.cli.load_profiles import Load
from smpp_server.cli.load_samples import Histogram, Sample, Series
from smpp_server.cli.load_search import PIECE, forms, semi_octets, traces
from smpp_server.cli.load_target import Target
from smpp_server.cli.stage import Books
from tests.server.configs import changed, write
from tests.server.test_cli import ROOT, process, smppd

PLOTS = {
    "Throughput": "texts or replies (1/s)",
    "Latency from text to reply": "latency (ms)",
    "Window": "submits",
    "Queue": "replies",
    "Spend against budget": "amount (EUR)",
}
NEVER = ("<script", "http:", "https:", "src=", "<link", "@import", "url(", "javascript:")


class Page(HTMLParser):
    """The words of a page, by the tag they stand in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], "a tag is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Closed at once."""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self._open:
            self.words.append((self._open[-1], data))

    def of(self, tag: str) -> list[str]:
        return [words for where, words in self.words if where == tag]


def budget(used_thousandths: int) -> dict[str, Any]:
    """One of 1.00 EUR, as status tells it."""
    return {"name": "day", "limit_nanos": 10**9, "used_nanos": used_thousandths * 10**6}


def outcome(**other: Any) -> Outcome:
    """Twenty texts of eighteen people, as they should end."""
    nothing: Any = None
    target = Target(
        nothing, nothing, nothing, Path("state"), "a server <here>", "33644649021",
        1, 1, 20, 100, 10, 1_000_000_000, "EUR", True,
    )  # fmt: skip
    series = Series(1.0)
    latencies = Histogram()
    for _ in range(18):
        latencies.add(2500)
    series.add(Sample(2.0, 20, 18, 4, 3, 891_000_000, latencies))
    load = Load("spike", 20, 2, 10, 10)
    replied = bytearray(load.places)
    for nth in range(20):
        replied[load.sender(nth)] = 1
    books = Books(18, 891_000_000, 20, 20_000_000)
    money = {"currency": "EUR", "reserved_nanos": 0, "left_nanos": 1, "budgets": [budget(891)]}
    tallies = {"contacts": 20, "replies": 18, "accepted": 18, "silent: replied already": 2}
    sound = Outcome(load, target, True, 2.0, series, books, books, tallies, money, 20, replied,
                    0, 1.5, 18, [], 4096)  # fmt: skip
    return sound._replace(**other)


def failed(found: Outcome) -> list[str]:
    return [check.what for check in checks(found) if not check.right]


def test_what_must_turn_the_verdict_red() -> None:
    sound = outcome()
    assert failed(sound) == [] and len(checks(sound)) == 9
    twice, missing = bytearray(sound.replied), bytearray(sound.replied)
    twice[0], missing[0] = 2, 0
    slow = Series(1.0, [sound.series.samples[0]._replace(outstanding=11)])
    answered = "Every text is answered, or silent for a reason"
    books = "The ledger equals the invoice, to the last decimal"
    rows: list[tuple[dict[str, Any], list[str]]] = [
        ({"confirmed": 19}, [answered]),
        ({"whole": False}, [answered]),
        ({"tallies": {**sound.tallies, "silent: replied already": 1}}, [answered]),
        ({"replied": twice}, ["Nobody gets a second reply"]),
        ({"strangers": 1}, ["Nobody gets a second reply"]),
        ({"replied": missing}, ["Who is owed a reply has it"]),
        ({"ours": sound.ours._replace(outbound_nanos=891_000_001)}, [books]),
        ({"money": {**sound.money, "reserved_nanos": 1}}, [books]),
        ({"money": {**sound.money, "budgets": [budget(1001)]}}, ["Every budget holds"]),
        ({"money": {**sound.money, "left_nanos": -1}}, ["Every budget holds"]),
        ({"most_ahead": 2.1}, ["No faster than the rate limit"]),
        ({"segments": 101}, ["The cap of the hour holds"]),
        ({"series": slow}, ["The window is never exceeded"]),
        ({"finds": ["a word that was sent stands in log"]}, ["Nothing private is on disk"]),
    ]
    for other, expected in rows:
        assert failed(outcome(**other)) == expected, other


def test_the_page_tells_the_verdict_and_needs_nothing_else() -> None:
    good = outcome()
    text = page(good, checks(good), "smppd 1", "today")
    assert not [word for word in NEVER if word in text]
    told = Page(text)
    assert told.of("strong") == ["All 9 checks hold."]
    assert told.of("h3") == list(PLOTS) == told.of("title")[1:]
    axes = told.of("text")
    assert axes.count("time since the beginning (s)") == len(PLOTS)
    assert set(PLOTS.values()) < set(axes)
    assert "a server <here>" in "".join(told.of("p"))
    bad = outcome(strangers=1, finds=["a word that was sent stands in log"])
    told = Page(page(bad, checks(bad), "smppd 1", "today"))
    assert told.of("strong") == ["2 of 9 checks failed."]
    assert told.of("td").count("✗ failed") == 2


def test_a_page_without_a_limit_or_a_reply() -> None:
    still = outcome(series=Series(1.0))
    free = still._replace(target=replace(still.target, budget_nanos=None, tps_segments=0))
    text = page(free, checks(free), "smppd 1", "today")
    assert "budget of the day</span>" not in text
    assert Page(text).of("h3") == list(PLOTS)
    assert [span(us) for us in (999, 1500, 2_345_678)] == ["999 µs", "1.5 ms", "2.35 s"]


def test_what_was_sent_is_found_in_every_form(tmp_path: Path) -> None:
    number, word = "33614711815", "souviens"

    def search() -> list[str]:
        return traces(tmp_path, [word], [number], lambda one: one == "33614711899")[0]

    written = tmp_path / "state" / "file"
    written.parent.mkdir()
    written.write_bytes(b"33614711814 33614711816 123456789012345678901 souvenir")
    assert search() == []
    for what, several in (
        ("a word", forms(word) | {b"SOUVIENS", b"x\0S\0o\0u\0v\0i\0e\0n\0s\0"}),
        ("a number", forms(number[-9:]) | semi_octets(number) | {b"\x33\x16\x74\x11\x18\xf5"}),
        ("a number", {b"id=33614711899.", "x33614711899".encode("utf-16-le"), b"+33614711899"}),
    ):
        for form in several:
            written.write_bytes(b"\0some" + form + b"thing\xff")
            expected = [] if form == b"x\0S\0o\0u\0v\0i\0e\0n\0s\0" else [
                f"{what} that was sent stands in state/file"]  # fmt: skip
            assert search() == expected, form
    for before in (PIECE - 12, PIECE - 1):  # across the border of two pieces
        written.write_bytes(b"." * before + b" 33614711899 ")
        assert search() == ["a number that was sent stands in state/file"]


def test_what_goes_together() -> None:
    for words, sentence in (
        (["--seconds", "5", "--rate", "5"], "not both"),
        (["--prices", "x.csv"], "--prices goes with --config"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
    ):
        refused = smppd("load-test", *words)
        assert refused.exit_code != 0 and sentence in refused.output, words
    assert "Profiles. sustained: one text after the other" in smppd("load-test", "--help").output


def test_a_server_that_speaks_to_others_is_refused(tmp_path: Path) -> None:
    words = "I accept that texts and passwords travel unencrypted"
    there = f'host = "192.0.2.1"\nplain_text_to_remote_hosts = "{words}"'
    path = write(tmp_path, changed('host = "127.0.0.1"', there))
    refused = smppd("load-test", "--config", path)
    assert refused.exit_code == 1
    assert "goes to 192.0.2.1" in refused.output


@pytest.mark.slow
def test_a_load_ends_with_a_verdict_and_a_report(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    shown = process("-m", "smpp_server", "load-test", "--texts", 300, "--rate", 3000, "--json",
                    "--report", path)  # fmt: skip
    assert shown.returncode == 0, shown.stdout + shown.stderr
    value = json.loads(shown.stdout)
    assert value["right"] and value["equal"] and value["ledger"] == value["invoice"]
    assert value["ledger"]["replies"] == 270
    assert value["silent"] == {"replied already": 30}
    assert 0 < value["p50_ms"] <= value["p99_ms"] <= value["p99.9_ms"]
    told = Page(path.read_text("utf-8"))
    assert told.of("strong") == ["All 9 checks hold."]
    assert told.of("h3") == list(PLOTS)


@pytest.mark.slow
def test_a_raid_costs_next_to_nothing() -> None:
    """Those who mean it are answered; a block of attackers gets what the guard allows a range."""
    shown = process("-m", "smpp_server", "load-test", "--profile", "raid", "--texts", 900,
                    "--seconds", 2, "--json")  # fmt: skip
    assert shown.returncode == 0, shown.stdout + shown.stderr
    value = json.loads(shown.stdout)
    assert 20 <= value["ledger"]["replies"] <= 30
    assert sum(value["silent"].values()) == 900 - value["ledger"]["replies"]


@pytest.mark.slow
def test_a_running_server_is_loaded(tmp_path: Path) -> None:
    """In a process of its own, with the configuration an operator begins with, but for limits."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert smppd("init", tmp_path).exit_code == 0
    path = tmp_path / "server.toml"
    text = path.read_text("utf-8").replace("port = 2775", f"port = {port}")
    for old, new in (
        ("delay_min = 60", "delay_s = 0\nspread_s = 0"),
        ("tps_segments = 1\n", "tps_segments = 100\n"),
        ("segments_per_hour = 100\n", "segments_per_hour = 36000\n"),
        ("segments_per_day = 500\n", "segments_per_day = 36000\n"),
    ):
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    path.write_text(text, "utf-8")
    server = subprocess.Popen(
        [sys.executable, "-m", "smpp_server", "run", "--config", path],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        while smppd("fund", "5", "--config", path).exit_code:
            assert server.poll() is None
        shown = process("-m", "smpp_server", "load-test", "--config", path, "--texts", 60,
                        "--seconds", 2, "--window", 10, "--json")  # fmt: skip
    finally:
        server.terminate()
        _, errors = server.communicate(timeout=30)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    value = json.loads(shown.stdout)
    assert value["ledger"] == value["invoice"] and value["ledger"]["replies"] == 54
    assert len(value["checks"]) == 8  # whom a running server owes a reply, it alone knows
    assert server.returncode == 0, errors
