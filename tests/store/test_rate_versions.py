"""Versions of a rate card: which one is in force, and that half of one never is."""

import hashlib
from pathlib import Path

import pytest

from routing.rate_rows import Row, parse_rows
from routing.standing import CardStep, Command
from smpp_server import events as ev
from smpp_server.config_records import Config
from smpp_server.store import StoreRefused
from tests.store.turns import Bench, configuration

HEADER = "prefix,direction,price,currency"
DIGEST = hashlib.sha256(b"a new list").hexdigest()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configuration(tmp_path)


@pytest.fixture
def bench(tmp_path: Path, config: Config) -> Bench:
    bench = Bench(tmp_path, config)
    bench.funded()
    return bench


def rows(*lines: str, currency: str = "EUR") -> tuple[Row, ...]:
    found, faults = parse_rows([HEADER, *lines], currency)
    assert faults == ()
    return found


def step(bench: Bench, what: str, place: int = 0, *more: Row, currency: str = "EUR") -> object:
    """One step of an import, in a turn of its own; its answer."""
    card = CardStep(what, "bench", DIGEST, 5, currency, place, more)
    return bench.run(ev.Asked(Command(9, "card", card=card))).answers[9]


def taken(bench: Bench, *found: Row, currency: str = "EUR") -> object:
    """A whole import."""
    step(bench, "begin", currency=currency)
    step(bench, "rows", 0, *found, currency=currency)
    return step(bench, "valid", len(found), currency=currency)


def price(bench: Bench, sender: str) -> int | None:
    """What a reply to this sender was reserved at; None when there is none."""
    bench.run(bench.texts(sender))
    bench.run()  # after a start the first turn finds its token buckets empty
    found = bench.rows("SELECT price FROM reply ORDER BY id DESC LIMIT 1")
    return found[0][0] if found else None


NEW = rows("33,out,0.07,EUR", "33,in,0,EUR")


def test_the_file_is_the_first_version_and_is_kept(bench: Bench, config: Config) -> None:
    file = config.cards["bench"]
    [card] = bench.store.cards()
    assert (card.source, card.digest, card.rows) == ("file", file.digest, len(file.rows))
    assert bench.store.card_rows(card) == file.rows
    bench.restart()
    bench.run()
    assert len(bench.store.cards()) == 1, "the same file again is no new version"


def test_an_import_prices_from_the_next_turn_on_and_after_a_restart(bench: Bench) -> None:
    assert price(bench, "33612340001") == 49_500_000
    assert taken(bench, *NEW) == "done"
    assert price(bench, "33612340002") == 70_000_000
    assert bench.turn.summary is not None
    assert [card.version for card in bench.turn.summary.cards] == [5]
    bench.restart()
    assert price(bench, "33612340003") == 70_000_000
    assert bench.rows("SELECT what, figures FROM audit")[-1:] == [
        ("card", "bench version 5, 2 rows")
    ]
    assert bench.rows("SELECT DISTINCT rate_version FROM reply WHERE price = 70000000") == [(5,)]
    bench.check_books()


@pytest.mark.parametrize("steps", [1, 2])
def test_half_a_card_is_never_in_force(bench: Bench, steps: int) -> None:
    """The process dies after the first or the second step; another import then takes its place."""
    step(bench, "begin")
    if steps > 1:
        step(bench, "rows", 0, NEW[0])
    bench.restart()
    assert price(bench, "33612340001") == 49_500_000
    assert step(bench, "valid", 2) == f"{steps - 1} rows have come, not 2; begin again"
    assert price(bench, "33612340002") == 49_500_000
    assert taken(bench, *NEW) == "done"
    assert price(bench, "33612340003") == 70_000_000
    bench.store.tidy(bench.wall_ns, bench.turn._ages, 500)
    assert bench.rows("SELECT count(*) FROM card WHERE valid <> 1") == [(0,)]
    assert bench.rows("SELECT count(*) FROM rate WHERE card NOT IN (SELECT id FROM card)") == [(0,)]


def test_an_import_goes_on_where_the_process_died(bench: Bench) -> None:
    step(bench, "begin")
    step(bench, "rows", 0, NEW[0])
    bench.restart()
    assert step(bench, "rows", 1, NEW[1]) == step(bench, "valid", 2) == "done"
    assert price(bench, "33612340001") == 70_000_000


def test_rows_that_overlap_across_steps_never_become_valid(bench: Bench) -> None:
    step(bench, "begin")
    step(bench, "rows", 0, *NEW)
    step(bench, "rows", 2, NEW[0]._replace(line=9))
    told = step(bench, "valid", 3)
    assert str(told).startswith("line 9: the same destination as line 2")
    assert price(bench, "33612340001") == 49_500_000


def test_a_currency_nobody_can_convert_never_becomes_valid(bench: Bench) -> None:
    dollars = rows("33,out,0.07,USD", currency="USD")
    told = taken(bench, *dollars, currency="USD")
    assert told == "USD has no rate of exchange: add one to conversion in [money]"
    assert price(bench, "33612340001") == 49_500_000


def test_a_card_in_force_whose_rate_of_exchange_was_taken_away(tmp_path: Path) -> None:
    usd = '[{ currency = "USD", from = "2026-01-01", numerator = 92, denominator = 100 }]'
    edit = (("[money]", f"[money]\nconversion = {usd}"),)
    server = Bench(tmp_path, configuration(tmp_path, edit=edit))
    server.funded()
    dollars = rows("33,out,0.055,USD", "33,in,0.0075,USD", currency="USD")
    assert taken(server, *dollars, currency="USD") == "done"
    assert price(server, "33612340001") == 50_600_000
    assert server.rows("SELECT billed, currency FROM reply") == [(55_000_000, "USD")]
    assert server.rows("SELECT nanos FROM balance WHERE account = 'inbound'") == [(6_900_000,)]
    server.check_books()
    server.config = configuration(tmp_path)
    with pytest.raises(StoreRefused, match="the rate card of bench: USD has no rate of exchange"):
        server.restart()
    server.store.close()


def test_a_file_that_changed_wins_over_an_older_import(tmp_path: Path, bench: Bench) -> None:
    assert taken(bench, *NEW) == "done"
    file = tmp_path / "rate_card.csv"
    old = file.read_text("utf-8")
    changed = configuration(tmp_path)  # writes the file of the program again
    file.write_text(old.replace("0.0495", "0.08"), "utf-8")
    from smpp_server.config import load

    changed = load(tmp_path / "bench.toml", state_dir=tmp_path)
    bench.config = changed
    bench.restart()
    assert price(bench, "33612340001") == 80_000_000
    assert [card.source for card in bench.store.cards()] == ["file", "import", "file"]
    bench.restart()
    assert taken(bench, *NEW) == "done"
    bench.restart()
    assert price(bench, "33612340002") == 70_000_000
