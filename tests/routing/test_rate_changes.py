"""What a new list changes, as an operator is shown it before it prices anything."""

import pytest

from routing.rate_changes import changes
from routing.rate_rows import parse_rows

HEADER = "prefix,price,valid_from,valid_to,direction,currency"
DAY_NS = 86_400_000_000_000
NOW = 10 * DAY_NS  # 1970-01-11


def told(old: list[str], new: list[str]) -> list[str]:
    """Each change as "33 dearer 0.04 → 0.05 (+250 ‰) on day 10"."""
    cards = []
    for lines in (old, new):
        filled = [line + "," * (3 - line.count(",")) + ",out,EUR" for line in lines]
        rows, faults = parse_rows([HEADER, *filled], "EUR")
        assert faults == ()
        cards.append(rows)
    return [
        f"{change.key[1]} {change.what} {amount(change.old_nanos)} → {amount(change.new_nanos)}"
        f" ({change.permille()}) on day {change.at_ns // DAY_NS}"
        for change in changes(*cards, NOW)
    ]


def amount(nanos: int | None) -> str:
    """In thousandths of a unit."""
    return "-" if nanos is None else f"{nanos // 1_000_000}"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (["33,0.04"], ["33,0.04"], []),
        (["33,0.04"], ["33,0.05"], ["33 dearer 40 → 50 (250) on day 10"]),
        (["33,0.05"], ["33,0.04"], ["33 cheaper 50 → 40 (-200) on day 10"]),
        (["33,0"], ["33,0.04"], ["33 dearer 0 → 40 (None) on day 10"]),
        ([], ["33,0.04"], ["33 new - → 40 (None) on day 10"]),
        (["33,0.04"], [], ["33 closed 40 → - (None) on day 10"]),
        # from a later day on
        (["33,0.04"], ["33,0.04,,1970-01-20", "33,0.05,1970-01-21"], [
            "33 dearer 40 → 50 (250) on day 20"]),
        ([], ["33,0.04,1970-01-21"], ["33 new - → 40 (None) on day 20"]),
        (["33,0.04"], ["33,0.04,,1970-01-20"], ["33 closed 40 → - (None) on day 20"]),
        # what is over already changes nothing
        (["33,0.04,,1970-01-02"], [], []),
        (["33,0.04,,1970-01-02", "33,0.05,1970-01-03"], ["33,0.05"], []),
        # in the order of the new list, what is closed last
        (["1,0.01", "33,0.04"], ["49,0.1", "33,0.05"], [
            "49 new - → 100 (None) on day 10",
            "33 dearer 40 → 50 (250) on day 10",
            "1 closed 10 → - (None) on day 10"]),
    ],
)  # fmt: skip
def test_changes(old: list[str], new: list[str], found: list[str]) -> None:
    assert told(old, new) == found


def test_a_list_that_names_no_countries_is_compared_by_prefix() -> None:
    """Or every price would be new, and none could jump."""
    header = "prefix,country,price,direction,currency"
    old, _ = parse_rows(
        [header, "33,FR,0.04,out,EUR", "262,RE,0.1,out,EUR", ",ES,1,out,EUR"], "EUR"
    )
    new, _ = parse_rows([header, "33,,0.08,out,EUR", "262,,0.1,out,EUR", "34,,1,out,EUR"], "EUR")
    found = [(change.what, change.key[1:3], change.line) for change in changes(old, new, NOW)]
    assert found == [("dearer", ("33", ""), 2), ("new", ("34", ""), 4), ("closed", ("", "ES"), 4)]
    back = [(change.what, change.key[1:3]) for change in changes(new, old, NOW)]
    assert back == [("cheaper", ("33", "FR")), ("new", ("", "ES")), ("closed", ("34", ""))]


@pytest.mark.parametrize(
    ("old", "new", "percent", "jumps"),
    [
        ("0.10", "0.12", 20, False),
        ("0.10", "0.120000001", 20, True),
        ("0.10", "0.08", 20, False),
        ("0.10", "0.079999999", 20, True),
        ("0", "0.000000001", 1000, True),
    ],
)
def test_jumps(old: str, new: str, percent: int, jumps: bool) -> None:
    rows = [parse_rows([HEADER, f"33,{price},,,out,EUR"], "EUR")[0] for price in (old, new)]
    [change] = changes(*rows, NOW)
    assert change.jumps(percent) is jumps
    [closed] = changes(rows[0], (), NOW)
    assert not closed.jumps(percent)
