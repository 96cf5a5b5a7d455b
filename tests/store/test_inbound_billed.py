"""What a carrier bills for texts that reached us, as a reconciliation reads it from the journal."""

from pathlib import Path

import pytest

from smpp_server.store.sqlite_reconcile import Books
from tests.store.turns import Bench, configuration

ROWS = (
    "0 inbound 500 0",  # in the currency of the books
    "0 inbound 600 0 500 EUR;7 reserve 9 1",  # the same, with VAT on top
    "0 inbound 1104 0 1000 USD",
    "0 given 9000 0",
)


@pytest.mark.parametrize(
    ("currency", "of_the_books", "nanos"), [("EUR", True, 1000), ("USD", False, 1000)]
)
def test_each_currency_is_counted_as_it_is_billed(
    tmp_path: Path, currency: str, of_the_books: bool, nanos: int
) -> None:
    bench = Bench(tmp_path, configuration(tmp_path))
    for seq, entries in enumerate(ROWS, 1):
        bench.rows("INSERT INTO journal VALUES (?, ?, '', ?, x'')", seq, 100 + seq, entries)
    with Books(bench.path, "bench", bill_undelivered=True) as books:
        assert books.inbound(100, 200, currency, of_the_books) == nanos
        assert books.inbound(0, 100, currency, of_the_books) == 0
