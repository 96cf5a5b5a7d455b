"""`smppd simulate`: the bundled SMSC on a port, for whoever wants to see a server at work."""

import time
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import click
from click.core import ParameterSource

from smpp_server.cli import show
from smpp_server.cli.bill import Paper, invoice_lines, report_lines
from smpp_server.cli.place import Sentence
from smpp_server.cli.price_list import price_list
from smpp_server.cli.stage import (
    OUR_NUMBER,
    Lines,
    is_terminal,
    listen,
    pause,
    perform,
    say,
    typed,
    words_of,
)
from smpp_server.config_lines import ConfigError
from smpp_server.config_simulator import (
    OPEN_WORDS,
    AccountTable,
    InvoiceTable,
    ReceiptsTable,
    SimulatorFile,
    SimulatorPlan,
    SmscTable,
    is_open,
    load_simulator,
)
from smpp_server.smsc_invoice import Tariff
from smpp_server.smsc_plan import Submitted, Text
from smpp_server.smsc_play import Play
from smpp_server.smsc_port import server_tls

LOOK_S: Final = 0.05
_FILE: Final = click.Path(path_type=Path, dir_okay=False)
# Options that stand in a plan too: given with --plan, they go before it.
_BEFORE_PLAN: Final = (
    "port", "interface", "open_to_network", "window", "max_messages", "max_seconds", "seed",
)  # fmt: skip
_NOT_WITH_PLAN: Final = ("system_id", "password", "prices", "receipts")


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


@click.command()
@click.option("--plan", type=_FILE, metavar="FILE",
              help="Who texts and what goes wrong: see conf/simulator.toml.")  # fmt: skip
@click.option("--port", default=2775, show_default=True, type=click.IntRange(0, 65_535))
@click.option("--interface", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--open-to-network", default="", metavar="WORDS",
              help=f'Needed for an address others reach: "{OPEN_WORDS}".')  # fmt: skip
@click.option("--system-id", default="simulator", show_default=True, help="Who may bind.")
@click.option("--password", default="loopback", show_default=True, help="With which password.")
@click.option("--text", "texts", multiple=True, type=_Text(), help="Deliver this; may be repeated.")
@click.option("--to", default=OUR_NUMBER, show_default=True, help="The number that is texted.")
@click.option("--receipts/--no-receipts", default=True, help="Send delivery receipts if asked to.")
@click.option("--prices", type=_FILE, metavar="FILE",
              help="Price list of the invoice: lines of out|in,prefix,label,price.")  # fmt: skip
@click.option("--window", default=10, show_default=True, type=click.IntRange(1, 10_000),
              help="Texts without a response at once.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**63),
              help="Of all that a plan leaves to chance.")  # fmt: skip
@click.option("--max-messages", type=click.IntRange(1), help="End after so many replies.")
@click.option("--max-seconds", type=click.IntRange(1), help="End after so long.")
@click.option("--cdr", type=_FILE, metavar="FILE", help="Write one CSV row per billed message.")
@click.option("--invoice-summary", type=_FILE, metavar="FILE",
              help="Write sums per day, destination, direction and rate as CSV.")  # fmt: skip
@click.option("--pcap", type=_FILE, metavar="FILE", help="Capture every octet for Wireshark.")
def simulate(texts: tuple[Said, ...], to: str, pcap: Path | None, **options: Any) -> None:
    """Play an SMSC: answer binds, deliver texts, take replies, and write the invoice at the end.

    Texts come from the crowds of --plan, from --text, and on a terminal from lines of PHONE TEXT.
    Numbers are shown in full: here they are made up. Ctrl-C ends it.
    """
    plan = _planned(options) if options["plan"] else _plain(options)
    file, table = plan.file.smsc, plan.file.invoice
    if is_open(file):
        raise Sentence(f'other machines could bind: say --open-to-network "{OPEN_WORDS}"')
    tls = _tls(plan)

    async def play(reactor: Any) -> None:
        tariff = Tariff(table.bill_on == "delivery", table.bill_refused, table.opt_out_clause)
        played = Play(
            reactor,
            plan,
            invoice=paper.invoice(plan.prices, tariff, plan.zone),
            wall_s=time.time,
            on_submit=None if options["plan"] else _show,
            tap=paper.capture(time.time),
        )
        smsc = played.simulator
        at = await listen(smsc, file.port, file.interface, tls)
        for account in plan.file.account.values():
            say(f"An SMSC listens on {file.interface} port {at}: system_id {account.system_id}, "
                f"password {account.password}.")  # fmt: skip
        for said in texts:
            played.deliver(Text(said.phone, to, said.words))
        played.begin()
        try:
            await _last(reactor, played, to)
        finally:
            played.end()
            await smsc.stop()
            say("", *report_lines(smsc.counts, played.second_replies, played.noise))
            say("", *invoice_lines(smsc.invoice))

    with Paper(
        options["cdr"] or _named(plan, table.cdr),
        options["invoice_summary"] or _named(plan, table.summary),
        pcap,
    ) as paper:
        perform(play)


def _named(plan: SimulatorPlan, name: str) -> Path | None:
    return plan.base / name if name else None


def _planned(options: dict[str, Any]) -> SimulatorPlan:
    """The plan file, and what the command line says instead."""
    source = click.get_current_context().get_parameter_source
    given = {name for name in options if source(name) is ParameterSource.COMMANDLINE}
    for name in _NOT_WITH_PLAN:
        if name in given:
            raise Sentence(f"--{name.replace('_', '-')} is a matter of the plan: write it there")
    try:
        plan = load_simulator(options["plan"])
    except ConfigError as error:
        raise Sentence(str(error)) from None
    instead: dict[str, Any] = {name: options[name] for name in _BEFORE_PLAN if name in given}
    smsc = plan.file.smsc.model_copy(update=instead)
    return plan._replace(file=plan.file.model_copy(update={"smsc": smsc}))


def _plain(options: dict[str, Any]) -> SimulatorPlan:
    """A plan in which nothing goes wrong, from the options alone."""
    given = {name: options[name] for name in _BEFORE_PLAN if options[name] is not None}
    account = AccountTable(system_id=options["system_id"], password=options["password"])
    file = SimulatorFile(
        smsc=SmscTable(**given),
        account={"main": account},
        invoice=InvoiceTable(),
        receipts=ReceiptsTable(never_percent=0 if options["receipts"] else 100),
    )
    return SimulatorPlan(file, price_list(options["prices"]), ZoneInfo("UTC"), Path())


def _tls(plan: SimulatorPlan) -> Any:
    """What the port needs to encrypt; None when it does not."""
    file = plan.file.smsc
    if not file.certificate:
        return None
    try:
        pair = [(plan.base / name).read_bytes() for name in (file.certificate, file.private_key)]
        return server_tls(*pair)
    except OSError as error:
        raise Sentence(f"{error.filename} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise Sentence(str(error)) from None


async def _last(reactor: Any, played: Play, to: str) -> None:
    """Until there were so many replies or so many seconds, or until it is interrupted."""
    if is_terminal():
        say("Write PHONE TEXT to have a text delivered, as in 33612345678 Bonsoir !")
        _take_lines(Lines(reactor), played, to)
    binds = 0
    while not played.over:
        await pause(reactor, LOOK_S)
        if len(played.simulator.binds) != binds:
            binds = len(played.simulator.binds)
            say(show.faint(f"{show.count(binds, 'bind')} {'stands' if binds == 1 else 'stand'}."))


def _take_lines(lines: Lines, played: Play, to: str) -> None:
    """Deliver what is typed, line by line, until the end of input."""

    def take(line: str) -> None:
        if not line:
            return
        said = typed(line)
        if said is not None:
            played.deliver(Text(said[0], to, said[1]))
        elif line.strip():
            say("A number, a space and a text, please.")
        lines.next().addCallback(take)

    lines.next().addCallback(take)


def _show(submitted: Submitted) -> None:
    text = show.colour(words_of(submitted), "green")
    say(f"-> {submitted.destination}  {show.count(submitted.segments, 'segment')}  {text}")
