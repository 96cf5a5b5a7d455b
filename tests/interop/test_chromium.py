"""The report of a load test in a browser: all of it is shown, and no request leaves."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html import unescape
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from smpp_server.cli.load_checks import checks
from smpp_server.cli.load_page import page
from tests.server.test_load_report import PLOTS, outcome

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]

PNG_START = b"\x89PNG\r\n\x1a\n"
WORDS = re.compile(r"<text[^>]*>([^<]*)</text>")
OWN_ERRAND = re.compile(  # what a browser asks its maker, whatever the page; it gets no answer
    r"(CONNECT |(GET|POST) http://)[\w.-]+\.(google|googleapis|gvt1|gstatic)\.com[:/]"
)
ALONE = (
    "--headless --no-sandbox --disable-gpu --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --no-first-run"
).split()


class _Counted(BaseHTTPRequestHandler):
    """Notes each request; a proxy for whatever the page might ask of anybody."""

    def __init__(self, asked: list[str], *args: object) -> None:
        self._asked = asked
        super().__init__(*args)  # type: ignore[arg-type]

    def handle(self) -> None:
        self._asked.append(self.rfile.readline().decode("latin-1"))


@contextmanager
def proxy(asked: list[str]) -> Iterator[int]:
    """The port of a proxy that answers nothing."""
    server = HTTPServer(("127.0.0.1", 0), partial(_Counted, asked))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def chromium(place: Path, port: int, file: Path, *options: str) -> str:
    """What the browser, with a new profile, writes to its standard output."""
    own = [f"--user-data-dir={place / 'profile'}", f"--proxy-server=127.0.0.1:{port}"]
    shown = subprocess.run(
        ["chromium", *ALONE, *own, *options, file.as_uri()],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def test_a_browser_shows_verdict_and_plots_and_asks_nobody(tmp_path: Path) -> None:
    good = outcome()
    file, picture, asked = tmp_path / "report.html", tmp_path / "report.png", []
    file.write_text(page(good, checks(good), "smppd 1", "today"), "utf-8")
    with proxy(asked) as port:
        dom = chromium(tmp_path, port, file, "--dump-dom")
        chromium(tmp_path, port, file, f"--screenshot={picture}", "--window-size=900,3200")
    assert [line for line in asked if not OWN_ERRAND.match(line)] == []
    assert "All 9 checks hold." in dom
    words = [unescape(word) for word in WORDS.findall(dom)]
    assert words.count("time since the beginning (s)") == len(PLOTS)
    for title, axis in PLOTS.items():
        assert f"<h3>{title}</h3>" in dom and axis in words
    assert dom.count("<polyline") == 11
    assert not re.search(r"https?://|<script|<link|<img|<iframe", dom)
    assert picture.read_bytes().startswith(PNG_START)
    assert picture.stat().st_size > 50_000, "an empty page"
