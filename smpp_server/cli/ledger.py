"""`smppd ledger`: the books, looked at, exported, verified and closed."""

import csv
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smpp_server.cli import client, show
from smpp_server.cli.place import Sentence, place_options

if TYPE_CHECKING:
    from routing.ledger import JournalRow
    from smpp_server.store.sqlite_reports import Connection

MONTH = re.compile(r"2\d{3}-(0[1-9]|1[0-2])")


@click.group()
def ledger() -> None:
    """The books: every posting, chained so that a changed row is found."""


def _month(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not MONTH.fullmatch(value):
        raise click.BadParameter("write a month as 2026-11.")
    return value


@contextmanager
def _opened(socket: Path) -> Iterator["Connection"]:
    """The database beside the socket, read only; what is wrong with the books, in a sentence."""
    from routing.ledger import LedgerError
    from smpp_server.store.sqlite_reports import reader

    path = socket.parent / "smppd.db"
    if not path.exists():
        raise Sentence(f"there is no database at {path}")
    try:
        with reader(path) as db:
            yield db
    except LedgerError as error:
        raise Sentence(f"{error}.") from None


@ledger.command("show")
@click.option("--last", default=20, show_default=True, type=click.IntRange(0, 10_000))
@place_options
def show_books(socket: Path, last: int) -> None:
    """What every account holds, donations and fees with their notes, and the last postings."""
    from routing.ledger import ACCOUNTS
    from routing.money import format_nanos
    from smpp_server.store import sqlite_reports as reports

    with _opened(socket) as db:
        balances = reports.balances(db)
        notes, rows = reports.notes(db, last), reports.last_rows(db, last)
        closed = reports.closings(db)
    named = [*ACCOUNTS, *sorted(name for name in balances if name not in ACCOUNTS)]
    sections: list[list[tuple[str, ...]]] = [
        [(name, format_nanos(balances.get(name, 0))) for name in named],
        [(_at(at), what, figures) for at, what, figures in notes],
        [(str(row.seq), _at(row.at_ns), _totals(row.totals)) for row in rows],
        [(one.month, f"closed with row {one.seq}", "dropped" * one.dropped) for one in closed],
    ]
    for section in filter(None, sections):
        for text in [*show.columns(section), ""]:
            click.echo(text)


def _at(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _totals(totals: str) -> str:
    from routing.money import format_nanos

    words = totals.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    return ", ".join(f"{kind} {format_nanos(int(nanos))}" for kind, nanos in pairs)


@ledger.command()
@click.option("--month", callback=_month, metavar="MONTH", help="Only this one, as in 2026-11.")
@place_options
def export(socket: Path, month: str | None) -> None:
    """Write every posting as CSV to stdout, while the server runs.

    `smppd ledger verify --file FILE` walks an export of all, or one that `ledger close` made.
    """
    from smpp_server.cli.books import COLUMNS, lines
    from smpp_server.store import sqlite_reports as reports

    inside = _months(socket) if month else None
    with _opened(socket) as db:
        out = csv.writer(sys.stdout, lineterminator="\n")
        out.writerow(COLUMNS)
        rows = reports.journal(db)
        wanted = (row for row in rows if inside is None or inside(row.at_ns) == month)
        out.writerows(lines(wanted))


def _months(socket: Path) -> Callable[[int], str]:
    """Month of a wall time in the zone of the server."""
    from smpp_server.app import calendar

    zone = str(client.look(socket, "/status")["zone"])
    periods = calendar(zone)
    return lambda wall_ns: periods(wall_ns).month


@ledger.command()
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="An export, of all or of a closing.",
)
@place_options
def verify(socket: Path, file: Path | None) -> None:
    """Walk the chain of the journal, and compare every balance and reservation with it.

    A row that was changed, is missing or was put in is found; so is a balance or a reply whose
    money is not what the journal says. Ends with status 1 and names the first.
    """
    from smpp_server.cli import books
    from smpp_server.store import sqlite_reports as reports

    with _opened(socket) as db:
        if file is None:
            found = books.verify(db)
        else:
            found = books.walk_file(file, reports.closings(db))
    held = f", {show.count(len(found.reserved), 'reply')} in flight" if found.reserved else ""
    if not found.rows:
        click.echo("There is nothing to verify: the journal is empty.")
        return
    click.echo(f"{show.count(found.rows, 'row')} verified, the last is {found.seq}{held}.")


@ledger.command()
@click.argument("month", callback=_month)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--keep", is_flag=True, help="Keep the month's rows in the database.")
@place_options
def close(socket: Path, month: str, file: Path, keep: bool) -> None:
    """Close the books of MONTH: write its postings to FILE, verify them, then drop them.

    What is left is a closing row with the sum of every account, from which the chain goes on. A
    month can be closed reconcile_days after its end; months before it are closed with it.
    """
    from routing.closing import closing_of
    from smpp_server.cli import books
    from smpp_server.store import sqlite_reports as reports
    from smpp_server.web.closings import fields_of

    inside = _months(socket)
    with _opened(socket) as db:
        books.verify(db)
        before = [one for one in reports.closings(db) if one.month < month]
        start = before[-1] if before else None
        first = start.seq if start else 0
        _export(file, _until(reports.journal(db, first), inside, month))
        walked = books.walk_file(file, before)
        if not walked.rows:
            file.unlink()
            raise Sentence(f"there is no posting in {month}; nothing was changed")
    try:
        client.tell(socket, "/close", fields_of(closing_of(month, walked, not keep)))
    except Sentence:
        file.unlink()
        raise
    done = "kept" if keep else "dropped by and by"
    click.echo(
        f"{month} is closed; its {show.count(walked.rows, 'row')} are in {file}, and {done}."
    )


def _until(
    rows: Iterator["JournalRow"], inside: Callable[[int], str], month: str
) -> Iterator["JournalRow"]:
    for row in rows:
        if inside(row.at_ns) > month:
            return
        yield row


def _export(path: Path, rows: Any) -> None:
    """A new file, on the disk when this returns."""
    import os

    from smpp_server.cli.books import COLUMNS, lines

    try:
        with path.open("x", newline="", encoding="utf-8") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(COLUMNS)
            out.writerows(lines(rows))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise Sentence(f"{path} is there already; nothing was changed") from None
    except OSError as error:
        raise Sentence(f"{path}: {error.strerror}; nothing was changed") from None
