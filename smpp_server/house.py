"""The running server: gathers events, runs one turn at a time, lets its effects leave.

Everything here happens in the reactor's thread, except what `run` is given: turns and
checkpoints, one after the other, in the turn's thread.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from routing.standing import AlarmChange, Command
from smpp_server import events as ev
from smpp_server.backoff import seconds
from smpp_server.config_records import Config
from smpp_server.esme import Bind, Link
from smpp_server.store import Store
from smpp_server.turn import Turn

TICK_S = 60
IDLE_S = 1
REOPEN_MOST_S = 60
SOFT_OCTETS = 4 << 20  # waiting for a turn: stop reading binds that owe us no response
HARD_OCTETS = 32 << 20  # stop reading every bind

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
        self._octets = 0
        self._busy = False
        self._down = False
        self._closed = False
        self._stopping: Deferred[None] | None = None
        self._last_bind_id = 0
        self._last_ticket = 0
        self._waiting: dict[int, Deferred[object]] = {}
        self._wake: IDelayedCall | None = None
        self._idle: IDelayedCall | None = None
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
            for link in self.links.values():
                link.draining = True
            self.log("info", "stopping")
            self._drain_until_ns = self.monotonic_ns() + self.config.server.drain_s * 10**9
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

    def _drain(self) -> None:
        outstanding = any(bind.session.outstanding() for bind in self._binds())
        if (outstanding or self._busy) and self.monotonic_ns() < self._drain_until_ns:
            self.reactor.callLater(0.05, self._drain)
            return
        for link in self.links.values():
            link.unbind()
        stops = [deferred for link in self.links.values() for deferred in link.stop()]
        DeferredList(stops).addCallback(lambda _: self._last_turn())

    def _last_turn(self) -> None:
        """Outcomes that came while draining are stored before the end."""
        if self._busy:
            self.reactor.callLater(0.01, self._last_turn)
            return
        if self._events and not self._down:
            self._pump()
            self.reactor.callLater(0, self._last_turn)
            return
        self._closed = True
        for call in (self._wake, self._idle, self._tick):
            if call is not None and call.active():
                call.cancel()
        for deferred in self._waiting.values():
            deferred.callback("the server stopped")
        self._waiting.clear()
        rest = self._run(self.turn.close)
        rest.addErrback(lambda failure: self.log("error", "close", failure=failure))
        stopping = self._stopping
        assert stopping is not None, "only stop() leads here"
        rest.addCallback(lambda _: stopping.callback(None))

    # turns

    def _pump(self) -> None:
        if self._busy or self._down or self._closed or not self._events:
            return
        events, self._events = self._events, []
        self._octets = 0
        self._busy = True
        facts = [link.fact() for link in self.links.values()]
        wall_ns, monotonic_ns = self._clocks.wall_ns(), self._clocks.monotonic_ns()
        done = self._run(lambda: self.turn(events, facts, wall_ns, monotonic_ns))
        done.addCallbacks(self._done, self._failed, errbackArgs=(events,))
        done.addErrback(self._bug)

    def _done(self, out: ev.Out) -> None:
        self._busy = False
        if self.store_failures:  # a turn was stored again: only that ends it
            self.store_failures = 0
            self.log("warning", "the store writes again")
            self._alarm(AlarmChange("store_failed", "", False, ""))
        binds = {bind.bind_id: bind for bind in self._binds()}
        self._answer(binds, out)
        self._submit(binds, out)
        for bind_id in out.acks.keys() | out.submits.keys():
            if bind_id in binds:
                binds[bind_id].flush()
        for name in out.rebind:
            self.links[name].abort("rebind: submits are not answered as they should be")
        for change in out.alarms:
            self._alarm(change)
        for ticket, result in out.answers.items():
            waiting = self._waiting.pop(ticket, None)
            if waiting is not None:
                waiting.callback(result)
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
            if bind is not None and bind.session.bound and bind.session.free >= len(pairs):
                bind.session.request(pairs, now)
                bind.side.link.rate.add(len(pairs), now)
            else:
                self._events.append(ev.NotSent([reply_id for reply_id, _ in pairs]))

    def _wake_in(self, wait_ns: int) -> None:
        if self._wake is not None and self._wake.active():
            self._wake.cancel()
        self._wake = None
        if wait_ns >= 0:
            self._wake = self.reactor.callLater(seconds(wait_ns), self._look_again)

    def _look_again(self) -> None:
        self.offer(ev.LinkChanged(""))

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
        done.addCallbacks(self._rested, self._failed, errbackArgs=([],))
        done.addErrback(self._bug)

    def _rested(self, again: bool) -> None:
        self._busy = False
        if again and (self._idle is None or not self._idle.active()):
            self._idle = self.reactor.callLater(IDLE_S, self._rest, True)
        self._pump()

    # when the store cannot

    def _failed(self, failure: Failure, events: list[ev.Event]) -> None:
        """Nothing was sent. Drop the binds, wait, reopen; outcomes stay in the turn's memory."""
        self._down = True
        self.store_failures += 1
        self.log("critical", "turn failed", failure=failure)
        if self.store_failures == 1:
            self._alarm(AlarmChange("store_failed", "", True, type(failure.value).__name__))
        for event in events + self._events:
            if isinstance(event, ev.Asked | ev.Explained):
                ticket = event.command.ticket if isinstance(event, ev.Asked) else event.ticket
                waiting = self._waiting.pop(ticket, None)
                if waiting is not None:
                    waiting.callback("the store cannot write now; nothing was changed")
        self.turn.keep(self._events)
        self._events = []
        stops = []
        for link in self.links.values():
            link.abort("the store cannot write")
            stops += link.stop()
        wait = min(REOPEN_MOST_S, 1 << min(self.store_failures - 1, 6))
        DeferredList(stops).addCallback(
            lambda _: self.reactor.callLater(wait, self._try_again)
        )

    def _try_again(self) -> None:
        if self._stopping is not None:
            self._busy = False
            return
        done = self._run(lambda: self.turn.reopen(self._reopen))
        done.addCallbacks(self._reopened, self._failed, errbackArgs=([],))
        done.addErrback(self._bug)

    def _reopened(self, _: object) -> None:
        self._down = self._busy = False
        self.offer(ev.Tick())
        for link in self.links.values():
            link.start()

    def _bug(self, failure: Failure) -> None:
        """Our own fault in applying effects: loud, and the binds are dropped so nothing is lost."""
        self.log("critical", "bug", failure=failure)
        self._failed(failure, [])

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

    def ask(self, name: str, text: str = "", nanos: int = 0) -> "Deferred[object]":
        """Carry out a command in a turn of its own kind; fires after its commit."""
        ticket, deferred = self._ticket()
        self.offer(ev.Asked(Command(ticket, name, text, nanos)))
        return deferred

    def explain(self, address: str, number: str = "") -> "Deferred[object]":
        """What would happen to a text from `address`; a dict, or a sentence when it cannot be."""
        ticket, deferred = self._ticket()
        self.offer(ev.Explained(ticket, address, number))
        return deferred

    def _ticket(self) -> "tuple[int, Deferred[object]]":
        self._last_ticket += 1
        deferred: Deferred[object] = Deferred()
        if self._down or self._closed:
            deferred.callback("the store cannot write now; nothing was changed")
        else:
            self._waiting[self._last_ticket] = deferred
        return self._last_ticket, deferred
