"""Every way the configuration says no: file, line, key, sentence and cure.

A case is a line taken from the base file (-), what stands there instead (+), and the fault (!),
with the line it is told for first.
"""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.config import ConfigError, load
from tests.server.configs import BASE, REPLIES, complaints, write

KEYS = r"""
- password = "tiptoe42"
+ passwrod = "tiptoe42"
! 18: link.main.passwrod: unknown key, did you mean "password"?

- [carrier.main]
+ [carier.main]
! 11: carier: unknown key, did you mean "carrier"?

- carrier = "main"
! 14: link.main.carrier: is missing

- host = "127.0.0.1"
+ host = 127
! 16: link.main.host: must be text in quotes

- system_id = "us"
+ system_id = "us"
+ port = "2775"
! 18: link.main.port: must be a whole number

- system_id = "us"
+ system_id = "us"
+ port = 27750000
! 18: link.main.port: must be 65535 or less

- system_id = "us"
+ system_id = "us"
+ window = 0
! 18: link.main.window: must be 1 or more

- system_id = "us"
+ system_id = "us"
+ tls = "yes"
! 18: link.main.tls: must be true or false

- system_id = "us"
+ system_id = "us"
+ bind = "both"
! 18: link.main.bind: must be 'transceiver' or 'pair'

- system_id = "us"
+ system_id = "a-name-of-16-chr"
! 17: link.main.system_id: must have at most 15 characters

- system_id = "us"
+ system_id = "été"
! 17: link.main.system_id: only ASCII characters can be written here

- links = ["main"]
+ links = []
! 9: number.main.links: must not be empty

- links = ["main"]
+ links = [
+ "main",
+ 7]
! 9: number.main.links.1: must be text in quotes

- msisdn = "33937000001"
+ msisdn = "+33937000001"
! 8: number.main.msisdn: write 3 to 15 digits, international form without "+" or "00"

- budget_day = "20.00"
+ budget_day = "twenty"
! 2: money.budget_day: 'twenty' is not an amount: write digits and a point, as in "0.05"

- budget_day = "20.00"
+ budget_day = 0.0000000001
! 2: money.budget_day: 1E-10 has more than 9 decimals

- budget_day = "20.00"
+ budget_day = "-1"
! 2: money.budget_day: an amount cannot be below zero

- [number.main]
+ [number.0612345678]
! 7: number.0612345678: a name starts with a letter and has at most 32 letters, digits, - or _,
! no seven digits in a row
"""
ACROSS = r"""
- links = ["main"]
+ links = ["mian"]
! 9: number.main.links: there is no link "mian", did you mean "main"?

- carrier = "main"
+ carrier = "other"
! 15: link.main.carrier: there is no carrier "other"

- msisdn = "33937000001"
+ msisdn = "33937000001"
+ campaign = "x"
! 9: number.main.campaign: there is no campaign "x"

- msisdn = "33937000001"
+ msisdn = "33937000001"
+ text = "fr.M"
! 9: number.main.text: there is no text "fr.M", did you mean "fr.N"?

- msisdn = "33937000001"
+ msisdn = "38200"
! 7: number.main.source: carriers differ in how they write a short code: ask yours, and write it
! here

- delay_min = 60
+ delay_min = 60
+ delay_s = 9
! 6: campaign.default.delay_s: delay_min and delay_s are the same thing; keep one

- delay_min = 60
+ delay_s = 9
+ spread_s = 10
! 6: campaign.default.spread_s: the spread (10 s) must not be above the delay (9 s)

- delay_min = 60
+ delay_min = 1440
! 4: campaign.default.reply_max_age_h: replies would be too old before they may leave, up to
! 108000 s after the text

- delay_min = 60
+ claim_days = 13
! 1: privacy.epoch_days: must be 15 or more: claim_days, the longest delay and reply_max_age_h
! of campaign "default" together

- [money]
+ privacy.unknown_days = 15
+ [money]
! 1: privacy.unknown_days: must not be above epoch_days (14)

- delay_min = 60
+ countries = ["FR", "ZZ"]
! 5: campaign.default.countries.1: there is no country "ZZ"

- delay_min = 60
+ countries = ["JP"]
! 5: campaign.default.countries: no outbound rate for JP in rate_card.csv (carrier "main")

- msisdn = "33937000001"
+ msisdn = "447700900123"
! 8: number.main.msisdn: rate_card.csv has no inbound price for it: add a line, with 0 if it is
! free

- rate_card = "rate_card.csv"
+ rate_card = "rate_card.csv"
+ retry_statuses=[8]
+ pause_statuses=[8]
! 13: carrier.main.retry_statuses.0: 0x08 stands in pause_statuses too

- [money]
+ time.zone = "Europe/Pariss"
+ [money]
! 1: time.zone: there is no time zone "Europe/Pariss", did you mean "Europe/Paris"?

- system_id = "us"
+ system_id = "us"
+ mo_format = "national:XX"
! 18: link.main.mo_format: there is no country "XX"

- system_id = "us"
+ system_id = "us"
+ inactivity_s = 30
! 18: link.main.inactivity_s: must be above enquire_link_s (30), or 0 for never

- system_id = "us"
+ system_id = "us"
+ ca_directory = "x"
! 18: link.main.ca_directory: has no effect without tls = true

- system_id = "us"
+ system_id = "us"
+ bind_address = "eth0"
! 18: link.main.bind_address: must be an IP address of this machine

- host = "127.0.0.1"
+ host = "smpp.example.net"
! 16: link.main.host: texts and the password would travel unencrypted to another machine: set
! tls = true, or plain_text_to_remote_hosts = "I accept that texts and passwords travel
! unencrypted"

- system_id = "us"
+ system_id = "us"
+ plain_text_to_remote_hosts = "ok"
! 18: link.main.plain_text_to_remote_hosts: the words are "I accept that texts and passwords
! travel unencrypted"

- rate_card = "rate_card.csv"
+ rate_card = "no.csv"
! no.csv: cannot be read: No such file or directory
"""


def cases(text: str) -> list[tuple[str, str]]:
    """The broken file and the fault of each case."""
    found = []
    for block in text.strip().split("\n\n"):
        parts: dict[str, list[str]] = {"-": [], "+": [], "!": []}
        for line in block.splitlines():
            parts[line[0]].append(line[2:])
        [old] = parts["-"]
        assert BASE.count(f"{old}\n") == 1, old
        broken = BASE.replace(f"{old}\n", "".join(f"{line}\n" for line in parts["+"]))
        found.append((broken, " ".join(parts["!"])))
    return found


@pytest.mark.parametrize(("broken", "expected"), cases(KEYS) + cases(ACROSS))
def test_one_fault_is_told_with_its_line(tmp_path: Path, broken: str, expected: str) -> None:
    place = f"server.toml:{expected}" if re.match("[0-9]", expected) else expected
    assert place in complaints(write(tmp_path, broken))


def test_all_faults_come_at_once_in_file_order(tmp_path: Path) -> None:
    text = BASE.replace('"20.00"', "true").replace('"us"', '"us"\nwindow = 0\nprot = 2775')
    text = text.replace('links = ["main"]', 'links = ["mian"]').replace("delay_min", "delay_m")
    path = write(tmp_path, text, replies=REPLIES.replace("Non.", "\u00c7a : \u00ea"))
    card = tmp_path / "rate_card.csv"
    card.write_text(card.read_text("utf-8") + "33,out,cheap,EUR,FR,twice\n", "utf-8")
    line = len(card.read_text("utf-8").splitlines())
    found = complaints(path)
    assert [text.split(" ")[0] for text in found if not text.startswith("rate")] == [
        "replies.toml:3:",
        "server.toml:3:",
        "server.toml:6:",
        "server.toml:10:",
        "server.toml:19:",
        "server.toml:20:",
    ]
    assert any(text.startswith(f"rate_card.csv:{line}: ") for text in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a]\nb = 1\nb = 2\n", ["server.toml:3: a.b: stands twice, first on line 2"]),
        ("[a]\n[b]\n[a]\n", ["server.toml:3: a: stands twice, first on line 1"]),
        ('a = "x\nb = 1\n', ["server.toml:1: not TOML: Illegal character '\\n'"]),
        ("a = [1,\n\n", ["server.toml:3: not TOML: Invalid value"]),
    ],
)
def test_what_is_not_toml_gets_its_line(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert complaints(write(tmp_path, text)) == expected


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert complaints(tmp_path / "no.toml") == [
        "no.toml: cannot be read: No such file or directory"
    ]
    path = tmp_path / "latin.toml"
    path.write_bytes(b'a = 1\nb = "\xe9"\n')
    assert complaints(path) == ["latin.toml:2: this is not UTF-8 text"]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            "words = 'C\u2019est non'",
            'character 2, "\u2019" (U+2019 RIGHT SINGLE QUOTATION MARK), is not in the GSM '
            "alphabet, so the text costs 1 segment of at most 70 characters: write ', "
            "or set allow_ucs2 = true",
        ),
        (
            "words = 'Non\u00a0: non'",
            'character 4, " " (U+00A0 NO-BREAK SPACE), is not in the GSM '
            "alphabet, so the text costs 1 segment of at most 70 characters: "
            "write an ordinary space, or set allow_ucs2 = true",
        ),
        (
            f"words = 'ça{'x' * 152}'",
            'character 1, "ç" (U+00E7 LATIN SMALL LETTER C WITH CEDILLA), is not in '
            "the GSM alphabet, so the text costs 3 segments of at most 70 characters: "
            "choose other words, or set allow_ucs2 = true",
        ),
        (
            f"words = '{'x' * 161}'",
            "costs 2 segments and 1 may be spent: shorten it by 1, or set allow_segments = 2",
        ),
        (
            f"allow_ucs2 = true\nwords = '{'ê' * 72}'",
            "costs 2 segments and 1 may be spent: shorten it by 2, or set allow_segments = 2",
        ),
    ],
)
def test_a_dear_text_is_refused_with_its_cure(tmp_path: Path, table: str, expected: str) -> None:
    path = write(tmp_path, BASE, replies=REPLIES.replace('words = "Non."', table))
    [found] = [told for told in complaints(path) if told.startswith("replies.toml")]
    assert found.split(": ", 2)[1:] == ["text.fr.N.words", expected]


def test_a_long_text_needs_a_link_that_takes_it_whole(tmp_path: Path) -> None:
    replies = REPLIES.replace('"Non."', f'"{"x" * 161}"\nallow_segments = 2')
    path = write(tmp_path, BASE, replies=replies)
    assert complaints(path) == [
        'server.toml:8: number.main.text: fr.N costs 2 segments and link "main" takes one: '
        'shorten it, or set long_text = "message_payload" there'
    ]
    path.write_text(path.read_text() + 'long_text = "message_payload"\n')
    assert load(path).rules.texts["fr.N"].segments == 2


WORDS = st.text("ab\\\"'#[]{}=,. \n", max_size=6)


@given(st.data())
def test_a_damaged_file_gives_faults_and_no_secret(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    at = data.draw(st.integers(0, len(BASE)))
    gone = data.draw(st.integers(0, 12))
    path = write(folder, BASE[:at] + data.draw(WORDS) + BASE[at + gone :])
    try:
        shown = repr(load(path, environ={}))
    except ConfigError as error:
        shown = str(error)
    assert shown
    assert "tiptoe" not in shown


def test_a_guard_below_one_reply_is_told(tmp_path: Path) -> None:
    replies = REPLIES.replace('"Non."', f'"{"x" * 161}"\nallow_segments = 2')
    path = write(tmp_path, BASE + "[guard.prefix]\nsegments_per_hour = 1\n", replies=replies)
    found = "\n".join(complaints(path))
    assert "guard.prefix.segments_per_hour: is below the 2 segments of the longest text" in found
