"""Axes and lines of the drawings in reports."""

import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from smpp_server.cli.plots import HEIGHT, WIDTH, Line, Plot, axis, svg


def labels(most: float, distances: int = 5) -> list[str]:
    scale = axis(most, distances)
    return [scale.label(tick) for tick in scale.ticks()]


def test_ticks_by_hand() -> None:
    assert labels(0) == ["0", "1"]
    assert labels(3) == ["0", "1", "2", "3"]
    assert labels(7) == ["0", "2", "4", "6", "8"]
    assert labels(203) == ["0", "50", "100", "150", "200", "250"]
    assert labels(1612.7) == ["0", "500", "1,000", "1,500", "2,000"]
    assert labels(0.012) == ["0.000", "0.005", "0.010", "0.015"]
    assert labels(1.0) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert labels(47.5, 8) == ["0", "10", "20", "30", "40", "50"]


@given(st.floats(1e-6, 1e12), st.integers(3, 10))
def test_an_axis_has_room_for_all_and_wastes_little(most: float, distances: int) -> None:
    scale = axis(most, distances)
    assert most <= scale.end < 3 * most
    assert 1 <= len(scale.ticks()) - 1 <= distances
    assert scale.ticks()[-1] == scale.end
    assert len({scale.label(tick) for tick in scale.ticks()}) == len(scale.ticks())


POINTS = st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), max_size=20)


@given(POINTS, POINTS)
def test_no_line_leaves_its_frame(
    some: list[tuple[float, float]], others: list[tuple[float, float]]
) -> None:
    drawn = ET.fromstring(svg(Plot("<T>", "x & y", "y", [Line("a", some), Line("b", others)])))
    lines = [one.attrib["points"] for one in drawn.iter() if one.tag == "polyline"]
    assert [len(line.split()) for line in lines] == [len(some), len(others)]
    for line in lines:
        for x, y in (pair.split(",") for pair in line.split()):
            assert 78 <= float(x) <= WIDTH - 18 and 16 <= float(y) <= HEIGHT - 48


def test_where_a_point_stands() -> None:
    """The end of both axes is the corner of the frame, the middle its middle."""
    drawn = ET.fromstring(svg(Plot("T", "s", "EUR", [Line("a", [(0, 0), (5, 50), (10, 100)])])))
    [line] = [one.attrib["points"] for one in drawn.iter() if one.tag == "polyline"]
    assert line == "78.0,202.0 410.0,109.0 742.0,16.0"
    texts = [one.text for one in drawn.iter() if one.tag == "text"]
    assert [t for t in texts if not str(t).isdigit()] == ["s", "EUR"]
