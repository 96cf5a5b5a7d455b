"""Price lists as carriers send them: other columns, other signs, lists of networks, bad lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.rate_rows import (
    FOREVER_NS,
    RateFault,
    Row,
    from_text,
    overlaps,
    parse_rows,
    to_text,
)

DAY_NS = 86_400_000_000_000
MAP = {"price": "Rate", "prefix": "Code"}


def read(*lines: str, currency: str = "EUR", **columns: str) -> tuple[Row, ...]:
    """Rows of a list without faults."""
    rows, faults = parse_rows(lines, currency, columns)
    assert faults == ()
    return rows


def wrong(*lines: str, **columns: str) -> list[str]:
    """The faults, without their cures."""
    _, faults = parse_rows(lines, "EUR", columns)
    return [str(fault).partition(";")[0] for fault in faults]


def short(rows: tuple[Row, ...]) -> list[str]:
    """Rows as "line: prefix country mcc-mnc nanos"."""
    return [
        f"{row.line}: {' '.join(filter(None, (row.prefix, row.country)))}"
        f" {row.mcc}-{row.mnc or '*'} {row.nanos}".replace(" -*", "")
        for row in rows
    ]


NETWORKS = {"price": "Rate", "mcc": "MCC", "mnc": "MNC"}
JOINED = {"price": "Rate", "mccmnc": "MCCMNC"}


@pytest.mark.parametrize(
    ("lines", "columns", "rows"),
    [
        # their own names, and columns nobody asked for
        (["Country,Code,Rate,Change", "France,33,0.05,same"], MAP, ["2: 33 50000000"]),
        (["rate ;CODE", "0,05;33"], MAP, ["2: 33 50000000"]),
        (["Code\tRate", "33\t0,05"], MAP, ["2: 33 50000000"]),
        (["Code\tRate", "+33\t0.05"], MAP, ["2: 33 50000000"]),
        # networks, where the MCC says which country it is
        (["MCC,MNC,Rate", "208,01,0.05"], NETWORKS, ["2: FR 208-01 50000000"]),
        (["MCC,MNC,Rate", "647,02,0.1"], NETWORKS, [
            "2: RE 647-02 100000000", "2: YT 647-02 100000000"]),
        (["MCC,MNC,Rate", "208,*,0.05"], NETWORKS, ["2: FR 208-* 50000000"]),
        (["MCC,MNC,Rate", "208,,0.05"], NETWORKS, ["2: FR 208-* 50000000"]),
        (["MCC,MNC,Rate", "208,01;001;01,0.05"], NETWORKS, [
            "2: FR 208-01 50000000", "2: FR 208-001 50000000"]),
        (["MCC;MNC;Rate", "208;01,10|15/20 88;0,05"], NETWORKS, [
            f"2: FR 208-{mnc} 50000000" for mnc in ("01", "10", "15", "20", "88")]),
        (["MCC,MNC,Rate", '208,"01,10",0.05'], NETWORKS, [
            "2: FR 208-01 50000000", "2: FR 208-10 50000000"]),
        (["MCCMNC,Rate", "20801,0.05", "310260,0.1", "262,0.09", "204*,0.08"], JOINED, [
            "2: FR 208-01 50000000",
            *(f"3: {home} 310-260 100000000" for home in ("US", "GU", "MP")),
            "4: DE 262-* 90000000",
            "5: NL 204-* 80000000"]),
        (["MCCMNC,Rate", "20801;20810,0.05"], JOINED, [
            "2: FR 208-01 50000000", "2: FR 208-10 50000000"]),
        (["iso,Rate", "FR,0.05"], {"price": "Rate", "country": "iso"}, ["2: FR 50000000"]),
    ],
)  # fmt: skip
def test_shapes(lines: list[str], columns: dict[str, str], rows: list[str]) -> None:
    assert short(read(*lines, **columns)) == rows


@pytest.mark.parametrize(
    ("text", "day"),
    [("2026-12-01", 20788), ("01.12.2026", 20788), ("2026-12-01 00:00:00", 20788),
     ("2026-12-01T00:00Z", 20788), ("20261201", 20788)],
)  # fmt: skip
def test_dates(text: str, day: int) -> None:
    columns = MAP | {"valid_from": "From", "valid_to": "To"}
    [row] = read("Code,Rate,From,To", f"33,0.05,{text},", **columns)
    assert (row.from_ns, row.to_ns) == (day * DAY_NS, FOREVER_NS)
    [row] = read("Code,Rate,From,To", f"33,0.05,,{text}", **columns)
    assert (row.from_ns, row.to_ns) == (0, (day + 1) * DAY_NS)


def test_the_first_line_names_the_currency_where_none_is_expected() -> None:
    lines = ("prefix,direction,price,currency", "33,out,0.05,USD", "34,out,0.05,USD")
    assert {row.currency for row in read(*lines, currency="")} == {"USD"}
    _, faults = parse_rows((*lines, "35,out,0.05,EUR"), "")
    assert [str(fault).partition(";")[0] for fault in faults] == [
        "line 4: currency 'EUR' is not USD"
    ]
    _, faults = parse_rows((lines[0], "33,out,0.05,Euro"), "")
    assert [fault.message for fault in faults] == ["currency 'Euro' is not one"]
    assert {row.currency for row in read("Code,Rate", "33,1", currency="GBP", **MAP)} == {"GBP"}


@pytest.mark.parametrize(
    ("lines", "columns", "told"),
    [
        (["Code,Price", "33,1"], MAP, ["line 1: column 'rate' is missing"]),
        (["Code,Rate,Rate", "33,1,1"], MAP, ["line 1: column 'rate' stands twice"]),
        (["A,A,Code,Rate", "x,y,33,1"], MAP, []),
        (["Code"], {"prefix": "Code"}, ["line 1: no column is named for the price"]),
        (["Rate"], {"price": "Rate"}, ["line 1: no column is named for the destination"]),
        (["Code,Rate"], MAP | {"colour": "Code"}, ["line 1: 'colour' is none of our columns"]),
        (["Code,Rate", "33,0.05,x"], MAP, ["line 2: 3 cells, the header names 2"]),
        (["Code,Rate", "33,€0.05"], MAP, ["line 2: price: '€0.05' is not an amount: write digits"
                                          ' and a point, as in "0.05"']),
        (["Code;Rate", "33;1.000,05"], MAP, ["line 2: price: '1.000.05' is not an amount: write"
                                             ' digits and a point, as in "0.05"']),
        (["Code,Rate", "33,0.0000000001"], MAP, [
            "line 2: price: 0.0000000001 has more than 9 decimals"]),
        (["Code,Rate", "33,5E-02"], MAP, ["line 2: price: '5E-02' is not an amount: write digits"
                                          ' and a point, as in "0.05"']),
        (["Code,Rate", "33,-1", "34,-1"], MAP, [
            "line 2: price -1 is below zero", "line 3: price -1 is below zero"]),
        (["MCC,MNC,Rate", "208,1,1"], NETWORKS, ["line 2: mnc '1' is not one"]),
        (["MCC,MNC,Rate", "999,01,1"], NETWORKS, ["line 2: no destination"]),
        (["MCC,MNC,Rate", ",,1"], NETWORKS, ["line 2: no destination"]),
        (["MCC,MNC,Rate", ",01,1"], NETWORKS, ["line 2: mnc without mcc", "line 2: no destination"]
         [:1]),
        (["MCCMNC,Rate", "2081,1"], JOINED, ["line 2: mccmnc '2081' is not one"]),
        (["MCCMNC,MCC,Rate", "20801,208,1"], JOINED | {"mcc": "MCC"}, [
            "line 2: mccmnc beside mcc or mnc"]),
        (["Code,Rate,From", "33,1,01/12/2026"], MAP | {"valid_from": "From"}, [
            "line 2: date: Invalid isoformat string: '01/12/2026'"]),
        (["MCCMNC,Rate", "20801,1", "20801;20810,2"], JOINED, [
            "line 3: the same destination as line 2, at the same time"]),
    ],
)  # fmt: skip
def test_bad_lines(lines: list[str], columns: dict[str, str], told: list[str]) -> None:
    assert wrong(*lines, **columns) == told


def test_a_header_longer_than_any_sheets() -> None:
    rows, faults = parse_rows(["x" * 200_000, "33,1"], "EUR")
    assert rows == () and [fault.line for fault in faults] == [1]
    assert faults[0].message.startswith("not readable as CSV (field larger than field limit")


def test_a_line_like_one_before_is_read_the_same() -> None:
    """What a line says but for prefix and price is remembered; what is wrong is told each time."""
    lines = ("Code,MCC,Rate", "33,208,0.05", "34,208,0.05", ",208,0.05", "x,208,0.05", "35,20,0.05")
    rows, faults = parse_rows(lines, "EUR", MAP | {"mcc": "MCC"})
    assert short(rows) == [
        "2: 33 208-* 50000000", "3: 34 208-* 50000000", "4: FR 208-* 50000000"
    ]  # fmt: skip
    assert [fault.line for fault in faults] == [5, 6]


def test_lines_that_overlap_are_found_whatever_lies_between() -> None:
    def row(line: int, since: int, until: int) -> Row:
        return Row(line, "33", "out", 1, "EUR", "", "", "", since, until)

    rows = [row(1, 0, 100), row(2, 10, 20), row(3, 30, 40), row(4, 100, 200)]
    assert [fault.line for fault in overlaps(rows)] == [2, 3]
    assert list(overlaps([rows[0], rows[3]])) == []


ROWS = st.builds(
    Row,
    line=st.integers(1, 200_000),
    prefix=st.from_regex(r"[1-9][0-9]{0,14}", fullmatch=True),
    direction=st.sampled_from(["out", "in"]),
    nanos=st.integers(0, 2**63 - 1),
    currency=st.just("EUR"),
    country=st.sampled_from(["", "FR"]),
    mcc=st.sampled_from(["", "208"]),
    mnc=st.sampled_from(["", "01", "001"]),
    from_ns=st.integers(0, 100),
    to_ns=st.integers(101, FOREVER_NS),
)


@given(ROWS)
def test_a_row_on_its_way_stays_what_it_was(row: Row) -> None:
    assert from_text(to_text(row), "EUR") == row


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,33,out,1,FR,208,01,0",
        "1,33,out,1.5,FR,208,01,0,9",
        "1,33,out,-1,FR,208,01,0,9",
        "1,33,both,1,FR,208,01,0,9",
        "1,x,out,1,FR,208,01,0,9",
        "1,33,out,1,fr,208,01,0,9",
        "1,33,out,1,FR,2,01,0,9",
        "1,33,out,1,FR,208,*,0,9",
        "1,,out,1,,208,01,0,9",
        "1,33,out,1,FR,208,01,9,9",
    ],
)
def test_what_is_no_row_on_its_way(text: str) -> None:
    with pytest.raises(ValueError, match=r"row|unpack|int"):
        from_text(text, "EUR")


def test_a_fault_is_a_sentence() -> None:
    assert str(RateFault(3, "this is wrong", "do that")) == "line 3: this is wrong; do that"
