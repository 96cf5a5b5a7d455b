"""What a plan file makes of each bind, submit and receipt: drawn from its seed, so repeatable."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from smpp_server.config_simulator import (
    EVERY,
    PLAIN,
    STATE_NUMBERS,
    BindsTable,
    ConnectionTable,
    ReceiptsTable,
    ResponsesTable,
    SimulatorFile,
)
from smpp_server.smpp.constants import CommandStatus
from smpp_server.smsc_chance import Chance
from smpp_server.smsc_plan import Habits, Reception
from smpp_server.smsc_receipts import DIALECTS


def span_ms(chance: Chance, how: str, least: int, most: int, what: str, nth: int) -> int:
    """A time of this distribution: fixed at `least`, or between the two."""
    if how == "uniform":
        return chance.between(least, most, what, nth)
    return chance.waiting(least, most, what, nth) if how == "exponential" else least


class DrawnFaults:
    """A `Plan` of percentages. `seconds` is the clock the limit of submits a second goes by."""

    def __init__(
        self,
        responses: ResponsesTable,
        binds: BindsTable,
        connection: ConnectionTable,
        chance: Chance,
        seconds: Callable[[], float],
    ) -> None:
        self._responses = responses
        self._binds = binds
        self._connection = connection
        self._chance = chance
        self._seconds = seconds
        self._taken_s: deque[float] = deque(maxlen=responses.tps or 1)
        self._status = CommandStatus[responses.tps_status]

    def bind(self, nth: int) -> int:
        """See `Plan.bind`."""
        table = self._binds
        if nth <= table.refuse_first:
            return table.refused_status
        refused = self._chance.happens(table.refused_percent, "bind refused", nth)
        return table.refused_status if refused else 0

    def submit(self, nth: int) -> Reception:
        """See `Plan.submit`."""
        table, happens = self._responses, self._chance.happens
        if happens(table.swallowed_percent, "swallowed", nth):
            return Reception(taken=False)
        delay_ms = span_ms(
            self._chance, table.latency, table.latency_ms, table.latency_max_ms, "latency", nth
        )
        if self._too_fast():
            return Reception(self._status, 1, delay_ms / 1000)
        if happens(table.refused_percent, "refused", nth):
            return Reception(table.refused_status, 1, delay_ms / 1000)
        delay_ms += table.late_ms * happens(table.late_percent, "late", nth)
        delay_ms += table.reordered_ms * happens(table.reordered_percent, "reordered", nth)
        copies = 1 + happens(table.doubled_percent, "doubled", nth)
        copies *= not happens(table.lost_percent, "lost", nth)
        body = not happens(table.empty_percent, "empty", nth)
        return Reception(0, copies, delay_ms / 1000, body=body)

    def cuts(self, delivered: int) -> bool:
        """See `Plan.cuts`."""
        after, times = self._connection.cut_after_deliveries, self._connection.cuts
        return bool(after) and delivered % after == 0 and (not times or delivered <= after * times)

    def _too_fast(self) -> bool:
        """Whether this submit is one too many for any span of one second."""
        if not self._responses.tps:
            return False
        now_s, taken = self._seconds(), self._taken_s
        if len(taken) == taken.maxlen and now_s - taken[0] < 1:
            return True
        taken.append(now_s)
        return False


@dataclass(frozen=True, slots=True)
class DrawnHabits(Habits):
    """Habits that differ from message to message, as the plan's percentages say."""

    table: ReceiptsTable = field(default_factory=ReceiptsTable)
    chance: Chance = field(default_factory=lambda: Chance(1))

    def of(self, number: int) -> Habits:
        """See `Habits.of`."""
        table, chance = self.table, self.chance
        copies = 1 + chance.happens(table.doubled_percent, "receipt doubled", number)
        copies *= not chance.happens(table.never_percent, "receipt never", number)
        state = self.receipt_state
        if chance.happens(table.failed_percent, "failed", number):
            state = STATE_NUMBERS[table.failed_state]
        delay_ms = span_ms(
            chance, table.delay, table.delay_ms, table.delay_max_ms, "receipt delay", number
        )
        known = [PLAIN, *DIALECTS] if EVERY in table.dialects else table.dialects
        dialect = chance.choice(known, "dialect", number)
        other = chance.happens(table.other_ids_percent, "other ids", number)
        return replace(
            self,
            hex_receipt_ids=self.hex_ids != other,
            receipt_state=state,
            receipt_delay_s=delay_ms / 1000,
            receipt_first=chance.happens(table.before_percent, "receipt first", number),
            receipt_copies=copies,
            dialect="" if dialect == PLAIN else dialect,
        )


def habits_of(file: SimulatorFile, chance: Chance) -> DrawnHabits:
    """The habits of a plan file."""
    smsc = file.smsc
    return DrawnHabits(
        system_id=smsc.system_id,
        hex_ids=smsc.hex_ids,
        retry_s=smsc.retry_s,
        table=file.receipts,
        chance=chance,
    )
