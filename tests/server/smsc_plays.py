"""A plan played in virtual time, and an ESME that binds to it and answers."""

import tomllib
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from twisted.internet.testing import MemoryReactorClock

from smpp_server.config_simulator import SimulatorFile, SimulatorPlan
from smpp_server.smpp import schema as s
from smpp_server.smsc_invoice import Invoice
from smpp_server.smsc_play import LOOK_S, Play
from tests.server.smsc_wire import OUR_NUMBER, PRICES, Esme

ACCOUNT = f"""
[account.main]
system_id = "shop"
password = "secret"
numbers = ["{OUR_NUMBER}"]
[account.twin]
system_id = "other"
password = "hidden"
numbers = ["33700000000"]
"""
AT_S = 1_700_000_000


def played(lines: str = "", **more: Any) -> Play:
    """The plan of these lines, begun; the first bind sets it going."""
    file = SimulatorFile.model_validate(tomllib.loads(ACCOUNT + lines))
    reactor = MemoryReactorClock()
    plan = SimulatorPlan(file, PRICES, ZoneInfo("UTC"), Path())
    play = Play(reactor, plan, invoice=Invoice(PRICES), wall_s=lambda: AT_S, **more)
    play.begin()
    return play


def bound(play: Play, system_id: str = "shop", password: str = "secret") -> Esme:
    """An ESME bound to it, at the beginning of its crowds and faults."""
    esme = Esme(play.simulator).bind(system_id=system_id, password=password)
    wait(esme, LOOK_S + 0.001)
    return esme


def wait(esme: Esme, wait_s: float) -> None:
    """Let time pass for both sides."""
    esme.smsc.reactor.advance(wait_s)
    if not esme.gone:
        esme.exchange()


def live(esme: Esme, span_s: float, step_s: float = 0.1, reply: bool = False) -> list[s.DeliverSm]:
    """Let time pass, acknowledging at every step; with `reply` each sender gets a text."""
    heard: list[s.DeliverSm] = []
    for _ in range(round(span_s / step_s)):
        wait(esme, step_s)
        if esme.gone:
            break
        new = esme.heard()
        heard += new
        esme.acknowledge(new)
        if reply:
            esme.submit(*(pdu.source_addr for pdu in new))
    return heard + esme.heard()
