"""How amounts, spans and states are written for people; plain where colour is not wanted."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click

from routing.money import format_nanos

DOTS: Final[Mapping[str, tuple[str, str]]] = {
    "bound": ("●", "green"),
    "half": ("◐", "yellow"),
    "draining": ("◐", "yellow"),
    "connecting": ("○", "yellow"),
    "down": ("○", "red"),
}
OF_A_DAY: Final = ("day", "allowance")  # budgets that end with it
_SPANS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def version_line() -> str:
    """Name and version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"smppd {version('smpp-server')}"
    except PackageNotFoundError:
        return "smppd, not installed"


def colour(text: str, name: str, bold: bool = False) -> str:
    """The text in a colour; click takes it off again where no terminal shows it."""
    return text if "NO_COLOR" in os.environ else click.style(text, fg=name, bold=bold or None)


def faint(text: str) -> str:
    """What is less important."""
    return text if "NO_COLOR" in os.environ else click.style(text, dim=True)


def amount(nanos: int, currency: str) -> str:
    """12.3456 EUR: every decimal there is, at least two."""
    return f"{format_nanos(nanos)} {currency}"


def span(seconds: int) -> str:
    """The two largest units: 3 h 12 min."""
    parts, rest = [], max(0, seconds)
    for unit, size in _SPANS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def count(number: int, noun: str) -> str:
    """1 text, 2 texts."""
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"


def replies(number: int) -> str:
    """1 reply, 2 replies."""
    return f"{number:,} {'reply' if number == 1 else 'replies'}"


def state(name: str) -> str:
    """A link's state as a dot and a word."""
    dot, shade = DOTS.get(name, ("○", "red"))
    return f"{colour(dot, shade)} {name:<10}"


def columns(rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """Rows as lines whose cells stand below each other, the last one ragged."""
    table = [list(row) for row in rows]
    width = [max(map(len, cells)) for cells in zip(*[row[:-1] for row in table], strict=True)]
    return [
        indent
        + "  ".join(
            [cell.ljust(w) for cell, w in zip(row, width, strict=False)] + row[-1:]
        ).rstrip()
        for row in table
    ]


def status_lines(value: Mapping[str, Any]) -> list[str]:
    """The whole of `smppd status`."""
    fault = value.get("clock_fault")
    lines = [f"smppd {value['version']}, up {span(value['up_s'])}"]
    if value.get("store", "ok") != "ok":
        lines.append(colour("The store cannot write: nothing is taken or sent.", "red"))
    if fault:
        lines.append(colour(f"The clock is not believed ({fault}): releases are held.", "red"))
    lines.append("")
    for link in value["links"]:
        lines += link_lines(link)
    lines += ["", *money_lines(value["money"]), "", *queue_lines(value)]
    if value.get("breaker"):
        lines += ["", *breaker_lines(value["breaker"])]
    if value["alarms"]:
        lines += ["", *alarm_lines(value["alarms"])]
    return lines


def link_lines(link: Mapping[str, Any]) -> list[str]:
    """One link, and below it what is wrong with it."""
    facts = [
        f"for {span(link['since_s'])}",
        f"window {link['outstanding']}/{link['window']}",
        f"{link['tps']} segments/s",
    ]
    if len(link["sides"]) > 1:
        facts += [f"{side['kind']} {side['state']}" for side in link["sides"]]
    lines = [f"{state(link['state'])} {link['name']}  " + faint(", ".join(facts))]
    if link["held"]:
        lines.append("    " + colour(f"held: {link['held']}", "yellow"))
    if link["throttled"]:
        lines.append("    " + colour("the carrier says we send too fast", "yellow"))
    if link["last_error"] and link["state"] != "bound":
        tried = f" after {count(link['attempts'], 'attempt')}" if link["attempts"] else ""
        lines.append(f"    {link['last_error']}{tried}")
    return lines


def money_lines(money: Mapping[str, Any]) -> list[str]:
    """What was given, where it went, what is left and for how long."""
    currency = money["currency"]
    spent = money["settled_nanos"] + money["inbound_nanos"] + money["fee_nanos"]
    left = amount(money["left_nanos"], currency)
    rows = [
        ("left", colour(left, "green" if money["left_nanos"] > 0 else "red", bold=True)),
        ("given", amount(money["given_nanos"], currency)),
        ("spent", amount(spent, currency)),
        ("reserved", amount(money["reserved_nanos"], currency)),
    ]
    today = amount(money["day_nanos"], currency)
    of_a_day = [one["limit_nanos"] for one in money["budgets"] if one["name"] in OF_A_DAY]
    limits = [nanos for nanos in of_a_day if nanos is not None]
    if limits:
        today += f" of {amount(min(limits), currency)}"
    rows.append(("today", today))
    if money["spent_in_s"] is not None:
        rows.append(("lasts", f"{span(money['spent_in_s'])} at the present pace"))
    if money["monthly_nanos"]:
        rows.append(("fees", f"{amount(money['monthly_nanos'], currency)} a month"))
    if money["days_left"] is not None:
        rows.append(("days left", f"{money['days_left']:,}"))
    return columns(rows)


def queue_lines(value: Mapping[str, Any]) -> list[str]:
    """Replies on their way, what stops them, and what became of the texts."""
    lines = [f"{replies(value['waiting'])} waiting, "
             f"{value['in_flight']} sent and not yet answered"]  # fmt: skip
    for scope, reason in value["holds"].items():
        what = "all releases are" if scope == "*" else f"{scope} is"
        lines.append(colour(f"{what} held: {reason}", "yellow"))
    for lane, reason in value["parks"].items():
        lines.append(f"{lane} waits: {reason}")
    for job in value["jobs"]:
        if not job["ended"]:
            lines.append(f"{job['what']}: {replies(job['looked'])} looked through")
    if value["tallies"]:
        lines += ["", *columns((name, f"{n:,}") for name, n in value["tallies"].items())]
    return lines


def breaker_lines(value: Mapping[str, Any]) -> list[str]:
    """The breaker's step and what it saw last."""
    step = value["step"]
    if not step:
        return ["breaker: off"]
    by_hand = ", by an operator" if value["by_hand"] else ""
    since = f" since {value['since']}" if value["since"] else ""
    lines = ["breaker: " + colour(step, "green" if step == "open" else "red") + since + by_hand]
    if value["figures"]:
        lines.append(f"    {value['figures']}")
    lines += [f"    attacked: {label}" for label in value["attacked"]]
    if value["sweeping"]:
        lines.append("    replies that wait for the attack are being cancelled")
    return lines


def alarm_lines(alarms: Iterable[Mapping[str, Any]]) -> list[str]:
    """Each alarm with its meaning and its cure."""
    lines = []
    for alarm in alarms:
        subject = "" if alarm["subject"] in ("", "*") else f" {alarm['subject']}"
        head = colour(f"! {alarm['code']}{subject}", "red", bold=True)
        figures = f": {alarm['figures']}" if alarm["figures"] else ""
        lines += [f"{head} since {alarm['since']}{figures}"]
        lines += [f"    {alarm['meaning']}", f"    {alarm['cure']}"]
    return lines
