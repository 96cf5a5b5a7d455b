"""Orders on the command line: cancel what waits, opt a number out, forget a number."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smpp_server.cli.explain import lines
from tests.server.test_cli import smppd
from tests.web.houses import Lodge


@pytest.fixture
def lodge(tmp_path: Path) -> Iterator[Lodge]:
    """A house whose admin socket answers."""
    lodge = Lodge(tmp_path)
    with lodge.served():
        yield lodge
    lodge.close()


@pytest.fixture
def orders(lodge: Lodge, monkeypatch: pytest.MonkeyPatch) -> Lodge:
    """A house whose time passes while the command line waits for it."""
    monkeypatch.setattr("smpp_server.cli.orders.sleep", lodge.reactor.advance)
    return lodge


def test_cancelling_what_waits_asks_first(orders: Lodge) -> None:
    at = ("--state-dir", orders.config.server.state_dir)
    assert "only --waiting" in smppd("cancel", *at).stderr
    asked = smppd("cancel", "--waiting", "--number", "main", *at, input="n\n")
    assert asked.exit_code == 1
    assert "Cancel what waits from main? 0 replies wait in all" in asked.stderr
    assert not orders.house.turn.summary.jobs
    assert smppd("cancel", "--waiting", *at, input="y\n").stdout == "0 replies cancelled.\n"
    said = smppd("cancel", "--waiting", "--campaign", "default", "--yes", *at)
    assert (said.exit_code, said.stdout) == (0, "0 replies cancelled.\n")
    assert [job.campaign for job in orders.house.turn.summary.jobs] == ["", "default"]
    wrong = smppd("cancel", "--waiting", "--yes", "--number", "mian", *at)
    assert (wrong.exit_code, 'did you mean "main"?' in wrong.stderr) == (1, True)


def test_an_order_that_takes_long_goes_on_alone(
    lodge: Lodge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smpp_server.cli.orders.FOLLOWED_S", 0)
    at = ("--state-dir", lodge.config.server.state_dir)
    said = smppd("cancel", "--waiting", "--yes", *at).output
    assert said == "0 replies cancelled. It goes on; `smppd status` shows how far.\n"
    assert "cancel: 0 replies looked through" in smppd("status", *at).output


def test_a_number_is_opted_out_and_forgotten_by_standard_input(orders: Lodge) -> None:
    at = ("--state-dir", orders.config.server.state_dir)
    said = smppd("optout", *at, input="+33612340001\n")
    assert said.stdout == "The number is never answered again.\n", said.stderr
    assert "opted out" in smppd("explain", "33612340001", *at).output
    assert "opted out" in smppd("explain", *at, input="33612340001\n").output
    assert smppd("optout", "33612340001", *at).exit_code == 1
    assert smppd("optout", "--undo", "33612340001", *at).output == "The opt-out is taken back.\n"
    said = smppd("forget", *at, input="33612340001\n")
    assert said.stdout == (
        "Forgotten: 0 replies that waited cancelled, 0 replies that had left made nameless.\n"
    )
    assert "history" in smppd("forget", "--help").output


@pytest.mark.parametrize(
    ("chosen", "due_in_s", "begins"),
    [
        (True, 0, "Answered at once."),
        (False, 0, "Answered when a link may take it."),
        (False, 60, "Answered after 1 min."),
    ],
)
def test_an_explanation_promises_no_link_that_is_not_there(
    chosen: bool, due_in_s: int, begins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    way = {
        "link": "main", "carrier": "main", "price_nanos": 1, "exact": True, "failed": 0,
        "chosen": chosen, "why": "cap per hour",
    }  # fmt: skip
    value = {
        "answered": True, "country": "FR", "number": "main", "text": "fr.N", "segments": 1,
        "waiting_before": 0, "in_time": 0, "due_in_s": due_in_s, "ways": [way], "money": "",
        "held": "",
    }  # fmt: skip
    assert lines(value)[0] == begins
