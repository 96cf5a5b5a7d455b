"""An invoice of sums, per day or month, place and rate, against the same sums of our replies."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from routing.reconcile import Difference, Sum, SummaryReader, compare, day_at, period_ns, settled
from smpp_server.cli import show
from smpp_server.cli.reconcile_file import rows
from smpp_server.config_records import Config
from smpp_server.store.sqlite_reconcile import Books

PLACES: Final = {"": None, "country": 1, "mccmnc": 2}  # where a part of our sums has it


def compare_summary(
    settings: Config,
    carrier: str,
    file: Path,
    names: Mapping[str, str],
    period: tuple[int, int] | None,
) -> tuple[bool, dict[str, Any], list[str]]:
    """(whether both sides agree, the figures for JSON, the figures as lines). Raises Sentence."""
    billing = settings.billing[carrier]
    zone = ZoneInfo(billing.zone)
    theirs, inbound, place = _theirs(file, names, billing.currency)
    if not theirs and not inbound:
        return True, {"differences": [], "agrees": True}, ["The file has no rows."]
    periods = sorted(one.period for one in (*theirs, *inbound))
    begins, ends = period or period_ns(periods[0], periods[-1], zone)
    undelivered = settings.rules.carriers[carrier].bill_undelivered
    alone = [one for one in settings.billing.values() if one.currency == billing.currency]
    with Books(settings.server.state_dir / "smppd.db", carrier, undelivered) as books:
        ours = list(_ours(books.sums(begins, ends), PLACES[place], zone))
        doubt = books.in_doubt(begins, ends)
        same_as_books = billing.currency == settings.rules.money.currency
        booked = books.inbound(begins, ends, billing.currency, same_as_books)
    differences = compare(theirs, ours)
    total_theirs, total_ours, agree = settled(differences)
    texts = sum(one.nanos for one in inbound)
    value = {
        "currency": billing.currency,
        "differences": [_row(one) for one in differences],
        "theirs_nanos": total_theirs,
        "ours_nanos": total_ours,
        "in_doubt": doubt[0],
        "in_doubt_nanos": doubt[1],
        "inbound_theirs_nanos": texts,
        "inbound_ours_nanos": booked if len(alone) == 1 else None,
        "agrees": agree,
    }
    lines = list(_lines(differences, billing.currency))
    lines += ["", f"Difference {show.amount(total_theirs - total_ours, billing.currency)}."]
    if doubt[0]:
        said = show.amount(doubt[1], billing.currency)
        lines.append(f"{show.replies(doubt[0])} more, {said}, in doubt: a CDR would tell.")
    if inbound and len(alone) == 1:
        lines.append(
            f"Texts to us: {show.amount(texts, billing.currency)}, ours "
            f"{show.amount(booked, billing.currency)}, difference "
            f"{show.amount(texts - booked, billing.currency)}"
        )
    lines.append("Both sides agree." if agree else "The two sides do not agree.")
    return agree, value, lines


def _theirs(
    file: Path, names: Mapping[str, str], currency: str
) -> tuple[list[Sum], list[Sum], str]:
    """(outbound, inbound, which place the file tells)."""
    place = ""

    def reader_of(header: Sequence[str], comma: bool) -> Any:
        nonlocal place
        reader = SummaryReader(header, names, currency, comma)
        place = reader.place
        return reader.line

    both = list(rows(file, reader_of))
    outbound = [one for is_inbound, one in both if not is_inbound]
    return outbound, [one for is_inbound, one in both if is_inbound], place


def _ours(parts: Iterable[tuple[Any, ...]], place: int | None, zone: ZoneInfo) -> Iterator[Sum]:
    days: dict[int, str] = {}
    for part in parts:
        at_ns, _, _, rate, exact, messages, segments, nanos = part
        if at_ns not in days:
            days[at_ns] = day_at(at_ns, zone)
        where = part[place] if place is not None else ""
        yield Sum(days[at_ns], where, rate, messages, segments, nanos, bool(exact))


def _row(one: Difference) -> dict[str, Any]:
    return {
        "period": one.period,
        "place": one.place,
        "rate_nanos": one.rate_nanos,
        "theirs": one.theirs.messages,
        "ours": one.ours.messages,
        "theirs_nanos": one.theirs.theirs_nanos,
        "ours_nanos": one.ours.ours_nanos,
        "exact": one.exact,
    }


def _lines(differences: Iterable[Difference], currency: str) -> list[str]:
    table: list[tuple[str, ...]] = [
        ("period", "place", "rate", "segments", "theirs", "ours", "difference")
    ]
    for one in differences:
        theirs, ours = one.theirs.theirs_nanos, one.ours.ours_nanos
        counts = f"{one.theirs.messages:,}"
        if one.theirs.messages != one.ours.messages:
            counts += f" / {one.ours.messages:,}"
        table.append(
            (
                one.period,
                one.place or "all",
                show.amount(one.rate_nanos, currency),
                counts,
                show.amount(theirs, currency),
                show.amount(ours, currency) + ("" if one.exact else " at most"),
                show.amount(theirs - ours, currency),
            )
        )
    return show.columns(table)
