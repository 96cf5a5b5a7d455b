"""All the timers of one session as one value (3.4 section 7.2): told of events, asked when to wake.

Every time is an integer in nanoseconds of one monotonic clock that belongs to the caller.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What a session may hold open and how long it waits. 3.4 gives no values: all are settings.

    Raises ValueError when a value makes no sense.
    """

    window: int = 10  # requests of ours without a response; section 2.7.1 suggests at most 10
    bind_timeout_ns: int = 10 * _SECOND_NS  # session_init: connected but not bound
    response_timeout_ns: int = 30 * _SECOND_NS
    enquire_link_ns: int = 30 * _SECOND_NS  # silence of the peer before we ask; 0 never asks
    inactivity_ns: int = 0  # no transaction for so long ends the session; 0 never does
    unbind_timeout_ns: int = 5 * _SECOND_NS
    silent_intervals: int = 3  # of enquire_link_ns without an octet: then the link is dead
    late_memory: int = 10_000  # timed-out requests whose late response is still recognised

    def __post_init__(self) -> None:
        """Refuse what would stop or spin a session."""
        positive = ("window", "bind_timeout_ns", "response_timeout_ns", "unbind_timeout_ns")
        for name in positive:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        for name in ("enquire_link_ns", "inactivity_ns", "late_memory"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        if self.silent_intervals < 2:
            raise ValueError("silent_intervals must be at least 2: one to ask, one to wait")


class Over(StrEnum):
    """Which timer ended the session."""

    BIND = "bind"  # not bound in time
    UNBIND = "unbind"  # unbind not answered in time
    SILENT = "silent"  # nothing heard of the peer for too long
    INACTIVE = "inactive"  # no transaction for too long


class Due(NamedTuple):
    """What has fallen due: requests without a response, an enquire_link to send, the end."""

    expired: list[int]
    enquire: bool
    over: Over | None


class Timers:
    """session_init, response, enquire_link, inactivity and the bounded wait for unbind_resp.

    Nothing runs before `connected`. A response is awaited from `sent` to `answered`; while paused
    nothing can be heard, so nobody is called late or silent, but enquire_link still goes out: the
    peer has a timer of its own.
    """

    __slots__ = (
        "_active_at",
        "_bind_by",
        "_enquire_at",
        "_limits",
        "_paused_at",
        "_silences",
        "_standstill_ns",
        "_unbind_by",
        "_waiting",
    )

    _bind_by: int | None
    _unbind_by: int | None
    _enquire_at: int | None
    _active_at: int | None
    _waiting: dict[int, int]  # sequence_number -> sent at, oldest first

    def __init__(self, limits: SessionLimits) -> None:
        self._limits = limits
        self._paused_at: int | None = None
        self._standstill_ns = 0  # all pauses so far: `_waiting` is kept on a clock without them
        self.stop()

    def connected(self, now: int) -> None:
        """The connection is up, or the bind goes out now: from here session_init runs."""
        self._bind_by = now + self._limits.bind_timeout_ns

    def bound(self, now: int) -> None:
        """The session is bound: session_init ends, enquire_link and inactivity begin."""
        self._bind_by = None
        self._active_at = now
        self._enquire_at = now  # makes the next line start it
        self.peer_spoke(now)

    def unbinding(self, now: int) -> None:
        """An unbind was sent or received: its timer alone bounds what is left."""
        self._unbind_by = now + self._limits.unbind_timeout_ns
        self._bind_by = self._enquire_at = self._active_at = None

    def stop(self) -> None:
        """The session is closed: nothing is awaited any more."""
        self._bind_by = None
        self._unbind_by = None
        self._enquire_at = None
        self._active_at = None
        self._silences = 0
        self._waiting = {}

    def peer_spoke(self, now: int) -> None:
        """Octets came: the peer lives (section 4.11), whatever they say."""
        if self._enquire_at is not None:
            self._silences = 0
            self._enquire_at = now + self._limits.enquire_link_ns

    def transacted(self, now: int) -> None:
        """A PDU other than enquire_link was sent or received: the link is in use."""
        if self._active_at is not None:
            self._active_at = now

    def sent(self, numbers: Iterable[int], now: int) -> None:
        """Requests with these sequence numbers went out; their response timers start."""
        at = now if self._paused_at is None else self._paused_at
        self._waiting.update(dict.fromkeys(numbers, at - self._standstill_ns))

    def answered(self, number: int) -> None:
        """A response came: its timer ends."""
        del self._waiting[number]

    def pause(self, now: int) -> None:
        """Reading stops: response timers stand still."""
        if self._paused_at is None:
            self._paused_at = now

    def resume(self, now: int) -> None:
        """Reading goes on: response timers run on, silence and inactivity count from here."""
        if self._paused_at is not None:
            self._standstill_ns += now - self._paused_at
            self._paused_at = None
            self.peer_spoke(now)
            self.transacted(now)

    def deadline(self) -> int | None:
        """When to call `expire`; None when nothing runs."""
        instants = (
            self._bind_by,
            self._unbind_by,
            self._enquire_by(),
            self._inactive_by(),
            self._response_by(),
        )
        return min((at for at in instants if at is not None), default=None)

    def expire(self, now: int) -> Due:
        """Take what is due at `now`. Of two timers that would end the session the first wins."""
        over = None
        if self._bind_by is not None and now >= self._bind_by:
            over = Over.BIND
        elif self._unbind_by is not None and now >= self._unbind_by:
            over = Over.UNBIND
        elif (inactive_by := self._inactive_by()) is not None and now >= inactive_by:
            over = Over.INACTIVE
        enquire = False
        enquire_by = self._enquire_by()
        if over is None and enquire_by is not None and now >= enquire_by:
            self._enquire_at = now + self._limits.enquire_link_ns
            # Counting what was asked, not the time gone by: after a stop of the whole machine
            # the peer gets its chance to speak before it is called dead.
            self._silences += self._paused_at is None
            enquire = self._silences < self._limits.silent_intervals
            over = None if enquire else Over.SILENT
        return Due(self._expired(now), enquire, over)

    def _expired(self, now: int) -> list[int]:
        if self._paused_at is not None:
            return []
        waiting = self._waiting
        sent_by = now - self._standstill_ns - self._limits.response_timeout_ns
        expired = list(takewhile(lambda number: waiting[number] <= sent_by, waiting))
        for number in expired:
            del waiting[number]
        return expired

    def _enquire_by(self) -> int | None:
        return self._enquire_at if self._limits.enquire_link_ns else None

    def _inactive_by(self) -> int | None:
        if self._active_at is None or self._paused_at is not None or not self._limits.inactivity_ns:
            return None
        return self._active_at + self._limits.inactivity_ns

    def _response_by(self) -> int | None:
        if self._paused_at is not None or not self._waiting:
            return None
        first_sent_at = next(iter(self._waiting.values()))
        return first_sent_at + self._standstill_ns + self._limits.response_timeout_ns
