"""Stop words in messages: told by the whole text, however it begins and is written."""

import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.records import SenderKeys
from smpp_server import events as ev
from smpp_server.config import load, stop_form
from smpp_server.recognise import Recogniser
from smpp_server.smpp.happenings import Received
from smpp_server.smpp.schema import DeliverSm
from smpp_server.smpp.text import decode
from tests.server.configs import BASE, write

WORDS = ("STOP", "TD", "ARRÊT", "OPT OUT", "STRASSE", "SSTOP", "ÇA VA", "36111", "قف", "協商")
WORDS += (" ".join(["LONG"] * 30),)
HEADER = b"zaa" + bytes(97) + b"\x70\x15" + bytes(21)  # its first octets could be letters
REPLIES = f"stop_words = {list(WORDS)}\n[text.fr.N]\nwords = 'Non.'\n"
PIECES = [b"STOP", b"stop", b"St", b"O", b"p", b"td", b"arr", b"ARR", b"\x1f", b"\xea", b"t"]
PIECES += [b"\x1b", b" ", b".", b"!", b"\r\n", b"opt", b"Out", b"stra", b"\x1e", b"\xdf", b"e"]
PIECES += [b"s", b"S", b"36111", b"\x09", b"\xc7", b"a", b"va", b"\0S", b"\0", b"\x06\x42\x06\x41"]


@cache
def recogniser(alphabet: str) -> Recogniser:
    link = f"[link.main]\ndefault_alphabet = {alphabet!r}\n"
    with tempfile.TemporaryDirectory() as folder:
        settings = load(write(Path(folder), BASE.replace("[link.main]\n", link), REPLIES))
    return Recogniser(settings.rules, settings.links, lambda _: SenderKeys(b"", (), b""))


def is_stop(octets: bytes, coding: int, alphabet: str, esm_class: int = 0) -> bool:
    pdu = DeliverSm(
        source_addr="33612340001",
        source_addr_ton=1,
        destination_addr="33937000001",
        esm_class=esm_class,
        data_coding=coding,
        short_message=octets,
    )
    seen = recogniser(alphabet).recognise([ev.Heard(1, "main", [Received(pdu)])]).seen
    [contact] = seen.contacts
    assert contact.silence is None
    return contact.stop


@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map(b"".join),
    st.sampled_from([0, 3, 8]),
    st.sampled_from(["gsm", "latin-1"]),
)
def test_a_text_stops_when_its_form_is_a_stop_word(
    octets: bytes, coding: int, alphabet: str
) -> None:
    expected = stop_form(decode(octets, coding, default=alphabet)) in WORDS
    assert is_stop(octets, coding, alphabet) is expected


@pytest.mark.parametrize(
    ("octets", "coding", "stops"),
    [
        (b"Stop.", 0, True),
        (b"  stop !", 0, True),
        (b"S\x1btop", 0, True),  # an escape of no meaning shows the letter
        (b"td", 0, True),
        (b"tdx", 0, False),
        (b"t", 0, False),
        (b"stra\x1ee", 0, True),  # capitals of "ß" are "SS"
        (b"\x1etop", 0, True),
        ("ça va".encode("latin-1"), 3, True),
        (b"36111", 0, True),
        ("stop".encode("utf-16-be"), 8, True),
        ("قف".encode("utf-16-be"), 8, True),
        ("協商".encode("utf-16-be"), 8, True),  # the octets are "STUF"
        (b"stopped", 0, False),
        (b"please stop", 0, False),
    ],
)
def test_stop_words_in_octets(octets: bytes, coding: int, stops: bool) -> None:
    assert is_stop(octets, coding, "gsm") is stops


def test_stop_words_behind_a_header() -> None:
    assert is_stop(HEADER + b"stop", 0, "gsm", esm_class=0x40)
    assert not is_stop(HEADER + b"stopped", 0, "gsm", esm_class=0x40)
