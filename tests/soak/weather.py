"""What goes wrong in a soak: some per mille of every fault, storms of throttling, refused binds."""

from itertools import accumulate
from typing import Final

from smpp_server.config_simulator import AccountTable, ReceiptsTable, SimulatorFile
from smpp_server.smpp.constants import CommandStatus
from smpp_server.smsc_chance import Chance
from smpp_server.smsc_faults import habits_of
from smpp_server.smsc_noise import NOISE
from smpp_server.smsc_plan import Habits, Reception

LATE_S: Final = 40  # beyond the server's patience
STORM_EVERY: Final = 7000  # submits ...
STORM: Final = 60  # ... of which so many in a row are throttled
BINDS_REFUSED_PERCENT: Final = 30
PARTS: Final = 10_000
# Of PARTS submits so many are received like this; all others are simply accepted.
ODD: Final = (
    (20, Reception(CommandStatus.ESME_RSUBMITFAIL)),  # to be tried again
    (10, Reception(CommandStatus.ESME_RINVDSTADR)),  # refused for good
    (5, Reception(delay_s=LATE_S)),
    (50, Reception(delay_s=0.03)),  # later ones overtake
    (5, Reception(copies=0)),  # accepted and billed, the response is lost
    (5, Reception(taken=False)),  # lost on the way to the SMSC
    (20, Reception(copies=2)),
    (10, Reception(body=False)),  # no message_id
)
_ENDS: Final = tuple(accumulate(share for share, _ in ODD))
RECEIPTS: Final = ReceiptsTable(
    dialects=["every"],
    delay="exponential",
    delay_max_ms=8000,
    before_percent=1,
    never_percent=1,
    doubled_percent=1,
    failed_percent=1,
    other_ids_percent=1,
)
# When a part has come so far, in percent, the SMSC does this.
EVENTS: Final = ((15, "noise"), (30, "cut"), (50, "unbind"), (65, "noise"), (80, "break off"))


class Weather:
    """A `Plan`, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.storms = 0
        self._chance = Chance(seed)

    def bind(self, nth: int) -> int:
        """See `Plan.bind`."""
        refused = nth == 1 or self._chance.happens(BINDS_REFUSED_PERCENT, "bind", nth)
        return CommandStatus.ESME_RBINDFAIL if refused else 0

    def submit(self, nth: int) -> Reception:
        """See `Plan.submit`."""
        storm = nth % STORM_EVERY
        if storm < STORM and nth >= STORM_EVERY:
            self.storms += not storm
            return Reception(CommandStatus.ESME_RTHROTTLED)
        drawn = self._chance.below(PARTS, "submit", nth)
        if drawn >= _ENDS[-1]:
            return _FINE
        return next(what for end, (_, what) in zip(_ENDS, ODD, strict=True) if drawn < end)

    def cuts(self, delivered: int) -> bool:
        """See `Plan.cuts`."""
        return False


_FINE: Final = Reception()


def habits(seed: int) -> Habits:
    """How the SMSC numbers messages and writes receipts."""
    account = AccountTable(system_id="bench", password="bench")
    file = SimulatorFile(account={"main": account}, receipts=RECEIPTS)
    return habits_of(file, Chance(seed, "habits"))


def noise(nth: int) -> bytes:
    """Octets nobody should send, another kind each time."""
    return list(NOISE.values())[nth % len(NOISE)]
