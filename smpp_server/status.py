"""What `status` shows, from what the last turn published and what the links say of themselves."""

import os
import threading
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from routing import budget
from routing.breaker import tell
from routing.jobs import Job
from routing.records import MoneyRules
from smpp_server.alarms import AlarmCode
from smpp_server.esme import Link, Side
from smpp_server.store import StoredCard
from smpp_server.turn import Summary

if TYPE_CHECKING:
    from smpp_server.house import House

CODES = {code.value: code for code in AlarmCode}
PACE_S: Final = 600
PROC: Final = Path("/proc/self")  # what Linux tells a process of itself


def status_of(house: "House") -> dict[str, object]:
    """One JSON-ready value; amounts in nano-units, spans in seconds."""
    summary = house.turn.summary
    now = house.monotonic_ns()
    wall_ns = summary.wall_ns if summary else 0
    return {
        "version": program_version(),
        "up_s": (now - house.started_ns) // 10**9,
        "wall": _moment(wall_ns),
        "zone": house.config.server.zone,
        "clock_fault": summary.clock_fault if summary else "",
        "store": "failing" if house.store_failures else "ok",
        "links": [_link(link, summary, now) for link in house.links.values()],
        "waiting": summary.waiting if summary else 0,
        "in_flight": summary.in_flight if summary else 0,
        "turns": summary.turns if summary else 0,
        "money": _money(house, summary, now),
        "tallies": dict(sorted(summary.tallies.items())) if summary else {},
        "holds": dict(summary.holds) if summary else {},
        "breaker": _breaker(summary),
        "parks": dict(summary.parks) if summary else {},
        "jobs": [_job(job) for job in summary.jobs] if summary else [],
        "alarms": _alarms(house, summary),
        "rates": [_card(card) for card in summary.cards] if summary else [],
        "process": process(len(house.reactor.getDelayedCalls())),
    }


def process(timers: int, proc: Path = PROC) -> dict[str, int | None]:
    """What grows when something leaks: memory held now, open files, threads, timers.

    Memory and open files are None where the system does not tell them, as outside Linux.
    """
    memory_octets = open_files = None
    try:
        pages = int((proc / "statm").read_text("ascii").split()[1])
        memory_octets = pages * os.sysconf("SC_PAGE_SIZE")
        open_files = len(os.listdir(proc / "fd")) - 1  # without the one that lists them
    except OSError:
        pass
    return {
        "memory_octets": memory_octets,
        "open_files": open_files,
        "threads": threading.active_count(),
        "timers": timers,
    }


def program_version() -> str:
    """The installed distribution's version."""
    try:
        return version("smpp-server")
    except PackageNotFoundError:
        return "unknown"


def _link(link: Link, summary: Summary | None, now: int) -> dict[str, object]:
    sender = link.sides[-1].bind
    session = sender.session if sender else None
    config = link.config
    holds = summary.holds if summary else {}
    pauses = summary.pauses if summary else {}
    return {
        "name": config.name,
        "carrier": config.carrier,
        "host": config.host,
        "port": config.port,
        "state": link.state,
        "since_s": (now - max(side.since_ns for side in link.sides)) // 10**9,
        "last_error": "; ".join(s.last_error for s in link.sides if s.last_error),
        "held": holds.get(config.name, ""),
        "window": config.window,
        "outstanding": len(session.outstanding()) if session else 0,
        "tps": link.rate.shown(now),
        "throttled": pauses.get(config.carrier, 0),
        "attempts": max(side.backoff.attempts for side in link.sides),
        "sides": [_side(side) for side in link.sides],
    }


def _side(side: Side) -> dict[str, object]:
    state = side.bind.session.state.value if side.bind else "not connected"
    return {"kind": side.kind, "state": state}


def _card(card: StoredCard) -> dict[str, object]:
    return {
        "carrier": card.carrier,
        "version": card.version,
        "source": card.source,
        "rows": card.rows,
        "currency": card.currency,
        "since": _moment(card.imported_ns),
    }


def _money(house: "House", summary: Summary | None, now: int) -> dict[str, object]:
    rules = house.config.rules.money
    balances = summary.balances if summary else {}
    left = summary.spendable_nanos if summary else 0
    day = summary.now.day if summary else ""
    up_s = max(1, (now - house.started_ns) // 10**9)
    spent = sum(balances.get(name, 0) for name in ("settled", "inbound", "reserved"))
    if house.spent_at_start is None and summary:
        house.spent_at_start = spent
    pace = spent - (house.spent_at_start or 0)
    limits = budget.limits(rules, summary.budgets if summary else {})
    spent_in_s, days = lasting(left, pace, up_s, summary.monthly_nanos if summary else 0)
    return {
        "currency": rules.currency,
        **{
            f"{name}_nanos": balances.get(name, 0)
            for name in ("given", "inbound", "reserved", "settled", "fee", "correction")
        },
        "left_nanos": left,
        "day": day,
        "day_nanos": balances.get(f"day/{day}", 0),
        "budget_day_nanos": limits.get("day"),
        "budget_total_nanos": limits.get("total"),
        "budgets": _budgets(rules, summary) if summary else [],
        "spent_in_s": spent_in_s,
        "monthly_nanos": summary.monthly_nanos if summary else 0,
        "days_left": days,
    }


def lasting(left: int, pace: int, up_s: int, monthly: int) -> tuple[int | None, int | None]:
    """(seconds until messages have spent the money, whole days with the monthly fees as well).

    None when nothing is spent, and before PACE_S: the first replies after a start are no pace.
    """
    if up_s < PACE_S:
        return None, None
    spent_in_s = max(0, left) * up_s // pace if pace > 0 else None
    return spent_in_s, days_left(left, pace, up_s, monthly)


def days_left(left: int, pace: int, pace_s: int, monthly: int) -> int | None:
    """Whole days the money lasts: as messages have cost lately, and what is billed every month.

    None when nothing is spent.
    """
    daily = -(-pace * 86_400 // pace_s) - (-monthly // budget.MONTH_DAYS)
    return max(0, left) // daily if daily > 0 else None


def _budgets(rules: MoneyRules, summary: Summary) -> list[dict[str, object]]:
    """Every budget in force: its limit, what its account holds, and who set it."""
    now, balances = summary.now, summary.balances
    shown = []
    for name, limit in sorted(budget.limits(rules, summary.budgets).items()):
        used = balances.get(budget.account_of(name, now), 0)
        if name == budget.TOTAL:
            used = balances.get("reserved", 0) + balances.get("settled", 0)
        source = "set" if name in summary.budgets else "configuration"
        shown.append(_budget(name, limit, used, source, budget.end_of(name, now)))
    allowed = budget.allowance(summary.budgets, now)
    if allowed is not None:
        used = balances.get(budget.account_of("day", now), 0)
        source = f"the money is to last {rules.last_days} days"
        shown.append(_budget(budget.ALLOWANCE, allowed, used, source, now.next_day_ns))
    for name, override in sorted(summary.budgets.items()):
        if override.nanos is None:
            shown.append(_budget(name, None, 0, "set", 0))
    return shown


def _budget(
    name: str, limit: int | None, used: int, source: str, until_ns: int
) -> dict[str, object]:
    return {
        "name": name,
        "limit_nanos": limit,
        "used_nanos": used,
        "source": source,
        "until": _moment(until_ns) if until_ns else "",
    }


def _breaker(summary: Summary | None) -> dict[str, object]:
    seen = summary.attack if summary else None
    if seen is None:
        return {"step": "", "since": "", "by_hand": False, "figures": "", "attacked": [],
                "sweeping": False}  # fmt: skip
    return {
        "step": seen.step,
        "since": _moment(seen.since_ns) if seen.since_ns else "",
        "by_hand": seen.by_hand,
        "figures": tell(seen.figures),
        "attacked": list(seen.attacked),
        "sweeping": seen.sweeping,
    }


def _job(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "what": job.what,
        "number": job.number,
        "campaign": job.campaign,
        "began": _moment(job.began_ns),
        "ended": _moment(job.ended_ns) if job.ended_ns else "",
        "looked": job.looked,
        "cancelled": job.cancelled,
        "cleared": job.cleared,
    }


def _alarms(house: "House", summary: Summary | None) -> list[dict[str, object]]:
    lasting = list(summary.alarms) if summary else []
    if house.store_failures:
        lasting.append(("store_failed", ""))
    shown: list[dict[str, object]] = []
    for code, subject in lasting:
        since_ns, figures = house.alarm_since.get((code, subject), (0, ""))
        meaning = CODES[code]
        shown.append(
            {
                "code": code,
                "subject": subject,
                "since": _moment(since_ns) if since_ns else "before the start",
                "figures": figures,
                "meaning": meaning.meaning,
                "cure": meaning.cure,
            }
        )
    return shown


def _moment(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns // 10**9, UTC).isoformat()
