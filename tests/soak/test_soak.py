"""The soak itself: what grows is noticed, what is wrong in the books too, and a short run holds."""

import subprocess
import sys

import pytest

from smpp_server.cli.load_checks import verdict
from smpp_server.smsc_plan import Submitted
from tests.end_to_end.server import ROOT
from tests.soak.__main__ import main
from tests.soak.crowd import OUR_NUMBER, Crowd
from tests.soak.figures import MIB, Ledgers, Sample, checks, table, warm_up

PARTS = 30
PRICE, TEXT = 49_500_000, 7_500_000
SOUND = Ledgers(
    texts=1000, taken=1000, owed=900, promised=900, refused=3, assumed=5, open=0, second=0,
    strangers=0, booked_nanos=897 * PRICE, invoiced_nanos=892 * PRICE, price_nanos=PRICE,
    inbound_nanos=1020 * TEXT, inbound_invoiced_nanos=1000 * TEXT, inbound_price_nanos=TEXT,
    redelivered=20,
)  # fmt: skip


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No colours."""
    monkeypatch.setenv("NO_COLOR", "1")


def samples(**slopes: int) -> list[Sample]:
    """A run in which nothing grows but what is named, by so much a part once it is warm."""
    flat = Sample(0, 0, 0, 100 * MIB, 17, 2, 3, 60 * MIB, 50 * MIB, 0, {"reply": 5, "hold": 1})
    warm = warm_up(PARTS)
    return [
        flat._replace(
            part=part,
            day=4.0 * part,
            texts=1000 * part,
            **{
                name: getattr(flat, name) + slope * max(0, part - warm)
                for name, slope in slopes.items()
            },
        )
        for part in range(1, PARTS + 1)
    ]


def failed(
    run: list[Sample], books: Ledgers = SOUND, chain: str = "9 rows", faults: int = 0
) -> str:
    """What the checks that fail are about."""
    return "; ".join(check.what for check in checks(run, books, chain, faults) if not check.right)


def test_a_run_that_stays_as_it_is_holds() -> None:
    found = checks(samples(), SOUND, "9 rows", 0)
    assert [check for check in found if not check.right] == []
    assert verdict(found)[-1].endswith(f"All {len(found)} checks hold.")


@pytest.mark.parametrize(
    ("name", "slope", "what"),
    [
        ("memory_octets", MIB // 2, "memory stays within 10 % once it is warm"),
        ("memory_octets", -MIB // 2, "memory stays within 10 % once it is warm"),
        ("database_octets", MIB, "the database grows no more than 10 % in the last third"),
        ("open_files", 1, "as many open files at the end as when it was warm"),
        ("threads", 1, "as many threads at the end as when it was warm"),
        ("timers", 1, "as many timers at the end as when it was warm"),
    ],
)
def test_what_grows_is_told(name: str, slope: int, what: str) -> None:
    run = samples(**{name: slope})
    assert failed(run) == what
    lines = verdict(checks(run, SOUND, "9 rows", 0))
    assert lines[-1].endswith("1 of 13 checks failed.")
    assert sum(line.startswith("FAILED") for line in lines) == 1


def test_growth_within_the_bounds_is_none() -> None:
    assert not failed(samples(memory_octets=MIB // 3, database_octets=MIB // 3))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"taken": 999}, "every text is taken"),
        ({"open": 1}, "every sender who is owed a reply"),
        ({"owed": 901}, "every sender who is owed a reply"),
        ({"second": 1}, "nobody gets a second reply"),
        ({"strangers": 1}, "nobody gets a second reply"),
        ({"refused": 2}, "every promise is on the books"),
        ({"invoiced_nanos": 892 * PRICE - 1}, "ledger and invoice differ"),
        ({"invoiced_nanos": 897 * PRICE + 1}, "ledger and invoice differ"),
        ({"inbound_nanos": 1000 * TEXT - 1}, "texts are booked as invoiced"),
        ({"redelivered": 19}, "texts are booked as invoiced"),
    ],
)
def test_books_that_do_not_agree_are_told(change: dict[str, int], what: str) -> None:
    told = failed(samples(), SOUND._replace(**change))
    assert told.startswith(what) and ";" not in told


def test_a_broken_chain_and_a_fault_are_told() -> None:
    assert failed(samples(), chain="") == "the chain verifies"
    assert failed(samples(), faults=1) == "no fault of our own in the log"


def test_too_short_a_run_shows_nothing() -> None:
    with pytest.raises(ValueError, match="3 at least"):
        checks(samples()[:2], SOUND, "9 rows", 0)


def test_the_table_has_ten_rows_and_ends_with_the_last_part() -> None:
    head, *rows = table(samples())
    assert head.split()[:3] == ["part", "day", "texts"]
    assert [row.split()[0] for row in rows] == [str(part) for part in range(3, PARTS + 1, 3)]
    assert rows[-1].split()[2] == "30,000"


def reply(destination: str) -> Submitted:
    """What the SMSC tells of a reply to this number."""
    return Submitted("bench", 1, "id", OUR_NUMBER, destination, 0, 0, b"", 1, 1, 0.0)


def test_people_are_owed_a_reply_again_once_their_claim_is_over() -> None:
    crowd = Crowd(texts=600, parts=6, days=4)
    sources = [[text.source for text in crowd.part(part)] for part in range(crowd.parts)]
    # of 20 texts one is from the sender before, later one from the last part, later one from before
    assert [len(set(part)) for part in sources] == [95, 95, 95, 95, 95, 95]
    assert len(set().union(*sources)) == 95 + 90 + 4 * 85
    again = [person for person, owed in enumerate(crowd.owed) if owed == 2]
    assert len(again) == 4 * 5  # five of each part, when two parts of four days are over
    assert sum(crowd.owed) == 95 + 90 + 4 * 85 + len(again)


def test_a_reply_that_is_not_owed_is_noticed() -> None:
    crowd = Crowd(texts=300, parts=3, days=4)
    first, *_ = [text.source for text in crowd.part(0)]
    crowd.submitted(reply(first))
    assert (crowd.second, crowd.strangers) == (0, 0)
    crowd.submitted(reply(first))
    assert (crowd.second, crowd.strangers) == (1, 0)
    list(crowd.part(1))
    assert first in [text.source for text in crowd.part(2)], "their claim is over"
    crowd.submitted(reply("33900000000"))
    assert (crowd.second, crowd.strangers) == (1, 1)


@pytest.mark.slow
def test_a_short_run_holds() -> None:
    command = [sys.executable, "-m", "tests.soak", "--texts", "2100", "--parts", "3"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "All 13 checks hold." in ended.stdout


def test_a_run_too_short_to_show_anything_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--texts", "200", "--parts", "2"])
    assert ended.value.code == 2
    assert "at least 3 parts of 100 texts" in capsys.readouterr().err
