"""Two sessions that hear the same octets, one in whole reads, one in pieces: a play for both."""

from collections.abc import Callable
from itertools import count

from smpp_server.smpp import schema as s
from smpp_server.smpp.codec import cut, decode
from smpp_server.smpp.happenings import Answered, Event, Expired, Late, Received, SessionError
from smpp_server.smpp.matrix import BINDS, Role
from smpp_server.smpp.session import Session
from smpp_server.smpp.timers import SessionLimits
from tests.fuzz.tape import Tape

LIMITS = SessionLimits(
    window=3,
    bind_timeout_ns=20,
    response_timeout_ns=30,
    enquire_link_ns=40,
    inactivity_ns=200,
    unbind_timeout_ns=10,
    silent_intervals=3,
    late_memory=2,
)
BIND_KINDS = tuple(s.PDUS[command_id] for command_id in BINDS)
KINDS = tuple(s.PDUS.values())


class Pair:
    """The same life twice; what differs between the two is a fault."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._role = (Role.ESME, Role.SMSC)[tape.octet() & 1]
        self._step = tape.octet() + 1
        self._whole, self._pieces = Session(self._role, LIMITS), Session(self._role, LIMITS)
        self._now = 0
        self._tokens = count()
        self._open: set[int] = set()
        self._late: set[int] = set()
        self._taken: list[s.Pdu] = []  # requests of the peer that wait for us
        self._sent = bytearray()

    def play(self) -> None:
        """Act after act until the tape ends, and what must hold after each."""
        acts: tuple[Callable[[], None], ...] = (
            self._hear,
            self._hear_pdu,
            self._wait,
            self._wake,
            self._bind,
            self._request,
            self._answer,
            self._unbind,
            self._pause,
            self._announce,
        )
        self._both(lambda one: one.connected(self._now))
        while self._tape:
            acts[self._tape.octet() % len(acts)]()
            self._check()
        self._both(lambda one: one.disconnected())
        self._check()

    def _both(self, act: Callable[[Session], object]) -> None:
        """What we do. Only a SessionError may refuse it, for both, with nothing queued."""
        told = []
        for one in (self._whole, self._pieces):
            try:
                act(one)
                told.append("")
            except SessionError as error:
                assert one.data_to_send() == b""
                told.append(str(error))
        assert told[0] == told[1]

    def _hear(self) -> None:
        self._feed(self._tape.take(self._tape.octet()))

    def _hear_pdu(self) -> None:
        """A frame of a true length; numbers are small, so that they meet those we gave."""
        kind = self._tape.octet()
        command_id = KINDS[kind % len(KINDS)].command_id if kind < 240 else kind << 24
        status, number = self._tape.octet() >> 4, self._tape.octet() & 15
        body = self._tape.take(self._tape.octet())
        numbers = (16 + len(body), command_id, status, number)
        self._feed(b"".join(value.to_bytes(4, "big") for value in numbers) + body)

    def _feed(self, data: bytes) -> None:
        if not data:
            return  # a read has octets: without any, nobody spoke
        closed = self._whole.closed
        events = self._whole.receive(data, self._now)
        split = [
            event
            for start in range(0, len(data), self._step)
            for event in self._pieces.receive(data[start : start + self._step], self._now)
        ]
        assert repr(events) == repr(split)  # events of NamedTuples, errors and all, by their words
        assert not (closed and events)
        self._note(events)

    def _note(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Answered(token, _):
                    self._open.remove(token)
                case Expired(token):
                    self._open.remove(token)
                    self._late.add(token)
                case Late(token, _):
                    self._late.remove(token)
                case Received(pdu):
                    self._taken.append(pdu)

    def _wait(self) -> None:
        self._now += self._tape.octet()

    def _wake(self) -> None:
        """To the deadline, as the shell does."""
        deadline = self._whole.deadline()
        if deadline is None:
            return
        self._now = max(self._now, deadline)
        events = self._whole.expire(self._now)
        assert events == self._pieces.expire(self._now)
        self._note(events)
        later = self._whole.deadline()
        assert later is None or later > self._now

    def _bind(self) -> None:
        """Ask, or answer the first request that waits."""
        kind = self._tape.octet()
        if self._role is Role.ESME:
            self._both(lambda one: one.bind(BIND_KINDS[kind % 3](), self._now))
        elif self._taken:
            asked = self._taken.pop(0)
            response = s.PDUS.get(asked.command_id | 0x80000000, s.GenericNack)()
            if kind & 1:
                self._both(lambda one: one.accept_bind(asked, response, self._now))
            else:
                self._both(lambda one: one.refuse_bind(asked.sequence_number, kind & 14))

    def _request(self) -> None:
        kinds = self._tape.take(self._tape.octet() & 3)
        pdus = [KINDS[kind % len(KINDS)] for kind in kinds]
        pairs = [(next(self._tokens), kind) for kind in pdus if kind is not s.SubmitMulti]
        before = self._whole.outstanding()
        self._both(lambda one: one.request([(t, kind()) for t, kind in pairs], self._now))
        self._open |= set(self._whole.outstanding()) - set(before)

    def _answer(self) -> None:
        status = self._tape.octet()
        if self._taken and status & 1:
            asked = self._taken.pop(0)
            self._both(lambda one: one.answer([(asked.command_id, asked.sequence_number)], status))
        elif self._taken:
            asked = self._taken.pop(0)
            kind = s.PDUS.get(asked.command_id | 0x80000000, s.GenericNack)
            self._both(lambda one: one.respond(kind(sequence_number=asked.sequence_number)))

    def _unbind(self) -> None:
        self._both(lambda one: one.unbind(self._now))

    def _pause(self) -> None:
        if self._tape.octet() & 1:
            self._both(lambda one: one.pause(self._now))
        else:
            self._both(lambda one: one.resume(self._now))

    def _announce(self) -> None:
        kind = (s.Outbind, s.AlertNotification, s.SubmitSm)[self._tape.octet() % 3]
        self._both(lambda one: one.announce(kind()))

    def _check(self) -> None:
        """What holds between any two acts."""
        whole, split = self._whole, self._pieces
        assert (whole.state, whole.free) == (split.state, split.free)
        assert whole.deadline() == split.deadline()
        assert whole.outstanding() == split.outstanding()
        assert set(whole.outstanding()) == self._open
        assert 0 <= whole.free <= LIMITS.window - len(self._open)
        assert not whole.closed or whole.deadline() is None
        data = whole.data_to_send()
        assert data == split.data_to_send()
        self._sent += data
        frames, fault = cut(self._sent)
        assert fault is None and not self._sent
        for frame in frames:
            decode(frame)
