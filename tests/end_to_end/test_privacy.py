"""No word of a message and no number of a person is in any file the server wrote, in any form."""

import sqlite3
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smpp_server.smpp import text
from smpp_server.smsc_invoice import Submission
from tests.end_to_end import wire
from tests.end_to_end.canaries import found
from tests.end_to_end.levers import SECOND_NS, Levers
from tests.end_to_end.server import LATER, NOW, Server, configured, until
from tests.end_to_end.smsc import Smsc
from tests.end_to_end.wire import Frame

WORDS = ["Quokkabraten", "Zwielichtpfau", "Mondkalbsuppe", "Wolpertinger", "Elwetritsch"]
NUMBERS = [f"336{part}" for part in ("47182936", "59483726", "70539418", "85937261", "92604875")]
ANSWERED, REFUSED, UNANSWERED, WAITS, MALFORMED = NUMBERS
REFUSED_STATUS = 0x0B  # ESME_RINVDSTADR
LEVERS = "tests.end_to_end.levers"
MESSAGE_PAYLOAD = 0x0424
UNREADABLE = (0x60000000, 0x60000001, 0x60000002)  # sequence numbers the SMSC never gave out


def written(canary: str) -> Iterator[tuple[str, bytes]]:
    """(how, octets) of every way a word or a number might come to stand in a file."""
    plain = {
        "utf-8": canary.encode(),
        "capital": canary.upper().encode(),
        "small": canary.lower().encode(),
        "utf-16-be": canary.encode("utf-16-be"),
        "utf-16-le": canary.encode("utf-16-le"),
    }
    for n in range(8):
        around = b"abcdefgh"[:n] + canary.encode() + b"cdefgh"
        plain[f"septets behind {n} others"] = text.pack(around)
    for how, octets in plain.items():
        yield how, octets
        yield f"{how} in hex", octets.hex().encode()
        yield f"{how} in HEX", octets.hex().upper().encode()
        for n in range(3):
            encoded = b"\xfb\xef\xff"[:n] + octets + b"\xfb\xef\xff"
            yield f"{how} in base64 behind {n} octets", b64encode(encoded)
            yield f"{how} in URL base64 behind {n} octets", urlsafe_b64encode(encoded)


def digits(msisdn: str) -> Iterator[tuple[str, bytes]]:
    """The same for what only a number can be: two digits an octet, an integer, backwards."""
    for how, number in (("whole", msisdn), ("national", msisdn[-9:]), ("odd", f"0{msisdn}")):
        padded = number + "f" * (len(number) % 2)
        yield f"BCD {how}", bytes.fromhex(padded)
        swapped = "".join(padded[n + 1] + padded[n] for n in range(0, len(padded), 2))
        yield f"semi-octets {how}", bytes.fromhex(swapped)  # GSM 03.40 section 9.1.2.5
        yield f"semi-octets {how} in hex", swapped.encode()
        yield f"semi-octets {how} in base64", b64encode(b"x" + bytes.fromhex(swapped))
    for how, number in (("whole", msisdn), ("national", msisdn[-9:])):
        yield f"integer {how}", int(number).to_bytes(8, "big")
        yield f"little integer {how}", int(number).to_bytes(8, "little")
    yield "backwards", msisdn[::-1].encode()
    yield "national", b"0" + msisdn[-9:].encode()
    yield "spaced", b'"' + msisdn.encode() + b'"'


@pytest.mark.parametrize("canary", [*WORDS, *NUMBERS])
def test_the_search_finds_what_is_there(tmp_path: Path, canary: str) -> None:
    """In every form it claims to know; and it takes no canary for another."""
    forms = dict(written(canary)) | (dict(digits(canary)) if canary in NUMBERS else {})
    for n, octets in enumerate(forms.values()):
        (tmp_path / f"{n:03}").write_bytes(b"\0\1" + octets + b"\xff")
    hits = {(name, which) for name, which, _ in found(tmp_path, WORDS, NUMBERS)}
    names = {f"{n:03}": how for n, how in enumerate(forms)}
    assert {names[name] for name, _ in hits} == set(forms)
    assert {which for _, which in hits} == {canary}


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
    bodies = (whole[:-3], whole[:20], whole + b"\x04\x24\x00\xff" + whole)
    for number, body in zip(UNREADABLE, bodies, strict=True):
        smsc.write(Frame(wire.DELIVER_SM, 0, number, body).octets())
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
        until(
            lambda: (server.status()["waiting"], server.status()["in_flight"]) == (1, 1),
            "for the turns that settle them",
        )
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
        told_once = "deliver_sm {} was answered twice, or never sent"  # never sent by its window
        assert smsc.faults == [told_once.format(number) for number in UNREADABLE]
        assert server.faults() == []
        assert told.read_bytes() and server.log.read_bytes()


def erased(server: Server) -> None:
    """An idle second, and the write-ahead log is emptied; one seal is left: that of who waits."""
    journal = server.state / "smppd.db-wal"
    until(lambda: journal.stat().st_size == 0, "for the checkpoint")
    with closing(sqlite3.connect(f"file:{server.state / 'smppd.db'}?mode=ro", uri=True)) as db:
        seals = db.execute("SELECT state FROM reply WHERE sealed IS NOT NULL").fetchall()
    assert seals == [(0,)]


@pytest.mark.slow
def test_a_seal_is_off_the_disk_two_minutes_after_its_reply(tmp_path: Path) -> None:
    """By the server's clock, and under a load that leaves it no idle second."""
    levers = Levers(tmp_path / "levers")
    waiting = [f"3365550{n:04}" for n in range(10)]
    others = iter(f"3366660{n:04}" for n in range(10_000))
    with Smsc() as smsc, Server(tmp_path, configured(smsc.port), LEVERS) as server:
        server.start().fund()
        for number in waiting:
            smsc.text(number, LATER)
        until(lambda: smsc.idle, "for the texts to be confirmed")
        seals = sealed(server)
        assert len(seals) == len(waiting) and all(map(in_a_file(server), seals))
        until(lambda: smsc.submits == len(waiting) and server.at_rest(), "for the replies")
        assert sealed(server) == []
        ends_ns = levers.monotonic_ns + 120 * SECOND_NS
        while levers.monotonic_ns < ends_ns:
            levers.pass_s(0.75)
            smsc.text(next(others), NOW)
            until(lambda: smsc.idle, "for a text to be confirmed")
        assert not any(map(in_a_file(server), seals))
        server.stop()
        assert smsc.faults == server.faults() == []


def sealed(server: Server) -> list[bytes]:
    """The sealed numbers as they stand in the database."""
    with closing(sqlite3.connect(f"file:{server.state / 'smppd.db'}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT sealed FROM reply WHERE sealed IS NOT NULL").fetchall()
    return [bytes(seal) for (seal,) in rows]


def in_a_file(server: Server) -> Callable[[bytes], bool]:
    """Tells whether octets stand anywhere in what the server wrote."""
    written = [path.read_bytes() for path in server.folder.rglob("*") if path.is_file()]
    return lambda octets: any(octets in data for data in written)
