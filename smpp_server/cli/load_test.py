"""`smppd load-test`: many texts in a shape of traffic, and at the end a verdict and a report."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from routing.money import format_nanos
from smpp_server.cli import show
from smpp_server.cli.load_checks import Check, checks, silences, verdict
from smpp_server.cli.load_page import page, span
from smpp_server.cli.load_play import Outcome, Progress, Run, Watch
from smpp_server.cli.load_profiles import PEOPLE, PROFILES, Load
from smpp_server.cli.load_samples import Series
from smpp_server.cli.load_target import configuration, embedded, live, only_link
from smpp_server.cli.place import Sentence
from smpp_server.cli.price_list import price_list
from smpp_server.cli.stage import is_terminal, perform, say

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_PROFILES: Final = "; ".join(
    f"{name}: {one.says}, {one.texts:,} texts"
    + (f" in {one.span_s:,} s" if one.span_s else ", as fast as they are taken")
    for name, one in PROFILES.items()
)


@click.command("load-test", epilog=f"Profiles. {_PROFILES}.")
@click.option("--profile", default="sustained", show_default=True, type=click.Choice([*PROFILES]),
              help="The shape of the traffic; see below.")  # fmt: skip
@click.option("--texts", type=click.IntRange(1, PEOPLE), help="How many are sent.")
@click.option("--seconds", type=click.IntRange(1, 10**6), help="In how long a time.")
@click.option("--rate", type=click.IntRange(0, 1_000_000),
              help="Texts a second on average, instead of --seconds; 0: as fast as they are "
                   "taken.")  # fmt: skip
@click.option("--window", default=100, show_default=True, type=click.IntRange(1, 10_000),
              help="Unanswered texts, and unanswered replies, at once.")  # fmt: skip
@click.option(
    "--again",
    default=10,
    show_default=True,
    type=click.IntRange(2),
    help="Of every so many texts one is from somebody answered already.",
)
@click.option("--config", type=_FILE, metavar="FILE",
              help="Load the server that runs with this configuration, instead of one made for "
                   "it: its only link leads to this machine, and we are its SMSC.")  # fmt: skip
@click.option("--prices", type=_FILE, metavar="FILE",
              help="With --config, price list of the invoice: lines of "
                   "out|in,prefix,label,price.")  # fmt: skip
@click.option("--patience", default=15, show_default=True, type=click.IntRange(1),
              help="Seconds without any progress after which it ends.")  # fmt: skip
@click.option("--report", type=_FILE, metavar="FILE.html",
              help="Write verdict, checks and plots into one HTML file.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def load_test(patience: int, report: Path | None, as_json: bool, **options: Any) -> None:
    """Send a load of texts through simulator and server, and judge all that came of it.

    Both run in this process over loopback, with the ledger, claims, guards, breaker and throttle
    on, in a directory that is gone afterwards. It fails when a text has neither a reply nor a
    reason, when somebody gets two, when the SMSC's invoice, counted from the octets it received by
    code of its own, differs from our ledger, when a limit was passed, or when a word or a number
    that was sent stands in a file of the server.
    """
    load = asked_for(options)
    config = configuration(options["config"]) if options["config"] else None
    if config is not None:
        only_link(config)  # before the reactor runs and anything is opened
    elif options["prices"]:
        raise Sentence("--prices goes with --config: a server made for the load has its own")
    prices = price_list(options["prices"])

    async def play(reactor: Any) -> Outcome:
        watch = Watch(reactor, load)
        if config is not None:
            aim = live(reactor, config, prices, load.window, watch.submitted)
        else:
            aim = embedded(reactor, load, watch.submitted)
        async with aim as target:
            with progress(load, target.currency, not as_json) as tell:
                return await Run(load, target, watch, patience).play(tell)

    outcome = perform(play)
    if outcome is None:
        raise Sentence("interrupted; nothing was judged")
    found = checks(outcome)
    if report is not None:
        when = datetime.now(UTC).strftime("%-d %B %Y, %H:%M UTC")
        write(report, page(outcome, found, show.version_line(), when))
    said = json.dumps(figures(outcome, found)) if as_json else "\n".join(lines(outcome, found))
    say(said)
    raise SystemExit(0 if all(check.right for check in found) else 1)


def asked_for(options: dict[str, Any]) -> Load:
    """The load that these options describe. Raises Sentence."""
    profile = PROFILES[options["profile"]]
    texts, seconds, rate = options["texts"] or profile.texts, options["seconds"], options["rate"]
    if seconds is not None and rate is not None:
        raise Sentence("--seconds or --rate, not both: the one follows from the other")
    span_s = float(profile.span_s if seconds is None else seconds)
    if rate is not None:
        span_s = texts / rate if rate else 0.0
    return Load(options["profile"], texts, span_s, options["window"], options["again"])


def write(path: Path, text: str) -> None:
    """The report. Raises Sentence."""
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise Sentence(f"{path} cannot be written: {error.strerror}") from None


def figures(outcome: Outcome, found: list[Check]) -> dict[str, object]:
    """The result as JSON."""
    load, total = outcome.load, outcome.series.total()
    return {
        "profile": load.profile,
        "texts": load.texts,
        "span_s": load.span_s,
        "window": load.window,
        "elapsed_s": round(outcome.elapsed_s, 3),
        "texts_per_s": round(outcome.theirs.texts / outcome.elapsed_s, 1),
        **{f"p{per_mille / 10:g}_ms": total.percentile_us(per_mille) / 1000
           for per_mille in (500, 950, 990, 999)},
        "ledger": outcome.ours._asdict(),
        "invoice": outcome.theirs._asdict(),
        "reserved_nanos": outcome.money["reserved_nanos"],
        "complete": outcome.whole,
        "equal": outcome.ours == outcome.theirs,
        "silent": silences(outcome),
        "checks": [check._asdict() for check in found],
        "right": all(check.right for check in found),
    }  # fmt: skip


def lines(outcome: Outcome, found: list[Check]) -> list[str]:
    """The result for people."""
    total = outcome.series.total()
    pace = outcome.theirs.texts / outcome.elapsed_s
    said = [
        f"{outcome.theirs.texts:,} texts in {outcome.elapsed_s:.2f} s: {pace:,.0f} a second, "
        f"window {outcome.load.window}",
        f"from text to reply: half within {span(total.percentile_us(500))}, "
        f"99 of 100 within {span(total.percentile_us(990))}",
        "",
    ]
    return [*said, *verdict(found)]


@contextmanager
def progress(load: Load, currency: str, wanted: bool) -> Iterator[Progress]:
    """A live line on a terminal: rate, latency and money; nothing elsewhere."""
    if not wanted or not is_terminal():
        yield lambda series, confirmed, replies: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn
    from rich.progress import Progress as Live

    with Live("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
              "{task.fields[figures]}", transient=True) as live_line:  # fmt: skip
        texts = live_line.add_task("texts taken", total=load.texts, figures="")

        def tell(series: Series, confirmed: int, replies: int) -> None:
            live_line.update(texts, completed=confirmed, figures=_now(series, replies, currency))

        yield tell


def _now(series: Series, replies: int, currency: str) -> str:
    """Rate, latency and money as of the last sample."""
    rates = list(series.rates())
    if not rates:
        return ""
    last = series.samples[-1]
    return (
        f"{rates[-1][1]:,.0f} texts/s  {replies:,} replies  "
        f"p99 {span(last.replied_us.percentile_us(990))}  "
        f"{format_nanos(last.spent_nanos)} {currency}"
    )
