"""The journal: what a turn reserves, settles and releases, chained by SHA-256; and the balances.

One turn writes at most one row: its totals per kind and the sorted list of its postings. The list
names replies by id only; it outlives them. Any row that was changed breaks the chain after it.
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


class JournalRow(NamedTuple):
    """One turn's postings as they are stored."""

    seq: int
    at_ns: int
    totals: str  # "reserve 99000000 settle 0 ...", kinds in the order of KINDS, zero ones left out
    entries: str  # "id kind nanos version" joined by ";"; in another currency " billed USD" more
    digest: bytes  # SHA-256 over the previous digest, seq, time, totals and entries


GENESIS = bytes(32)


class LedgerError(Exception):
    """The books do not agree with themselves."""


def _digest(previous: bytes, seq: int, at_ns: int, totals: str, entries: str) -> bytes:
    head = f"{seq}\n{at_ns}\n{totals}\n".encode()
    return hashlib.sha256(previous + head + entries.encode()).digest()


def write_row(
    previous: bytes, seq: int, at_ns: int, entries: Iterable[Posted]
) -> tuple[JournalRow, dict[str, int]]:
    """The row that follows `previous`, and by how much each account changes."""
    ordered = sorted(entries)
    sums = _sums(ordered)
    totals = _totals(sums)
    listed = ";".join([f"{e[0]} {e[1]} {e[2]} {e[3]}{_tail(e)}" for e in ordered])
    row = JournalRow(seq, at_ns, totals, listed, _digest(previous, seq, at_ns, totals, listed))
    return row, account_changes(sums)


def _tail(entry: Posted) -> str:
    """What the carrier bills, when that is in its own currency."""
    return "" if len(entry) == 4 or not entry[5] else f" {entry[4]} {entry[5]}"


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
    for item in entries.split(";"):
        try:
            reply_id, kind, nanos, version, *billed = item.split(" ")
            entry = Entry(int(reply_id), kind, int(nanos), int(version))
            if billed:
                amount, currency = billed
                entry = entry._replace(billed_nanos=int(amount), currency=currency)
            read.append(entry)
        except ValueError:
            raise LedgerError("a posting has not the form: id kind nanos version") from None
        if kind not in EFFECT:
            raise LedgerError(f"a posting is of the unknown kind {kind!r}")
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
