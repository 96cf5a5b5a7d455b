"""The journal: what a turn reserves, settles and releases, chained by SHA-256; and the balances.

One turn writes at most one row: its totals per kind and the sorted list of its postings. The list
names replies by id only; it outlives them. Any row that was changed breaks the chain after it.

Most replies of a turn cost the same and have ids that follow each other: what is posted alike for
such a run is written once, as "first-last kind nanos version", with the amount of each. Whoever
reads a row sees single postings.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

KINDS = ("given", "inbound", "reserve", "settle", "release", "fee", "correction")
"""Kinds of posting, in the order they stand in a row."""

ACCOUNTS = ("given", "inbound", "reserved", "settled", "fee", "correction")
"""Accounts of the balance sheet, each a sum in nano-units that only postings change."""

EFFECT: dict[str, dict[str, int]] = {
    "given": {"given": 1},
    "inbound": {"inbound": 1},
    "reserve": {"reserved": 1},
    "settle": {"reserved": -1, "settled": 1},
    "release": {"reserved": -1},
    "fee": {"fee": 1},
    "correction": {"settled": -1, "correction": 1},
}
"""kind → {account: sign}."""


class Entry(NamedTuple):
    """One posting. `reply_id` is 0 where it belongs to no reply (given, inbound, fee)."""

    reply_id: int
    kind: str
    nanos: int  # of the books' currency
    rate_version: int
    billed_nanos: int = 0  # what the carrier bills, where it bills in another currency ...
    currency: str = ""  # ... and in which; "" for that of the books


Posted = tuple[int, str, int, int] | tuple[int, str, int, int, int, str]
"""An Entry before it is one: with four values it is in the currency of the books."""

Terms = tuple[str, int, int, int, str]
"""An Entry without its reply: kind, nano-units, rate version, what is billed, in which currency."""


class JournalRow(NamedTuple):
    """One turn's postings as they are stored."""

    seq: int
    at_ns: int
    totals: str  # "reserve 99000000 settle 0 ...", kinds in the order of KINDS, zero ones left out
    entries: str  # "id kind nanos version" joined by ";"; in another currency " billed USD" more;
    # "first-last" for the id where replies that follow each other have the same posting
    digest: bytes  # SHA-256 over the previous digest, seq, time, totals and entries


GENESIS = bytes(32)
MOST_IN_RUNS = 1_000_000  # postings of one row; no turn makes so many


class LedgerError(Exception):
    """The books do not agree with themselves."""


def _digest(previous: bytes, seq: int, at_ns: int, totals: str, entries: str) -> bytes:
    head = f"{seq}\n{at_ns}\n{totals}\n".encode()
    return hashlib.sha256(previous + head + entries.encode()).digest()


def write_row(
    previous: bytes, seq: int, at_ns: int, entries: Iterable[Posted]
) -> tuple[JournalRow, dict[str, int]]:
    """The row that follows `previous`, and by how much each account changes."""
    postings: dict[Terms, list[int]] = {}
    for reply_id, kind, nanos, version, *billed in entries:
        amount, currency = billed if billed and billed[1] else (0, "")
        terms = (kind, nanos, version, amount, currency)
        postings.setdefault(terms, []).append(reply_id)  # type: ignore[arg-type]
    return write_postings(previous, seq, at_ns, postings)


def write_postings(
    previous: bytes, seq: int, at_ns: int, postings: Mapping[Terms, list[int]]
) -> tuple[JournalRow, dict[str, int]]:
    """The same from the ids of the replies that have each posting, at least one for each.

    However postings came in, the row is the same: an export can be turned into it again.
    """
    sums: dict[str, int] = {}
    listed: list[tuple[int, str, int, int, int, str, int]] = []
    for terms, ids in postings.items():
        kind, nanos, *_ = terms
        sums[kind] = sums.get(kind, 0) + nanos * len(ids)
        listed += [(first, *terms, last) for first, last in _runs(ids)]
    listed.sort()
    totals, entries = _totals(sums), ";".join([_item(*item) for item in listed])
    row = JournalRow(seq, at_ns, totals, entries, _digest(previous, seq, at_ns, totals, entries))
    return row, account_changes(sums)


def _runs(ids: Iterable[int]) -> list[tuple[int, int]]:
    """(first, last) of ids that follow each other. 0, which is no reply, is always by itself."""
    ordered = sorted(ids)
    first = last = ordered[0]
    if first and ordered == [*range(first, first + len(ordered))]:  # by far the most
        return [(first, ordered[-1])]
    found: list[tuple[int, int]] = []
    for reply_id in ordered[1:]:
        if reply_id != last + 1 or not last:
            found.append((first, last))
            first = reply_id
        last = reply_id
    return [*found, (first, last)]


def _item(
    first: int, kind: str, nanos: int, version: int, billed: int, currency: str, last: int
) -> str:
    """One item of a row's list."""
    ids = f"{first}-{last}" if last > first else f"{first}"
    return f"{ids} {kind} {nanos} {version}" + (f" {billed} {currency}" if currency else "")


def _sums(entries: Iterable[Posted]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for entry in entries:
        kind = entry[1]
        sums[kind] = sums.get(kind, 0) + entry[2]
    return sums


def _totals(sums: dict[str, int]) -> str:
    return " ".join(f"{kind} {sums[kind]}" for kind in KINDS if kind in sums)


def account_changes(sums: dict[str, int]) -> dict[str, int]:
    """Totals per kind → changes per account, in nano-units."""
    changes: dict[str, int] = {}
    for kind, nanos in sums.items():
        for account, sign in EFFECT[kind].items():
            changes[account] = changes.get(account, 0) + sign * nanos
    return changes


def read_entries(entries: str) -> list[Entry]:
    """The postings of a stored row. Raises LedgerError for what `write_row` never wrote."""
    read: list[Entry] = []
    if not entries:
        return read
    in_runs = 0
    for item in entries.split(";"):
        try:
            ids, kind, nanos, version, *billed = item.split(" ")
            first, dash, last = ids.partition("-")
            entry = Entry(int(first), kind, int(nanos), int(version))
            if billed:
                amount, currency = billed
                entry = entry._replace(billed_nanos=int(amount), currency=currency)
            until = int(last) if dash else entry.reply_id
        except ValueError:
            raise LedgerError("a posting has not the form: id kind nanos version") from None
        if kind not in EFFECT:
            raise LedgerError(f"a posting is of the unknown kind {kind!r}")
        read.append(entry)
        if dash:
            in_runs += until - entry.reply_id + 1
            if not 0 < entry.reply_id < until or in_runs > MOST_IN_RUNS:
                raise LedgerError("a posting is of replies that no turn posts together")
            read += [Entry(more, *entry[1:]) for more in range(entry.reply_id + 1, until + 1)]
    if in_runs:
        read.sort()
    return read


def verify(
    rows: Iterable[JournalRow], previous: bytes = GENESIS, first_seq: int = 1
) -> Iterator[Entry]:
    """Walk the chain from `previous`, yield every posting. Raises LedgerError at the first fault.

    A changed, missing, doubled or reordered row is found, and a row whose totals are not the sum
    of its list. Rows missing at the end show in the balances, which `balances` then disagrees with.
    """
    expected = first_seq
    for row in rows:
        if row.seq != expected:
            raise LedgerError(f"journal row {expected} is missing; found {row.seq}")
        found = _digest(previous, row.seq, row.at_ns, row.totals, row.entries)
        if found != row.digest:
            raise LedgerError(f"journal row {row.seq} was changed, or the row before it")
        entries = read_entries(row.entries)
        if _totals(_sums(entries)) != row.totals:
            raise LedgerError(f"journal row {row.seq}: totals are not the sum of its list")
        yield from entries
        previous = row.digest
        expected += 1


def balances(entries: Iterable[Entry]) -> dict[str, int]:
    """What every account must hold after `entries`, in nano-units."""
    return dict.fromkeys(ACCOUNTS, 0) | account_changes(_sums(entries))


class Books:
    """The journal as far as it was walked: sums per account, and what is reserved for a reply."""

    def __init__(
        self,
        seq: int = 0,
        digest: bytes = GENESIS,
        sums: Mapping[str, int] | None = None,
        reserved: Mapping[int, int] | None = None,
    ) -> None:
        self.seq = seq
        self.digest = digest
        self.rows = 0
        self.sums = dict.fromkeys(ACCOUNTS, 0) | dict(sums or {})
        self.reserved = dict(reserved or {})  # reply id → nano-units neither settled nor released

    def read(self, row: JournalRow) -> list[Entry]:
        """Take up the next row. Raises LedgerError, which names it, when it cannot be the next."""
        entries = list(verify([row], self.digest, self.seq + 1))
        for entry in entries:
            for account, sign in EFFECT[entry.kind].items():
                self.sums[account] += sign * entry.nanos
            if "reserved" in EFFECT[entry.kind]:
                self._reserve(row.seq, entry)
        self.seq, self.digest, self.rows = row.seq, row.digest, self.rows + 1
        return entries

    def _reserve(self, seq: int, entry: Entry) -> None:
        reply_id = entry.reply_id
        sign = 1 if entry.kind == "reserve" else -1
        left = self.reserved.pop(reply_id, 0) + sign * entry.nanos
        if left < 0:
            raise LedgerError(f"journal row {seq}: more is taken back of a reply than was reserved")
        if left:
            self.reserved[reply_id] = left
