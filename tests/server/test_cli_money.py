"""smppd fee, budget and ledger: what an operator sees and what he is told when it cannot be."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smpp_server.cli import group
from smpp_server.cli.show import money_lines
from smpp_server.status import days_left, lasting
from tests.web.houses import WALL_NS, Lodge

DAY_NS = 86_400 * 10**9


@pytest.fixture
def lodge(tmp_path: Path) -> Iterator[Lodge]:
    """A house whose admin socket answers."""
    lodge = Lodge(tmp_path)
    with lodge.served():
        yield lodge
    lodge.close()


def smppd(lodge: Lodge, *words: object, **options: Any) -> Result:
    place = ["--state-dir", str(lodge.config.server.state_dir)]
    return CliRunner().invoke(group, [*map(str, words), *place], prog_name="smppd", **options)


def test_fees_and_notes(lodge: Lodge) -> None:
    assert smppd(lodge, "fund", "25.00", "--note", "fête du 14 juillet").exit_code == 0
    said = smppd(lodge, "fee", "12.00", "--carrier", "main", "--note", "call 06 12 34 56 78")
    assert said.output == "Entered; 13.00 EUR may be spent.\n"
    shown = smppd(lodge, "ledger", "show").output
    assert "fund  25.00 EUR, fête du 14 juillet" in shown
    assert "fee   12.00 EUR, main, call <7+ digits>" in shown
    assert "\nfee         12.00" in shown
    refused = smppd(lodge, "fee", "1", "--carrier", "mian")
    assert refused.exit_code == 1 and 'no carrier named "mian"' in refused.stderr


def test_budgets_are_shown_and_set(lodge: Lodge) -> None:
    assert smppd(lodge, "budget", "set", "number/main/hour", "1.50").output == (
        "number/main/hour  1.50 EUR  0.00 EUR  1.50 EUR  2026-09-21T15:00:00+00:00  set\n"
    )
    assert smppd(lodge, "budget", "set", "day", "none").output.split() == [
        *("day", "no", "limit", "set"),
    ]
    shown = smppd(lodge, "budget", "show").output.splitlines()
    assert [line.split()[0] for line in shown] == ["budget", "number/main/hour", "day"]
    assert "configuration" in smppd(lodge, "budget", "set", "day", "default").output
    assert smppd(lodge, "budget", "set", "month", "default").output == "month  no limit\n"
    assert '"limit_nanos": 1500000000' in smppd(lodge, "budget", "show", "--json").output


@pytest.mark.parametrize(
    ("name", "limit", "status", "said"),
    [
        ("day", "much", 2, "none or default"),
        ("day", "-1", 1, "above zero"),
        ("week", "1", 1, "an hour, a day, a month or in total"),
        ("campaign/x/day", "1", 1, "there is no campaign x"),
    ],
)
def test_budgets_that_cannot_be(
    lodge: Lodge, name: str, limit: str, status: int, said: str
) -> None:
    place = ["--state-dir", str(lodge.config.server.state_dir)]
    refused = CliRunner().invoke(group, ["budget", "set", *place, "--", name, limit])
    assert refused.exit_code == status and said in refused.stderr


def test_the_ledger_is_exported_verified_and_closed(lodge: Lodge, tmp_path: Path) -> None:
    assert "nothing to verify" in smppd(lodge, "ledger", "verify").output
    smppd(lodge, "fund", "25.00")
    smppd(lodge, "fund", "0.50")
    table = list(csv.DictReader(io.StringIO(smppd(lodge, "ledger", "export").output)))
    assert [(row["row"], row["kind"], row["amount"]) for row in table] == [
        ("1", "given", "25.00"),
        ("2", "given", "0.50"),
    ]
    assert smppd(lodge, "ledger", "export", "--month", "2026-08").output.count("\n") == 1
    assert smppd(lodge, "ledger", "export", "--month", "2026-09").output.count("\n") == 3
    assert smppd(lodge, "ledger", "verify").output == "2 rows verified, the last is 2.\n"
    path = tmp_path / "2026-09.csv"
    early = smppd(lodge, "ledger", "close", "2026-09", path)
    assert early.exit_code == 1 and "is not over" in early.stderr and not path.exists()
    none = smppd(lodge, "ledger", "close", "2026-08", path)
    assert none.exit_code == 1 and "no posting in 2026-08" in none.stderr and not path.exists()
    _months_later(lodge)
    done = smppd(lodge, "ledger", "close", "2026-09", path)
    assert done.output == f"2026-09 is closed; its 2 rows are in {path}, and dropped by and by.\n"
    assert "2 rows verified" in smppd(lodge, "ledger", "verify", "--file", path).output
    again = smppd(lodge, "ledger", "close", "2026-09", path)
    assert again.exit_code == 1 and "is there already" in again.stderr
    shown = smppd(lodge, "ledger", "show").output
    assert "2026-09  closed with row 2  dropped" in shown
    assert "close  2026-09 closed and dropped, 2 journal rows" in shown


def _months_later(lodge: Lodge) -> None:
    """The clock is found months ahead, and accepted."""
    lodge.clocks.wall = WALL_NS + 120 * DAY_NS
    assert lodge.post("/accept-clock").status == 200


def test_a_changed_row_is_named(lodge: Lodge) -> None:
    smppd(lodge, "fund", "25.00")
    lodge.house.turn._store._db.execute(  # type: ignore[attr-defined]
        "UPDATE journal SET entries = replace(entries, '25', '26')"
    )
    found = smppd(lodge, "ledger", "verify")
    assert found.exit_code == 1
    assert found.stderr == "smppd: journal row 1 was changed, or the row before it.\n"


def test_without_a_database(tmp_path: Path) -> None:
    found = CliRunner().invoke(group, ["ledger", "verify", "--state-dir", str(tmp_path)])
    assert found.exit_code == 1 and "there is no database" in found.stderr


@pytest.mark.parametrize("fields", [{}, {"month": "2026-13"}, {"sums": "given x"}, {"seq": "0"}])
def test_what_is_no_closing(lodge: Lodge, fields: dict[str, str]) -> None:
    whole = {
        "month": "2026-09", "seq": "1", "digest": "0" * 64, "rows": "1", "sums": "given 1",
        "reserved": "", "dropped": "no",
    }  # fmt: skip
    told = lodge.post("/close", **(whole | fields if fields else {}))
    assert told.status == 400 and "no closing" in told.value["error"]


@pytest.mark.parametrize(
    ("left", "pace", "pace_s", "monthly", "days"),
    [
        (100, 0, 60, 0, None),  # nothing is spent
        (100, 10, 86_400, 0, 10),
        (100, 10, 86_400, 300, 5),  # ten a day on messages, ten on fees
        (100, 0, 60, 300, 10),
        (-5, 10, 86_400, 0, 0),
    ],
)
def test_days_left(left: int, pace: int, pace_s: int, monthly: int, days: int | None) -> None:
    assert days_left(left, pace, pace_s, monthly) == days


def test_the_first_minutes_are_no_pace() -> None:
    assert lasting(100, 10, 599, 0) == (None, None)
    assert lasting(100, 10, 600, 0) == (6000, 0)
    assert lasting(100, 0, 600, 0) == (None, None)


@pytest.mark.parametrize(
    ("limits", "today"),
    [
        ({}, "today     1.00 EUR"),
        ({"day": 20, "hour": 3}, "today     1.00 EUR of 20.00 EUR"),
        ({"day": None, "total": 3}, "today     1.00 EUR"),
        ({"day": 20, "allowance": 4}, "today     1.00 EUR of 4.00 EUR"),  # by last_days
    ],
)
def test_the_tightest_limit_of_the_day_is_told(limits: dict[str, int | None], today: str) -> None:
    budgets = [
        {"name": name, "limit_nanos": limit and limit * 10**9} for name, limit in limits.items()
    ]
    nothing = dict.fromkeys(
        ("settled", "inbound", "fee", "left", "given", "reserved", "monthly"), 0
    )
    money = {f"{name}_nanos": nanos for name, nanos in nothing.items()} | {
        "currency": "EUR", "day_nanos": 10**9, "budgets": budgets, "spent_in_s": None,
        "days_left": None,
    }  # fmt: skip
    assert money_lines(money)[-1] == today
