"""Lines of CDRs and invoices, and what two sides come to."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pytest

from routing.reconcile import (
    CdrReader,
    Difference,
    Finding,
    LineFault,
    Sum,
    SummaryReader,
    Tally,
    compare,
    day_at,
    judge,
    period_ns,
    settled,
)

PARIS = ZoneInfo("Europe/Paris")
HEADER = "MessageID;Cost;Currency;Type;When;Status".split(";")
NAMES = {"message_id": "MessageID", "price": "cost", "direction": "Type", "time": "When"}
TEN_NS = 1_795_510_800_000_000_000  # 2026-11-24T10:00+01:00


def reader(names: Mapping[str, str] = NAMES) -> CdrReader:
    """Of a file with semicolons and decimal commas."""
    return CdrReader(HEADER, names, "EUR", PARIS, comma=True)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a1;0,0495;EUR;mt;2026-11-24 10:00:00;accepted", ("a1", 49_500_000, False, False)),
        ("a1;0.0495;;OUT;2026-11-24T09:00:00Z;", ("a1", 49_500_000, False, False)),
        ("MO1;0,0075;eur;MO;2026-11-24T10:00:00+01:00;ok", ("MO1", 7_500_000, True, False)),
        ("a2;0,0495;EUR;mt;2026-11-24 10:00;Refused", ("a2", 49_500_000, False, True)),
    ],
)
def test_a_line_of_a_cdr(line: str, told: tuple[object, ...]) -> None:
    charge = reader().charge(line.split(";"))
    assert (charge.message_id, charge.nanos, charge.inbound, charge.refused) == told
    assert charge.at_ns == TEN_NS


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (";0,05;EUR;mt;2026-11-24 10:00;ok", "message_id is empty or too long"),
        ("a1;dear;EUR;mt;2026-11-24 10:00;ok", "price is not an amount"),
        ("a1;0,0123456789;EUR;mt;2026-11-24 10:00;ok", "price is not an amount"),
        ("a1;0,05;USD;mt;2026-11-24 10:00;ok", "currency is not EUR"),
        ("a1;0,05;EUR;mt;24/11/2026;ok", "time is not ISO 8601"),
        ("a1;0,05", "the line ends too early"),
    ],
)
def test_a_line_that_is_none_is_told_without_its_content(line: str, fault: str) -> None:
    with pytest.raises(LineFault, match=fault) as caught:
        reader().charge(line.split(";"))
    assert "dear" not in str(caught.value) and "24/11" not in str(caught.value)


def test_a_price_may_be_told_by_the_segment() -> None:
    cdr = CdrReader(["message_id", "rate", "segments"], {}, "EUR", PARIS)
    assert cdr.charge(["a1", "0.0495", "3"]).nanos == 148_500_000
    assert not cdr.tells_time
    with pytest.raises(LineFault, match="segments is not a whole number"):
        cdr.charge(["a1", "0.0495", "x"])


@pytest.mark.parametrize(
    ("header", "names", "fault"),
    [
        ("price", {}, "no column for message_id"),
        ("message_id", {}, "no column for price, or rate and segments"),
        ("message_id,price", {"price": "Cost"}, 'no column "Cost"'),
    ],
)
def test_a_header_that_does_not_tell_enough(
    header: str, names: Mapping[str, str], fault: str
) -> None:
    with pytest.raises(LineFault, match=fault):
        CdrReader(header.split(","), names, "EUR", PARIS)


def test_prices_that_differ_in_every_line_are_not_kept() -> None:
    cdr = CdrReader(["message_id", "price"], {}, "EUR", PARIS)
    assert all(cdr.charge(["a", f"0.{n:09}"]).nanos == n for n in range(10_005))


@pytest.mark.parametrize(
    ("header", "line", "told"),
    [
        ("day,rate,messages", "2026-11-24,0.05,3", ("2026-11-24", "", 3, 3)),
        ("day,rate,segments,mccmnc", "2026-11,0.05,3,20801", ("2026-11", "20801", 0, 3)),
        ("day,rate,amount,country", "2026-11-24,0.05,0.15,fr", ("2026-11-24", "FR", 0, 3)),
    ],
)  # fmt: skip
def test_a_line_of_a_summary(header: str, line: str, told: tuple[object, ...]) -> None:
    inbound, one = SummaryReader(header.split(","), {}, "EUR").line(line.split(","))
    assert not inbound
    assert (one.period, one.place, one.messages, one.segments) == told
    assert one.nanos == 150_000_000


@pytest.mark.parametrize("line", ["2026,0.05,1", "2026-13,0.05,1", "24.11.2026,0.05,1"])
def test_a_period_is_a_day_or_a_month(line: str) -> None:
    with pytest.raises(LineFault, match="neither a day"):
        SummaryReader(["day", "rate", "messages"], {}, "EUR").line(line.split(","))


def test_a_summarys_line_that_ends_before_a_column() -> None:
    with pytest.raises(LineFault, match="the line ends before rate"):
        SummaryReader(["day", "rate", "messages"], {}, "EUR").line(["2026-11-24"])


@pytest.mark.parametrize(
    ("theirs", "ours", "exact", "finding"),
    [
        (5, 5, True, Finding.MATCHED),
        (5, 5, False, Finding.MATCHED),
        (4, 5, True, Finding.DIFFERS),
        (4, 5, False, Finding.BELOW),
        (6, 5, False, Finding.DIFFERS),
    ],
)
def test_one_reply_and_its_line(theirs: int, ours: int, exact: bool, finding: Finding) -> None:
    assert judge(theirs, ours, exact) is finding


def test_days_are_the_carriers() -> None:
    """Midnight in Paris is 23:00 UTC of the day before, 22:00 in summer."""
    begins, ends = period_ns("2026-10", "2026-10-31", PARIS)
    assert (ends - begins) // 3_600_000_000_000 == 31 * 24 + 1
    assert day_at(begins, PARIS) == "2026-10-01" and day_at(begins - 1, PARIS) == "2026-09-30"
    assert day_at(ends, PARIS) == "2026-11-01"


def day(period: str, rate: int, segments: int, exact: bool = True, place: str = "") -> Sum:
    """So many segments at a rate."""
    return Sum(period, place, rate, segments, segments, rate * segments, exact)


def test_sums_side_by_side() -> None:
    """A month of theirs takes in our days."""
    theirs = [day("2026-11", 5, 4), day("2026-12-01", 5, 1)]
    ours = [day("2026-11-01", 5, 1), day("2026-11-30", 5, 3), day("2026-12-01", 5, 1)]
    found = compare(theirs, ours)
    assert found[0] == Difference("2026-11", "", 5, Tally(4, 20, 0), Tally(4, 0, 20), True)
    assert settled(found) == (25, 25, True)


@pytest.mark.parametrize(
    ("theirs", "ours", "result"),
    [
        ([day("2026-11-24", 5, 2)], [day("2026-11-24", 5, 2)], (10, 10, True)),
        ([day("2026-11-24", 5, 3)], [day("2026-11-24", 5, 2)], (15, 10, False)),
        ([day("2026-11-24", 5, 2)], [day("2026-11-25", 5, 2)], (10, 10, False)),
        ([day("2026-11-24", 4, 5)], [day("2026-11-24", 5, 4)], (20, 20, False)),
        ([day("2026-11-24", 4, 2)], [day("2026-11-24", 5, 2, exact=False)], (8, 10, True)),
        ([day("2026-11-24", 6, 2)], [day("2026-11-24", 5, 2, exact=False)], (12, 10, False)),
    ],
)  # fmt: skip
def test_whether_two_sides_agree(
    theirs: list[Sum], ours: list[Sum], result: tuple[int, int, bool]
) -> None:
    """Exact prices to the nano, rate by rate; upper bounds from below, place by place."""
    assert settled(compare(theirs, ours)) == result


def test_findings_add_up() -> None:
    assert Tally(1, 2, 3).plus(*Tally(1, 1, 1)) == Tally(2, 3, 4)
