"""How long to wait before the next bind: growing, capped, spread by jitter, and by reason."""

from collections.abc import Callable

SECOND_NS = 1_000_000_000
FIRST_S = 2
MOST_S = 60
ALREADY_BOUND_S = 30  # the SMSC still holds the dead session, up to some two minutes (Q29)
CREDENTIALS_S = 300  # asking faster locks accounts (Q30)
ALREADY_BOUND = 0x05
CREDENTIALS = frozenset({0x0E, 0x0F, 0x53})  # RINVPASWD, RINVSYSID, RINVSYSTYP


def seconds(nanoseconds: int) -> float:
    """For the reactor, whose timers take seconds."""
    return nanoseconds / SECOND_NS


class BackOff:
    """Counts attempts since a bind last stayed up for `stable_ns`.

    `jitter` returns a factor about 1; chance comes in through it or not at all.
    """

    def __init__(self, stable_ns: int, jitter: Callable[[], float]) -> None:
        self._stable_ns = stable_ns
        self._jitter = jitter
        self._bound_ns: int | None = None
        self._least_s = 0
        self.attempts = 0

    @staticmethod
    def is_credentials(status: int) -> bool:
        """Does `status` say that system_id, password or system_type is wrong?"""
        return status in CREDENTIALS

    def bound(self, now_ns: int) -> None:
        """The bind was accepted."""
        self._bound_ns = now_ns
        self._least_s = 0

    def refused(self, status: int) -> None:
        """The bind was refused with this command_status."""
        if status in CREDENTIALS:
            self._least_s = CREDENTIALS_S
        elif status == ALREADY_BOUND:
            self._least_s = ALREADY_BOUND_S
        else:
            self._least_s = 0

    def failed(self) -> None:
        """No connection came about."""
        self.attempts += 1

    def lost(self, now_ns: int) -> None:
        """A connection ended, bound or not."""
        if self._bound_ns is not None and now_ns - self._bound_ns >= self._stable_ns:
            self.attempts = 0
        self._bound_ns = None
        self.attempts += 1

    @property
    def is_bound(self) -> bool:
        """Has the running connection been accepted?"""
        return self._bound_ns is not None

    def wait_s(self) -> float:
        """Seconds until the next attempt: 2, 4, 8, 16, 32, 60 and so on, times the jitter.

        The jitter never shortens what a refusal asks for.
        """
        times = max(self.attempts, 1) - 1
        grown = min(MOST_S, FIRST_S << min(times, 10))
        if self._least_s == ALREADY_BOUND_S:
            grown = ALREADY_BOUND_S << min(times, 2)
        elif self._least_s:
            grown = self._least_s
        return max(self._least_s, grown * self._jitter())
