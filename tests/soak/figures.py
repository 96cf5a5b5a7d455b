"""What a soak has measured, and what that proves: samples, checks, a table, a verdict."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from smpp_server.cli.load_checks import Check

MIB: Final = 1 << 20
WARM_UP_PERCENT: Final = 20  # of the parts
GROWTH_PERCENT: Final = 10
ROWS: Final = 10  # of the table
LEAST_PARTS: Final = 3
HEADS: Final = (
    "part", "day", "texts", "memory", "files", "threads", "timers", "database", "in use", "log",
    "replies", "claims", "journal", "others",
)  # fmt: skip


class Sample(NamedTuple):
    """The quiet server after a part."""

    part: int  # 1 is the first
    day: float  # since the beginning, in imagined time
    texts: int  # taken so far
    memory_octets: int
    open_files: int
    threads: int
    timers: int
    database_octets: int  # the file
    used_octets: int  # its pages that hold something
    wal_octets: int
    rows: dict[str, int]  # table → rows

    def cells(self) -> tuple[str, ...]:
        """As a row of the table."""
        octets = (self.database_octets, self.used_octets, self.wal_octets)
        database, used, wal = (f"{value / MIB:.1f}" for value in octets)
        named = [self.rows.get(name, 0) for name in ("reply", "claim", "journal")]
        named.append(sum(self.rows.values()) - sum(named))
        memory = f"{self.memory_octets / MIB:.1f}"
        counts = (str(n) for n in (self.open_files, self.threads, self.timers))
        return (str(self.part), f"{self.day:.0f}", f"{self.texts:,}", memory, *counts,
                database, used, wal, *(f"{n:,}" for n in named))  # fmt: skip


class Ledgers(NamedTuple):
    """Both sides' books at the end, in replies, texts and nano-units; and what became of people."""

    texts: int  # that were sent
    taken: int  # of these confirmed to the SMSC
    owed: int  # replies, by the claims
    promised: int  # by the server
    refused: int  # for good, by the SMSC
    assumed: int  # never answered, counted as sent when their time was over
    open: int  # waiting, or in flight
    second: int
    strangers: int
    booked_nanos: int
    invoiced_nanos: int
    price_nanos: int
    inbound_nanos: int
    inbound_invoiced_nanos: int
    inbound_price_nanos: int
    redelivered: int


def checks(samples: Sequence[Sample], books: Ledgers, chain: str, faults: int) -> list[Check]:
    """Every promise; `chain` is what `ledger verify` says, "" when it found a fault.

    Raises ValueError with fewer than LEAST_PARTS samples.
    """
    if len(samples) < LEAST_PARTS:
        raise ValueError(f"{len(samples)} samples show no growth: {LEAST_PARTS} at least")
    found = [*_people(books), *_money(books), Check("the chain verifies", bool(chain), chain)]
    found.append(Check("no fault of our own in the log", not faults, f"{faults} lines"))
    return [*found, *_growth(samples)]


def _people(books: Ledgers) -> Iterator[Check]:
    yield Check(
        "every text is taken",
        books.taken == books.texts,
        f"{books.taken:,} of {books.texts:,} confirmed",
    )
    yield Check(
        "every sender who is owed a reply is promised it, and each promise has an end",
        books.owed == books.promised and not books.open,
        f"{books.owed:,} owed, {books.promised:,} promised, {books.open:,} open",
    )
    yield Check(
        "nobody gets a second reply",
        not (books.second or books.strangers),
        f"{books.second:,} second replies, {books.strangers:,} to strangers",
    )


def _money(books: Ledgers) -> Iterator[Check]:
    booked = books.promised - books.refused
    yield Check(
        "every promise is on the books but those that were refused",
        booked * books.price_nanos == books.booked_nanos,
        f"{books.promised:,} promised, {books.refused:,} refused, "
        f"{books.booked_nanos / books.price_nanos:,g} booked",
    )
    doubt = (books.booked_nanos - books.invoiced_nanos) / books.price_nanos
    yield Check(
        "ledger and invoice differ by nothing but replies that stayed unknown",
        0 <= doubt <= books.assumed,
        f"{books.booked_nanos / 10**9:,.4f} booked, {books.invoiced_nanos / 10**9:,.4f} invoiced: "
        f"{doubt:,g} replies more, {books.assumed:,} assumed sent",
    )
    surplus = (books.inbound_nanos - books.inbound_invoiced_nanos) / books.inbound_price_nanos
    yield Check(
        "texts are booked as invoiced but for those that came again",
        0 <= surplus <= books.redelivered,
        f"{books.inbound_nanos / 10**9:,.4f} booked, "
        f"{books.inbound_invoiced_nanos / 10**9:,.4f} invoiced: "
        f"{surplus:,g} texts more, {books.redelivered:,} came again",
    )


def warm_up(parts: int) -> int:
    """How many parts are not looked at for growth."""
    return max(1, -(-parts * WARM_UP_PERCENT // 100))


def _growth(samples: Sequence[Sample]) -> Iterator[Check]:
    steady = samples[warm_up(len(samples)) - 1 :]
    held = [sample.memory_octets for sample in steady]
    least, most = min(held), max(held)
    yield Check(
        f"memory stays within {GROWTH_PERCENT} % once it is warm",
        100 * most <= (100 + GROWTH_PERCENT) * least,
        f"{least / MIB:.1f} to {most / MIB:.1f} MiB, {100 * (most - least) / least:.1f} %",
    )
    third = len(samples) // 3
    middle, last = samples[-2 * third : -third], samples[-third:]
    before, after = (max(sample.database_octets for sample in part) for part in (middle, last))
    yield Check(
        f"the database grows no more than {GROWTH_PERCENT} % in the last third",
        100 * after <= (100 + GROWTH_PERCENT) * before,
        f"{before / MIB:.1f} MiB at most in the middle, {after / MIB:.1f} in the last",
    )
    first, end = steady[0], steady[-1]
    for what, where in (("open files", 4), ("threads", 5), ("timers", 6)):
        yield Check(
            f"as many {what} at the end as when it was warm",
            first[where] == end[where],
            f"{first[where]} and {end[where]}",
        )


def table(samples: Sequence[Sample]) -> list[str]:
    """Some of the samples, the last among them; sizes in MiB."""
    apart = -(-len(samples) // ROWS)
    shown = [sample for sample in reversed(samples) if not (samples[-1].part - sample.part) % apart]
    rows = [HEADS, *(sample.cells() for sample in reversed(shown))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
