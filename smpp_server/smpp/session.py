"""One bind without I/O and without a clock: states, window, numbers and timers, for both roles.

Octets and times go in, events and octets come out. A session answers by itself what needs no
decision: enquire_link, unbind, what it cannot read and what is out of state. A request that
carries a message is answered only by `answer` or `respond`, when its owner has taken it.
"""

from collections.abc import Sequence

from smpp_server.smpp import schema as s
from smpp_server.smpp.answers import acknowledgements, bare, name_of, refusal
from smpp_server.smpp.codec import READERS, PduError, cut, encode, headers
from smpp_server.smpp.constants import RESPONSE_BIT as RESPONSE
from smpp_server.smpp.constants import CommandStatus
from smpp_server.smpp.happenings import (
    Answered,
    BindRefused,
    Bound,
    Event,
    Expired,
    Late,
    Lost,
    Malformed,
    PeerUnbound,
    Received,
    SessionError,
    Stray,
    Unbound,
)
from smpp_server.smpp.matrix import (
    BINDS,
    BOUND,
    UNANSWERED,
    Role,
    State,
    opens_window,
    requests,
)
from smpp_server.smpp.timers import Over, SessionLimits, Timers
from smpp_server.smpp.window import Encodable, Waiting, Window

_ENQUIRE_LINK = s.EnquireLink.command_id
_UNBIND = s.Unbind.command_id
_GENERIC_NACK = s.GenericNack.command_id

_OWN_BUSINESS = frozenset(BINDS) | {_UNBIND, _ENQUIRE_LINK}  # never passed through as messages
_BIND_RESPONSES = frozenset(command_id | RESPONSE for command_id in BINDS)

_CLOSED = State.CLOSED  # an Enum looks its members up slowly
_new_tuple = tuple.__new__  # of a NamedTuple, without the function in Python that its class has


class Session:
    """One connection's life with an SMPP peer, from OPEN to CLOSED.

    Every `now` is an integer in nanoseconds of one monotonic clock. Octets to write gather in
    `data_to_send`. Methods that send raise SessionError, with nothing queued, when Table 2-1 or
    the window forbids it; a peer can never cause one.
    """

    __slots__ = (
        "_answerable",
        "_bind",
        "_buffer",
        "_enquiry",
        "_opens",
        "_out",
        "_passes",
        "_peer_left",
        "_sends",
        "_timers",
        "_unbind",
        "_window",
        "role",
        "state",
    )

    def __init__(self, role: Role, limits: SessionLimits, first_sequence_number: int = 1) -> None:
        self.role = role
        self.state: State
        self._window = Window(limits.window, limits.late_memory, first_sequence_number)
        self._timers = Timers(limits)
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._bind = (0, 0)  # (command_id, sequence_number) of the bind that is being answered
        self._enquiry = -1  # the sequence_number of our last enquire_link
        self._unbind = -1  # and of our unbind
        self._peer_left = False
        self._enter(State.OPEN)

    @property
    def bound(self) -> bool:
        """Whether messages may pass: neither binding nor unbinding."""
        return self.state in BOUND

    @property
    def closed(self) -> bool:
        """Whether the session has ended: nothing comes in or goes out any more."""
        return self.state is _CLOSED

    @property
    def free(self) -> int:
        """Window slots left; 0 unless bound so that this side may send messages."""
        return self._window.free if self._opens else 0

    def outstanding(self) -> list[int]:
        """Tokens of all requests without a response, in the order of sending."""
        return self._window.tokens()

    def data_to_send(self) -> bytes:
        """Everything queued, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def deadline(self) -> int | None:
        """When to call `expire`; None when nothing is awaited."""
        return self._timers.deadline()

    def connected(self, now: int) -> None:
        """The connection is up: session_init runs until bound."""
        self._timers.connected(now)

    def disconnected(self) -> None:
        """The connection is gone, wanted or not. `outstanding` still tells what was unanswered."""
        self._enter(State.CLOSED)

    def pause(self, now: int) -> None:
        """Reading has stopped: response timers stand still."""
        self._timers.pause(now)

    def resume(self, now: int) -> None:
        """Reading goes on."""
        self._timers.resume(now)

    def bind(self, pdu: s.Pdu, now: int) -> None:
        """ESME: ask to be bound (section 4.1). The answer is `Bound`, `BindRefused` or `Lost`."""
        legal = pdu.command_id in BINDS.keys() & requests(self.role, self.state)
        self._allow(legal, pdu.command_id)
        [pdu.sequence_number] = self._window.take(1)
        self._out.append(encode(pdu))
        self._bind = (pdu.command_id, pdu.sequence_number)
        self._enter(State.BINDING)
        self._timers.connected(now)

    def accept_bind(self, request: s.Pdu, response: s.Pdu, now: int) -> None:
        """SMSC: answer the bind that was `Received`; the response gets its sequence_number."""
        self._check_bind(request.sequence_number)
        command_id = request.command_id
        if response.command_id != command_id | RESPONSE or response.command_status:
            raise SessionError(f"{response.name} does not accept {request.name}")
        response.sequence_number = request.sequence_number
        self._out.append(encode(response))
        self._enter(BINDS[command_id])
        self._timers.bound(now)

    def refuse_bind(self, sequence_number: int, status: int) -> None:
        """SMSC: refuse the bind that was `Received`; no body then (section 4.1.2)."""
        self._check_bind(sequence_number)
        if not status:
            raise SessionError("a refusal needs a command_status")
        self._queue(self._bind[0] | RESPONSE, status, sequence_number)
        self._enter(State.OPEN)

    def unbind(self, now: int) -> None:
        """End the session in order (section 4.2): `Unbound` follows.

        Requests of the peer are still received and may be answered until then (Q38).
        """
        self._allow(_UNBIND in requests(self.role, self.state), _UNBIND)
        [self._unbind] = self._window.take(1)
        self._queue(_UNBIND, 0, self._unbind)
        self._enter(State.UNBINDING)
        self._timers.unbinding(now)

    def request(self, pairs: Sequence[tuple[int, s.Pdu | Encodable]], now: int) -> None:
        """Number and queue requests that await a response, each under a token of the caller.

        All or none: raises SessionError when the state forbids one or the window has no room for
        all, ValueError when one cannot be encoded. Each ends as `Answered` or `Expired`, or
        stays `outstanding` when the session closes.
        """
        window, sends = self._window, self._sends
        if len(pairs) > window.free:
            raise SessionError(f"{len(pairs)} requests do not fit {window.free} free slots")
        numbers = window.take(len(pairs))
        frames: list[bytes] = []
        waiting: list[Waiting] = []
        for (token, pdu), number in zip(pairs, numbers, strict=True):
            command_id = pdu.command_id
            if command_id not in sends:
                self._allow(False, command_id)
            if isinstance(pdu, s.Pdu):
                pdu.sequence_number = number
                frames.append(encode(pdu))
            else:
                frames.append(pdu.encode(number))
            waiting.append((token, command_id | RESPONSE))
        window.open(numbers, waiting)
        self._out += frames
        self._timers.sent(numbers, now)
        self._timers.transacted(now)

    def announce(self, pdu: s.Pdu) -> None:
        """Queue a request that has no response: outbind, alert_notification."""
        allowed = UNANSWERED & requests(self.role, self.state)
        self._allow(pdu.command_id in allowed, pdu.command_id)
        [pdu.sequence_number] = self._window.take(1)
        self._out.append(encode(pdu))

    def answer(self, received: Sequence[tuple[int, int]], status: int = 0) -> None:
        """One response for each (command_id, sequence_number), all with this command_status.

        deliver_sm and data_sm get an empty message_id whatever the status (Q78). Others can only
        be refused so: a positive response to them has a body, which `respond` sends. After the
        session has closed nothing is queued: the peer will send its request again.
        """
        if self.closed:
            return
        for command_id in {command_id for command_id, _ in received} - self._answerable:
            self._allow(False, command_id | RESPONSE)
        self._out += acknowledgements(received, status)

    def respond(self, pdu: s.Pdu) -> None:
        """Queue this response under the sequence_number it carries; see `answer`."""
        if self.closed:
            return
        command_id = pdu.command_id
        legal = command_id == _GENERIC_NACK or command_id ^ RESPONSE in self._answerable
        self._allow(legal, command_id)
        self._out.append(encode(pdu))

    def receive(self, data: bytes, now: int) -> list[Event]:
        """All events of one read, in order. Never raises: lost framing is the last event.

        Housekeeping answers are queued when it returns; whoever reads writes them at once.
        """
        events: list[Event] = []
        if self.closed:
            return events
        self._timers.peer_spoke(now)
        self._buffer += data
        frames, fault = cut(self._buffer)
        self._take(frames, now, events)
        if events:  # keep-alive makes none
            self._timers.transacted(now)
        if fault is not None and not self.closed:
            self._queue(_GENERIC_NACK, fault.command_status, fault.sequence_number)
            self._end(Lost("framing"), events)
        return events

    def expire(self, now: int) -> list[Event]:
        """Everything that has fallen due; call it at `deadline`, after all octets were read."""
        due = self._timers.expire(now)
        events: list[Event] = [Expired(token) for token in self._window.expire(due.expired)]
        if due.enquire:
            [self._enquiry] = self._window.take(1)
            self._queue(_ENQUIRE_LINK, 0, self._enquiry)
        if due.over is Over.UNBIND:
            self._end(Unbound(answered=False), events)
        elif due.over is not None:
            self._end(Lost(due.over), events)
        elif due.expired and self._peer_left:
            self._leave_if_done(events)
        return events

    def _take(self, frames: Sequence[bytes], now: int, events: list[Event]) -> None:
        """The events of whole frames, until the session ends."""
        for (command_id, status, number), frame in zip(headers(frames), frames, strict=True):
            try:
                pdu = READERS[command_id](frame, status, number)
            except PduError as error:
                self._malformed(error, now, events)
            else:
                if command_id in self._passes:
                    events.append(_new_tuple(Received, (pdu,)))
                    continue
                if command_id & RESPONSE:
                    self._response(pdu, now, events)
                else:
                    self._request(pdu, now, events)
            if self.state is _CLOSED:
                return

    def _response(self, pdu: s.Pdu, now: int, events: list[Event]) -> None:
        """Correlated by number alone, in any order (section 2.7.1)."""
        number, command_id = pdu.sequence_number, pdu.command_id
        token = self._window.settle(number, command_id)
        if token is not None:
            self._timers.answered(number)
            events.append(_new_tuple(Answered, (token, pdu)))
            if self._peer_left:
                self._leave_if_done(events)
        elif command_id == _ENQUIRE_LINK | RESPONSE:
            pass  # that it came is all it says, whatever its status (Q35)
        elif command_id == _GENERIC_NACK and number == self._enquiry:
            pass  # a peer without enquire_link lives too
        elif self._is_bind_answer(pdu):
            self._bind_answered(pdu, now, events)
        elif self._is_unbind_answer(pdu):
            self._end(Unbound(), events)
        elif (token := self._window.recall(number, command_id)) is not None:
            events.append(Late(token, pdu))
        else:
            events.append(Stray(pdu))

    def _is_bind_answer(self, pdu: s.Pdu) -> bool:
        """Only one request is out while binding, so its number is not asked for (Q23)."""
        if self.state is not State.BINDING or self.role is not Role.ESME:
            return False
        if pdu.command_id in _BIND_RESPONSES or pdu.command_id == _GENERIC_NACK:
            return True
        return pdu.command_status != 0 and pdu.sequence_number == self._bind[1]

    def _bind_answered(self, pdu: s.Pdu, now: int, events: list[Event]) -> None:
        if pdu.command_id in _BIND_RESPONSES and pdu.command_status == 0:
            self._enter(BINDS[self._bind[0]])
            self._timers.bound(now)
            events.append(Bound(pdu))
        else:
            self._enter(State.OPEN)
            events.append(BindRefused(pdu.command_status))

    def _is_unbind_answer(self, pdu: s.Pdu) -> bool:
        """Either side's unbind_resp ends crossing unbinds (Q39); a nack will not be followed."""
        if self.state is not State.UNBINDING or self._unbind < 0:
            return False
        refused = pdu.command_id == _GENERIC_NACK and pdu.sequence_number == self._unbind
        return refused or pdu.command_id == _UNBIND | RESPONSE

    def _request(self, pdu: s.Pdu, now: int, events: list[Event]) -> None:
        """A request that is no message, or not allowed now."""
        number, command_id = pdu.sequence_number, pdu.command_id
        if command_id == _ENQUIRE_LINK:  # in every state (Q32, Q34)
            self._queue(_ENQUIRE_LINK | RESPONSE, 0, number)
        elif command_id == _UNBIND:
            self._queue(_UNBIND | RESPONSE, 0, number)
            self._peer_unbound(now, events)
        elif command_id in requests(self.role.peer, self.state):  # a bind: the rest passes
            self._bind = (command_id, number)
            self._enter(State.BINDING)
            events.append(Received(pdu))
        else:
            rebind = command_id in BINDS and self.role is Role.SMSC
            status = CommandStatus.ESME_RALYBND if rebind else CommandStatus.ESME_RINVBNDSTS
            self._out += refusal(command_id, status, number)
            events.append(Stray(pdu))

    def _peer_unbound(self, now: int, events: list[Event]) -> None:
        """Responses to what we asked may still come before the peer closes (Q36)."""
        if self._peer_left:
            return
        self._peer_left = True
        events.append(PeerUnbound())
        if self.state is not State.UNBINDING:
            self._enter(State.UNBINDING)
            self._timers.unbinding(now)
        self._leave_if_done(events)

    def _leave_if_done(self, events: list[Event]) -> None:
        """After the peer's unbind alone: the session ends with the last response."""
        if self._unbind < 0 and not self._window:
            self._end(Unbound(), events)

    def _malformed(self, error: PduError, now: int, events: list[Event]) -> None:
        """Framing is intact: answer and go on. A response counts by its status alone (Q10)."""
        if error.command_id & RESPONSE and error.partial is not None:  # None: nobody knows its type
            self._response(error.partial, now, events)
        else:
            self._out += refusal(error.command_id, error.command_status, error.sequence_number)
            events.append(Malformed(error))

    def _enter(self, state: State) -> None:
        """The one place where the state changes."""
        self.state = state
        self._sends = requests(self.role, state) - _OWN_BUSINESS - UNANSWERED
        self._opens = opens_window(self.role, state)
        if state is not State.UNBINDING:  # the peer may not know yet: what it may send stays
            self._passes = requests(self.role.peer, state) - _OWN_BUSINESS
            self._answerable = self._passes - UNANSWERED
        if state is _CLOSED:
            self._timers.stop()
            self._buffer.clear()

    def _end(self, last: Unbound | Lost, events: list[Event]) -> None:
        self._enter(State.CLOSED)
        events.append(last)

    def _queue(self, command_id: int, status: int, number: int) -> None:
        self._out.append(bare(command_id, status, number))

    def _allow(self, legal: bool, command_id: int) -> None:
        if not legal:
            what = name_of(command_id)
            raise SessionError(f"{self.role.value} may not send {what} when {self.state.value}")

    def _check_bind(self, number: int) -> None:
        if self.role is Role.ESME or self.state is not State.BINDING or number != self._bind[1]:
            raise SessionError(f"no bind with sequence_number {number} awaits an answer")
