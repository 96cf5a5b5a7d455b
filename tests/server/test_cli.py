"""The command smppd: what an operator sees, where the sentences go, and the exit statuses."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from routing.capacity import capacity
from smpp_server.cli import COMMANDS, group
from smpp_server.cli.place import state_directory
from smpp_server.cli.plugin import judge
from smpp_server.cli.report import dearest
from smpp_server.cli.show import amount, breaker_lines, columns, count, span, status_lines
from smpp_server.config import load
from tests.server.configs import BASE, changed, write
from tests.web.houses import Lodge

ROOT = Path(__file__).parent.parent.parent


def smppd(*words: object, **options: Any) -> Result:
    """The command in this process."""
    return CliRunner().invoke(group, [str(word) for word in words], prog_name="smppd", **options)


def process(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command as an operator runs it."""
    return subprocess.run(
        [sys.executable, *[str(word) for word in words]],
        cwd=options.pop("cwd", ROOT),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with a configuration that works."""
    write(tmp_path, BASE)
    return tmp_path


@pytest.fixture
def lodge(tmp_path: Path) -> Iterator[Lodge]:
    """A house whose admin socket answers, on a configuration at `tmp_path`."""
    lodge = Lodge(tmp_path)
    with lodge.served():
        yield lodge
    lodge.close()


# -- the whole


def test_every_command_explains_itself_in_a_sentence() -> None:
    listed = smppd("--help").output
    for name in COMMANDS:
        shown = smppd(name, "--help")
        assert shown.exit_code == 0
        first = " ".join(shown.output.partition("\n\n")[2].split("\n\n")[0].split())
        assert first[0].isupper() and first.endswith((".", ":", "?")), name
        assert f"  {name} " in listed


def test_a_command_that_is_none_is_answered_with_the_nearest() -> None:
    shown = smppd("statsu")
    assert shown.exit_code == 2
    assert 'There is no command "statsu". Did you mean "status"?' in shown.output


def test_a_look_imports_neither_twisted_nor_pydantic_nor_rich(lodge: Lodge) -> None:
    """What makes it fast; the time itself depends on the machine."""
    words = ["status", "--state-dir", str(lodge.config.server.state_dir)]
    code = (
        f"import sys; from smpp_server.cli import group; group({words}, standalone_mode=False);"
        "print(sorted({'twisted', 'pydantic', 'rich', 'phonenumbers'} & set(sys.modules)))"
    )
    shown = process("-c", code)
    assert shown.stdout.splitlines()[-1] == "[]", shown.stderr


# -- configuration


def test_init_writes_what_check_config_finds_fine(tmp_path: Path) -> None:
    place = tmp_path / "new" / "conf"
    shown = smppd("init", place)
    assert shown.exit_code == 0, shown.output
    assert sorted(path.name for path in place.iterdir()) == [
        "numbering.toml",
        "rate_card.csv",
        "replies.toml",
        "server.toml",
    ]
    assert stat.S_IMODE((place / "server.toml").stat().st_mode) == 0o600
    assert f"smppd run --config {place / 'server.toml'}" in shown.output
    checked = smppd("check-config", place / "server.toml")
    assert checked.exit_code == 0, checked.output
    assert "fr.N  122 septets  1 segment  FR 0.0495 EUR" in checked.output
    assert "main    100 replies an hour  500 replies a day" in checked.output
    assert "pays for 404 segments at 0.0495 EUR" in checked.output


def test_init_never_writes_over_anything(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    shown = smppd("init", folder)
    assert shown.exit_code == 1
    assert "is there already; nothing was written" in shown.stderr
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_check_config_tells_all_faults_with_their_lines(folder: Path) -> None:
    text = changed("system_id", "sytem_id").replace("delay_min = 60", "delay_min = -1")
    (folder / "server.toml").write_text(text, "utf-8")
    shown = process("-m", "smpp_server", "check-config", folder / "server.toml")
    assert shown.returncode == 78
    assert shown.stdout == ""
    assert 'unknown key, did you mean "system_id"?' in shown.stderr
    assert "server.toml:5: campaign.default.delay_min: must be 0 or more" in shown.stderr
    assert shown.stderr.splitlines()[-1].endswith("3 things have to be changed first")


def test_run_refuses_what_check_config_refuses(folder: Path) -> None:
    (folder / "server.toml").write_text("[money", "utf-8")
    for words in (["run"], ["check-config"], ["status"]):
        shown = process("-m", "smpp_server", *words, cwd=folder)
        assert (shown.returncode, shown.stdout) == (78, "")
        assert shown.stderr and "Traceback" not in shown.stderr


def test_without_any_configuration_init_is_named(tmp_path: Path) -> None:
    shown = process("-m", "smpp_server", "status", cwd=tmp_path)
    assert shown.returncode == 78
    assert "make one with `smppd init DIR`" in shown.stderr


def test_run_refuses_a_state_directory_in_use(lodge: Lodge, tmp_path: Path) -> None:
    from smpp_server.app import Lock

    lock = Lock(lodge.config.server.state_dir)
    shown = process("-m", "smpp_server", "run", "--config", tmp_path / "server.toml",
                    "--state-dir", lodge.config.server.state_dir)  # fmt: skip
    lock.release()
    assert shown.returncode == 1
    assert "is in use by another smppd" in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize(
    ("written", "found"),
    [("", "state"), ('server.state_dir = "s"', "s"), ('server.state_dir = "/var/x"', "/var/x")],
)
def test_the_socket_is_found_without_reading_the_whole(
    tmp_path: Path, written: str, found: str
) -> None:
    path = tmp_path / "server.toml"
    path.write_text(f"{written}\nunknown = 1\n", "utf-8")
    assert state_directory(None, path) == tmp_path / found
    assert state_directory(tmp_path / "other", path) == tmp_path / "other"


def test_caps_are_the_narrowest_way(tmp_path: Path) -> None:
    limits = 'msisdn = "33937000001"\nsegments_per_hour = 100\nsegments_per_day = 3000\n'
    text = changed('msisdn = "33937000001"\n', limits)
    text = text.replace("[carrier.main]\n", "[carrier.main]\nsegments_per_hour = 90\n")
    config = load(write(tmp_path, text))
    most = capacity(config.rules, config.rules.numbers["main"])
    assert most == (90, 90 * 24, 0, 90 * 22 + 67)  # 24 h without the longest delay, 75 min
    assert not config.warnings
    assert dearest(config) == {("main", "FR"): 49_500_000}


def test_a_cap_that_makes_replies_too_old_is_told(tmp_path: Path) -> None:
    limits = 'msisdn = "33937000001"\nsegments_per_hour = 100\nsegments_per_day = 1000\n'
    text = changed('msisdn = "33937000001"\n', limits)
    text = text.replace("delay_min = 60\n", "delay_min = 60\nreply_max_age_h = 3\n")
    path = write(tmp_path, text)
    [warning] = load(path).warnings
    assert str(warning).endswith(
        "1000 segments may leave in a day, 175 of them between the delay and reply_max_age_h: "
        "of more texts at once the rest is cancelled as too old"
    )
    shown = smppd("check-config", path)
    assert "175 of a rush, the rest gets too old" in shown.output


def test_no_limit_is_no_limit(folder: Path) -> None:
    config = load(folder / "server.toml")
    assert capacity(config.rules, config.rules.numbers["main"]) == (0, 0, 0, 0)


# -- a running server


def test_status_shows_links_and_money(lodge: Lodge, tmp_path: Path) -> None:
    at = ("--state-dir", lodge.config.server.state_dir)
    given = smppd("fund", "12.34", "eur", "--note", "Anne", *at)
    assert given.output == "12.34 EUR entered; 12.34 EUR may be spent.\n", given.output
    shown = smppd("status", *at)
    assert shown.exit_code == 0
    assert "○ down" in shown.output and "12.34 EUR" in shown.output
    value = json.loads(smppd("status", "--json", *at).output)
    assert value["money"]["given_nanos"] == 12_340_000_000
    assert smppd("alarms", *at).output.endswith("There is no alarm.\n")


def test_an_amount_that_is_none_never_reaches_the_server() -> None:
    for words in ("ten", "1,50", "0.0000000001", "0", "1e2"):
        shown = smppd("fund", words, "--state-dir", "/nowhere")
        assert shown.exit_code == 2, shown.output
        assert "Invalid value for 'AMOUNT'" in shown.output


def test_another_currency_is_refused(lodge: Lodge) -> None:
    shown = smppd("fund", "1", "USD", "--state-dir", lodge.config.server.state_dir)
    assert shown.exit_code == 1
    assert shown.stderr == "smppd: The books are kept in EUR, not in USD.\n"


def test_hold_and_release(lodge: Lodge) -> None:
    at = ("--state-dir", lodge.config.server.state_dir)
    assert smppd("hold", *at).output == "Everything is held. `smppd release` ends it.\n"
    assert "all releases are held: operator" in smppd("status", *at).output
    assert smppd("hold", "main", *at).output == "main is held. `smppd release main` ends it.\n"
    assert smppd("release", *at).output == "Everything is released.\n"
    assert smppd("release", *at).exit_code == 1
    wrong = smppd("hold", "mian", *at)
    assert (wrong.exit_code, 'did you mean "main"?' in wrong.stderr) == (1, True)


def test_the_breaker_is_looked_at_and_overruled(lodge: Lodge) -> None:
    at = ("--state-dir", lodge.config.server.state_dir)
    assert smppd("breaker", "show", *at).output.startswith("breaker: open")
    assert smppd("breaker", "hold", *at).output.startswith("The breaker holds all replies.")
    shown = smppd("breaker", "show", *at).output
    assert shown.startswith("breaker: hold since 20") and ", by an operator\n" in shown
    assert "10 minutes: 0 contacts" in smppd("status", *at).output
    assert "! attack hold since" in smppd("status", *at).output
    assert smppd("breaker", "release", *at).output == "The breaker is open.\n"
    assert "the breaker is open" in smppd("breaker", "release", *at).stderr


def test_what_the_breaker_saw_is_told() -> None:
    seen = {"step": "first-time", "since": "now", "by_hand": False, "figures": "10 minutes: 9",
            "attacked": ["FR 612"], "sweeping": True}  # fmt: skip
    assert [line.strip() for line in breaker_lines(seen)][1:] == [
        "10 minutes: 9",
        "attacked: FR 612",
        "replies that wait for the attack are being cancelled",
    ]
    assert breaker_lines(seen | {"step": ""}) == ["breaker: off"]


def test_the_clock_is_accepted_only_when_it_is_doubted(lodge: Lodge) -> None:
    at = ("--state-dir", lodge.config.server.state_dir)
    assert "believed already" in smppd("clock", "accept", *at).stderr
    lodge.clocks.wall += 100 * 24 * 3600 * 10**9
    smppd("hold", *at)
    assert "The clock is not believed" in smppd("status", *at).output
    assert smppd("clock", "accept", *at, input="n\n").exit_code == 1
    assert smppd("clock", "accept", *at, input="y\n").exit_code == 0
    assert "believed already" in smppd("clock", "accept", *at).stderr


def test_explain_with_and_without_a_server(lodge: Lodge, tmp_path: Path) -> None:
    at = ("--state-dir", lodge.config.server.state_dir)
    shown = smppd("explain", "33612340001", *at)
    assert shown.output.startswith("Answered after "), shown.output
    assert "main (main), 0.0495, not bound" in shown.output
    assert "it would wait: no funds" in shown.output
    assert smppd("explain", "38200", *at).output.startswith("Silent: short code.")
    assert json.loads(smppd("explain", "33612340001", "--json", *at).output)["running"]
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other", BASE)
    alone = process("-m", "smpp_server", "explain", "33612340001", "--config", other)
    assert alone.stdout.startswith("No server runs: decided on configuration and database alone.")
    assert "0.0495, not bound" in alone.stdout
    nobody = process("-m", "smpp_server", "explain", "1", "--to", "nobody", "--config", other)
    assert nobody.returncode == 1
    assert nobody.stderr == 'smppd: there is no number of ours named "nobody"; there is main\n'


def test_a_path_too_long_for_a_socket_is_reached(lodge: Lodge, tmp_path: Path) -> None:
    long = tmp_path / ("d" * 120)
    long.symlink_to(lodge.config.server.state_dir)
    assert smppd("status", "--state-dir", long).exit_code == 0


def test_no_server_is_a_sentence(tmp_path: Path) -> None:
    shown = smppd("status", "--state-dir", tmp_path)
    assert shown.exit_code == 1
    assert shown.stderr == f"smppd: no server runs on {tmp_path}; start it with `smppd run`\n"


# -- the monitoring plugin


def link(name: str = "main", state: str = "bound", **more: object) -> dict[str, Any]:
    """A link as `status` shows it."""
    return {"name": name, "state": state, "since_s": 10_800, "held": "", "last_error": "",
            "window": 10, "outstanding": 0, "sides": [], **more}  # fmt: skip


def seen(*links: dict[str, Any], **more: object) -> dict[str, Any]:
    """What /bind-status answers."""
    return {"links": list(links), "holds": {}, "clock_fault": "", "waiting": 3, "in_flight": 0,
            "alarms": [], **more}  # fmt: skip


PAIR = [{"kind": "receiver", "state": "BOUND_RX"}, {"kind": "transmitter", "state": "OPEN"}]


@pytest.mark.parametrize(
    ("value", "status", "line"),
    [
        (seen(link()), 0, "SMPP OK - main bound 3 h | window=0;;;0;10 bound=1;;;0;1 "),
        (seen(link(state="half", sides=PAIR)), 1,
         "SMPP WARNING - main half 3 h (receiver BOUND_RX, transmitter OPEN) | "),
        (seen(link(state="draining")), 1, "SMPP WARNING - main draining"),
        (seen(link(), holds={"*": "operator"}), 1, "SMPP WARNING - main bound 3 h; everything h"),
        (seen(link(), clock_fault="the clock went back"), 1, "SMPP WARNING - main bound 3 h; clo"),
        (seen(link(), link("b", "down", last_error="refused | by peer")), 2,
         "SMPP CRITICAL - main bound 3 h; b down 3 h, refused / by peer | window_main=0;;;0;10 "),
        (seen(link(state="half", sides=PAIR), link("b", "connecting")), 2, "SMPP CRITICAL - "),
        (seen(link(state="a new one")), 2, "SMPP CRITICAL - "),
        (seen(), 3, "SMPP UNKNOWN - no link is configured | "),
    ],
)  # fmt: skip
def test_verdicts(value: dict[str, Any], status: int, line: str) -> None:
    verdict = judge(value)
    assert verdict.status == status
    assert verdict.line.startswith(line)
    assert verdict.line.count("|") == 1 and "\n" not in verdict.line
    assert "waiting=3;;;0" in verdict.line


def test_the_plugin_as_a_monitoring_system_runs_it(lodge: Lodge, tmp_path: Path) -> None:
    state_dir = lodge.config.server.state_dir
    plugin = ("-m", "smpp_server", "bind-status", "--state-dir")
    down = process(*plugin, state_dir)
    assert (down.returncode, down.stderr) == (2, "")
    assert down.stdout.startswith("SMPP CRITICAL - main down")
    nobody = process(*plugin, tmp_path)
    assert (nobody.returncode, nobody.stderr) == (3, "")
    assert nobody.stdout.startswith("SMPP UNKNOWN - no server runs on ")


def test_a_mistake_or_nonsense_is_unknown(tmp_path: Path) -> None:
    assert smppd("bind-status", "--stat-dir", tmp_path).exit_code == 3
    (tmp_path / "server.toml").write_text("[", "utf-8")
    shown = smppd("bind-status", "--config", tmp_path / "server.toml")
    assert (shown.exit_code, shown.stdout[:15]) == (3, "SMPP UNKNOWN - ")


# -- what is shown


def test_amounts_spans_and_counts() -> None:
    assert [amount(n, "EUR") for n in (49_500_000, 10**10, -1)] == [
        "0.0495 EUR", "10.00 EUR", "-0.000000001 EUR"
    ]  # fmt: skip
    assert [span(s) for s in (0, 59, 60, 11_520, 90_061)] == [
        "0 s", "59 s", "1 min", "3 h 12 min", "1 d 1 h"
    ]  # fmt: skip
    assert [count(n, "text") for n in (0, 1, 1000)] == ["0 texts", "1 text", "1,000 texts"]
    assert columns([("a", "bb", "c"), ("aaa", "b", "")]) == ["a    bb  c", "aaa  b"]


def test_colour_is_left_out_when_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    value = {
        "version": "1", "up_s": 1, "clock_fault": "", "waiting": 1, "in_flight": 0,
        "links": [link(held="operator", tps="0.4", throttled=1, attempts=2)],
        "money": {"currency": "EUR", "given_nanos": 0, "settled_nanos": 0, "inbound_nanos": 0,
                  "fee_nanos": 0, "reserved_nanos": 0, "left_nanos": 0, "day_nanos": 0,
                  "budgets": [], "spent_in_s": 60, "monthly_nanos": 30_000_000_000,
                  "days_left": 12}, "tallies": {"contacts": 3}, "holds": {"main": "operator"},
        "parks": {"main/a": "no funds"}, "breaker": {"step": ""}, "jobs": [],
        "alarms": [{"code": "no_funds", "subject": "main", "since": "now", "figures": "3 wait",
                    "meaning": "Nothing is left.", "cure": "Give."}],
    }  # fmt: skip
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in "".join(status_lines(value))
    monkeypatch.setenv("NO_COLOR", "1")
    lines = status_lines(value)
    assert "\x1b[" not in "".join(lines)
    assert "● bound      main  for 3 h, window 0/10, 0.4 segments/s" in lines
    assert "! no_funds main since now: 3 wait" in lines
    assert "fees       30.00 EUR a month" in lines and "days left  12" in lines
    assert "1 reply waiting, 0 sent and not yet answered" in lines
