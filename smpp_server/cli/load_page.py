"""The report of a load test: one HTML file that needs nothing else, not even a script."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from routing.money import format_nanos
from smpp_server.cli.load_checks import Check, silences
from smpp_server.cli.load_play import Outcome
from smpp_server.cli.load_samples import START
from smpp_server.cli.plots import Line, Plot, svg

STYLE: Final = """\
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2430; --faint: #5d6878;
  --rule: #dde2e9; --card: #f6f8fa; --good: #11703c; --bad: #b42318;
  --s0: #1f5fbf; --s1: #c2570c; --s2: #7a3fb5; --s3: #5d6878; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161c; --ink: #e4e9f0; --faint: #9aa6b6;
  --rule: #2b323d; --card: #1a2029; --good: #56c98a; --bad: #ff8b7e;
  --s0: #77aaff; --s1: #ffa45c; --s2: #c79bff; --s3: #9aa6b6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; margin: 2.75rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .35rem 0; }
.faint, figcaption, footer { color: var(--faint); }
.verdict { margin: 1.5rem 0; padding: 1rem 1.25rem; border-left: .4rem solid var(--good);
  background: var(--card); border-radius: .25rem; }
.verdict strong { font-size: 1.2rem; color: var(--good); }
.verdict.bad { border-color: var(--bad); }
.verdict.bad strong { color: var(--bad); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: .75rem;
  margin: 0; }
.figures div { background: var(--card); border-radius: .25rem; padding: .75rem 1rem; }
.figures dt { color: var(--faint); font-size: .85rem; }
.figures dd { margin: 0; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0;
  border-bottom: 1px solid var(--rule); }
th { font-weight: 600; }
thead th { color: var(--faint); font-size: .85rem; font-weight: 400; }
.checks th { width: 38%; }
.checks .mark { width: 5.5rem; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.good { color: var(--good); font-weight: 600; }
.wrong { color: var(--bad); font-weight: 600; }
figure { margin: 1.75rem 0 0; break-inside: avoid; }
figcaption { font-size: .9rem; display: flex; flex-wrap: wrap; gap: 0 1.25rem; }
.key::before { content: ""; display: inline-block; width: 1.4rem; height: 0; margin-right: .4rem;
  vertical-align: middle; border-top: 3px solid; }
.key.dashed::before { border-top-style: dashed; }
.k0::before { color: var(--s0); } .k1::before { color: var(--s1); }
.k2::before { color: var(--s2); } .k3::before { color: var(--s3); }
svg { width: 100%; height: auto; display: block; margin-top: .25rem; }
svg text { fill: var(--faint); font-size: 12px; font-variant-numeric: tabular-nums; }
svg .axis { fill: var(--ink); }
.grid { stroke: var(--rule); stroke-width: 1; fill: none; }
.base { stroke: var(--faint); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.dashed.line { stroke-dasharray: 6 4; }
.s0 { stroke: var(--s0); } .s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); }
.s3 { stroke: var(--s3); }
footer { margin-top: 3rem; font-size: .85rem; }
@media print { :root { --paper: #fff; --ink: #000; --faint: #444; --rule: #ccc; --card: #fff;
    --good: #0a5c2e; --bad: #a11; --s0: #1f5fbf; --s1: #c2570c; --s2: #7a3fb5; --s3: #444; }
  body { font-size: 11pt; } main { max-width: none; padding: 0; }
  .verdict, .figures div { border: 1px solid var(--rule); } }
"""


def page(outcome: Outcome, found: Sequence[Check], version: str, when: str) -> str:
    """The whole file; `when` is told as it is."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Load test: {escape(outcome.load.profile)}</title>",
        f"<style>{STYLE}</style></head><body><main>",
        *_head(outcome, found),
        *_checks(found),
        *_books(outcome),
        *_plots(outcome),
        *_reasons(outcome),
        f"<footer>{escape(version)}, {escape(when)}. Latency runs from the moment a text is due to "
        "the moment the SMSC accepts its reply; percentiles are counted in buckets at most 1/128 "
        "wide and told at their upper edge. The invoice is counted from the octets received, by "
        "code that shares nothing with the ledger.</footer>",
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _head(outcome: Outcome, found: Sequence[Check]) -> Iterator[str]:
    load, total = outcome.load, outcome.series.total()
    shape, wrong = load.shape, [check for check in found if not check.right]
    scaled = f", played in {load.span_s:g} s" if shape.real_h and load.span_s else ""
    yield f"<h1>Load test: {escape(load.profile)}</h1>"
    yield f'<p class="faint">{escape(shape.says)}{scaled}; {escape(outcome.target.says)}</p>'
    if wrong:
        words = f"{len(wrong)} of {len(found)} checks failed."
        rest = "; ".join(check.what for check in wrong)
        yield f'<div class="verdict bad"><strong>{words}</strong><p>{escape(rest)}.</p></div>'
    else:
        cents = format_nanos(outcome.theirs.outbound_nanos + outcome.theirs.inbound_nanos)
        yield (
            f'<div class="verdict"><strong>All {len(found)} checks hold.</strong>'
            f"<p>{load.texts:,} texts, {outcome.theirs.replies:,} replies, "
            f"{cents} {escape(outcome.target.currency)}: nothing lost, nothing twice, "
            "nothing unaccounted.</p></div>"
        )
    pace = outcome.confirmed / max(outcome.elapsed_s, 1e-9)
    yield '<dl class="figures">'
    for name, value in (
        ("texts taken", f"{outcome.confirmed:,}"),
        ("replies sent", f"{outcome.theirs.replies:,}"),
        ("duration", f"{outcome.elapsed_s:.1f} s"),
        ("texts a second, mean", f"{pace:,.0f}"),
        ("latency, median", span(total.percentile_us(500))),
        ("latency, 99 of 100 within", span(total.percentile_us(990))),
    ):
        yield f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
    yield "</dl>"


def _checks(found: Sequence[Check]) -> Iterator[str]:
    yield '<h2>Checks</h2><table class="checks"><tbody>'
    for check in found:
        mark = '<td class="mark good">✓ holds</td>' if check.right else (
            '<td class="mark wrong">✗ failed</td>')  # fmt: skip
        yield f"<tr>{mark}<th>{escape(check.what)}</th><td>{escape(check.found)}</td></tr>"
    yield "</tbody></table>"


def _books(outcome: Outcome) -> Iterator[str]:
    ours, theirs = outcome.ours, outcome.theirs
    currency = escape(outcome.target.currency)
    rows = (
        ("texts received", f"{ours.texts:,}", f"{theirs.texts:,}"),
        ("replies sent", f"{ours.replies:,}", f"{theirs.replies:,}"),
        (f"paid for replies, {currency}", format_nanos(ours.outbound_nanos),
         format_nanos(theirs.outbound_nanos)),
        (f"paid for texts, {currency}", format_nanos(ours.inbound_nanos),
         format_nanos(theirs.inbound_nanos)),
    )  # fmt: skip
    yield "<h2>Two sets of books</h2>" + _table(("", "our ledger", "the SMSC's invoice"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f'<th class="number">{escape(cell)}</th>' for cell in head[1:])
    body = "".join(
        f"<tr><th>{row[0]}</th>"
        + "".join(f'<td class="number">{cell}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr><th>{head[0]}</th>{top}</tr></thead><tbody>{body}</tbody></table>"


def _reasons(outcome: Outcome) -> Iterator[str]:
    ranked = sorted(silences(outcome).items(), key=lambda pair: (-pair[1], pair[0]))
    if ranked:
        rows = [(escape(reason), f"{count:,}") for reason, count in ranked]
        yield "<h2>Why texts got no reply</h2>" + _table(("reason", "texts"), rows)


def _plots(outcome: Outcome) -> Iterator[str]:
    yield "<h2>Over time</h2>"
    for number, plot in enumerate(plots(outcome)):
        keys = "".join(
            f'<span class="key k{n}{" dashed" if line.dashed else ""}">{escape(line.name)}</span>'
            for n, line in enumerate(plot.lines)
        )
        yield f"<figure><h3>{escape(plot.title)}</h3><figcaption>{keys}</figcaption>"
        yield f"{svg(plot, number)}</figure>"


def plots(outcome: Outcome) -> list[Plot]:
    """Everything that was sampled."""
    series, load, target = outcome.series, outcome.load, outcome.target
    samples = [START, *series.samples]
    shape, factor, x_axis = load.shape, 1.0, "time since the beginning (s)"
    if shape.real_h and load.span_s:
        factor = shape.real_h / load.span_s
        x_axis = f"time since the beginning (h, played {3600 * factor:,.0f} times as fast)"
    end = samples[-1].at_s * factor

    def limit(name: str, most: float) -> list[Line]:
        return [Line(name, [(0, most), (end, most)], dashed=True)]

    rates = [(at * factor, texts, replies) for at, texts, replies in series.rates()]
    throughput = [
        Line("texts received", [(at, texts) for at, texts, _ in rates]),
        Line("replies sent", [(at, replies) for at, _, replies in rates]),
    ]
    most_seen = max((max(texts, replies) for _, texts, replies in rates), default=0)
    if 0 < target.tps_segments <= 3 * most_seen:
        throughput += limit("rate limit", target.tps_segments)
    measured = [sample for sample in series.samples if sample.replied_us.count]
    latency = [
        Line(name, [(one.at_s * factor, one.replied_us.percentile_us(per_mille) / 1000)
                    for one in measured])
        for name, per_mille in (("half within", 500), ("95 of 100 within", 950),
                                ("99 of 100 within", 990))
    ]  # fmt: skip
    window = [
        Line("submits without a response", [(s.at_s * factor, s.outstanding) for s in samples])
    ]
    queue = [Line("replies that wait", [(s.at_s * factor, s.waiting) for s in samples])]
    spent = [Line("spent on replies", [(s.at_s * factor, s.spent_nanos / 10**9) for s in samples])]
    if target.budget_nanos is not None:
        spent += limit("budget of the day", target.budget_nanos / 10**9)
    currency = outcome.target.currency
    return [
        Plot("Throughput", x_axis, "texts or replies (1/s)", throughput),
        Plot("Latency from text to reply", x_axis, "latency (ms)", latency),
        Plot("Window", x_axis, "submits", [*window, *limit("window", target.window)]),
        Plot("Queue", x_axis, "replies", queue),
        Plot("Spend against budget", x_axis, f"amount ({currency})", spent),
    ]


def span(span_us: int) -> str:
    """A latency in the unit that fits it."""
    if span_us < 1000:
        return f"{span_us} µs"
    if span_us < 1_000_000:
        return f"{span_us / 1000:.1f} ms"
    return f"{span_us / 1_000_000:.2f} s"
