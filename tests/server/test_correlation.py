"""References that leave with a reply and come back in receipts; how freely ids are matched."""

from pathlib import Path

import pytest

from routing.records import SenderKeys, Submit
from routing.standing import CdrRow, CdrStep, Command
from smpp_server import events as ev
from smpp_server.compose import Composer
from smpp_server.config import Config, load
from smpp_server.recognise import Recogniser
from smpp_server.smpp import happenings as hp
from smpp_server.smpp.codec import decode
from smpp_server.smpp.schema import DataSm, DeliverSm, Tlv
from smpp_server.web.cdr import billed_text, cdr_step, chunks, reply_text
from tests.server.configs import BASE, complaints, write

REFERENCE, RECEIPTED, STATE = 0x0204, 0x001E, 0x0427
SENDER = "33612340001"


def config(folder: Path, carrier: str = "", link: str = "") -> Config:
    """The base configuration with more lines for its carrier and its link."""
    text = BASE.replace("[carrier.main]\n", f"[carrier.main]\n{carrier}\n")
    return load(write(folder, text.replace("[link.main]\n", f"[link.main]\n{link}\n")))


def recogniser(settings: Config) -> Recogniser:
    """With pseudonyms a test can read."""

    def keys(msisdn: str) -> SenderKeys:
        return SenderKeys(b"o" + msisdn.encode(), (msisdn.encode(),), b"")

    return Recogniser(settings.rules, settings.links, keys)


@pytest.mark.parametrize(("on", "tail"), [("true", (Tlv(REFERENCE, b"\x11\x70"),)), ("false", ())])
def test_a_reply_carries_its_reference(tmp_path: Path, on: str, tail: tuple[Tlv, ...]) -> None:
    """The low 16 bits of its id: SMPP 3.4 section 5.3.2.17 has room for no more."""
    settings = config(tmp_path, link=f"user_message_reference = {on}")
    composer = Composer(settings.links, settings.rules.texts)
    text_id = settings.rules.numbers["main"].text_ids[0]
    frame = composer.compose(Submit(70_000, "main", "main", SENDER, text_id)).encode(5)
    pdu = decode(frame)
    assert pdu.tlvs == tail and pdu.destination_addr == SENDER


@pytest.mark.parametrize("kind", [DeliverSm, DataSm])
@pytest.mark.parametrize(
    ("link", "told", "reference"),
    [
        ("user_message_reference = true", b"\x11\x70", 0x1170),
        ("user_message_reference = true", b"\x07", 7),
        ("user_message_reference = true", b"\0\0\0\x07", -1),
        ("", b"\x11\x70", -1),  # we sent none: it is the carrier's own
    ],
)
def test_a_receipt_brings_it_back(
    tmp_path: Path, kind: type[DeliverSm] | type[DataSm], link: str, told: bytes, reference: int
) -> None:
    tlvs = (Tlv(RECEIPTED, b"00fF\0"), Tlv(STATE, b"\x02"), Tlv(REFERENCE, told))
    pdu = kind(source_addr=SENDER, destination_addr="33937000001", esm_class=4, tlvs=tlvs)
    heard = ev.Heard(1, "main", [hp.Received(pdu)])
    settings = config(tmp_path, carrier='id_match = "exact"', link=link)
    seen = recogniser(settings).recognise([heard]).seen
    [receipt] = seen.receipts
    assert (receipt.reference, receipt.candidates) == (reference, ("00fF",))
    assert receipt.number == "main" and not seen.contacts


@pytest.mark.parametrize(
    ("source", "destination", "number", "claims"),
    [
        ("33937000001", SENDER, "main", (SENDER.encode(),)),
        ("+33937000001", f"+{SENDER}", "main", (SENDER.encode(),)),
        ("0033937000001", f"00{SENDER}", "main", (SENDER.encode(),)),
        ("SHOP", SENDER, "", (SENDER.encode(),)),
        ("33937000001", "somebody", "main", ()),
        ("33937000001", "", "", ()),
    ],
)
def test_a_line_of_a_cdr_loses_its_numbers(
    tmp_path: Path, source: str, destination: str, number: str, claims: tuple[bytes, ...]
) -> None:
    step = CdrStep("billed", "main", (CdrRow("q1", 5, source, destination),))
    asked = ev.Asked(Command(1, "cdr", cdr=step))
    [command] = recogniser(config(tmp_path)).recognise([asked]).seen.commands
    assert command.cdr is not None
    [row] = command.cdr.rows
    assert row.source == row.destination == "" and row.number == number
    assert (row.keys.claims if row.keys else ()) == claims


def test_a_step_as_the_socket_carries_it() -> None:
    text = billed_text("q1", 5, "33937000001", SENDER)
    step = cdr_step({"what": "billed", "carrier": "main", "rows": text})
    assert step.rows == (CdrRow("q1", 5, "33937000001", SENDER),)
    step = cdr_step({"what": "corrected", "carrier": "main", "rows": reply_text(7, 50)})
    assert step.rows == (CdrRow(reply_id=7, nanos=50),)


@pytest.mark.parametrize(
    ("what", "rows"),
    [
        ("paid", "7\t0"),
        ("billed", "\t5\ta\tb"),
        ("billed", "q1\t-5\ta\tb"),
        ("billed", "q1\t5\ta"),
        ("not billed", "0\t0"),
        ("corrected", "7\t-1"),
        ("corrected", "7"),
        ("not billed", "\n".join(["7\t0"] * 1001)),
    ],
)
def test_what_is_no_step(what: str, rows: str) -> None:
    with pytest.raises(ValueError, match=r"no step|no line|no reply|unpack|1001|at most"):
        cdr_step({"what": what, "carrier": "main", "rows": rows})


def test_steps_have_at_most_a_thousand_rows() -> None:
    lines = [reply_text(n) for n in range(1, 2002)]
    assert [len(chunk) for chunk in chunks(lines, 100_000)] == [1000, 1000, 1]
    assert [len(chunk) for chunk in chunks(["x" * 60] * 3, 130)] == [2, 1]
    assert list(chunks([], 10)) == []


def test_faults_of_these_keys(tmp_path: Path) -> None:
    text = BASE.replace("[carrier.main]\n", '[carrier.main]\nrate_zone = "Europe/Pariss"\n')
    text += "response_timeout_s = 60\n[privacy]\nreceipt_hold_s = 59\n"
    found = complaints(write(tmp_path, text))
    assert any('no time zone "Europe/Pariss"' in line for line in found)
    assert any("longest response_timeout_s (60)" in line for line in found)
