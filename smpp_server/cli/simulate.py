"""`smppd simulate`: the bundled SMSC on a port, for whoever wants to see a server at work."""

import time
from contextlib import ExitStack
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, TextIO

import click

from smpp_server.cli import show
from smpp_server.cli.place import Sentence
from smpp_server.cli.stage import (
    OUR_NUMBER,
    Lines,
    NoReceipts,
    is_terminal,
    listen,
    pause,
    perform,
    say,
    typed,
    words_of,
)
from smpp_server.smsc_cdr import CdrFile, write_summary
from smpp_server.smsc_invoice import PLAIN, Invoice, PriceFault, Prices, Tariff
from smpp_server.smsc_plan import Account, Habits, Submitted, Text
from smpp_server.smsc_simulator import Simulator

LOOK_S: Final = 0.05
KEPT: Final = 1000  # submits remembered; the invoice keeps its sums alone


class Said(NamedTuple):
    """A text and who sends it."""

    phone: str
    words: str


class _Text(click.ParamType[Said]):
    name = "PHONE:TEXT"

    def convert(self, value: Any, param: Any, ctx: Any) -> Said:
        """33612340001:hello"""
        if isinstance(value, Said):
            return value
        said = typed(str(value).replace(":", " ", 1))
        if said is None:
            self.fail(f'{value!r} is not a number, ":" and a text, as in 33612340001:hello')
        return Said(*said)


_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--port", default=2775, show_default=True, type=click.IntRange(0, 65_535))
@click.option("--interface", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--system-id", default="simulator", show_default=True, help="Who may bind.")
@click.option("--password", default="loopback", show_default=True, help="With which password.")
@click.option("--text", "texts", multiple=True, type=_Text(), help="Deliver this; may be repeated.")
@click.option("--to", default=OUR_NUMBER, show_default=True, help="The number that is texted.")
@click.option("--receipts/--no-receipts", default=True, help="Send delivery receipts if asked to.")
@click.option(
    "--prices",
    type=_FILE,
    metavar="FILE",
    help="Price list of the invoice: lines of out|in,prefix,label,price.",
)
@click.option("--window", default=10, show_default=True, type=click.IntRange(1, 10_000),
              help="Texts without a response at once.")  # fmt: skip
@click.option("--max-messages", type=click.IntRange(1), help="End after so many replies.")
@click.option("--cdr", type=_FILE, metavar="FILE", help="Write one CSV row per billed message.")
@click.option("--invoice-summary", type=_FILE, metavar="FILE",
              help="Write sums per day, destination, direction and rate as CSV.")  # fmt: skip
def simulate(
    port: int,
    interface: str,
    system_id: str,
    password: str,
    texts: tuple[Said, ...],
    to: str,
    receipts: bool,
    prices: Path | None,
    window: int,
    max_messages: int | None,
    cdr: Path | None,
    invoice_summary: Path | None,
) -> None:
    """Play an SMSC: answer binds, deliver texts, take replies, and write the invoice at the end.

    Texts come from --text, and on a terminal from lines of PHONE TEXT. Numbers are shown in full:
    here they are made up. Ctrl-C ends it.
    """
    list_ = _prices(prices)

    async def play(reactor: Any) -> None:
        simulator = Simulator(
            reactor,
            [Account(system_id, password)],
            list_,
            habits=Habits() if receipts else NoReceipts(),
            window=window,
            wall_s=time.time,
            on_submit=_show,
            keep=KEPT,
        )
        simulator.invoice = paper.invoice(list_)
        at = await listen(simulator, port, interface)
        say(f"An SMSC listens on {interface} port {at}: system_id {system_id}, "
            f"password {password}.")  # fmt: skip
        for said in texts:
            simulator.deliver(Text(said.phone, to, said.words))
        try:
            await _last(reactor, simulator, to, max_messages)
        finally:
            await simulator.stop()
            say("", *invoice_lines(simulator.invoice))

    with Paper(cdr, invoice_summary) as paper:
        perform(play)


class Paper:
    """The files an invoice is written to, as it grows and at its end."""

    def __init__(
        self,
        cdr: Path | None,
        summary: Path | None,
        tariff: Tariff = PLAIN,
        zone: tzinfo = UTC,
    ) -> None:
        self._files = ExitStack()
        self._cdr = self._open(cdr)
        self._summary = self._open(summary)
        self._tariff = tariff
        self._zone = zone
        self._invoice: Invoice | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._files:
            if self._summary is not None and self._invoice is not None:
                write_summary(self._invoice, self._summary)

    def invoice(self, prices: Prices) -> Invoice:
        """An empty invoice that writes itself down."""
        on_line = None
        if self._cdr is not None:
            on_line = CdrFile(self._cdr, prices.currency, self._zone).write
        self._invoice = Invoice(prices, 0, tariff=self._tariff, zone=self._zone, on_line=on_line)
        return self._invoice

    def _open(self, path: Path | None) -> TextIO | None:
        """Begin the file anew; each line is there at once for whoever follows it."""
        if path is None:
            return None
        try:
            file = path.open("w", encoding="utf-8", newline="", buffering=1)
        except OSError as error:
            raise Sentence(f"{path} cannot be written: {error.strerror}") from None
        return self._files.enter_context(file)


def _prices(path: Path | None) -> Prices:
    if path is None:
        return Prices.flat("0.0495")
    try:
        return Prices.read(path.read_text("utf-8").splitlines())
    except PriceFault as fault:
        raise Sentence(f"{path}: {fault}") from None
    except OSError as error:
        raise Sentence(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Sentence(f"{path} is not UTF-8 text") from None


async def _last(reactor: Any, simulator: Simulator, to: str, most: int | None) -> None:
    """Until there were so many replies, or until it is interrupted."""
    if is_terminal():
        say("Write PHONE TEXT to have a text delivered, as in 33612345678 Bonsoir !")
        _take_lines(Lines(reactor), simulator, to)
    binds = 0
    while most is None or simulator.invoice.outbound_messages < most or not simulator.idle:
        await pause(reactor, LOOK_S)
        if len(simulator.binds) != binds:
            binds = len(simulator.binds)
            say(show.faint(f"{show.count(binds, 'bind')} {'stands' if binds == 1 else 'stand'}."))


def _take_lines(lines: Lines, simulator: Simulator, to: str) -> None:
    """Deliver what is typed, line by line, until the end of input."""

    def take(line: str) -> None:
        if not line:
            return
        said = typed(line)
        if said is not None:
            simulator.deliver(Text(said[0], to, said[1]))
        elif line.strip():
            say("A number, a space and a text, please.")
        lines.next().addCallback(take)

    lines.next().addCallback(take)


def _show(submitted: Submitted) -> None:
    text = show.colour(words_of(submitted), "green")
    say(f"-> {submitted.destination}  {show.count(submitted.segments, 'segment')}  {text}")


def invoice_lines(invoice: Invoice) -> list[str]:
    """The invoice, by destination."""
    summary: dict[str, Any] = invoice.summary()
    currency = summary["currency"]
    rows = [
        (
            one["label"],
            show.replies(one["messages"]),
            show.count(one["segments"], "segment"),
            f"{one['amount']} {currency}",
        )
        for one in summary["destinations"]
    ]
    inbound = summary["inbound"]
    rows.append(
        ("received", show.count(inbound["texts"], "text"), "", f"{inbound['amount']} {currency}")
    )
    return ["Invoice", *show.columns(rows, "    ")]
