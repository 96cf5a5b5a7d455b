"""`smppd reconcile`: a carrier's CDR or invoice against our books, row by row or sum by sum."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from smpp_server.cli import show
from smpp_server.cli.place import Sentence, config_path

if TYPE_CHECKING:
    from smpp_server.cli.reconcile_cdr import Outcome
    from smpp_server.config_records import Billing, Config

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
DIFFERS: Final = 3  # exit status when the two sides do not agree


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--carrier", required=True, metavar="NAME", help="Whose CDR or invoice this is.")
@click.option("--summary", is_flag=True, help="FILE holds counts and sums per day or month.")
@click.option(
    "--map",
    "mapped",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Under which name the file has a column of ours, as in --map price=Cost.",
)
@click.option("--from", "first", metavar="DAY", help="The file begins with this day ...")
@click.option("--to", "last", metavar="DAY", help="... and ends with this one, both whole.")
@click.option("--dry-run", is_flag=True, help="Resolve and post nothing.")
@click.option(
    "--post",
    is_flag=True,
    help="Post what was agreed: upper bounds come down to what was billed, and what a whole CDR "
    "does not bill was never sent.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the figures as JSON.")
@click.option("--config", type=_FILE, metavar="FILE", help="The server's configuration.")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The server's state directory, instead of the one its configuration names.",
)
@click.pass_context
def reconcile(
    context: click.Context,
    file: Path,
    carrier: str,
    summary: bool,
    mapped: tuple[str, ...],
    first: str | None,
    last: str | None,
    dry_run: bool,
    post: bool,
    as_json: bool,
    config: Path | None,
    state_dir: Path | None,
) -> None:
    """Compare FILE, a carrier's CDR or invoice as CSV (or .csv.gz), with our own books.

    Without --from and --to it covers whole days, from that of its first row to that of its last.
    Nothing of it is stored or logged. A CDR that knows more than we do ends our doubts: a reply
    whose answer was lost, and which it bills, counts as sent. Corrections are posted with --post
    only. Ends with 0 when both sides agree, with 3 when they do not.
    """
    from smpp_server.cli.serve import load

    settings = load(config_path(config), state_dir)
    if carrier not in settings.billing:
        names = ", ".join(settings.billing)
        raise Sentence(f'there is no carrier "{carrier}"; there are {names}')
    if post and (dry_run or summary):
        raise Sentence("--post goes with a CDR, and without --dry-run")
    database = settings.server.state_dir / "smppd.db"
    if not database.exists():
        raise Sentence(f"there is no database in {settings.server.state_dir}")
    period = _period(settings.billing[carrier], first, last)
    names_of = _columns(settings.billing[carrier], mapped)
    from smpp_server.store import StoreFailed

    try:
        agree, value, lines = _compared(
            settings, carrier, file, names_of, period, summary, dry_run, post
        )
    except StoreFailed as error:
        raise Sentence(f"{database} cannot be read ({error})") from None
    if as_json:
        click.echo(json.dumps(value, indent=2))
    else:
        for line in lines:
            click.echo(line)
    context.exit(0 if agree else DIFFERS)


def _compared(
    settings: "Config",
    carrier: str,
    file: Path,
    names: dict[str, str],
    period: tuple[int, int] | None,
    summary: bool,
    dry_run: bool,
    post: bool,
) -> tuple[bool, dict[str, Any], list[str]]:
    """(whether both sides agree, the figures for JSON, the figures as lines)."""
    if summary:
        from smpp_server.cli.reconcile_summary import compare_summary

        return compare_summary(settings, carrier, file, names, period)
    from smpp_server.cli.reconcile_cdr import compare_cdr

    outcome = compare_cdr(settings, carrier, file, names, period, dry_run, post)
    return outcome.agrees, outcome.value(), list(_cdr_lines(outcome))


def _columns(billing: "Billing", mapped: tuple[str, ...]) -> dict[str, str]:
    """The names of the configuration, and those of the command line instead."""
    from routing.reconcile import CDR_COLUMNS, SUMMARY_COLUMNS

    known = dict.fromkeys((*CDR_COLUMNS, *SUMMARY_COLUMNS))
    columns = dict(billing.columns)
    for pair in mapped:
        ours, equals, theirs = pair.partition("=")
        if not equals or not theirs or ours not in known:
            raise Sentence(f"--map {pair}: write OURS=THEIRS, ours are {', '.join(known)}")
        columns[ours] = theirs
    return columns


def _period(billing: "Billing", first: str | None, last: str | None) -> tuple[int, int] | None:
    """Wall times of the days that were named, None when none were."""
    from zoneinfo import ZoneInfo

    from routing.reconcile import LineFault, period_ns

    if first is None and last is None:
        return None
    if first is None or last is None:
        raise Sentence("say both --from and --to")
    try:
        begins, ends = period_ns(first, last, ZoneInfo(billing.zone))
    except LineFault as fault:
        raise Sentence(f"--from and --to: {fault}") from None
    if begins >= ends:
        raise Sentence("--to is before --from")
    return begins, ends


def _cdr_lines(outcome: "Outcome") -> Iterator[str]:
    """The figures as a table."""
    currency = outcome.currency
    yield f"{show.count(outcome.rows, 'row')} against {show.replies(outcome.replies)} of ours."
    yield ""
    table: list[tuple[Any, ...]] = [("", "messages", "theirs", "ours", "difference")]
    for finding, tally in outcome.tallies.items():
        table.append(
            (
                finding.value,
                f"{tally.messages:,}",
                show.amount(tally.theirs_nanos, currency),
                show.amount(tally.ours_nanos, currency),
                show.amount(tally.theirs_nanos - tally.ours_nanos, currency),
            )
        )
    total = outcome.total
    table.append(
        (
            "total",
            f"{total.messages:,}",
            show.amount(total.theirs_nanos, currency),
            show.amount(total.ours_nanos, currency),
            show.amount(total.theirs_nanos - total.ours_nanos, currency),
        )
    )
    yield from show.columns(table)
    if outcome.inbound.messages:
        theirs, ours = outcome.inbound.theirs_nanos, outcome.inbound.ours_nanos
        said = (
            f"{show.count(outcome.inbound.messages, 'text')} to us: {show.amount(theirs, currency)}"
        )
        if outcome.inbound_known:
            said += f", ours {show.amount(ours, currency)}"
            said += f", difference {show.amount(theirs - ours, currency)}"
        yield said
    yield ""
    yield from outcome.said
    yield (
        show.colour("Both sides agree.", "green")
        if outcome.agrees
        else show.colour("The two sides do not agree.", "red")
    )
