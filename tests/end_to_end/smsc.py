"""An SMSC in a thread: it delivers until confirmed, bills what it accepts, and keeps no faith.

One connection at a time. Whatever was not answered when it ends is delivered again first on the
next one (Q76). It shares no code with the server but the invoice, which counts by itself.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Self

from smpp_server.smsc_invoice import Invoice, Prices, Submission, read_submission
from tests.end_to_end import wire
from tests.end_to_end.server import RATES
from tests.end_to_end.wire import Frame


class Delivery(NamedTuple):
    """A deliver_sm until it is confirmed."""

    body: bytes
    text: bool  # not a receipt: it is billed when confirmed
    called: str


class Smsc:
    """The carrier's side.

    `verdict` gives the command_status for each submit_sm, None for no answer at all.
    """

    def __init__(
        self,
        verdict: Callable[[Submission], int | None] = lambda submission: 0,
        window: int = 50,
        receipts: bool = False,
        name: bytes = b"SMSC",
    ) -> None:
        prices = [line.split(",") for line in RATES.splitlines()[1:]]
        self.invoice = Invoice(
            Prices.read(
                ",".join((direction, prefix, note, price))
                for prefix, direction, price, _, _, note in prices
            )
        )
        self.accepted: Counter[tuple[str, str]] = Counter()  # (to whom, from which number of ours)
        self.submits = 0
        self.binds = 0
        self.unbinds = 0
        self.enquiries = 0
        self.delivered = 0  # deliver_sm written
        self.doubtful = 0  # of these, texts whose answer never came
        self.statuses: Counter[int] = Counter()  # of deliver_sm_resp
        self.heard: list[Frame] = []
        self.faults: list[str] = []
        self._verdict = verdict
        self._window = window
        self._receipts = receipts
        self._name = name
        self._waiting: deque[Delivery] = deque()
        self._in_flight: dict[int, Delivery] = {}
        self._numbers = 0
        self._line: wire.Line | None = None
        self._bound = False
        self._lock = threading.RLock()
        self._closed = False
        self._port = wire.Port()
        self._port.socket.settimeout(0.2)
        self._thread = threading.Thread(target=self._serve, name="smsc", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with self._lock:
            if self._line is not None:
                self._hang_up(self._line)
        self._thread.join(wire.WAIT_S)
        self._port.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port.number

    @property
    def bound(self) -> bool:
        """Whether an ESME is bound now."""
        return self._bound

    @property
    def idle(self) -> bool:
        """Whether every delivery was answered."""
        with self._lock:
            return not (self._waiting or self._in_flight)

    def text(
        self, source: str, called: str, words: bytes = b"bonjour", data_coding: int = wire.GSM
    ) -> None:
        """Somebody texts one of our numbers."""
        self.deliver(wire.message(source, called, words, data_coding), called=called)

    def deliver(self, body: bytes, text: bool = True, called: str = "") -> None:
        """Queue a deliver_sm, and send it when the window has room."""
        with self._lock:
            self._waiting.append(Delivery(body, text, called))
            self._pump()

    def write(self, octets: bytes) -> None:
        """These octets as they are, on the connection that stands."""
        with self._lock:
            assert self._line is not None and self._bound
            self._line.send(octets)

    def enquire(self) -> None:
        """Send an enquire_link; its answer is counted in `enquiries`."""
        self.write(Frame(wire.ENQUIRE_LINK, 0, self._number()).octets())

    # -- in its thread

    def _serve(self) -> None:
        while not self._closed:
            with suppress(TimeoutError):
                line = self._port.accept()
                self._line = line
                try:
                    self._converse(line)
                except (EOFError, OSError):
                    pass
                except Exception as fault:
                    self.faults.append(repr(fault))
                self._lost()

    def _converse(self, line: wire.Line) -> None:
        line.socket.settimeout(None)
        while not self._closed:
            frame = line.read()
            with self._lock:
                self.heard.append(frame)
                if not self._heard(line, frame):
                    break
                self._pump()
        self._hang_up(line)

    def _heard(self, line: wire.Line, frame: Frame) -> bool:
        """Whether the conversation goes on."""
        command_id = frame.command_id
        if command_id in wire.BINDS:
            line.send(frame.response(body=self._name + b"\0").octets())
            self.binds += 1
            self._bound = True
        elif command_id == wire.SUBMIT_SM:
            self._submitted(line, frame)
        elif command_id == wire.DELIVER_SM | wire.RESPONSE:
            self._answered(frame)
        elif command_id == wire.ENQUIRE_LINK:
            line.send(frame.response().octets())
        elif command_id == wire.ENQUIRE_LINK | wire.RESPONSE:
            self.enquiries += 1
        elif command_id == wire.UNBIND:
            line.send(frame.response().octets())
            self.unbinds += 1
            return False
        return True

    def _submitted(self, line: wire.Line, frame: Frame) -> None:
        submission = read_submission(frame.octets())
        self.submits += 1
        status = self._verdict(submission)
        if status == 0:
            message_id = f"{self.submits:010d}"
            price = self.invoice.prices.outbound(submission.destination)
            assert price is not None, "not sold"
            self.invoice.accept(submission, price, message_id, 0)
            self.accepted[submission.destination, submission.source] += 1
            if self._receipts:
                body = wire.receipt(submission.destination, submission.source, message_id)
                self._waiting.append(Delivery(body, False, submission.source))
            line.send(frame.response(body=message_id.encode("ascii") + b"\0").octets())
        elif status is not None:
            line.send(frame.response(status).octets())

    def _answered(self, frame: Frame) -> None:
        delivery = self._in_flight.pop(frame.number, None)
        if delivery is None:
            self.faults.append(f"deliver_sm {frame.number} was answered twice, or never sent")
            return
        self.statuses[frame.status] += 1
        if delivery.text and frame.status == 0:
            self.invoice.delivered(delivery.called)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _pump(self) -> None:
        """As many deliver_sm as the window takes, in one write."""
        octets = bytearray()
        while self._bound and self._waiting and len(self._in_flight) < self._window:
            delivery = self._waiting.popleft()
            number = self._number()
            self._in_flight[number] = delivery
            self.delivered += 1
            octets += Frame(wire.DELIVER_SM, 0, number, delivery.body).octets()
        if octets and self._line is not None:
            with suppress(OSError):
                self._line.send(bytes(octets))

    def _lost(self) -> None:
        with self._lock:
            if self._line is not None:
                self._line.close()
            self._line = None
            self._bound = False
            self.doubtful += sum(delivery.text for delivery in self._in_flight.values())
            self._waiting.extendleft(reversed(self._in_flight.values()))
            self._in_flight.clear()

    @staticmethod
    def _hang_up(line: wire.Line) -> None:
        with suppress(OSError):
            line.socket.shutdown(2)
