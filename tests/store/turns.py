"""A real turn on a real store, driven inline: PDUs in, effects out, with clocks in our hands."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from routing.ledger import JournalRow, balances, read_entries, verify
from routing.records import LinkFact
from smpp_server import events as ev
from smpp_server.app import calendar
from smpp_server.config import conf_dir, load
from smpp_server.config_records import Config
from smpp_server.smpp.happenings import Answered, Event, Received
from smpp_server.smpp.schema import DeliverSm, SubmitSmResp
from smpp_server.store.sqlite import SqliteStore
from smpp_server.turn import Turn
from smpp_server.vault import Vault

SECOND = 10**9
DAY = 24 * 3600 * SECOND
START = 1_790_000_000 * SECOND
BIND = 7


def configuration(folder: Path, delay_s: int = 0, edit: Sequence[tuple[str, str]] = ()) -> Config:
    """conf/bench.toml with another delay and a few other words."""
    text = (conf_dir() / "bench.toml").read_text("utf-8")
    for old, new in (("delay_s = 0", f"delay_s = {delay_s}"), *edit):
        assert old in text, old
        text = text.replace(old, new)
    folder.mkdir(exist_ok=True)
    for name in ("replies.toml", "rate_card.csv"):
        (folder / name).write_bytes((conf_dir() / name).read_bytes())
    path = folder / "bench.toml"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return load(path, state_dir=folder)


def numbers() -> Callable[[int], bytes]:
    """Entropy that is the same in every run."""
    count = iter(range(1, 1 << 62))
    return lambda octets: next(count).to_bytes(8, "big").rjust(octets, b"\xa5")


class Bench:
    """One server without its network: a turn, its store and vault, and two clocks."""

    def __init__(self, folder: Path, config: Config, **store: Any) -> None:
        self.path = folder / "smppd.db"
        self.keys = folder / "keys"
        self.config = config
        self.entropy = numbers()
        self.wall_ns = START
        self.monotonic_ns = SECOND
        self.free = 5000
        self.sequence = 0
        self.open(**store)

    def open(self, **store: Any) -> None:
        """Start, or start again after `die`, as app.build does."""
        self.store = SqliteStore(self.path, **store)
        loaded = self.store.load()
        self.vault = Vault.open(
            self.keys, self.entropy, known_fingerprint=loaded.optout_fingerprint
        )
        if loaded.epoch == 0:
            self.vault.make_epoch(1)
            self.store.note_keys(1, self.wall_ns, self.vault.optout_fingerprint())
            loaded = self.store.load()
        self.vault.use(loaded.epoch, tuple(e for e in self.vault.epochs() if e <= loaded.epoch))
        self.turn = Turn(self.config, self.store, self.vault, calendar("UTC"))
        self.turn.start(loaded)

    def restart(self) -> None:
        """The process ends without a word and another one starts: memory is lost."""
        self.store.close()
        self.monotonic_ns = SECOND
        self.open()

    def run(self, *events: ev.Event) -> ev.Out:
        """One turn a second after the last one."""
        self.wall_ns += SECOND
        self.monotonic_ns += SECOND
        fact = LinkFact("bench", "bench", BIND, self.free)
        return self.turn(events, [fact], self.wall_ns, self.monotonic_ns)

    def heard(self, *events: Event) -> ev.Heard:
        """What one read of the only bind came to."""
        return ev.Heard(BIND, "bench", events)

    def texts(self, *senders: str, words: bytes = b"hello") -> ev.Heard:
        """One text from each of the senders, international numbers."""
        return self.heard(*(Received(self.text(sender, words)) for sender in senders))

    def text(self, sender: str, words: bytes = b"hello") -> DeliverSm:
        """A deliver_sm with the next sequence number."""
        self.sequence += 1
        return DeliverSm(
            sequence_number=self.sequence,
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr=sender,
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="33644649021",
            short_message=words,
        )

    def accepted(self, out: ev.Out) -> ev.Heard:
        """ESME_ROK for every submit of `out`."""
        tokens = [token for token, _ in out.submits.get(BIND, [])]
        return self.heard(
            *(Answered(token, SubmitSmResp(message_id=f"m{token}")) for token in tokens)
        )

    def funded(self) -> None:
        """A thousand units of money."""
        self.run(ev.Asked(ev.Command(1, "fund", "", 1000 * SECOND)))

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What the writing connection sees."""
        return self.store._db.execute(query, values).fetchall()

    def states(self) -> dict[int, int]:
        """Reply id → state."""
        return dict(self.rows("SELECT id, state FROM reply ORDER BY id"))  # type: ignore[arg-type]

    def check_books(self) -> None:
        """The chain verifies; balances, reservations and the waiting count are what it says."""
        entries = list(verify(map(JournalRow._make, self.rows("SELECT * FROM journal"))))
        stored = dict(self.rows("SELECT account, nanos FROM balance"))  # type: ignore[arg-type]
        for account, nanos in balances(entries).items():
            assert stored.get(account, 0) == nanos, account
        open_nanos = self.rows("SELECT coalesce(sum(price), 0) FROM reply WHERE state IN (1, 4)")
        assert open_nanos[0][0] == stored.get("reserved", 0)
        waiting = self.rows("SELECT value FROM state WHERE key = 'waiting'")
        assert waiting == self.rows("SELECT count(*) FROM reply WHERE state = 0")
        for journal, reply, entries in self._closed():
            named = {entry.reply_id for entry in read_entries(entries)}
            assert reply in named, f"journal row {journal} closed nothing"

    def _closed(self) -> Iterator[tuple[int, int, str]]:
        """Journal rows that replies name as the ones that reserved or closed their money."""
        yield from self.rows(
            "SELECT seq, reply.id, entries FROM reply JOIN journal"
            " ON seq IN (reserve_journal, close_journal)"
        )


def acks(out: ev.Out) -> int:
    """How many messages were answered ESME_ROK."""
    return sum(map(len, out.acks.values()))


def sent(out: ev.Out) -> int:
    """How many replies leave."""
    return sum(map(len, out.submits.values()))
