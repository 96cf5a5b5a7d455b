"""The books on a real store: verified, tampered with, closed, dropped; and started with."""

from pathlib import Path

import pytest

from routing.closing import closing_of
from routing.ledger import LedgerError
from smpp_server import events as ev
from smpp_server.cli import books
from smpp_server.store import sqlite_reports as reports
from smpp_server.store.sqlite import SqliteStore
from smpp_server.web.closings import closing_step, fields_of
from tests.store.turns import DAY, SECOND, Bench, configuration

SENDERS = [f"3361234{n:04}" for n in range(4)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A donation, four replies sent, three of them accepted."""
    bench = Bench(tmp_path, configuration(tmp_path))
    bench.funded()
    out = bench.run(bench.texts(*SENDERS))
    answered = bench.accepted(out)
    bench.run(answered._replace(events=answered.events[1:]))
    return bench


def verified(bench: Bench) -> books.Books:
    with reports.reader(bench.path) as db:
        return books.verify(db)


def tampered(bench: Bench, statement: str) -> str:
    bench.store._db.execute(statement)
    with pytest.raises(LedgerError) as caught:
        verified(bench)
    return str(caught.value)


def test_what_the_server_wrote_is_verified_while_it_runs(bench: Bench) -> None:
    found = verified(bench)
    assert found.rows == 3 and found.seq == 3
    assert len(found.reserved) == 1 and found.sums["settled"] == 3 * 49_500_000
    assert bench.store.disagreement() == ""


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE journal SET at = at + 1 WHERE seq = 2", "journal row 2 was changed"),
        ("UPDATE journal SET entries = replace(entries, '49500000', '9500000') WHERE seq = 3",
         "journal row 3 was changed"),
        ("DELETE FROM journal WHERE seq = 2", "journal row 2 is missing; found 3"),
        ("DELETE FROM journal WHERE seq = 3", "reserved holds 0.0495, the journal says 0.198"),
        ("UPDATE balance SET nanos = nanos + 1 WHERE account = 'given'",
         "given holds 1000.000000001, the journal says 1000.00"),
        ("UPDATE reply SET price = price + 1 WHERE state = 1",
         "reply 1 holds 0.049500001, the journal says 0.0495"),
        ("DELETE FROM reply WHERE state = 1", "reply 1 holds 0.00, the journal says 0.0495"),
    ],
)  # fmt: skip
def test_whatever_was_changed_is_found(bench: Bench, statement: str, said: str) -> None:
    assert said in tampered(bench, statement)


def test_a_row_with_a_digest_that_fits_still_breaks_the_chain(bench: Bench) -> None:
    """Whoever computes the digest of the changed row anew breaks the row after it."""
    from routing.ledger import JournalRow, read_entries, write_row

    rows = [JournalRow._make(row) for row in bench.rows("SELECT * FROM journal")]
    forged, _ = write_row(bytes(32), 1, rows[0].at_ns, [(0, "given", 7, 0)])
    assert read_entries(forged.entries)
    bench.store._db.execute(
        "UPDATE journal SET totals = ?, entries = ?, digest = ? WHERE seq = 1", forged[2:]
    )
    with pytest.raises(LedgerError, match="journal row 2 was changed"):
        verified(bench)


def test_more_than_was_reserved_is_found() -> None:
    from routing.ledger import GENESIS, Books, write_row

    row, _ = write_row(GENESIS, 1, 5, [(7, "reserve", 3, 0), (7, "settle", 4, 0)])
    with pytest.raises(LedgerError, match="journal row 1: more is taken back"):
        Books().read(row)


def closed(bench: Bench, path: Path, month: str, dropped: bool = True) -> object:
    """As `smppd ledger close` does it; the answer of the server."""
    with reports.reader(bench.path) as db:
        before = [one for one in reports.closings(db) if one.month < month]
        first = before[-1].seq if before else 0
        rows = [row for row in reports.journal(db, first) if month_of(row.at_ns) <= month]
    lines = [",".join(cells) for cells in [books.COLUMNS, *books.lines(rows)]]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    closing = closing_of(month, books.walk_file(path, before), dropped)
    closing = closing_step(fields_of(closing))
    return bench.run(ev.Asked(ev.Command(9, "close", closing=closing))).answers[9]


def month_of(wall_ns: int) -> str:
    from smpp_server.app import calendar

    return calendar("UTC")(wall_ns).month


def test_a_month_is_closed_dropped_and_gone_on_from(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "books.csv"
    assert month_of(bench.wall_ns) == "2026-09"
    assert closed(bench, path, "2026-09") == "2026-09 is not over"
    bench.wall_ns += 20 * DAY
    bench.monotonic_ns += 20 * DAY
    out = bench.run(bench.texts("33612345678"))
    bench.run(bench.accepted(out))
    assert closed(bench, path, "2026-09") == (
        "2026-09 can be closed from 2027-01-09 on: reconcile_days after its end"
    )
    bench.wall_ns += 100 * DAY
    bench.monotonic_ns += 100 * DAY
    bench.run(ev.Tick())
    assert closed(bench, path, "2026-09") == "done"
    assert verified(bench).seq > 4
    while bench.store.tidy(bench.wall_ns, bench.turn._ages, 2):
        pass
    assert bench.rows("SELECT min(seq) FROM journal") == [(3,)]
    assert not bench.rows("SELECT * FROM balance WHERE account LIKE '%/2026-09%'")
    assert bench.rows("SELECT count(*) FROM balance WHERE account LIKE 'day/2026-10-%'") == [(1,)]
    assert verified(bench).sums["settled"] == 4 * 49_500_000
    assert bench.store.disagreement() == ""
    bench.restart()
    assert bench.store.disagreement() == ""
    bench.run(ev.Tick())
    bench.wall_ns += 50 * DAY
    bench.monotonic_ns += 50 * DAY
    assert closed(bench, path, "2026-10") == "done"
    assert closed(bench, path, "2026-10") == "done"  # a second time changes nothing
    with reports.reader(bench.path) as db:
        assert [(one.month, one.dropped) for one in reports.closings(db)] == [
            ("2026-09", True),
            ("2026-10", True),
        ]
    assert verified(bench).seq > 4


def test_what_was_not_exported_as_it_stands_is_not_closed(bench: Bench, tmp_path: Path) -> None:
    bench.wall_ns += 145 * DAY
    bench.monotonic_ns += 145 * DAY
    bench.run(ev.Tick())
    bench.run(ev.Asked(ev.Command(2, "fund", "", SECOND)))
    with reports.reader(bench.path) as db:
        found = books.verify(db)
        rows = list(reports.journal(db))

    def told(upto: int, month: str = "2026-09", digest: bytes = b"") -> object:
        walked = books.Books()
        for row in rows[:upto]:
            walked.read(row)
        closing = closing_of(month, walked, True)
        if digest:
            closing = closing._replace(digest=digest)
        return bench.run(ev.Asked(ev.Command(9, "close", closing=closing))).answers[9]

    assert told(2) == "journal row 2 is not the last one of 2026-09"
    assert told(found.rows) == f"journal row {found.seq} is not the last one of 2026-09"
    assert told(3, digest=bytes(32)) == "journal row 3 is not the one that was exported"
    last = max(i for i, row in enumerate(rows, 1) if month_of(row.at_ns) == "2026-09")
    assert told(last, "2026-10") == "done"
    assert told(last) == "2026-10 is closed already, and with it all before"


def test_a_start_refuses_books_that_do_not_agree(bench: Bench) -> None:
    bench.store._db.execute("UPDATE balance SET nanos = 0 WHERE account = 'settled'")
    assert bench.store.disagreement() == "settled holds 0.00, the journal says 0.1485"
    bench.store.close()
    again = SqliteStore(bench.path)
    assert again.disagreement().startswith("settled")
    again.close()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("given", "taken", "not a posting"),
        ("1000.00", "1000.01", "journal row 1 was changed"),
        ("row,at", "at,row", "no export of a ledger"),
        (",settle,", ",release,", "was changed"),
    ],
)
def test_an_export_that_was_changed(
    bench: Bench, tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = tmp_path / "books.csv"
    with reports.reader(bench.path) as db:
        lines = [",".join(cells) for cells in [books.COLUMNS, *books.lines(reports.journal(db))]]
    text = "\n".join(lines) + "\n"
    path.write_text(text, "utf-8")
    assert books.walk_file(path, []).seq == 3
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(LedgerError, match=said):
        books.walk_file(path, [])
