"""The simulator in a process of its own, for peers that know nothing of Twisted.

Prints its port; delivers one text; on SIGTERM stops in order and prints its counts as JSON.
"""

import json

from twisted.internet import reactor

from smpp_server.smsc_invoice import Prices
from smpp_server.smsc_plan import Account, Text
from smpp_server.smsc_simulator import Simulator


def main() -> None:
    """Run until told to stop."""
    prices = Prices.flat("0.0495", inbound="0.0075")
    smsc = Simulator(reactor, [Account("shop", "secret")], prices)
    smsc.listen().addCallback(lambda port: print(port, flush=True))
    smsc.deliver(Text("33612345678", "33644649021", "Vous êtes ouverts ?"))
    reactor.addSystemEventTrigger("before", "shutdown", smsc.stop)
    reactor.run()
    counts = smsc.counts
    told = {"binds": counts.binds, "confirmed": counts.confirmed, "receipts": counts.receipts}
    print(json.dumps({**told, **smsc.invoice.summary()}))


if __name__ == "__main__":
    main()
