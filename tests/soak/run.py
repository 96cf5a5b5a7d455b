"""A soak: parts of a load with faults, days that go by at once, and a sample after each."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from smpp_server.cli.stage import in_thread, pause
from smpp_server.smsc_invoice import Prices
from smpp_server.smsc_plan import Account
from smpp_server.smsc_simulator import Simulator
from tests.end_to_end.levers import SECOND_NS, Levers
from tests.end_to_end.server import IN_NANOS, OUT_NANOS, RATES, ROOT, Server
from tests.soak import weather
from tests.soak.crowd import CLAIM_DAYS, Crowd
from tests.soak.figures import Ledgers, Sample

DAY_S: Final = 86_400
DAYS: Final = 200  # of a run: what retention keeps longest has come and gone in its first fifth
STEPS: Final = 120  # in which the days after a part go by: one housekeeping each, 500 rows and more
LOOK_S: Final = 0.02
SETTLED_LOOKS: Final = 5  # of which the least figures count: the rest is only passing by
STALLED_LOOKS: Final = 3
NUDGE_S, NUDGE_MOST_S = 5, 120  # that go by when nothing moves
STUCK_S: Final = 90  # of real time without any progress
SEED: Final = 1
NO_POSTING: Final = "there is no posting in"  # long parts leave out a month
AGAIN: Final = 20  # confirmed texts that come again after a lost connection
TEXT_WINDOW, REPLY_WINDOW = 300, 100  # what one cut leaves in doubt
# The profile of every published figure, with receipts, and as little retention as may be.
CHANGES: Final = (
    ('replies = "replies.toml"', "stats_s = 0"),
    ("[money]", "[privacy]\nunknown_days = 1\nreceipt_days = 1\nreconcile_days = 1\n\n"
     "[retry]\nunknown_max_hour = 1000000\n\n[money]"),
    ("[breaker]", "[breaker]\nrepeated_percent = 100"),  # what comes again after a cut is no attack
    ("claim_days = 7", f"claim_days = {CLAIM_DAYS}"),
    ("registered_delivery = 0", "registered_delivery = 1"),
    ("window = 5000", f"window = {REPLY_WINDOW}"),
)  # fmt: skip


class Stuck(Exception):
    """Nothing moves any more; says what the server and its log tell."""


class Result(NamedTuple):
    """What came of a run."""

    samples: list[Sample]
    books: Ledgers
    chain: str
    faults: int
    notes: list[str]


def configuration(port: int) -> str:
    """conf/bench.toml with CHANGES."""
    text = (ROOT / "conf" / "bench.toml").read_text("utf-8")
    for old, new in (*CHANGES, ("port = 2775", f"port = {port}")):
        assert text.count(old) >= 1, f"conf/bench.toml has no {old!r}"
        text = text.replace(old, new)
    return text


def prices() -> Prices:
    """The server's rate card as the SMSC reads it."""
    cells = (line.split(",") for line in RATES.splitlines()[1:])
    return Prices.read(f"{row[1]},{row[0]},{row[5]},{row[2]}" for row in cells)


class Soak:
    """One run. Both processes live by clocks that the same levers move."""

    def __init__(self, reactor: Any, folder: Path, crowd: Crowd, say: Callable[[str], None]):
        self.reactor, self.crowd = reactor, crowd
        self.samples: list[Sample] = []
        self._folder, self._say = folder, say
        self._levers = Levers(folder / "levers")
        real = reactor.seconds
        reactor.seconds = lambda: real() + self._levers.monotonic_ns / SECOND_NS
        self._weather = weather.Weather(SEED)
        self.smsc = Simulator(
            reactor,
            [Account("bench", "bench")],
            prices(),
            faults=self._weather,
            habits=weather.habits(SEED),
            window=TEXT_WINDOW,
            on_submit=crowd.submitted,
            wall_s=self._wall_s,
            keep=1000,
            again=AGAIN,
        )
        self._began_s = self._wall_s()
        self._noise = 0
        self._closed = ""  # the last month whose books were closed
        self._server: Server | None = None
        self._status: Any = {}

    async def run(self) -> Result:
        """Everything. Raises Stuck, or AssertionError when the server ends."""
        port = await self.smsc.listen()
        with Server(self._folder, configuration(port), "tests.end_to_end.levers") as server:
            self._server = server
            await in_thread(self.reactor, lambda: server.start().fund("1000000"))
            for part in range(self.crowd.parts):
                began_s = time.monotonic()
                await self._load(part)
                loaded_s = time.monotonic()
                await self._days_pass()
                await self._close_months()
                self.samples.append(await self._sample(part + 1))
                self._tell(loaded_s - began_s, time.monotonic() - loaded_s)
            verified = await in_thread(self.reactor, lambda: server.smppd("ledger", "verify"))
            result = Result(
                self.samples,
                self._books(),
                verified.stdout.strip() if not verified.returncode else "",
                len(server.faults()),
                self._notes(),
            )
            await in_thread(self.reactor, server.stop)
        await self.smsc.stop()
        return result

    # -- a part

    async def _load(self, part: int) -> None:
        """All its texts, its faults on the way, and everything that follows from them."""
        before, size = self.smsc.invoice.inbound_texts, self.crowd.size(part)
        events = [(before + size * percent // 100, what) for percent, what in weather.EVENTS]
        self.smsc.feed(self.crowd.part(part))
        moved: object = None
        stalls, nudge_s, stuck_s = 0, NUDGE_S, time.monotonic()
        while True:
            while events and self.smsc.invoice.inbound_texts >= events[0][0] and self.smsc.binds:
                self._happens(events.pop(0)[1])
            status = await self._look()
            waiting, in_flight = status["waiting"], status["in_flight"]
            taken = self.smsc.invoice.inbound_texts - before == size
            if self.smsc.idle and taken and not (waiting or in_flight or events):
                return
            confirmed = taken or self.smsc.counts.confirmed  # receipts trickle in for long
            now = (self.smsc.counts.submits, confirmed, waiting, in_flight)
            self._patient(stuck_s)
            if now != moved:
                moved, stalls, nudge_s, stuck_s = now, 0, NUDGE_S, time.monotonic()
            elif (stalls := stalls + 1) >= STALLED_LOOKS and not self._unanswered():
                self._levers.pass_s(nudge_s)
                stalls, nudge_s = 0, min(2 * nudge_s, NUDGE_MOST_S)
            await pause(self.reactor, LOOK_S)

    def _patient(self, since_s: float) -> None:
        """Raises Stuck when nothing has moved for too long."""
        if time.monotonic() - since_s > STUCK_S:
            raise Stuck(f"{self._status}\n{self._the_server.log.read_text('utf-8')[-3000:]}")

    def _unanswered(self) -> int:
        """deliver_sm that the server has still to answer: while there are any, it is at work."""
        return sum(len(bind.session.outstanding()) for bind in self.smsc.binds)

    def _happens(self, what: str) -> None:
        """Something goes wrong with the connection itself."""
        if what == "cut":
            self.smsc.cut()
        elif what == "unbind":
            self.smsc.unbind()
        elif what == "break off":  # in the middle of a PDU
            self.smsc.cut_after_octets, self.smsc.octet_cuts = 1001, 1
        else:
            self.smsc.inject(weather.noise(self._noise))
            self._noise += 1

    async def _days_pass(self) -> None:
        """In steps, each long enough for one housekeeping and the deletions that follow."""
        for _ in range(STEPS):
            turns, stuck_s = self._status["turns"], time.monotonic()
            self._levers.pass_s(self.crowd.days * DAY_S / STEPS)
            while (await self._look())["turns"] == turns:
                self._patient(stuck_s)
                await pause(self.reactor, 0.003)

    async def _close_months(self) -> None:
        """Close the books of the month before as an operator does, once that is allowed."""
        ripe = datetime.fromtimestamp(self._wall_s(), UTC) - timedelta(days=1, hours=1)
        month = f"{ripe.replace(day=1) - timedelta(days=1):%Y-%m}"
        began = f"{datetime.fromtimestamp(self._began_s, UTC):%Y-%m}"
        if not max(began, self._closed) <= month != self._closed:
            return
        file = self._folder / f"{month}.csv"
        words = ("ledger", "close", month, str(file))
        done = await in_thread(self.reactor, lambda: self._the_server.smppd(*words))
        assert not done.returncode or NO_POSTING in done.stderr, done.stderr
        self._closed = month
        self._say((done.stdout or done.stderr).strip())
        file.unlink(missing_ok=True)

    # -- looks

    @property
    def _the_server(self) -> Server:
        assert self._server is not None
        return self._server

    def _wall_s(self) -> float:
        return time.time() + self._levers.wall_ns / SECOND_NS

    async def _look(self) -> Any:
        """The server's status. To be asked also wakes it, so that it sees what time it is."""
        server = self._the_server
        assert server.process is not None and server.process.poll() is None, server.log.read_text()
        self._status = await in_thread(self.reactor, server.status)
        return self._status

    async def _sample(self, part: int) -> Sample:
        """Everything at rest, after a checkpoint."""
        seen: list[dict[str, int]] = []
        for _ in range(SETTLED_LOOKS):
            self._levers.pass_s(2)  # an idle second and more
            seen.append((await self._look())["process"])
            await pause(self.reactor, LOOK_S)
        path = self._the_server.state / "smppd.db"
        rows, used = await in_thread(self.reactor, lambda: contents(path))
        return Sample(
            part,
            (self._wall_s() - self._began_s) / DAY_S,
            self.smsc.invoice.inbound_texts,
            seen[-1]["memory_octets"],
            *(min(one[name] for one in seen) for name in ("open_files", "threads", "timers")),
            path.stat().st_size,
            used,
            Path(f"{path}-wal").stat().st_size,
            rows,
        )

    def _tell(self, load_s: float, days_s: float) -> None:
        last = self.samples[-1]
        self._say(
            f"part {last.part} of {self.crowd.parts}: {last.texts:,} texts, "
            f"{last.memory_octets / 2**20:.1f} MiB, database {last.database_octets / 2**20:.1f} MiB"
            f" ({load_s:.1f} s of load, {days_s:.1f} s for {self.crowd.days:g} days)"
        )

    # -- the end

    def _books(self) -> Ledgers:
        money, tallies = self._status["money"], self._status["tallies"]
        invoice, crowd = self.smsc.invoice, self.crowd
        refused = ("refused", "refused after unknown", "returned after unknown")
        return Ledgers(
            texts=crowd.texts,
            taken=invoice.inbound_texts,
            owed=sum(crowd.owed),
            promised=tallies["replies"],
            refused=sum(tallies.get(name, 0) for name in refused),
            assumed=tallies.get("unknown_over after unknown", 0),
            open=self._status["waiting"] + self._status["in_flight"],
            second=crowd.second,
            strangers=crowd.strangers,
            booked_nanos=money["settled_nanos"] + money["reserved_nanos"],
            invoiced_nanos=invoice.outbound_nanos,
            price_nanos=OUT_NANOS,
            inbound_nanos=money["inbound_nanos"],
            inbound_invoiced_nanos=invoice.inbound_nanos,
            inbound_price_nanos=IN_NANOS,
            redelivered=self.smsc.counts.redeliveries,
        )

    def _notes(self) -> list[str]:
        """What went wrong on the way, and what the server counted."""
        counts, tallies = self.smsc.counts, self._status["tallies"]
        met = {
            "binds": counts.binds, "refused": counts.binds_asked - counts.binds,
            "storms": self._weather.storms, "texts again": counts.redeliveries,
            "submits swallowed": counts.swallowed, "submits refused": counts.refused,
            "receipts": counts.receipts, "sessions that timed out": counts.lost,
        }  # fmt: skip
        return [", ".join(f"{what} {n:,}" for what, n in one.items()) for one in (met, tallies)]


def contents(path: Path) -> tuple[dict[str, int], int]:
    """(rows of each table, octets of the pages in use) of a database that somebody writes."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")]
        rows = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
        size, pages, free = (
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_size", "page_count", "freelist_count")
        )
    return rows, (pages - free) * size
