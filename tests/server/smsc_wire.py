"""An ESME on an imagined wire to the SMSC simulator, and a simulator to bind to."""

from collections.abc import Callable, Sequence

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from smpp_server.smpp import schema as s
from smpp_server.smpp.constants import CommandStatus
from smpp_server.smpp.happenings import Answered, Event, Received
from smpp_server.smpp.matrix import Role
from smpp_server.smpp.session import Session
from smpp_server.smpp.timers import SessionLimits
from smpp_server.smsc_invoice import Price, Prices
from smpp_server.smsc_plan import Account, Text
from smpp_server.smsc_simulator import Simulator

ROK = CommandStatus.ESME_ROK
OUR_NUMBER, SENDER = "33644649021", "33612345678"
FRANCE = Price("33", "France", 49_500_000)
PRICES = Prices([FRANCE], [Price("33", "ours", 7_500_000)])


class Wire(StringTransport):
    """Keeps what was written, and how often."""

    writes = 0

    def write(self, data: bytes) -> None:
        self.writes += 1
        super().write(data)


class Esme:
    """One ESME on a wire of its own."""

    def __init__(self, smsc: Simulator, window: int = 100) -> None:
        self.smsc = smsc
        self.session = Session(Role.ESME, SessionLimits(window=window, enquire_link_ns=0))
        self.events: list[Event] = []
        self.wire = Wire()
        self.far = smsc.factory.buildProtocol(None)
        self.far.makeConnection(self.wire)
        self.session.connected(smsc.now_ns())
        self.token = 0
        self.gone = False

    def exchange(self) -> None:
        """Carry octets both ways until both sides are silent."""
        while not self.gone:
            there, back = self.session.data_to_send(), self.wire.value()
            self.wire.clear()
            if there:
                self.far.dataReceived(there)
            self.events += self.session.receive(back, self.smsc.now_ns())
            if self.wire.disconnecting or self.wire.disconnected:
                self.hang_up()
            elif not (there or back):
                return

    def hang_up(self) -> None:
        """The connection is lost for both."""
        self.events += self.session.receive(self.wire.value(), self.smsc.now_ns())
        self.gone = True
        self.session.disconnected()
        self.far.connectionLost(Failure(ConnectionDone()))

    def bind(
        self,
        kind: Callable[..., s.Pdu] = s.BindTransceiver,
        system_id: str = "shop",
        password: str = "secret",
    ) -> "Esme":
        """Ask to be bound and hear the answer."""
        request = kind(system_id=system_id, password=password, interface_version=0x34)
        self.session.bind(request, self.smsc.now_ns())
        self.exchange()
        return self

    def submit(self, *destinations: str, **fields: object) -> None:
        """Submit one message to each, all in one write; tokens count from 1."""
        pairs = []
        for destination in destinations:
            self.token += 1
            values = {"short_message": b"ok", "source_addr": OUR_NUMBER, **fields}
            pairs.append((self.token, s.SubmitSm(destination_addr=destination, **values)))
        self.session.request(pairs, self.smsc.now_ns())
        self.exchange()

    def acknowledge(self, deliveries: Sequence[s.Pdu], status: int = ROK) -> None:
        """Answer these deliver_sm."""
        self.session.answer([(d.command_id, d.sequence_number) for d in deliveries], status)
        self.exchange()

    def heard(self) -> list[s.DeliverSm]:
        """deliver_sm since last asked."""
        found = [event.pdu for event in self.events if isinstance(event, Received)]
        self.events = [event for event in self.events if not isinstance(event, Received)]
        assert all(isinstance(pdu, s.DeliverSm) for pdu in found)
        return [pdu for pdu in found if isinstance(pdu, s.DeliverSm)]

    def answers(self) -> list[tuple[int, int, str]]:
        """(token, status, message_id) since last asked."""
        found = [event for event in self.events if isinstance(event, Answered)]
        self.events = [event for event in self.events if not isinstance(event, Answered)]
        return [
            (event.token, event.pdu.command_status, getattr(event.pdu, "message_id", ""))
            for event in found
        ]

    def statuses(self) -> list[int]:
        """Statuses of the answers since last asked."""
        return [status for _, status, _ in self.answers()]


def a_simulator(reactor: MemoryReactorClock) -> Simulator:
    """An SMSC with two accounts and a window of 10; its wall clock stands at 1,700,000,000 s."""
    accounts = [Account("shop", "secret", max_binds=2), Account("other", "hidden")]
    return Simulator(reactor, accounts, PRICES, window=10, wall_s=lambda: 1_700_000_000)


def texts(count: int) -> list[Text]:
    """One text from each of so many senders, numbered from 0."""
    return [Text(f"336{n:08d}", OUR_NUMBER, f"text {n}") for n in range(count)]


def senders(deliveries: Sequence[s.DeliverSm]) -> list[int]:
    """The numbers of the senders of these, as `texts` counts them."""
    return [int(pdu.source_addr[3:]) for pdu in deliveries]
