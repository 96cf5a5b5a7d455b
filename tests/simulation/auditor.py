"""Writes down what the octets on the cables say, what the SMSC billed, and what each commit did."""

from collections import deque
from dataclasses import dataclass, field

from routing.ledger import read_entries
from smpp_server.smpp.codec import MOST_OCTETS, PduError, decode
from smpp_server.smpp.schema import DeliverSm, SubmitSm
from smpp_server.smsc_plan import Submitted
from tests.simulation.disk import Disk
from tests.simulation.swarm import IN_NANOS, OURS, OUT_NANOS, STOP_WORDS, Shape

DELIVER_SM, DELIVER_SM_RESP, SUBMIT_SM = 0x5, 0x80000005, 0x4
ANSWERS = (0x80000004, 0x80000000)  # submit_sm_resp, generic_nack
NOT_A_TEXT = 0x3C  # message type bits of esm_class, SMPP 3.4 section 5.2.12


class Framer:
    """Octets to frames, by command_length alone."""

    def __init__(self) -> None:
        self._rest = b""
        self._lost = False

    def feed(self, data: bytes) -> list[tuple[int, int, int, bytes]]:
        """(command_id, command_status, sequence_number, frame) of all that is whole now."""
        frames: list[tuple[int, int, int, bytes]] = []
        if self._lost:
            return frames
        data = self._rest + data
        at = 0
        while len(data) - at >= 4:
            length = int.from_bytes(data[at : at + 4])
            if not 16 <= length <= MOST_OCTETS:
                self._lost = True
                break
            if at + length > len(data):
                break
            frame = data[at : at + length]
            head = (int.from_bytes(frame[i : i + 4]) for i in (4, 8, 12))
            frames.append((*head, frame))  # type: ignore[arg-type]
            at += length
        self._rest = data[at:]
        return frames


@dataclass
class Line:
    """One connection, as the server's end hears and speaks."""

    number: int
    heard: Framer = field(default_factory=Framer)
    said: Framer = field(default_factory=Framer)
    came: dict[int, int] = field(default_factory=dict)  # sequence_number → deliver_sm that came
    answered: dict[int, int] = field(default_factory=dict)
    texts: dict[int, tuple[str, bool]] = field(default_factory=dict)  # → sender, is it a STOP
    open: dict[int, float] = field(default_factory=dict)  # submits without a response → since


class Auditor:
    """The facts of one world. What breaks a property at once stands in `faults`."""

    def __init__(self, shape: Shape, answerable: frozenset[str]) -> None:
        self.shape = shape
        self.answerable = answerable
        self.lines: dict[int, Line] = {}
        self.faults: list[tuple[int, str]] = []  # (number of the property, what was seen)
        self.now_s = 0.0
        self.version = 0  # rises with every fact
        self.balances: dict[str, int] = {}
        self.commits = 0
        self.committed_s = 0.0
        self.journal_seq = 0
        self.acks_paid = 0  # texts booked by the last commit and not yet acknowledged
        self.submits_paid = 0  # replies reserved by the last commit and not yet sent
        self.texts_came = 0
        self.submits = 0
        self.sent: deque[tuple[float, int]] = deque()  # (when, segments)
        self.taken: list[tuple[float, int]] = []  # what caps counted, sent or not
        self.stopped: dict[str, float] = {}  # sender → when the STOP was acknowledged
        self.accepted: dict[tuple[str, str], int] = {}  # (destination, kind) → times
        self.lag_s = 0.0  # how far the server's reckoning has fallen behind under a wrong clock

    # cables

    def arrived(self, number: int, data: bytes) -> None:
        """Octets reached the server."""
        self.version += 1
        line = self.lines.setdefault(number, Line(number))
        for command_id, _, sequence, frame in line.heard.feed(data):
            if command_id == DELIVER_SM:
                line.came[sequence] = line.came.get(sequence, 0) + 1
                self._text(line, sequence, frame)
            elif command_id in ANSWERS:
                line.open.pop(sequence, None)

    def _text(self, line: Line, sequence: int, frame: bytes) -> None:
        try:
            pdu = decode(frame)
        except PduError:
            return
        assert isinstance(pdu, DeliverSm)
        if pdu.destination_addr == OURS and not pdu.esm_class & NOT_A_TEXT:
            self.texts_came += 1
            line.texts[sequence] = (pdu.source_addr, pdu.short_message == b"STOP")

    def wrote(self, number: int, data: bytes) -> None:
        """The server wrote octets."""
        self.version += 1
        line = self.lines.setdefault(number, Line(number))
        for command_id, status, sequence, frame in line.said.feed(data):
            if command_id == DELIVER_SM_RESP:
                self._acknowledged(line, sequence, status)
            elif command_id == SUBMIT_SM:
                self._submitted(line, sequence, frame)

    def _acknowledged(self, line: Line, sequence: int, status: int) -> None:
        times = line.answered[sequence] = line.answered.get(sequence, 0) + 1
        if times > line.came.get(sequence, 0):
            self.faults.append((1, f"deliver_sm {sequence} was answered {times} times"))
        text = line.texts.get(sequence)
        if text is None or status:
            return
        self.acks_paid -= 1
        if self.acks_paid < 0:
            self.faults.append((7, "a text is acknowledged and its row is not on the disk"))
        sender, stop = text
        if stop:
            self.stopped.setdefault(sender, self.now_s)

    def _submitted(self, line: Line, sequence: int, frame: bytes) -> None:
        pdu = decode(frame)
        assert isinstance(pdu, SubmitSm)
        self.submits += 1
        self.submits_paid -= 1
        if self.submits_paid < 0:
            self.faults.append((7, "a submit leaves and its reservation is not on the disk"))
        destination = pdu.destination_addr
        reply = self.kind(pdu.short_message) == "reply"
        if destination not in self.answerable:
            self.faults.append((6, "a submit leaves for a number that is never answered"))
        if reply and destination in self.stopped:
            self.faults.append((6, "a reply leaves for a sender who has opted out"))
        line.open[sequence] = self.now_s
        self.sent.append((self.now_s, self.shape.segments if reply else 1))

    def closed(self, number: int) -> None:
        """The server's end of a connection is over."""
        self.lines.pop(number, None)

    @staticmethod
    def kind(octets: bytes) -> str:
        """reply or stop, by the words that leave."""
        return "stop" if octets == STOP_WORDS.encode("ascii") else "reply"

    # SMSC

    def billed(self, submitted: Submitted) -> None:
        """The SMSC accepted a submit: this stands on its invoice."""
        self.version += 1
        key = (submitted.destination, self.kind(submitted.octets))
        self.accepted[key] = self.accepted.get(key, 0) + 1

    # disk

    def committed(self, disk: Disk) -> None:
        """A transaction is durable."""
        self.version += 1
        self.commits += 1
        self.committed_s = self.now_s
        self.acks_paid = self.submits_paid = 0
        query = "SELECT seq, entries FROM journal WHERE seq > ? ORDER BY seq"
        for seq, entries in disk.rows(query, self.journal_seq):
            self.journal_seq = seq
            for entry in read_entries(entries):
                if entry.kind == "inbound":
                    self.acks_paid += entry.nanos // IN_NANOS
                elif entry.kind == "reserve":
                    self.submits_paid += 1
                    self.taken.append((self.now_s, entry.nanos // OUT_NANOS))
        self.balances = dict(disk.rows("SELECT account, nanos FROM balance ORDER BY account"))
        taken = sum(self.balances.get(name, 0) for name in ("inbound", "settled", "reserved"))
        if self.submits_paid and taken > self.balances.get("given", 0):
            self.faults.append((4, "money is reserved that is not there"))
