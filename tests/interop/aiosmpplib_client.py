"""An ESME of aiosmpplib: answers the last text it is given, waits for the receipt, and leaves.

Arguments: port, system_id, password, how many texts come, the answer. Lines of JSON on stdout tell
all it heard. A program of its own, since it leaves its connection open for the interpreter to find.
"""

import asyncio
import json
import sys
from typing import Any

from aiosmpplib import (
    ESME,
    NPI,
    TON,
    AbstractHook,
    DeliverSm,
    DeliverSmResp,
    EnquireLinkResp,
    PhoneNumber,
    SmppMessage,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)

ENQUIRE_S = 0.1


def tell(heard: str, **more: Any) -> None:
    """One event."""
    print(json.dumps({"heard": heard, **more}), flush=True)


class Heard(AbstractHook):
    """Tells what comes; `given` holds the last text, `answered` is set when nothing is missing."""

    def __init__(self, texts: int) -> None:
        self.given: asyncio.Queue[DeliverSm] = asyncio.Queue()
        self.answered = asyncio.Event()
        self._missing = texts
        self._accepted = False
        self._responses = texts + 1  # with that to the receipt

    async def sending(self, smpp_message: SmppMessage, pdu: bytes, client_id: str) -> None:
        """What leaves."""
        if isinstance(smpp_message, Unbind):
            tell("unbinding")  # its response is not told: aiosmpplib ends before
        self._responses -= isinstance(smpp_message, DeliverSmResp)

    async def received(self, smpp_message: SmppMessage | None, pdu: bytes, client_id: str) -> None:
        """One PDU; None when aiosmpplib could not read it."""
        if smpp_message is None:
            tell("error", why=pdu.hex())
        elif isinstance(smpp_message, DeliverSm):
            self._delivered(smpp_message)
        else:
            names = ("command_status", "system_id", "message_id")
            known = {
                name: getattr(smpp_message, name) for name in names if hasattr(smpp_message, name)
            }
            tell(
                smpp_message.smpp_command.name.lower(), status=known.pop("command_status"), **known
            )
            self._accepted |= isinstance(smpp_message, SubmitSmResp)
            if isinstance(smpp_message, EnquireLinkResp) and self._accepted and not self._responses:
                self.answered.set()

    def _delivered(self, message: DeliverSm) -> None:
        known = {"source": message.source.number, "destination": message.destination.number}
        if message.is_receipt():
            told = message.parse_receipt()
            tell("receipt", **known, id=told["id"], stat=told["stat"], of=message.log_id)
            return
        tell("text", **known, text=message.short_message)
        self._missing -= 1
        if not self._missing:
            self.given.put_nowait(message)

    async def send_error(self, smpp_message: SmppMessage, error: Exception, client_id: str) -> None:
        """A submit_sm that did not leave."""
        tell("error", why=repr(error))


async def main(port: str, system_id: str, password: str, texts: str, answer: str) -> None:
    """Bind, take the texts, answer the last one, await the receipt, unbind."""
    heard = Heard(int(texts))
    esme = ESME(
        "127.0.0.1",
        int(port),
        system_id,
        password,
        hook=heard,
        default_encoding="gsm0338",
        enquire_link_interval=ENQUIRE_S,
    )
    running = asyncio.create_task(esme.start())
    text = await heard.given.get()
    reply = SubmitSm(
        short_message=answer,
        source=PhoneNumber(text.destination.number, TON.INTERNATIONAL, NPI.ISDN),
        destination=PhoneNumber(text.source.number, TON.INTERNATIONAL, NPI.ISDN),
        log_id="reply",
    )
    await esme.broker.enqueue(reply)
    await heard.answered.wait()
    await asyncio.sleep(ENQUIRE_S)
    await esme.stop()
    await running


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
