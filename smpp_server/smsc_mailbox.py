"""What an account of the simulated SMSC has still to be given, or has not yet confirmed."""

from collections import deque
from collections.abc import Iterable, Iterator

from smpp_server.smpp.constants import TYPE_MASK
from smpp_server.smpp.schema import DataSm, DeliverSm, Pdu
from smpp_server.smsc_plan import Text


class Delivery:
    """One deliver_sm or data_sm until it is confirmed or dropped; sent again as often as needed."""

    __slots__ = ("attempts", "billed", "is_text", "pdu", "token")

    def __init__(self, token: int, pdu: Pdu) -> None:
        self.token = token
        self.pdu = pdu
        self.attempts = 0
        self.billed = False
        self.is_text = isinstance(pdu, DeliverSm | DataSm) and not pdu.esm_class & TYPE_MASK

    @property
    def our_number(self) -> str:
        """The number the text was sent to."""
        return self.pdu.destination_addr if isinstance(self.pdu, DeliverSm | DataSm) else ""

    @property
    def sender(self) -> str:
        """The number the text came from."""
        return self.pdu.source_addr if isinstance(self.pdu, DeliverSm | DataSm) else ""


class Mailbox:
    """The deliveries of one account, oldest first, and those in flight on any of its binds.

    Nothing is lost with a connection: what was in flight on it goes back to the head (Q76).
    """

    def __init__(self, doubted: int = 0) -> None:
        self._confirmed: deque[Delivery] = deque(maxlen=doubted)
        self._waiting: deque[Delivery] = deque()
        self._in_flight: dict[int, Delivery] = {}
        self._feeds: deque[Iterator[Text | Pdu]] = deque()
        self._token = 0

    @property
    def idle(self) -> bool:
        """Whether everything was confirmed or dropped and no feed is left."""
        return not (self._waiting or self._in_flight or self._feeds)

    def put(self, item: Text | Pdu, first: bool = False) -> list[int]:
        """Queue one text or PDU; the token of each delivery it makes."""
        deliveries = self._deliveries(item)
        if first:
            self._waiting.extendleft(reversed(deliveries))
        else:
            self._waiting.extend(deliveries)
        return [delivery.token for delivery in deliveries]

    def feed(self, items: Iterable[Text | Pdu]) -> None:
        """Take these too, each only when the window has room for it."""
        self._feeds.append(iter(items))

    def take(self) -> Delivery | None:
        """The next delivery, now in flight; None when there is nothing to send."""
        while not self._waiting:
            if not self._feeds:
                return None
            item = next(self._feeds[0], None)
            if item is None:
                self._feeds.popleft()
            else:
                self._waiting.extend(self._deliveries(item))
        delivery = self._waiting.popleft()
        delivery.attempts += 1
        self._in_flight[delivery.token] = delivery
        return delivery

    def close(self, token: int, confirmed: bool = False) -> Delivery | None:
        """This one was answered: it leaves, unless `again` puts it back."""
        delivery = self._in_flight.pop(token, None)
        if confirmed and delivery is not None:
            self._confirmed.append(delivery)
        return delivery

    def doubt(self) -> None:
        """The last that were confirmed are sent again, as if their answers had been lost."""
        self.again(self._confirmed)
        self._confirmed.clear()

    def again(self, deliveries: Iterable[Delivery]) -> None:
        """Send these again, before all others and in this order."""
        self._waiting.extendleft(reversed(list(deliveries)))

    def recover(self, tokens: Iterable[int]) -> None:
        """These were in flight and nothing came of it: send them again."""
        lost = (self._in_flight.pop(token, None) for token in tokens)
        self.again(delivery for delivery in lost if delivery is not None)

    def _deliveries(self, item: Text | Pdu) -> list[Delivery]:
        pdus = item.pdus(self._token) if isinstance(item, Text) else [item]
        deliveries = []
        for pdu in pdus:
            self._token += 1
            deliveries.append(Delivery(self._token, pdu))
        return deliveries
