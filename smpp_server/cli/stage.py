"""Simulator and server in one process over loopback: what demo and load test play on.

The reactor, Deferreds and threads of these commands stay in this file; they see coroutines only.
"""

import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, TextIO, TypeVar, cast

import click
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure

from smpp_server import app
from smpp_server.cli.place import Sentence
from smpp_server.config import load
from smpp_server.config_records import Config
from smpp_server.logs import LogObserver
from smpp_server.smpp.text import decode
from smpp_server.smsc_invoice import Prices
from smpp_server.smsc_plan import Account, Submitted
from smpp_server.smsc_simulator import Simulator
from smpp_server.web import SOCKET, admin

T = TypeVar("T")

OUR_NUMBER: Final = "33644649021"
BIND_S: Final = 5.0  # on loopback; after that something is wrong
LOOK_S: Final = 0.002
UDHI: Final = 0x40  # bit of esm_class, SMPP 3.4 section 5.2.12

CONFIG: Final = """\
[server]
state_dir = "state"
log_level = "warning"
stats_s = 0
[money]
budget_day = "{budget}"
[guard.prefix]
segments_per_hour = {range_segments}
segments_per_day = {range_segments}
[guard.home]
segments_per_hour = {guard_segments}
segments_per_day = {guard_segments}
[breaker]
{breaker}
[campaign.default]
delay_s = 0
spread_s = 0
[number.main]
msisdn = "{number}"
links = ["main"]
tps_segments = {segments_per_s}
[carrier.main]
rate_card = "rate_card.csv"
registered_delivery = {receipts:d}
[link.main]
carrier = "main"
host = "127.0.0.1"
port = {port}
system_id = "stage"
public_password = "loopback"
window = {window}
"""
# A breaker that looks and counts, and takes no play for an attack.
CALM: Final = """\
repeated_percent = 100
range_percent = 100
fresh_senders = 1000000
spend_percent = 100"""
# The same prices, written down twice and read by code that shares nothing.
RATE_CARD: Final = """\
prefix,direction,price,currency
33,out,0.0495,EUR
49,out,0.0990,EUR
33,in,0.0010,EUR
"""
PRICE_LIST: Final = """\
direction,prefix,label,price
out,33,France,0.0495
out,49,Germany,0.0990
in,33,texts received,0.0010
"""


class Script(NamedTuple):
    """What differs from one play to the next."""

    budget: str
    segments_per_s: int = 1000
    window: int = 10
    receipts: bool = True
    range_segments: int = 1_000_000  # the guard of a range of numbers: on, above any load
    guard_segments: int = 1_000_000  # the same for the home country
    breaker: str = CALM  # keys of its table
    keep: int = 1_000_000  # what the simulator remembers one by one


class Books(NamedTuple):
    """What one side says the play came to."""

    replies: int
    outbound_nanos: int
    texts: int
    inbound_nanos: int


def ledger(status: dict[str, Any]) -> Books:
    """What a server's status says."""
    money, tallies = status["money"], status["tallies"]
    return Books(
        tallies.get("accepted", 0),
        money["settled_nanos"] + money["reserved_nanos"],
        tallies.get("contacts", 0),
        money["inbound_nanos"],
    )


def invoiced(simulator: Simulator) -> Books:
    """What an SMSC bills, counted from the octets it received."""
    invoice = simulator.invoice
    return Books(
        invoice.outbound_messages,
        invoice.outbound_nanos,
        invoice.inbound_texts,
        invoice.inbound_nanos,
    )


@dataclass(slots=True)
class Stage:
    """A simulator and a server bound to it."""

    reactor: Any
    simulator: Simulator
    house: app.RunningHouse
    directory: Path

    def status(self) -> dict[str, Any]:
        """The server's own."""
        return cast("dict[str, Any]", self.house.status())

    async def until(self, true: Callable[[], bool], limit_s: float) -> bool:
        """Wait for it; False when it has not come true in time."""
        return await until(self.reactor, true, limit_s)

    def resting(self) -> bool:
        """Whether no text, reply, response or receipt is on its way."""
        value = self.status()
        return self.simulator.idle and not (value["waiting"] or value["in_flight"])

    async def fund(self, nanos: int) -> None:
        """Give money, as an operator does."""
        answer = await self.house.ask("fund", "", nanos)
        if answer != "done":
            raise Sentence(str(answer))

    def log(self) -> str:
        """What the server wrote of itself."""
        return (self.directory / "log").read_text("utf-8")

    def ours(self) -> Books:
        """Our ledger."""
        return ledger(self.status())

    def theirs(self) -> Books:
        """The invoice, counted by the simulator from the octets it received."""
        return invoiced(self.simulator)


@asynccontextmanager
async def opened(
    reactor: Any, script: Script, on_submit: Callable[[Submitted], None] | None = None
) -> AsyncIterator[Stage]:
    """A stage from nothing; at the end the server stops in order, and no file is left.

    Raises Sentence.
    """
    async with AsyncExitStack() as end:
        directory = Path(end.enter_context(TemporaryDirectory(prefix="smppd-")))
        simulator = Simulator(
            reactor,
            [Account("stage", "loopback")],
            Prices.read(PRICE_LIST.splitlines()),
            window=script.window,
            on_submit=on_submit,
            wall_s=time.time,
            keep=script.keep,
        )
        port = await simulator.listen()
        end.push_async_callback(simulator.stop)
        config = _configuration(directory, port, script)
        observer = LogObserver(directory / "log")
        end.callback(observer.close)
        globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
        try:
            end.callback(app.Lock(config.server.state_dir).release)
            house, end_thread = app.start(reactor, config, app.logging_to(observer, config))
        except app.Refusal as refusal:
            raise Sentence(str(refusal)) from None
        end.callback(end_thread)
        listening = await admin.listen(reactor, house, config.server.state_dir / SOCKET)
        end.push_async_callback(_closed, listening)
        house.start()
        end.push_async_callback(house.stop)
        stage = Stage(reactor, simulator, house, directory)
        if not await stage.until(lambda: bool(simulator.binds), BIND_S):
            raise Sentence(f"the server did not bind to the simulator:\n{stage.log()}")
        yield stage


def _configuration(directory: Path, port: int, script: Script) -> Config:
    """Written as a file, so that it is read as an operator's is."""
    text = CONFIG.format(port=port, number=OUR_NUMBER, **script._asdict())
    (directory / "rate_card.csv").write_text(RATE_CARD, "utf-8")
    (directory / "server.toml").write_text(text, "utf-8")
    return load(directory / "server.toml")


async def _closed(listening: IListeningPort) -> None:
    await maybeDeferred(listening.stopListening)


async def until(reactor: Any, true: Callable[[], bool], limit_s: float) -> bool:
    """Wait for it; False when it has not come true in time."""
    end = reactor.seconds() + limit_s
    while not true():
        if reactor.seconds() > end:
            return False
        await deferLater(reactor, LOOK_S)
    return True


async def pause(reactor: Any, wait_s: float) -> None:
    """Let time pass."""
    await deferLater(reactor, wait_s)


async def listen(simulator: Simulator, port: int, interface: str, tls: Any = None) -> int:
    """The port it listens on. Raises Sentence when it is taken."""
    try:
        return await simulator.listen(port, interface, tls)
    except CannotListenError as error:
        why = error.socketError.strerror
        raise Sentence(
            f"cannot listen on {interface} port {port}: {why}; end what does, or take another port"
        ) from None


async def in_thread(reactor: Any, act: Callable[[], T]) -> T:
    """What `act` gives, while the reactor goes on."""
    return cast(T, await deferToThreadPool(reactor, reactor.getThreadPool(), act))


def perform(act: Callable[[Any], Coroutine[Any, Any, T]]) -> T | None:
    """Play the act with a running reactor, and give what it gives; None when it was interrupted.

    SIGINT and SIGTERM cancel it where it waits: its `finally` clauses still run, and may wait.
    """
    reactor = app.global_reactor()
    results: list[T | Failure] = []

    def begin() -> None:
        acting = Deferred.fromCoroutine(act(reactor))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: reactor.callFromThread(acting.cancel))
        acting.addBoth(results.append)
        acting.addBoth(lambda _: reactor.callLater(0, reactor.stop))

    reactor.callWhenRunning(begin)
    reactor.run()
    result = results[0] if results else None
    if isinstance(result, Failure):
        if isinstance(result.value, CancelledError):
            return None
        result.raiseException()
    return result


class Lines:
    """Lines typed by a person, read in a thread that the program does not wait for."""

    def __init__(self, reactor: Any, stream: TextIO = sys.stdin) -> None:
        self._reactor = reactor
        self._stream = stream

    def next(self) -> "Deferred[str]":
        """The next line, "" at the end."""
        read: Deferred[str] = Deferred()

        def tell(line: str) -> None:
            if not read.called:
                read.callback(line)

        def wait() -> None:
            try:
                line = self._stream.readline()
            except (OSError, ValueError):
                line = ""
            self._reactor.callFromThread(tell, line)

        threading.Thread(target=wait, daemon=True).start()
        return read


def typed(line: str) -> tuple[str, str] | None:
    """PHONE and TEXT of a line; None when it is neither."""
    phone, _, words = line.strip().partition(" ")
    phone = phone.removeprefix("+")
    if not phone.isascii() or not phone.isdigit() or len(phone) > 20 or not words.strip():
        return None
    return phone, words.strip()


def words_of(submitted: Submitted) -> str:
    """The text of a reply, as its receiver reads it."""
    return decode(submitted.octets, submitted.data_coding, bool(submitted.esm_class & UDHI))


def is_terminal() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def say(*lines: str) -> None:
    """Show each line at once."""
    for line in lines:
        click.echo(line)
    sys.stdout.flush()
