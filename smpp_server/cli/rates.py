"""`smppd rates`: import a carrier's price list, look a price up, write a list out again."""

import gc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from routing.money import format_nanos
from routing.rate_changes import Change, changes
from routing.rate_rows import COLUMNS, FOREVER_NS, IN, OUT, Row, to_text
from smpp_server.cli import client, show
from smpp_server.cli.place import BadConfig, Sentence, config_path, state_directory
from smpp_server.web import SOCKET

if TYPE_CHECKING:
    from smpp_server.config_records import CardFile, Config
    from smpp_server.store import StoredCard

ROWS_A_STEP: Final = 1000
OCTETS_A_STEP: Final = 60_000  # below the admin socket's limit
SHOWN: Final = 20  # lines of a table, faults of a file
DAY_NS: Final = 86_400_000_000_000

_places = (
    click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="The server's configuration.",
    ),
    click.option(
        "--state-dir",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="The server's state directory, instead of the one its configuration names.",
    ),
)


def _with_places(command: Any) -> Any:
    for option in reversed(_places):
        command = option(command)
    return command


@click.group()
def rates() -> None:
    """The carriers' price lists: import a new one, look a price up, write one out."""


@rates.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--carrier", required=True, metavar="NAME", help="Whose prices these are.")
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Under which name the file has a column of ours, as in --map price=Rate.",
)
@click.option(
    "--limit",
    type=click.IntRange(0, 100_000),
    default=20,
    show_default=True,
    metavar="PERCENT",
    help="A price that moves further than this needs --confirm.",
)
@click.option("--confirm", is_flag=True, help="Take it although prices jump or are foreign.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@_with_places
def import_card(
    file: Path,
    carrier: str,
    mapped: tuple[str, ...],
    limit: int,
    confirm: bool,
    dry_run: bool,
    config: Path | None,
    state_dir: Path | None,
) -> None:
    """Read FILE, show what it changes, and hand it to the running server.

    The file is a carrier's CSV in its own words: say with --map which column is which, or once
    for all under [carrier.NAME] as `columns`. Half a list is never in force: the server prices by
    the old one until the last row is on its disk.
    """
    gc.disable()  # a list of 200,000 rows has no cycles to look for, again and again
    settings = _load(config, state_dir)
    _known(settings, carrier)
    path = _database(settings)
    card = _read(settings, carrier, file, _columns(settings, carrier, mapped))
    old, _ = _newest(settings, path, carrier)
    card = _with_inbound(card, old)
    now_ns = time.time_ns()
    found = changes(old, card.rows, now_ns)
    _show_changes(card, found, now_ns)
    doubts = _doubts(settings, carrier, card, found, limit)
    for doubt in doubts:
        click.echo(show.colour(doubt, "yellow"))
    if dry_run:
        return
    if doubts and not confirm:
        raise Sentence("nothing was changed; look it over, then say --confirm")
    if not found and old:
        raise Sentence("this is the price list in force; nothing was changed")
    _send(state_directory(state_dir, config_path(config)) / SOCKET, carrier, card)
    click.echo(f"{show.count(len(card.rows), 'row')} of version {card.version} are in force.")


@rates.command("show")
@click.argument("number")
@click.option("--network", default="", metavar="MCCMNC", help="The network it is served by.")
@_with_places
def show_price(number: str, network: str, config: Path | None, state_dir: Path | None) -> None:
    """What one segment to NUMBER (international form) costs now, over each carrier."""
    settings = _load(config, state_dir)
    reading = settings.rules.plan.read(number.removeprefix("+"), 1, _international())
    if not reading.msisdn:
        raise Sentence("write the number in international form, as +33612340001")
    if network and not (network.isascii() and network.isdigit() and 5 <= len(network) <= 6):
        raise Sentence("a network is MCC and MNC, as 20801")
    from routing.conversion import in_force
    from routing.rate_card import RateCard

    rows = []
    money = settings.rules.money
    now_ns = time.time_ns()
    for carrier, file in settings.cards.items():
        found, version = _newest(settings, _database(settings), carrier)
        card = RateCard.build(found, version, file.surcharges)
        rate = card.price(reading.msisdn, reading.country, now_ns, network)
        if rate is None:
            rows.append((carrier, "no price: not answered", "", f"version {version}"))
            continue
        said = show.amount(rate.nanos_per_segment, card.currency)
        if card.currency != money.currency:
            conversion = in_force(money.conversions[card.currency], now_ns)
            ours = conversion.convert(rate.nanos_per_segment)
            said += f", {show.amount(ours, money.currency)} in the books"
        sure = "exact" if rate.exact else "at most: the network is not known"
        rows.append((carrier, said, sure, f"version {version}"))
    click.echo(f"country {reading.country or 'not known'}")
    for line in show.columns(rows):
        click.echo(line)


@rates.command("export")
@click.option("--carrier", required=True, metavar="NAME", help="Whose prices.")
@click.option("--version", type=int, help="Which of them; the one in force when not said.")
@_with_places
def export(carrier: str, version: int | None, config: Path | None, state_dir: Path | None) -> None:
    """Write a carrier's price list as CSV in our own columns to stdout."""
    settings = _load(config, state_dir)
    _known(settings, carrier)
    path = _database(settings)
    if version is None:
        found, _ = _newest(settings, path, carrier)
    else:
        from smpp_server.store.sqlite_rates import look_at

        stored = [card for card in _versions(path, carrier) if card.version == version]
        if not stored:
            known = ", ".join(str(card.version) for card in _versions(path, carrier)) or "none"
            raise Sentence(f"{carrier} has no version {version}; there are {known}")
        found = look_at(path, stored[-1])
    click.echo(",".join(name for name in COLUMNS if name not in ("mccmnc", "note")))
    for row in found:
        click.echo(_csv(row))


# -- reading


def _load(config: Path | None, state_dir: Path | None) -> "Config":
    from smpp_server.cli.serve import load

    return load(config_path(config), state_dir)


def _known(settings: "Config", carrier: str) -> None:
    if carrier not in settings.cards:
        names = ", ".join(settings.cards)
        raise Sentence(f'there is no carrier "{carrier}"; there are {names}')


def _database(settings: "Config") -> Path:
    return settings.server.state_dir / "smppd.db"


def _columns(settings: "Config", carrier: str, mapped: tuple[str, ...]) -> dict[str, str]:
    """The mapping of the command line, else that of the configuration."""
    columns = {}
    for pair in mapped:
        ours, equals, theirs = pair.partition("=")
        if not equals or ours not in COLUMNS:
            raise Sentence(f"--map {pair}: write OURS=THEIRS, ours are {', '.join(COLUMNS)}")
        columns[ours] = theirs
    return columns or dict(settings.cards[carrier].columns)


def _read(settings: "Config", carrier: str, file: Path, columns: dict[str, str]) -> "CardFile":
    """The file, or all that is wrong with it, line by line."""
    from smpp_server.config import ConfigError
    from smpp_server.config_rates import read_file

    own = settings.cards[carrier]
    expected = own.currency if columns and "currency" not in columns else ""
    try:
        return read_file(file, str(file), expected, columns, own.surcharges)
    except ConfigError as error:
        for fault in error.faults[:SHOWN]:
            click.echo(str(fault), err=True)
        count = len(error.faults)
        if count > SHOWN:
            click.echo(f"... and {count - SHOWN:,} more", err=True)
        raise BadConfig(f"{file}: {show.count(count, 'fault')}; nothing was changed") from None


def _versions(path: Path, carrier: str) -> "list[StoredCard]":
    from smpp_server.store.sqlite_rates import look

    return [card for card in look(path) if card.valid and card.carrier == carrier]


def _newest(settings: "Config", path: Path, carrier: str) -> tuple[Sequence[Row], int]:
    """The rows in force and their version; those of the file where no server ran yet."""
    from smpp_server.store.sqlite_rates import look_at

    stored = _versions(path, carrier)
    if not stored:
        return settings.cards[carrier].rows, settings.cards[carrier].version
    return look_at(path, stored[-1]), stored[-1].version


def _with_inbound(card: "CardFile", old: Sequence[Row]) -> "CardFile":
    """The card, with what inbound texts cost until now where it says nothing of them."""
    kept = tuple(row for row in old if row.direction == IN)
    if not kept or any(row.direction == IN for row in card.rows):
        return card
    if kept[0].currency != card.currency:
        raise Sentence(f"say what texts that reach us cost in {card.currency}: direction {IN}")
    click.echo("It says nothing of texts that reach us: they cost what they cost until now.")
    return card._replace(rows=(*card.rows, *kept))


def _international() -> Any:
    from routing.numbering import MoForm

    return MoForm.INTERNATIONAL


# -- showing


def _show_changes(card: "CardFile", found: Sequence[Change], now_ns: int) -> None:
    """How many of each kind, and the first and largest of them."""
    from rich.console import Console
    from rich.table import Table

    counts = dict.fromkeys(("new", "dearer", "cheaper", "closed"), 0)
    for change in found:
        counts[change.what] += 1
    said = ", ".join(f"{number:,} {what}" for what, number in counts.items())
    click.echo(f"{len(card.rows):,} rows in {card.currency}: {said}.")
    if not found:
        return
    table = Table("line", "destination", "from", "was", "becomes", "change", box=None)
    largest = sorted(found, key=lambda change: -abs(change.permille() or 0))
    for change in largest[:SHOWN]:
        table.add_row(*_cells(change, now_ns))
    Console(highlight=False).print(table)
    if len(found) > SHOWN:
        click.echo(f"... and {len(found) - SHOWN:,} more")


def _cells(change: Change, now_ns: int) -> tuple[str, ...]:
    direction, prefix, country, mcc, mnc = change.key
    network = f"{mcc}-{mnc or '*'}" if mcc else ""
    named = " ".join(filter(None, (prefix and f"+{prefix}", country, network)))
    permille = change.permille()
    percent = "" if permille is None else f"{'+' * (permille > 0)}{format_permille(permille)} %"
    return (
        str(change.line),
        named if direction == OUT else f"texts to {named}",
        "now" if change.at_ns <= now_ns else day_of(change.at_ns),
        "" if change.old_nanos is None else format_nanos(change.old_nanos),
        "" if change.new_nanos is None else format_nanos(change.new_nanos),
        percent or change.what,
    )


def format_permille(permille: int) -> str:
    """-125 is "-12.5"."""
    sign = "-" if permille < 0 else ""
    return f"{sign}{abs(permille) // 10}.{abs(permille) % 10}"


def day_of(wall_ns: int) -> str:
    """The UTC day of a wall time."""
    return time.strftime("%Y-%m-%d", time.gmtime(wall_ns // 10**9))


def _doubts(
    settings: "Config", carrier: str, card: "CardFile", found: Sequence[Change], limit: int
) -> list[str]:
    """What a person should look at before this list prices anything."""
    said = []
    jumps = sum(change.jumps(limit) for change in found)
    if jumps:
        said.append(f"{show.count(jumps, 'price')} would move by more than {limit} %.")
    expected = settings.cards[carrier].currency
    if card.currency != expected:
        said.append(f"The prices are in {card.currency}, those of {carrier} are in {expected}.")
    return said


def _csv(row: Row) -> str:
    to_day = "" if row.to_ns == FOREVER_NS else day_of(row.to_ns - DAY_NS)
    from_day = "" if row.from_ns == 0 else day_of(row.from_ns)
    price = format_nanos(row.nanos)
    cells = (row.prefix, row.direction, price, row.currency, row.country, row.mcc, row.mnc)
    return ",".join((*cells, from_day, to_day))


# -- sending


def _send(socket: Path, carrier: str, card: "CardFile") -> None:
    """Hand the rows over, at most a thousand a turn of the server; the last step puts them in
    force."""
    from rich.console import Console
    from rich.progress import Progress

    fields = {
        "carrier": carrier,
        "digest": card.digest,
        "version": str(card.version),
        "currency": card.currency,
    }

    def step(what: str, place: int, rows: Sequence[str] = ()) -> None:
        more = {"what": what, "place": str(place)} | ({"rows": "\n".join(rows)} if rows else {})
        client.tell(socket, "/rates", fields | more)

    step("begin", 0)
    place = 0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("rows", total=len(card.rows))
        for chunk in _chunks(card.rows):
            step("rows", place, chunk)
            place += len(chunk)
            progress.update(task, completed=place)
    step("valid", place)


def _chunks(rows: Sequence[Row]) -> Any:
    chunk: list[str] = []
    octets = 0
    for row in rows:
        line = to_text(row)
        if len(chunk) == ROWS_A_STEP or octets + len(line) + 2 > OCTETS_A_STEP:
            yield chunk
            chunk, octets = [], 0
        chunk.append(line)
        octets += len(line) + 2
    if chunk:
        yield chunk
