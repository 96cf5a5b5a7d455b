"""Turns made by hand, for tests of one store's files: replies that wait, leave and end."""

from collections.abc import Callable, Sequence

from routing.ledger import Entry, write_row
from routing.records import Flight, Now, Reply, ReplyKind, ReplyState
from routing.standing import Changes, Finished, Known, Standing
from smpp_server.store import Keys
from smpp_server.store.sqlite import SqliteStore
from tests.store.model import AGES, LANES, seal, unseal

NOW = Now(1000, 1000, "2026-11-24", 2000)
CLAIM, PREFIX = b"claim of a sender", b"prefix of a sender"


def reply(reply_id: int, msisdn: str = "33612345678") -> Reply:
    """One that waits until the end of time."""
    number, campaign = LANES[0]
    return Reply(
        reply_id,
        campaign,
        number,
        ReplyKind.REPLY,
        "fr.N",
        1,
        "FR",
        CLAIM,
        1,
        PREFIX,
        NOW.wall_ns,
        1 << 60,
        0,
        msisdn,
    )


NO_KEYS = Keys()


def begin(store: SqliteStore, keys: Keys = NO_KEYS, room: int = 0) -> Known:
    """Open the turn's transaction."""
    return store.begin(keys, {LANES[0]: room}, NOW, AGES, unseal)


def commit(
    store: SqliteStore, changes: Changes, sealed: Callable[[str, int], bytes] = seal
) -> None:
    """A whole turn around `changes`; it posts one unit of money."""
    known = begin(store)
    entry = Entry(0, "given", 1, 0)
    row, balances = write_row(known.journal_digest, known.journal_seq + 1, NOW.wall_ns, [entry])
    changes.journal, changes.balances = row, balances
    changes.waiting = known.waiting + len(changes.waiting_new)
    changes.next_id = known.next_id + len(changes.waiting_new)
    changes.wall_ns = NOW.wall_ns
    first = Flight(reply(1), "link", "north", 495, 3, True, NOW.day, NOW.wall_ns)
    changes.standing = Standing(flights={1: first})  # a start looks from the first reply on
    store.commit(changes, sealed)


def wait(
    store: SqliteStore, ids: Sequence[int], sealed: Callable[[str, int], bytes] = seal
) -> None:
    """A turn that makes new replies wait."""
    commit(store, Changes(Standing(), waiting_new=[reply(i) for i in ids]), sealed)


def leave(store: SqliteStore, ids: Sequence[int]) -> None:
    """A turn that releases replies which wait."""
    flights = [Flight(reply(i), "link", "north", 495, 3, True, NOW.day, NOW.wall_ns) for i in ids]
    commit(store, Changes(Standing(), released=flights))


def end(store: SqliteStore, was: ReplyState, state: ReplyState, ids: Sequence[int]) -> None:
    """A turn that moves replies on."""
    moves = [Finished(i, was, state, f"m{i}", "") for i in ids]
    commit(store, Changes(Standing(), finished=moves))


def cancel(store: SqliteStore, ids: Sequence[int]) -> None:
    """A turn that cancels replies which wait."""
    commit(store, Changes(Standing(), cancelled=[(i, "opt-out") for i in ids]))
