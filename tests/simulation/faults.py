"""How each fault of the swarm strikes, and for how long."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulation.smsc import strange

if TYPE_CHECKING:
    from tests.simulation.wire import Wire
    from tests.simulation.world import World

DAY_S = 86_400
LONG_S = dict.fromkeys(("throttle", "retry", "reject", "lose", "late", "disorder", "double"), 200)
STEPS_S = {"back": -DAY_S, "ahead": 75 * 365 * DAY_S}


def last(w: "World", name: str, most_s: float = 60) -> None:
    """The fault is there from now on, for up to so long."""
    until = w.time.seconds() + 1 + w.chance.random() * LONG_S.get(name, most_s)
    w.weather[name] = max(until, w.weather.get(name, 0))


def _wire(w: "World") -> "Wire | None":
    return w.chance.choice(w.net.wires) if w.net.wires else None


def _cut(w: "World", name: str) -> None:
    wire = _wire(w)
    if wire is not None:
        wire.break_()


def _hush(w: "World", name: str) -> None:
    wire = _wire(w)
    if wire is not None:
        wire.hush()


def _net(w: "World", name: str) -> None:
    w.net.mode = name
    w.later(1 + w.chance.random() * 60, lambda: setattr(w.net, "mode", "open"))


def _split(w: "World", name: str) -> None:
    w.net.splits = True


def _latency(w: "World", name: str) -> None:
    w.net.latency_most_s = w.chance.choice((0.05, 0.5, 2.0))


def _stuff(w: "World", name: str) -> None:
    """The server's socket is full, and after a while it is not."""
    wire = _wire(w)
    if wire is not None and wire.near.producer is not None:
        producer, end = wire.near.producer, wire.near
        producer.pauseProducing()
        w.later(
            w.chance.random() * 20,
            lambda: end.gone or end.closing or producer.resumeProducing(),
        )


def _unbind(w: "World", name: str) -> None:
    w.smsc.unbind()


def _strange(w: "World", name: str) -> None:
    wire = _wire(w)
    if wire is not None and not wire.silent:
        octets = b"".join(strange(name, w.chance) for _ in range(w.chance.randint(1, 3)))
        wire.near.come(w.time.seconds() + w.net.latency_s(), octets)


def _again(w: "World", name: str) -> None:
    wire = _wire(w)
    if wire is not None and not wire.silent and wire.number in w.delivered:
        wire.near.come(w.time.seconds() + w.net.latency_s(), w.delivered[wire.number])


def _crash(w: "World", name: str) -> None:
    if w.chance.random() < 0.3:
        w.crash()
    else:
        last(w, name, 30)


def _restart(w: "World", name: str) -> None:
    w.restart()


def _clock(w: "World", name: str) -> None:
    w.skew_s = STEPS_S[name]
    w.later(1 + w.chance.random() * 200, lambda: setattr(w, "skew_s", 0))


def _hold(w: "World", name: str) -> None:
    w.ask("hold")
    w.later(1 + w.chance.random() * 60, lambda: w.ask("release"))


Strike = Callable[["World", str], None]
STRIKES: dict[str, Strike] = {
    "cut": _cut,
    "silence": _hush,
    "refuse": _net,
    "hang": _net,
    "split": _split,
    "latency": _latency,
    "stuff": _stuff,
    "unbind": _unbind,
    "stray": _strange,
    "nack": _strange,
    "unknown": _strange,
    "framing": _strange,
    "tlvs": lambda w, name: None,  # the crowd's texts carry them
    "again": _again,
    "crash": _crash,
    "restart": _restart,
    "back": _clock,
    "ahead": _clock,
    "hold": _hold,
}
"""Faults that are no spell of weather."""


def strike(w: "World", name: str) -> None:
    """Let the fault happen now."""
    STRIKES.get(name, last)(w, name)
