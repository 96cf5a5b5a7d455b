"""Draws lines over time as inline SVG: exact, without scripts, legible on screens and on paper."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 760
HEIGHT: Final = 250
LEFT, RIGHT, TOP, BOTTOM = 78, 18, 16, 48  # of the frame around the lines
STEPS: Final = (1, 2, 5)
X_TICKS, Y_TICKS = 8, 5  # at most so many distances


class Line(NamedTuple):
    """A name for the legend and points in the order of x; `dashed` marks a limit."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


class Plot(NamedTuple):
    """Lines with a common pair of axes, both from zero up; axes are told with their units."""

    title: str
    x_axis: str
    y_axis: str
    lines: Sequence[Line]


class Axis(NamedTuple):
    """From zero to `end`, with a tick at each multiple of `step`; both exact."""

    end: Decimal
    step: Decimal

    def ticks(self) -> list[Decimal]:
        """Where they stand, the ends included."""
        return [self.step * n for n in range(int(self.end / self.step) + 1)]

    def label(self, tick: Decimal) -> str:
        """A tick in as few letters as tell it apart from its neighbours."""
        decimals = max(0, -int(self.step.adjusted()))
        return f"{tick:,.{decimals}f}"

    def share(self, value: float) -> float:
        """Where a value stands: 0 at the beginning, 1 at the end."""
        return value / float(self.end)


def axis(most: float, distances: int) -> Axis:
    """The smallest axis with room for `most`: a step of 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return Axis(Decimal(1), Decimal(1))
    size = Decimal(most).adjusted() - 2
    while True:
        for digit in STEPS:
            step = Decimal(digit).scaleb(size)
            needed = (Decimal(most) / step).to_integral_value(ROUND_CEILING)
            if needed <= distances:
                return Axis(step * needed, step)
        size += 1


def svg(plot: Plot, number: int = 0) -> str:
    """The drawing; colours come from the page: `.s0`, `.s1` ... for lines, `.grid`, `text`."""
    points = [point for line in plot.lines for point in line.points]
    across = axis(max((x for x, _ in points), default=0), X_TICKS)
    up = axis(max((y for _, y in points), default=0), Y_TICKS)
    name = f"plot{number}"
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{name}">',
            f'<title id="{name}">{escape(plot.title)}</title>',
            *_across(across, plot.x_axis),
            *_up(up, plot.y_axis),
            *(_line(line, n, across, up) for n, line in enumerate(plot.lines)),
            "</svg>",
        ]
    )


def _x(share: float) -> str:
    return f"{LEFT + share * (WIDTH - LEFT - RIGHT):.1f}"


def _y(share: float) -> str:
    return f"{HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM):.1f}"


def _across(scale: Axis, title: str) -> list[str]:
    foot = HEIGHT - BOTTOM
    drawn = []
    for tick in scale.ticks():
        x = _x(scale.share(float(tick)))
        drawn.append(f'<path class="grid" d="M{x} {TOP}V{foot}"/>')
        drawn.append(
            f'<text x="{x}" y="{foot + 16}" text-anchor="middle">{scale.label(tick)}</text>'
        )
    middle = _x(0.5)
    drawn.append(
        f'<text class="axis" x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">'
        f"{escape(title)}</text>"
    )
    return drawn


def _up(scale: Axis, title: str) -> list[str]:
    drawn = []
    for tick in scale.ticks():
        y = _y(scale.share(float(tick)))
        kind = "grid base" if not tick else "grid"
        drawn.append(f'<path class="{kind}" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>')
        drawn.append(
            f'<text x="{LEFT - 8}" y="{y}" dy="4" text-anchor="end">{scale.label(tick)}</text>'
        )
    middle = _y(0.5)
    drawn.append(
        f'<text class="axis" x="16" y="{middle}" text-anchor="middle" '
        f'transform="rotate(-90 16 {middle})">{escape(title)}</text>'
    )
    return drawn


def _line(line: Line, number: int, across: Axis, up: Axis) -> str:
    kind = f"line s{number} dashed" if line.dashed else f"line s{number}"
    where = " ".join(f"{_x(across.share(x))},{_y(up.share(y))}" for x, y in line.points)
    return f'<polyline class="{kind}" points="{where}"/>'
