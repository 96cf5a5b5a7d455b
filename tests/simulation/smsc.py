"""The bundled SMSC with the seed's fault plan, and the PDUs no SMSC should send."""

from collections.abc import Callable
from random import Random
from struct import pack
from typing import Any

from smpp_server.smpp.constants import CommandStatus, MessageState
from smpp_server.smsc_invoice import Price, Prices
from smpp_server.smsc_plan import Account, Habits, Reception
from smpp_server.smsc_simulator import Simulator
from tests.simulation.swarm import IN_NANOS, OUT_NANOS, PASSWORD, Shape

NOBODYS = 0x60000000  # sequence numbers far from those in use

REFUSALS = {
    "throttle": CommandStatus.ESME_RTHROTTLED,
    "retry": CommandStatus.ESME_RSYSERR,
    "account": CommandStatus.ESME_RINVSRCADR,
    "session": CommandStatus.ESME_RINVBNDSTS,
    "reject": CommandStatus.ESME_RINVDSTADR,
}


class Plan:
    """What becomes of binds and submits while a fault lasts; see `smpp_server.smsc_plan.Plan`."""

    def __init__(self, chance: Random, lasts: Callable[[str], bool], timeout_s: int) -> None:
        self._chance = chance
        self._lasts = lasts
        self._timeout_s = timeout_s
        self._statuses = (
            CommandStatus.ESME_RBINDFAIL,
            CommandStatus.ESME_RSYSERR,
            CommandStatus.ESME_RALYBND,
        )

    def bind(self, nth: int) -> int:
        """Refused while that lasts."""
        return self._chance.choice(self._statuses) if self._lasts("refuse_binds") else 0

    def submit(self, nth: int) -> Reception:
        """The first fault that lasts decides, three times out of four."""
        chance, lasts = self._chance, self._lasts
        if lasts("swallow"):
            return Reception(taken=False)
        delay_s = 0.05 * chance.random()
        if lasts("disorder"):
            delay_s = 3 * chance.random()
        if lasts("late"):
            delay_s = self._timeout_s * chance.choice((0.5, 1.5, 3))
        copies = 1 + (lasts("double") and chance.random() < 0.5)
        if lasts("lose") and chance.random() < 0.75:
            copies = 0
        for name, status in REFUSALS.items():
            if lasts(name) and chance.random() < 0.75:
                return Reception(status, copies, delay_s)
        return Reception(0, copies, delay_s)

    def cuts(self, delivered: int) -> bool:
        """Connections are cut elsewhere."""
        return False


def build(time: Any, shape: Shape, plan: Plan, wall_s: Callable[[], float]) -> Simulator:
    """The SMSC of one world."""
    habits = Habits(
        hex_ids=shape.hex_ids,
        hex_receipt_ids=shape.hex_receipt_ids,
        receipt_text=shape.receipt_text,
        receipt_tlvs=not shape.receipt_text or shape.window > 2,
        receipt_delay_s=shape.receipt_delay_s,
        receipt_first=shape.receipt_first,
        receipt_state=MessageState.DELIVERED if shape.delivered else MessageState.UNDELIVERABLE,
        retry_s=30,
    )
    return Simulator(
        time,
        [Account("us", PASSWORD, max_binds=20)],
        Prices([Price("33", "France", OUT_NANOS)], [Price("33", "ours", IN_NANOS)]),
        faults=plan,
        habits=habits,
        wall_s=wall_s,
    )


def bare(command_id: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    """Any frame."""
    return pack(">4I", 16 + len(body), command_id, status, sequence) + body


ODD_TLVS = (
    pack(">2H", 0x1400, 3) + b"abc",  # of a vendor
    pack(">2HB", 0x0204, 1, 7),  # user_message_reference has two octets
    pack(">3H", 0x0204, 2, 7) * 2,  # repeated
    pack(">2H", 0x020A, 0),  # source_port without a port
    pack(">2H", 0x7FFF, 300) + bytes(300),
    pack(">2H", 0x1401, 9),  # cut short
    b"\x14",
)


def with_odd_tlvs(frame: bytes, chance: Random) -> bytes:
    """The frame with optional parameters that should not be there, every other time."""
    if chance.random() < 0.5:
        return frame
    frame += b"".join(chance.sample(ODD_TLVS, chance.randint(1, 2)))
    return len(frame).to_bytes(4) + frame[4:]


def strange(name: str, chance: Random) -> bytes:
    """What a `name` fault puts on the cable towards the server."""
    number = NOBODYS + chance.randrange(1 << 16)
    if name == "stray":
        return bare(0x80000004, chance.choice((0, 0x58, 0x0B)), number, b"7777\0")
    if name == "nack":
        return bare(0x80000000, chance.choice((2, 3)), 0)
    if name == "unknown":
        return bare(chance.choice((0x142, 0x80000999, 0x10203)), 0, number, b"\1\2\3")
    return chance.choice((b"\0\0\0\7", b"\xff\xff\xff\xff", b"\0\0\0\0\0\0\0\0")) + b"\0" * 12
