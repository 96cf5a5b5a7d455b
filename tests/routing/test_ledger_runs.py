"""Postings of replies that follow each other: written as one item of a row, read as single ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.ledger import (
    EFFECT,
    GENESIS,
    KINDS,
    MOST_IN_RUNS,
    Books,
    Entry,
    LedgerError,
    Posted,
    Terms,
    account_changes,
    read_entries,
    verify,
    write_postings,
    write_row,
)


def listed(*entries: Posted) -> str:
    return write_row(GENESIS, 1, 5, entries)[0].entries


def same(*ids: int, kind: str = "settle") -> list[Posted]:
    """One posting for each id."""
    return [(reply_id, kind, 5, 1) for reply_id in ids]


@pytest.mark.parametrize(
    ("ids", "entries"),
    [
        ((7,), "7 settle 5 1"),
        ((7, 8), "7-8 settle 5 1"),
        ((9, 7, 8, 10), "7-10 settle 5 1"),
        ((1, 2, 4, 5, 6, 8), "1-2 settle 5 1;4-6 settle 5 1;8 settle 5 1"),
        ((8, 10), "8 settle 5 1;10 settle 5 1"),
        # An id that has a posting twice; and 0, which is no reply.
        ((5, 5, 6), "5 settle 5 1;5-6 settle 5 1"),
        ((5, 6, 6, 7), "5-6 settle 5 1;6-7 settle 5 1"),
        ((5, 5, 7), "5 settle 5 1;5 settle 5 1;7 settle 5 1"),
        ((0, 1, 2), "0 settle 5 1;1-2 settle 5 1"),
        ((0, 0), "0 settle 5 1;0 settle 5 1"),
        # By number, not by letters.
        ((9, 10, 11, 100), "9-11 settle 5 1;100 settle 5 1"),
    ],
)  # fmt: skip
def test_ids_that_follow_each_other(ids: tuple[int, ...], entries: str) -> None:
    assert listed(*same(*ids)) == entries
    assert read_entries(entries) == [Entry(each, "settle", 5, 1) for each in sorted(ids)]


@pytest.mark.parametrize(
    "other",
    [
        (8, "release", 5, 1),
        (8, "settle", 6, 1),
        (8, "settle", 5, 2),
        (8, "settle", 5, 1, 0, "USD"),
    ],
)
def test_only_what_is_equal_is_written_as_one(other: Posted) -> None:
    entries = listed(*same(7, 9), other)
    assert [item.split(" ")[0] for item in entries.split(";")] == ["7", "8", "9"]


def test_runs_in_another_currency() -> None:
    posted: list[Posted] = [(each, "settle", 5, 1, 6, "USD") for each in (3, 4)]
    assert listed(*posted) == "3-4 settle 5 1 6 USD"
    assert listed(*posted, (5, "settle", 5, 1, 7, "USD"), (5, "settle", 5, 1, 6, "CHF")) == (
        "3-4 settle 5 1 6 USD;5 settle 5 1 6 CHF;5 settle 5 1 7 USD"
    )
    assert read_entries("3-4 settle 5 1 6 USD") == [
        Entry(3, "settle", 5, 1, 6, "USD"),
        Entry(4, "settle", 5, 1, 6, "USD"),
    ]


def test_items_stand_in_the_order_of_their_first_reply_and_postings_in_that_of_each() -> None:
    """What one reply has reserved stands before what is taken back of it, also inside a run."""
    row, changes = write_row(GENESIS, 1, 5, [*same(4, 5, 6), *same(5, kind="reserve")])
    assert row.entries == "4-6 settle 5 1;5 reserve 5 1"
    assert row.totals == "reserve 5 settle 15"
    assert changes == {"reserved": -10, "settled": 15}
    assert [(entry.reply_id, entry.kind) for entry in read_entries(row.entries)] == [
        (4, "settle"), (5, "reserve"), (5, "settle"), (6, "settle"),
    ]  # fmt: skip
    books = Books(reserved={4: 5, 6: 5})
    books.read(row)
    assert not books.reserved and books.sums["settled"] == 15


@pytest.mark.parametrize(
    "ids",
    ["7-7", "8-7", "0-1", "7--8", f"1-{MOST_IN_RUNS + 1}", f"5-{10**18}"],
)
def test_a_run_that_no_turn_writes(ids: str) -> None:
    with pytest.raises(LedgerError):
        read_entries(f"{ids} settle 5 1")


@pytest.mark.parametrize("ids", ["7-", "-7", "7-x", "7-8-9", "", "-"])
def test_ids_of_another_form(ids: str) -> None:
    with pytest.raises(LedgerError, match="not the form"):
        read_entries(f"{ids} settle 5 1")


def test_no_row_fills_memory_with_many_runs() -> None:
    half = MOST_IN_RUNS // 2
    items = [f"1-{half} settle 5 1", f"{half + 1}-{2 * half + 1} settle 5 1"]
    with pytest.raises(LedgerError, match="no turn posts together"):
        read_entries(";".join(items))


def test_the_longest_row_is_read() -> None:
    read = read_entries(f"2-{MOST_IN_RUNS + 1} settle 5 1")
    assert len(read) == MOST_IN_RUNS
    assert read[0].reply_id == 2 and read[-1].reply_id == MOST_IN_RUNS + 1


TERMS: st.SearchStrategy[Terms] = st.tuples(
    st.sampled_from(KINDS), st.integers(4, 5), st.integers(1, 2), st.just(0), st.just("")
) | st.tuples(
    st.sampled_from(KINDS), st.just(5), st.just(1), st.integers(0, 2), st.sampled_from(["USD"])
)
POSTINGS = st.dictionaries(
    TERMS, st.lists(st.integers(0, 30), min_size=1, max_size=40), min_size=1, max_size=6
)


@given(POSTINGS)
def test_what_was_posted_is_read_back_sorted(postings: dict[Terms, list[int]]) -> None:
    single = sorted(Entry(each, *terms) for terms, ids in postings.items() for each in ids)
    row, changes = write_postings(GENESIS, 1, 5, postings)
    assert read_entries(row.entries) == list(verify([row])) == single
    sums: dict[str, int] = {}
    for entry in single:
        sums[entry.kind] = sums.get(entry.kind, 0) + entry.nanos
    assert changes == account_changes(sums)
    assert set(changes) == {account for kind in sums for account in EFFECT[kind]}


@given(POSTINGS, st.randoms(use_true_random=False))
def test_the_row_does_not_depend_on_how_postings_came(
    postings: dict[Terms, list[int]], order: object
) -> None:
    """So that an export, which has a line a posting, can be turned into the row it came from."""
    single = [Entry(each, *terms) for terms, ids in postings.items() for each in ids]
    order.shuffle(single)  # type: ignore[attr-defined]
    assert write_row(GENESIS, 1, 5, single) == write_postings(GENESIS, 1, 5, postings)
