"""`smppd load-test`: many texts at a rate, and at the end the books against the invoice."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol

import click

from routing.money import format_nanos
from smpp_server.cli import show
from smpp_server.cli.place import Sentence
from smpp_server.cli.stage import (
    OUR_NUMBER,
    Books,
    Script,
    Stage,
    is_terminal,
    opened,
    pause,
    perform,
    say,
)
from smpp_server.smsc_plan import Text

RICH_NANOS: Final = 10**15  # a million: money is not what is tested here
STEP_S: Final = 0.02
STALL_S: Final = 15.0  # without any progress
WORDS: Final = "Salut, tu te souviens de moi ?"


class Load(NamedTuple):
    """What is asked for."""

    texts: int
    rate: int  # texts a second; 0: as fast as they are taken
    window: int
    again: int  # 2 or more: of every so many texts one is from the sender of the text before it


class Result(NamedTuple):
    """What came of it."""

    elapsed_s: float
    latencies_ns: list[int]  # sorted
    ours: Books
    theirs: Books
    expected: Books | None  # None when not all came through
    unsettled_nanos: int


class Progress(Protocol):
    """Told how far the load has come."""

    def __call__(self, received: int, replied: int) -> None:
        """So many texts were confirmed and so many replies taken."""


@click.command("load-test")
@click.option("--texts", default=5000, show_default=True, type=click.IntRange(1, 10_000_000),
              help="How many are sent.")  # fmt: skip
@click.option("--rate", default=0, show_default=True, type=click.IntRange(0, 1_000_000),
              help="Texts a second; 0: as fast as they are taken.")  # fmt: skip
@click.option("--window", default=100, show_default=True, type=click.IntRange(1, 10_000),
              help="Unanswered texts, and unanswered replies, at once.")  # fmt: skip
@click.option(
    "--again",
    default=10,
    show_default=True,
    type=click.IntRange(2),
    help="Of every so many texts one is from somebody answered already.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def load_test(texts: int, rate: int, window: int, again: int, as_json: bool) -> None:
    """Send a load of texts through simulator and server, and compare the books at the end.

    Both run in this process over loopback, with the ledger, claims and throttle on, in a
    directory that is gone afterwards. It fails when the SMSC's invoice, counted from the octets
    it received by code of its own, differs from our ledger in any way.
    """
    load = Load(texts, rate, window, again)

    async def play(reactor: Any) -> Result:
        with progress(load, not as_json) as tell:
            return await _play(reactor, load, tell)

    result = perform(play)
    if result is None:
        raise Sentence("interrupted; nothing was compared")
    said = json.dumps(figures(load, result)) if as_json else "\n".join(lines(load, result))
    say(said)
    raise SystemExit(0 if is_right(result) else 1)


async def _play(reactor: Any, load: Load, tell: Progress) -> Result:
    script = Script(budget="1000000", segments_per_s=1_000_000, window=load.window, receipts=False)
    async with opened(reactor, script) as stage:
        await stage.fund(RICH_NANOS)
        began_s = reactor.seconds()
        whole = await _send(stage, load, tell)
        elapsed_s = reactor.seconds() - began_s
    money = stage.status()["money"]
    return Result(
        elapsed_s,
        sorted(stage.simulator.reply_latency_ns),
        stage.ours(),
        stage.theirs(),
        expected(load) if whole else None,
        money["reserved_nanos"],
    )


async def _send(stage: Stage, load: Load, tell: Progress) -> bool:
    """Deliver everything and wait for all that follows; False when it stops before."""
    crowd = people(load)
    replies = expected(load).replies
    counts, invoice = stage.simulator.counts, stage.simulator.invoice
    seconds = stage.reactor.seconds
    began_s, sent = seconds(), 0
    if not load.rate:
        stage.simulator.feed(crowd)
    best, moved_s = 0, seconds()
    while counts.confirmed < load.texts or invoice.outbound_messages < replies:
        if load.rate:
            wanted = min(load.texts, int((seconds() - began_s) * load.rate) + 1)
            stage.simulator.deliver(*(next(crowd) for _ in range(wanted - sent)))
            sent = wanted
        await pause(stage.reactor, STEP_S)
        tell(counts.confirmed, invoice.outbound_messages)
        if counts.confirmed + invoice.outbound_messages > best:
            best, moved_s = counts.confirmed + invoice.outbound_messages, seconds()
        elif seconds() - moved_s > STALL_S:
            return False
    return await stage.until(stage.resting, STALL_S)


def people(load: Load) -> Iterator[Text]:
    """Handsets of France, each once but for those who text again."""
    sender = 0
    for n in range(load.texts):
        if not (load.again and n % load.again == load.again - 1 and n):
            sender = n
        yield Text(f"336{sender:08d}", OUR_NUMBER, WORDS)


def expected(load: Load) -> Books:
    """What this load must come to, by a third way of counting: the prices of the stage."""
    replies = load.texts - load.texts // load.again
    return Books(replies, replies * 49_500_000, load.texts, load.texts * 1_000_000)


def is_right(result: Result) -> bool:
    """Whether nothing is missing, nothing is too much and all three countings agree."""
    return result.ours == result.theirs == result.expected and not result.unsettled_nanos


def figures(load: Load, result: Result) -> dict[str, object]:
    """The result as JSON."""
    return {
        "texts": load.texts,
        "rate": load.rate,
        "window": load.window,
        "elapsed_s": round(result.elapsed_s, 3),
        "texts_per_s": round(result.theirs.texts / result.elapsed_s, 1),
        "p50_ms": percentile_ms(result.latencies_ns, 50),
        "p99_ms": percentile_ms(result.latencies_ns, 99),
        "ledger": result.ours._asdict(),
        "invoice": result.theirs._asdict(),
        "reserved_nanos": result.unsettled_nanos,
        "complete": result.expected is not None,
        "equal": is_right(result),
    }


def lines(load: Load, result: Result) -> list[str]:
    """The result for people."""
    ours, theirs = result.ours, result.theirs
    pace = result.theirs.texts / result.elapsed_s
    table = [
        ("", "our ledger", "the SMSC's invoice"),
        ("texts received", f"{ours.texts:,}", f"{theirs.texts:,}"),
        ("replies sent", f"{ours.replies:,}", f"{theirs.replies:,}"),
        ("outbound, EUR", format_nanos(ours.outbound_nanos), format_nanos(theirs.outbound_nanos)),
        ("inbound, EUR", format_nanos(ours.inbound_nanos), format_nanos(theirs.inbound_nanos)),
    ]
    said = [
        f"{theirs.texts:,} texts in {result.elapsed_s:.2f} s: {pace:,.0f} a second, "
        f"window {load.window}",
        f"from text to reply: half within {percentile_ms(result.latencies_ns, 50)} ms, "
        f"99 of 100 within {percentile_ms(result.latencies_ns, 99)} ms",
        "",
        *show.columns(table),
        "",
    ]
    if is_right(result):
        return [*said, show.colour("Equal, to the last decimal.", "green")]
    why = "Not all came through." if result.expected is None else "NOT EQUAL."
    if result.unsettled_nanos:
        why += f" Reserved and not settled: {format_nanos(result.unsettled_nanos)} EUR."
    return [*said, show.colour(why, "red", bold=True)]


def percentile_ms(ordered_ns: list[int], percent: int) -> float:
    """Milliseconds below which so many of 100 values lie; 0 when there are none."""
    if not ordered_ns:
        return 0.0
    place = min(len(ordered_ns) - 1, len(ordered_ns) * percent // 100)
    return round(ordered_ns[place] / 1e6, 2)


@contextmanager
def progress(load: Load, wanted: bool) -> Iterator[Progress]:
    """A live line on a terminal, nothing elsewhere."""
    if not wanted or not is_terminal():
        yield lambda received, replied: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn
    from rich.progress import Progress as Live

    with Live("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
              transient=True) as live:  # fmt: skip
        texts = live.add_task("texts received", total=load.texts)
        replies = live.add_task("replies sent", total=expected(load).replies)

        def tell(received: int, replied: int) -> None:
            live.update(texts, completed=received)
            live.update(replies, completed=replied)

        yield tell
