"""What a load test is aimed at: a server made for it, or one that runs on this machine already."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from routing.capacity import capacity
from smpp_server.cli import client
from smpp_server.cli.load_profiles import Load
from smpp_server.cli.place import BadConfig, Sentence
from smpp_server.cli.stage import OUR_NUMBER, Script, Stage, in_thread, listen, opened, until
from smpp_server.config import load as read_config
from smpp_server.config_checks import is_this_machine
from smpp_server.config_lines import ConfigError
from smpp_server.config_records import Config, LinkConfig
from smpp_server.smsc_invoice import Prices
from smpp_server.smsc_plan import Account, Submitted
from smpp_server.smsc_simulator import Simulator
from smpp_server.web import SOCKET

GIFT_NANOS: Final = 10**15  # a million: the budget of the day limits a stage, not the donations
REPLY_NANOS: Final = 49_500_000  # the stage's price of a segment to France
INBOUND_NANOS: Final = 1_000_000
KEPT: Final = 1000
BIND_S: Final = 90.0  # a running server backs off for up to a minute
OnSubmit = Callable[[Submitted], None]


@dataclass(slots=True)
class Target:
    """A simulator, the server bound to it, and the limits that server runs under."""

    reactor: Any
    simulator: Simulator
    look: Callable[[], Awaitable[dict[str, Any]]]  # the server's status
    directory: Path  # everything it writes is in there
    says: str
    our_number: str
    max_replies: int  # to one sender
    largest_segments: int  # of one reply
    tps_segments: float  # 0: no limit
    hour_segments: int  # the same
    window: int
    budget_nanos: int | None  # of the day; None: no limit
    currency: str
    is_stage: bool


def _limits(config: Config, link: LinkConfig, our_number: str) -> dict[str, Any]:
    """What the server promised its operator, as its own configuration says."""
    [number] = [one for one in config.rules.numbers.values() if one.msisdn == our_number]
    limits = (
        number.limits,
        config.rules.links[link.name].limits,
        config.rules.carriers[link.carrier].limits,
    )
    rates = [one.tps_segments / one.tps_seconds for one in limits]
    texts = (*number.text_ids, number.stop_text_id)
    return {
        "our_number": our_number,
        "largest_segments": max(config.rules.texts[one].segments for one in texts if one),
        "tps_segments": min(filter(None, rates), default=0),
        "hour_segments": capacity(config.rules, number).hour,
        "max_replies": config.rules.campaigns[number.campaign].max_replies,
        "window": link.window,
        "budget_nanos": config.rules.money.budgets.get("day"),
        "currency": config.rules.money.currency,
    }


@asynccontextmanager
async def embedded(reactor: Any, load: Load, on_submit: OnSubmit) -> AsyncIterator[Target]:
    """A server in this process, with money, gone afterwards. Raises Sentence."""
    owed = load.honest + load.attackers
    script = Script(
        budget=str(-(-owed * REPLY_NANOS * 11 // 10 // 10**9)),  # a tenth more than is needed
        segments_per_s=load.tps_segments,
        window=load.window,
        receipts=False,
        keep=KEPT,
    )
    if load.attackers:
        # Guard of a range and breaker as they are by default: a raid is what they are for. Only
        # "slower" must not let replies wait for half an hour.
        script = script._replace(range_segments=10, breaker="slower_min = 0")
    async with opened(reactor, script, on_submit) as stage:
        await stage.fund(GIFT_NANOS)
        config = stage.house.config
        yield Target(
            reactor,
            stage.simulator,
            partial(_status, stage),
            stage.directory,
            "simulator and server in one process, over loopback",
            **_limits(config, config.links["main"], OUR_NUMBER),
            is_stage=True,
        )


async def _status(stage: Stage) -> dict[str, Any]:
    return stage.status()


@asynccontextmanager
async def live(
    reactor: Any, config: Config, prices: Prices, window: int, on_submit: OnSubmit
) -> AsyncIterator[Target]:
    """A server that runs with this configuration, once it has bound to us. Raises Sentence."""
    link = only_link(config)
    number = next(one for one in config.rules.numbers.values() if link.name in one.links)
    simulator = Simulator(
        reactor,
        [Account(link.system_id, link.password.reveal())],
        prices,
        window=window,
        on_submit=on_submit,
        wall_s=time.time,
        keep=KEPT,
    )
    interface = "127.0.0.1" if link.host == "localhost" else link.host
    socket = config.server.state_dir / SOCKET
    look = partial(in_thread, reactor, partial(client.look, socket, "/status"))
    await look()  # a server that does not run is told before anything listens
    await listen(simulator, link.port, interface)
    try:
        if not await until(reactor, lambda: bool(simulator.binds), BIND_S):
            raise Sentence(f"the server did not bind to {interface} port {link.port} in time")
        yield Target(
            reactor,
            simulator,
            look,
            config.server.state_dir,
            "a server in a process of its own, over loopback",
            **_limits(config, link, number.msisdn),
            is_stage=False,
        )
    finally:
        await simulator.stop()


def configuration(path: Path) -> Config:
    """The server's own. Raises BadConfig."""
    try:
        return read_config(path)
    except ConfigError as error:
        raise BadConfig(str(error)) from None


def only_link(config: Config) -> LinkConfig:
    """The link a load goes through. Raises Sentence where a reply could leave this machine."""
    for link in config.links.values():
        if not is_this_machine(link.host):
            raise Sentence(
                f"link {link.name} goes to {link.host}: a load test speaks with servers whose "
                "links all stay on this machine"
            )
    if len(config.links) != 1:
        raise Sentence("a load test needs a server with one link; this one has several")
    [link] = config.links.values()
    if link.tls:
        raise Sentence(f"link {link.name} is encrypted; a load test speaks plain text on loopback")
    return link
