"""The running server: gathers events, runs one turn at a time, lets its effects leave.

Everything here happens in the reactor's thread, except what `run` is given: turns and
checkpoints, one after the other, in the turn's thread.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from routing.standing import AlarmChange, Command
from smpp_server import events as ev
from smpp_server.backoff import seconds
from smpp_server.config_records import Config
from smpp_server.esme import Link
from smpp_server.esme_bind import Bind
from smpp_server.store import Store
from smpp_server.turn import Turn

TICK_S = 60
IDLE_S = 1
REOPEN_MOST_S = 60
SOFT_OCTETS = 4 << 20  # waiting for a turn: stop reading binds that owe us no response
PATIENCE_S = 0.05
LOOK_AGAIN = ev.LinkChanged("")
HARD_OCTETS = 32 << 20  # stop reading every bind

DRAIN_LOOK_S = 0.05
NOTHING_CHANGED = "the store cannot write now; nothing was changed"
IN_DOUBT = "the store failed while writing this: see smppd status before you repeat it"

Run = Callable[[Callable[[], Any]], "Deferred[Any]"]


class Clocks(Protocol):
    """The only clocks there are."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""

    def monotonic_ns(self) -> int:
        """Nanoseconds of a clock that never steps."""


class House:
    """Links, turns and store of one host. Built by `app.build`."""

    def __init__(
        self,
        config: Config,
        reactor: Any,
        clocks: Clocks,
        jitter: Callable[[], float],
        run: Run,
        turn: Turn,
        reopen: Callable[[], Store],
        log: Callable[..., None],
        tell_alarm: Callable[[AlarmChange, int], None],
    ) -> None:
        self.config = config
        self.reactor = reactor
        self.turn = turn
        self.alarm_since: dict[tuple[str, str], tuple[int, str]] = {}
        self.store_failures = 0
        self.log = log
        self._clocks = clocks
        self._run = run
        self._reopen = reopen
        self._tell_alarm = tell_alarm
        self._events: list[ev.Event] = []
        self._octets = 0  # of the reads the events came from
        self._busy = False
        self._down = False
        self._closed = False
        self._left = False  # every link has ended: the last turns, then the store
        self._stopping: Deferred[None] | None = None
        self._drain_until_ns = 0
        self._draining: IDelayedCall | None = None
        self._again: IDelayedCall | None = None
        self._last_bind_id = 0
        self._last_ticket = 0
        self._waiting: dict[int, Deferred[object]] = {}
        self._wake: IDelayedCall | None = None
        self._idle: IDelayedCall | None = None
        self._patience: IDelayedCall | None = None
        self._tick: IDelayedCall | None = None
        self.links: dict[str, Link] = {
            link.name: Link(link, self, reactor, jitter) for link in config.links.values()
        }
        self._full_status = config.server.full_status
        self.spent_at_start: int | None = None
        self.started_ns = clocks.monotonic_ns()

    # what links need

    def new_bind_id(self) -> int:
        """See `esme.House`."""
        self._last_bind_id += 1
        return self._last_bind_id

    def monotonic_ns(self) -> int:
        """See `esme.House`."""
        return self._clocks.monotonic_ns()

    def offer(self, event: ev.Event, octets: int = 0) -> None:
        """Something happened; it is part of the next turn."""
        if self._closed:
            return
        self._events.append(event)
        self._octets += octets
        if self._octets > SOFT_OCTETS:
            self._press()
        self._pump()

    def _press(self) -> None:
        """Turns are behind. A bind that owes us responses is read on: they come in that stream."""
        for bind in self._binds():
            if self._octets > HARD_OCTETS or not bind.session.outstanding():
                bind.stop_reading()

    def _binds(self) -> list[Bind]:
        return [bind for link in self.links.values() for bind in link.binds()]

    # life

    def start(self) -> None:
        """First turn at once: it says what the last run left behind. Then the links."""
        self._tick = self.reactor.callLater(TICK_S, self._ticked)
        self.offer(ev.Tick())
        for link in self.links.values():
            link.start()

    def stop(self) -> "Deferred[None]":
        """Release nothing more, let the windows drain, unbind, close. Fires when all is stored."""
        if self._stopping is None:
            self._stopping = Deferred()
            self.log("info", "stopping")
            self._drain_until_ns = self.monotonic_ns() + self.config.server.drain_s * 10**9
            for link in self.links.values():
                link.draining = True
                link.changed()
            if self._again is not None and self._again.active():
                self._again.reset(0)  # one more try, for the outcomes that are kept
            self._drain()
        return self._stopping

    @property
    def is_stopping(self) -> bool:
        """Has a stop begun?"""
        return self._stopping is not None

    def force(self) -> None:
        """A second signal: no more waiting."""
        self._drain_until_ns = 0
        for link in self.links.values():
            link.abort("stopped by force")
        if self._again is not None and self._again.active():
            self._again.cancel()
            self._give_up()
        if self._draining is not None and self._draining.active():
            self._draining.reset(0)

    def _drain(self) -> None:
        owed = self._busy or any(bind.session.outstanding() for bind in self._binds())
        if owed and self.monotonic_ns() < self._drain_until_ns:
            self._draining = self.reactor.callLater(DRAIN_LOOK_S, self._drain)
            return
        ended = [link.end() for link in self.links.values()]
        DeferredList(ended).addCallback(lambda _: self._all_left())

    def _all_left(self) -> None:
        """Outcomes that came while draining are stored before the end."""
        self._left = True
        self._pump()

    def _close(self) -> None:
        self._closed = True
        for call in (self._wake, self._idle, self._tick):
            if call is not None and call.active():
                call.cancel()
        for deferred in self._waiting.values():
            deferred.callback("the server stopped")
        self._waiting.clear()
        closed = self._run(self.turn.close)
        closed.addErrback(lambda failure: self.log("error", "close", failure=failure))
        stopping = self._stopping
        assert stopping is not None, "only stop() leads here"
        closed.addCallback(lambda _: stopping.callback(None))

    # turns

    def _pump(self) -> None:
        if self._busy or self._closed:
            return
        if self._down or not self._events:
            if self._left:
                self._close()
            return
        events, self._events = self._events, []
        heard, self._octets = self._octets > 0, 0
        self._busy = True
        facts = [link.fact() for link in self.links.values()]
        now = (self._clocks.wall_ns(), self._clocks.monotonic_ns())
        done = self._run(lambda: self.turn(events, facts, *now))
        done.addCallbacks(self._done, self._failed)
        done.addErrback(self._bug)
        if heard and self._busy:
            for bind in self._binds():
                bind.wait()
            self._patience = self.reactor.callLater(PATIENCE_S, self._go_on)

    def _go_on(self) -> None:
        """Read on: the turn is done, or a commit is slow and enquire_link must be answered."""
        if self._patience is not None:
            if self._patience.active():
                self._patience.cancel()
            self._patience = None
            for bind in self._binds():
                bind.go_on()

    def _done(self, out: ev.Out) -> None:
        self._busy = False
        self._go_on()
        if self.store_failures:
            self._recovered()
        binds = {bind.bind_id: bind for bind in self._binds()}
        try:
            self._answer(binds, out)
            self._submit(binds, out)
        except BaseException:
            self._disown(binds, out)
            raise
        for bind_id in out.acks.keys() | out.submits.keys():
            if bind_id in binds:
                binds[bind_id].flush()
        for name in out.rebind:
            self.links[name].abort("rebind: submits are not answered as they should be")
        for change in out.alarms:
            self._alarm(change)
        for ticket in [ticket for ticket in out.answers if ticket in self._waiting]:
            self._waiting.pop(ticket).callback(out.answers[ticket])
        self._wake_in(out.wake_in_ns)
        for bind in binds.values():
            bind.read_on()
        if self._idle is not None and self._idle.active():
            self._idle.reset(IDLE_S)
        else:
            self._idle = self.reactor.callLater(IDLE_S, self._rest, True)
        if self.turn.rests(self.monotonic_ns()):
            self._rest(False)
        self._pump()

    def _answer(self, binds: Mapping[int, Bind], out: ev.Out) -> None:
        """Acknowledge what is stored. For a bind that is gone the carrier delivers again."""
        for bind_id, requests in out.acks.items():
            if bind_id in binds and requests:
                binds[bind_id].session.answer(requests)
        for bind_id, requests in out.refusals.items():
            if bind_id in binds:
                binds[bind_id].session.answer(requests, self._full_status)

    def _submit(self, binds: Mapping[int, Bind], out: ev.Out) -> None:
        """Send what is paid for. What no bind can take has certainly not left."""
        now = self.monotonic_ns()
        for bind_id, pairs in out.submits.items():
            bind = binds.get(bind_id)
            if bind is not None and bind.up and bind.session.free >= len(pairs):
                bind.session.request(pairs, now)
                bind.side.sent(len(pairs))
            else:
                self._events.append(ev.NotSent([reply_id for reply_id, _ in pairs]))

    def _disown(self, binds: Mapping[int, Bind], out: ev.Out) -> None:
        """A fault of ours came between: what no session has taken over has certainly not left."""
        owed = {token for bind in binds.values() for token in bind.session.outstanding()}
        ids = [reply_id for pairs in out.submits.values() for reply_id, _ in pairs]
        self._events = [event for event in self._events if not isinstance(event, ev.NotSent)]
        self._events.append(ev.NotSent([reply_id for reply_id in ids if reply_id not in owed]))

    def _wake_in(self, wait_ns: int) -> None:
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        self._wake = None
        if wait_ns >= 0:
            self._wake = self.reactor.callLater(seconds(wait_ns), self.offer, LOOK_AGAIN)

    def _ticked(self) -> None:
        self._tick = self.reactor.callLater(TICK_S, self._ticked)
        self.offer(ev.Tick())

    def _rest(self, idle: bool) -> None:
        """Between turns: erase from disk what was deleted, delete what is old."""
        if self._busy or self._down or self._closed:
            return
        self._busy = True
        now = self.monotonic_ns()
        done = self._run(lambda: self.turn.rest(now, idle))
        done.addCallbacks(self._rested, self._failed)
        done.addErrback(self._bug)

    def _rested(self, again: bool) -> None:
        self._busy = False
        if again and (self._idle is None or not self._idle.active()):
            self._idle = self.reactor.callLater(IDLE_S, self._rest, True)
        self._pump()

    # when the store cannot

    def _failed(self, failure: Failure) -> None:
        """Nothing was sent. Drop the binds, wait, reopen; outcomes stay in the turn's memory."""
        self._busy = self._down = True
        self.store_failures += 1
        self.log("critical", "turn failed", failure=failure)
        if self.store_failures == 1:
            self._alarm(AlarmChange("store_failed", "", True, type(failure.value).__name__))
        self._tell_those_who_wait()
        kept, self._events, self._octets = self._events, [], 0
        self.turn.keep(kept)
        stops = []
        for link in self.links.values():
            link.abort("the store cannot write")
            stops += link.stop()
        wait_s = min(REOPEN_MOST_S, 1 << min(self.store_failures - 1, 6))
        DeferredList(stops).addCallback(lambda _: self._try_in(wait_s))

    def _tell_those_who_wait(self) -> None:
        """Answer operators: a commit may be done although it is reported as failed."""
        asked = [event for event in self._events if isinstance(event, ev.Asked | ev.Explained)]
        untouched = {event.ticket for event in asked}  # no turn has taken these up
        waiting, self._waiting = self._waiting, {}
        for ticket, deferred in waiting.items():
            deferred.callback(NOTHING_CHANGED if ticket in untouched else IN_DOUBT)

    def _try_in(self, wait_s: int) -> None:
        until_ns = self.monotonic_ns() + wait_s * 10**9
        if self._stopping is not None and until_ns > self._drain_until_ns:
            self._give_up()
        else:
            self._again = self.reactor.callLater(wait_s, self._try_again)

    def _give_up(self) -> None:
        """The stop waits no longer for the store; what it misses is unknown at the next start."""
        self._busy = False
        self._pump()

    def _try_again(self) -> None:
        done = self._run(lambda: self.turn.reopen(self._reopen))
        done.addCallbacks(self._reopened, self._failed)
        done.addErrback(self._bug)

    def _reopened(self, _: object) -> None:
        self._busy = self._down = False
        self.offer(ev.Tick())  # links follow when this turn is stored

    def _recovered(self) -> None:
        """A turn was stored again: only that ends it."""
        self.store_failures = 0
        self.log("warning", "the store writes again")
        self._alarm(AlarmChange("store_failed", "", False, ""))
        if self._stopping is None:
            for link in self.links.values():
                link.start()

    def _bug(self, failure: Failure) -> None:
        """Our own fault in applying effects: loud, and the binds are dropped so nothing is lost."""
        self.log("critical", "bug", failure=failure)
        self._failed(failure)

    # alarms and questions

    def _alarm(self, change: AlarmChange) -> None:
        wall_ns = self._clocks.wall_ns()
        key = (change.code, change.subject)
        if change.begins:
            self.alarm_since[key] = (wall_ns, change.figures)
        else:
            self.alarm_since.pop(key, None)
        what = "begins" if change.begins else "ends"
        self.log("warning", "alarm", code=change.code, subject=change.subject, change=what)
        self._tell_alarm(change, wall_ns)

    def ask(self, name: str, text: str = "", nanos: int = 0, **more: Any) -> "Deferred[object]":
        """Carry out a command in a turn of its own kind; fires after its commit."""
        return self._asked(lambda ticket: ev.Asked(Command(ticket, name, text, nanos, **more)))

    def explain(self, address: str, number: str = "") -> "Deferred[object]":
        """What would happen to a text from `address`; a dict, or a sentence when it cannot be."""
        return self._asked(lambda ticket: ev.Explained(ticket, address, number))

    def _asked(self, event: Callable[[int], ev.Event]) -> "Deferred[object]":
        if self._down or self._closed:  # later it would be done although we said it was not
            return succeed(NOTHING_CHANGED)
        self._last_ticket += 1
        deferred: Deferred[object] = Deferred()
        self._waiting[self._last_ticket] = deferred
        self.offer(event(self._last_ticket))
        return deferred
