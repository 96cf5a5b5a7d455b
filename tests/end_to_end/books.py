"""What a stopped server's database says: its journal, its balances, its replies."""

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Self

from routing.ledger import ACCOUNTS, JournalRow, balances, verify
from routing.records import ReplyState
from smpp_server.vault import Vault

IN_FLIGHT = (ReplyState.WAITING, ReplyState.SUBMITTING)


class Books(NamedTuple):
    """Everything the proofs ask of a database."""

    states: Counter[ReplyState]
    unknown: frozenset[tuple[bytes, str]]  # (pseudonym, name of our number)
    balance: dict[str, int]  # per account, nano-units
    posted: dict[str, int]  # the same by the journal, whose chain has been verified

    @classmethod
    def read(cls, state: Path) -> Self:
        """Raises LedgerError when the journal's chain is broken."""
        with closing(sqlite3.connect(f"file:{state / 'smppd.db'}?mode=ro", uri=True)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            journal = db.execute("SELECT seq, at, totals, entries, digest FROM journal ORDER BY 1")
            posted = balances(verify(JournalRow(*row) for row in journal))
            rows = db.execute("SELECT state, claim, number FROM reply ORDER BY id").fetchall()
            stored = dict(db.execute("SELECT account, nanos FROM balance ORDER BY account"))
        return cls(
            Counter(ReplyState(state) for state, _, _ in rows),
            frozenset((claim, name) for state, claim, name in rows if state == ReplyState.UNKNOWN),
            {account: stored.get(account, 0) for account in ACCOUNTS},
            posted,
        )


def pseudonyms(state: Path) -> Vault:
    """The server's own keys, ready to tell who a claim belongs to."""
    vault = Vault.open(state / "keys", os.urandom)
    vault.use(max(vault.epochs()), vault.epochs())
    return vault
