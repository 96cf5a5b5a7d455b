"""No word of a message and no number of a person is in any file the server wrote, in any form."""

import sqlite3
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from smpp_server.smpp import text
from smpp_server.smsc_invoice import Submission
from tests.end_to_end import wire
from tests.end_to_end.canaries import found
from tests.end_to_end.server import LATER, NOW, Server, configured, until
from tests.end_to_end.smsc import Smsc
from tests.end_to_end.wire import Frame

WORDS = ["Quokkabraten", "Zwielichtpfau", "Mondkalbsuppe", "Wolpertinger", "Elwetritsch"]
NUMBERS = [f"336{part}" for part in ("47182936", "59483726", "71829364", "85937261", "92817463")]
ANSWERED, REFUSED, UNANSWERED, WAITS, MALFORMED = NUMBERS
REFUSED_STATUS = 0x0B  # ESME_RINVDSTADR
MESSAGE_PAYLOAD = 0x0424


@pytest.mark.parametrize(
    "written",
    [
        str.encode,
        lambda word: word.encode("utf-16-be"),
        lambda word: word.encode("utf-16-le").hex().encode(),
        lambda word: b"x" + word.encode(),
        lambda word: b64encode(b"ab" + word.encode() + b"cd"),
        lambda word: text.pack(b"ab" + word.encode() + b"cdefgh"),
    ],
)
def test_the_search_finds_what_is_there(tmp_path: Path, written: Callable[[str], bytes]) -> None:
    for n, canary in enumerate((WORDS[0], NUMBERS[0])):
        (tmp_path / f"{n}").write_bytes(b"\0\1" + written(canary) + b"\xff")
    assert {(name, canary) for name, canary, _ in found(tmp_path, WORDS, NUMBERS)} == {
        ("0", WORDS[0]),
        ("1", NUMBERS[0]),
    }


def test_the_search_finds_a_number_as_octets(tmp_path: Path) -> None:
    (tmp_path / "semi").write_bytes(bytes.fromhex("007433746174819263ff"[2:]))
    (tmp_path / "swapped").write_bytes(bytes.fromhex("91" + "3346172839f6"))
    (tmp_path / "integer").write_bytes(int(NUMBERS[0]).to_bytes(6))
    assert {name for name, _, _ in found(tmp_path, [], NUMBERS)} == {"semi", "swapped", "integer"}


def verdict(submission: Submission) -> int | None:
    """What becomes of the reply to each."""
    return {REFUSED: REFUSED_STATUS, UNANSWERED: None}.get(submission.destination, 0)


def talk(smsc: Smsc) -> None:
    """Texts of every kind from the canaries: answered, refused, in doubt, waiting, silent."""
    for number, word, called in zip(NUMBERS, WORDS, (NOW, NOW, NOW, LATER, NOW), strict=True):
        if number != MALFORMED:
            smsc.text(number, called, word.encode())
            smsc.text(number, called, word.encode("utf-16-be"), wire.UCS2)
    payload = ((MESSAGE_PAYLOAD, WORDS[4].encode() * 20),)
    smsc.deliver(wire.message(ANSWERED, NOW, b"", tlvs=payload), called=NOW)
    smsc.deliver(wire.message(MALFORMED, "4915112345", WORDS[1].encode()))  # not our number
    report = f"id:4711 stat:DELIVRD err:000 text:{WORDS[2]}".encode()
    smsc.deliver(wire.message(MALFORMED, NOW, report, esm_class=wire.RECEIPT), text=False)


def misbehave(smsc: Smsc) -> None:
    """PDUs that cannot be read, full of what must not be kept."""
    whole = wire.message(MALFORMED, NOW, WORDS[3].encode())
    for n, body in enumerate((whole[:-3], whole[:20], whole + b"\x04\x24\x00\xff" + whole)):
        smsc.write(Frame(wire.DELIVER_SM, 0, 0x60000000 + n, body).octets())
    secret = f"{MALFORMED} {WORDS[4]}".encode()
    smsc.write(Frame(0x0000BEEF, 0, 0x60000010, secret).octets())
    smsc.write(Frame(wire.SUBMIT_SM | wire.RESPONSE, 0, 0x60000011, secret + b"\0").octets())
    smsc.write(Frame(wire.SUBMIT_SM | wire.RESPONSE, 8, 0x60000012, secret).octets())


@pytest.mark.slow
def test_nothing_of_a_person_reaches_the_disk(tmp_path: Path) -> None:
    told = tmp_path / "alarms"
    config = configured(
        0, server='log_level = "debug"', alarm=f'alarm_command = ["/usr/bin/tee", "-a", "{told}"]'
    ).replace("delay_s = 2", "delay_s = 3600")
    name = WORDS[0].encode()
    with Smsc(verdict, receipts=True, name=name) as smsc, Server(tmp_path, config) as server:
        server.file.write_text(config.replace("port = 0", f"port = {smsc.port}"), "utf-8")
        server.start().fund()
        until(lambda: smsc.bound, "for the bind")
        talk(smsc)
        misbehave(smsc)
        until(lambda: smsc.idle and smsc.submits == 3, "for all answers")
        status = server.status()
        assert (status["waiting"], status["in_flight"]) == (1, 1)
        assert found(tmp_path, WORDS, NUMBERS) == []
        for number in NUMBERS:
            server.ask("GET", f"/explain?number={number}")
        server.kill()
        assert found(tmp_path, WORDS, NUMBERS) == [], "after kill -9"

        server.start().ready()
        until(lambda: smsc.binds == 2, "for the second bind")
        talk(smsc)
        until(lambda: smsc.idle, "for all answers")
        smsc.write(b"\0\0\0\7" + f"{MALFORMED} {WORDS[4]}".encode())  # framing is lost
        until(lambda: smsc.binds == 3, "for the third bind")
        erased(server)
        assert found(tmp_path, WORDS, NUMBERS) == [], "while it runs"
        server.stop()
        assert found(tmp_path, WORDS, NUMBERS) == [], "after its stop"
        assert smsc.submits == 3
        odd = str(0x60000000)[:8]  # what `misbehave` wrote was not counted as sent
        assert [fault for fault in smsc.faults if odd not in fault] == server.faults() == []
        assert told.read_bytes() and server.log.read_bytes()


def erased(server: Server) -> None:
    """An idle second, and the write-ahead log is emptied; one seal is left: that of who waits."""
    journal = server.state / "smppd.db-wal"
    until(lambda: journal.stat().st_size == 0, "for the checkpoint")
    with closing(sqlite3.connect(f"file:{server.state / 'smppd.db'}?mode=ro", uri=True)) as db:
        seals = db.execute("SELECT state FROM reply WHERE sealed IS NOT NULL").fetchall()
    assert seals == [(0,)]
