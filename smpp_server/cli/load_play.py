"""Sends a load and watches: a sample at each interval, every reply judged when it comes."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

from smpp_server.cli.load_profiles import Load
from smpp_server.cli.load_samples import Histogram, Sample, Series
from smpp_server.cli.load_search import traces
from smpp_server.cli.load_target import Target
from smpp_server.cli.stage import Books, in_thread, invoiced, ledger, pause
from smpp_server.smsc_plan import Submitted, Text

STEP_S: Final = 0.02
SHORT_S: Final = 0.25  # between two samples of a short run
LONG_S: Final = 1.0
LONG_RUN_S: Final = 30
SEARCHED: Final = 20  # numbers that are looked for in every form; all are looked for as digits
WORDS: Final = "Salut, tu te souviens de moi ?"
SHORTEST: Final = 6  # letters of a word that no file has by chance


class Outcome(NamedTuple):
    """What came of a load."""

    load: Load
    target: Target
    whole: bool  # everything came to rest
    elapsed_s: float
    series: Series
    ours: Books
    theirs: Books
    tallies: dict[str, int]  # what the server counted meanwhile
    money: dict[str, Any]  # as its status has it, at the end
    confirmed: int
    replied: bytearray  # sender → replies
    strangers: int  # replies to people who did not text
    most_ahead: float  # segments beyond what the rate allows since the beginning, at the worst
    segments: int
    finds: list[str]
    octets: int  # that were searched


class Progress(Protocol):
    """Told how far the load has come."""

    def __call__(self, series: Series, confirmed: int, replies: int) -> None:
        """So many texts were confirmed and so many replies taken."""


class Watch:
    """Sees each text go and each reply come; flat in memory but for a byte per sender."""

    def __init__(self, reactor: Any, load: Load) -> None:
        self.load = load
        self.latencies = Histogram()  # since the last sample
        self.replied = bytearray(load.places)
        self.strangers = 0
        self.segments = 0
        self.most_ahead = 0.0
        self.began_s = reactor.seconds()
        self.tps_segments = 0.0
        self._seconds = reactor.seconds
        self._asked_s: dict[int, float] = {}

    def begin(self, tps_segments: float) -> None:
        """Now the first text is sent, to a server that may send so much; 0: no limit."""
        self.began_s = self._seconds()
        self.tps_segments = tps_segments

    def asked(self, sender: int, at_s: float) -> None:
        """Somebody texts; only who waits for a first reply is remembered."""
        if not self.replied[sender]:
            self._asked_s.setdefault(sender, at_s)

    def submitted(self, reply: Submitted) -> None:
        """The SMSC has accepted a reply.

        A segment arrives later than it was sent, so those that arrived by a moment are at most
        those allowed by then: a bound that no delay on the way can break.
        """
        now_s = self._seconds()
        self.segments += reply.segments
        if self.tps_segments:
            allowed = self.tps_segments * (now_s - self.began_s)
            self.most_ahead = max(self.most_ahead, self.segments - allowed)
        sender = self.load.sender_of(reply.destination)
        if sender is None:
            self.strangers += 1
            return
        self.replied[sender] = min(255, self.replied[sender] + 1)
        asked_s = self._asked_s.pop(sender, None)
        if asked_s is not None:
            self.latencies.add(int((now_s - asked_s) * 1_000_000))


class Run:
    """One load against one target."""

    def __init__(self, load: Load, target: Target, watch: Watch, patience_s: float) -> None:
        self.load, self.target, self.watch = load, target, watch
        self.series = Series(SHORT_S if load.span_s < LONG_RUN_S else LONG_S)
        self._patience_s = patience_s
        self._seconds = target.reactor.seconds
        self._before: dict[str, Any] = {}
        self._status: dict[str, Any] = {}
        self._peaks = (0, 0)

    async def play(self, tell: Progress) -> Outcome:
        """Send everything, wait for all that follows from it, and look at what there is."""
        target, watch = self.target, self.watch
        self._before = self._status = await target.look()
        watch.begin(target.tps_segments)
        whole = await self._send(tell)
        elapsed_s = self._seconds() - watch.began_s
        self._status = await target.look()
        self._sample()
        words = [word for word in WORDS.split() if len(word) >= SHORTEST]
        places = self.load.places
        picked = sorted({n * (places - 1) // (SEARCHED - 1) for n in range(SEARCHED)})
        numbers = [self.load.number(sender) for sender in picked]

        def search() -> tuple[list[str], int]:
            return traces(target.directory, [WORDS, *words], numbers, self._sent)

        finds, octets = await in_thread(target.reactor, search)
        before, after = self._before["tallies"], self._status["tallies"]
        return Outcome(
            load=self.load,
            target=target,
            whole=whole,
            elapsed_s=elapsed_s,
            series=self.series,
            ours=self._ours(),
            theirs=invoiced(target.simulator),
            tallies={name: n - before.get(name, 0) for name, n in after.items()},
            money=self._status["money"],
            confirmed=target.simulator.invoice.inbound_texts,
            replied=watch.replied,
            strangers=watch.strangers,
            most_ahead=watch.most_ahead,
            segments=watch.segments,
            finds=finds,
            octets=octets,
        )

    def _sent(self, number: str) -> bool:
        return self.load.sender_of(number) is not None

    def _ours(self) -> Books:
        before, after = ledger(self._before), ledger(self._status)
        return Books._make(now - then for then, now in zip(before, after, strict=True))

    async def _send(self, tell: Progress) -> bool:
        """False when nothing moves any more before everything is at rest."""
        simulator, load = self.target.simulator, self.load
        invoice = simulator.invoice  # counts each text once, however often it came
        if not load.span_s:
            simulator.feed(self._crowd(0, load.texts))
        sent, moved_s, best = 0, self._seconds(), -1
        while True:
            now_s = self._seconds()
            if load.span_s:
                due = load.sent_by(now_s - self.watch.began_s)
                simulator.deliver(*self._crowd(sent, due))
                sent = due
            await self._look(now_s)
            tell(self.series, invoice.inbound_texts, invoice.outbound_messages)
            if invoice.inbound_texts >= load.texts and self._resting():
                return True
            progress = invoice.inbound_texts + invoice.outbound_messages + sent
            if progress > best:
                best, moved_s = progress, now_s
            elif now_s - moved_s > self._patience_s and sent in (0, load.texts):
                return False
            await pause(self.target.reactor, STEP_S)

    def _crowd(self, first: int, end: int) -> Iterator[Text]:
        """These texts; each counts as sent when it is due, or when it is drawn."""
        load, watch = self.load, self.watch
        for nth in range(first, end):
            sender = load.sender(nth)
            at_s = watch.began_s + load.due_s(nth) if load.span_s else self._seconds()
            watch.asked(sender, at_s)
            yield Text(load.number(sender), self.target.our_number, WORDS)

    def _resting(self) -> bool:
        value = self._status
        taken = ledger(value).texts - ledger(self._before).texts >= self.load.texts
        return taken and self.target.simulator.idle and not (value["waiting"] or value["in_flight"])

    async def _look(self, now_s: float) -> None:
        """Ask the server how it is; a stage each time, a running server once a sample."""
        samples = self.series.samples
        last_s = self.watch.began_s + (samples[-1].at_s if samples else 0)
        due = now_s - last_s >= self.series.interval_s
        if due or self.target.is_stage:
            self._status = await self.target.look()
            value = self._status
            outstanding = sum(link["outstanding"] for link in value["links"])
            self._peaks = (
                max(self._peaks[0], outstanding),
                max(self._peaks[1], value["waiting"]),
            )
        if due:
            self._sample()

    def _sample(self) -> None:
        simulator, watch = self.target.simulator, self.watch
        self.series.add(
            Sample(
                self._seconds() - watch.began_s,
                simulator.invoice.inbound_texts,
                simulator.invoice.outbound_messages,
                *self._peaks,
                simulator.invoice.outbound_nanos,
                watch.latencies,
            )
        )
        watch.latencies, self._peaks = Histogram(), (0, 0)
