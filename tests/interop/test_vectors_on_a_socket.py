"""Every PDU vector of many implementations, played by an SMSC over a socket to the whole server.

Each is followed by an enquire_link, which must be answered: the link has lived through it, and
nothing came but what SMPP 3.4 demands in sections 2.8, 3.3 and 4.3.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from smpp_server.smpp.constants import CommandStatus
from tests.end_to_end.server import Server, configured
from tests.end_to_end.wire import (
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    RESPONSE,
    UNBIND,
    Frame,
    Line,
    Port,
    cut,
)

Vector = dict[str, Any]
VECTORS: list[Vector] = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "vectors" / "pdus.jsonl").read_text().splitlines()
]
DATA_SM, OUTBIND, ALERT_NOTIFICATION = 0x103, 0x0B, 0x102
MESSAGES = {DELIVER_SM, DATA_SM}
UNANSWERED = {OUTBIND, ALERT_NOTIFICATION}
LINK = """\

[link.spare{n}]
carrier = "main"
host = "127.0.0.1"
port = {port}
system_id = "us"
password = "tiptoe42"
"""


def ends_the_link(vector: Vector) -> bool:
    """Whether the connection is over after this one."""
    if vector["reason"] in ("frame_length", "incomplete"):
        return True
    return any(frame.command_id == UNBIND for frame in sent(vector))


def sent(vector: Vector) -> list[Frame]:
    """The vector's octets as whole PDUs; a stream holds more than one."""
    return cut(bytearray.fromhex(vector["hex"]))


class Esme:
    """The server, and its connections that are still good."""

    def __init__(self, server: Server, port: Port, lines: list[Line]) -> None:
        self.server = server
        self.port = port
        self.lines = lines

    @property
    def line(self) -> Line:
        """A connection that is bound."""
        return self.lines[-1]

    def leave(self) -> None:
        """This connection is over."""
        self.lines.pop().close()


@pytest.fixture(scope="module")
def esme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Esme]:
    """A server with one link for each connection that will not survive, so nobody waits."""
    links = 1 + sum(map(ends_the_link, VECTORS))
    port = Port()
    config = configured(port.number)
    config += "".join(LINK.format(n=n, port=port.number) for n in range(1, links))
    with Server(tmp_path_factory.mktemp("esme"), config) as server:
        server.start()
        lines = [port.accept() for _ in range(links)]
        found = Esme(server, port, [line.bind() for line in lines])
        yield found
        assert found.lines, "a connection was lost that should have lived"
        assert found.line.enquire() == []
        assert server.faults() == []
        for line in found.lines:
            line.close()
        port.close()
        server.stop()


def wanted(frame: Frame, vector: Vector) -> list[tuple[Frame, bool]]:
    """The response this frame must get; with True any error status will do."""
    command_id, reason = frame.command_id, vector["reason"]
    if command_id & RESPONSE or command_id in UNANSWERED:
        return []
    if reason == "unknown_command":
        status = CommandStatus.ESME_RINVCMDID
        return [(Frame(GENERIC_NACK, status, frame.number), False)]
    body = b"\0" if command_id in MESSAGES else b""
    if command_id == UNBIND:  # a stray octet leaves no doubt about what is meant
        return [(frame.response(), False)]
    if reason in ("malformed_body", "malformed_tlv") and not 0 < stray_octets(frame) < 4:
        return [(frame.response(1, body), True)]
    if command_id in MESSAGES | {ENQUIRE_LINK}:
        return [(frame.response(0, body), False)]
    # what only an ESME may ask: its own response, Table 2-1
    return [(frame.response(CommandStatus.ESME_RINVBNDSTS), False)]


def stray_octets(frame: Frame) -> int:
    """Octets after the last whole field of a deliver_sm: 1 to 3 of them may be passed over."""
    if frame.command_id != DELIVER_SM:
        return 0
    body, at = frame.body, 0
    for before in (0, 2, 2, 3, 0):  # section 4.6.1: octets before each C-octet string
        at = body.find(0, at + before) + 1
        if not at:
            return 0
    at += 5 + (body[at + 4] if at + 4 < len(body) else 0)
    while at + 4 <= len(body):
        at += 4 + int.from_bytes(body[at + 2 : at + 4])
    return len(body) - at


def agree(answers: list[Frame], demands: list[tuple[Frame, bool]]) -> bool:
    """Whether each demand is met once, in any order, and nothing else came."""
    if len(answers) != len(demands):
        return False
    for demand, any_error in demands:
        met = [
            answer
            for answer in answers
            if (answer._replace(status=1) if any_error and answer.status else answer) == demand
        ]
        if len(met) != 1:
            return False
    return True


def named(*reasons: str | None) -> Any:
    """Parametrizes a test with the vectors of these reasons that leave the link alive, or not."""
    chosen = [vector for vector in VECTORS if vector["reason"] in reasons]
    assert chosen
    return pytest.mark.parametrize("vector", chosen, ids=[vector["id"] for vector in chosen])


@named(None, "malformed_body", "malformed_tlv", "unknown_command")
def test_a_whole_frame_is_answered_once_and_the_link_lives(esme: Esme, vector: Vector) -> None:
    line, frames = esme.line, sent(vector)
    leaves = ends_the_link(vector)
    rest = len(vector["hex"]) // 2 - sum(16 + len(frame.body) for frame in frames)
    line.send(bytes.fromhex(vector["hex"])[: -rest or None])
    if leaves:  # nobody listens after an unbind
        del frames[[frame.command_id for frame in frames].index(UNBIND) + 1 :]
    demands = [demand for frame in frames for demand in wanted(frame, vector)]
    if leaves:
        answers = [line.read() for _ in demands]
        line.socket.shutdown(1)
        answers += line.rest()
        esme.leave()
    else:
        answers = line.enquire()
        with suppress(EOFError):  # messages are answered after their commit, so perhaps later
            while len(answers) < len(demands):
                answers.append(line.read())
        assert line.enquire() == []
    assert agree(answers, demands), (answers, demands)


@named("frame_length")
def test_a_length_that_cannot_be_ends_the_link(esme: Esme, vector: Vector) -> None:
    """Section 3.2: octet borders are lost, so nothing after it can be believed."""
    esme.line.send(bytes.fromhex(vector["hex"]))
    answers = esme.line.rest()
    esme.leave()
    number = answers[0].number if answers else 0
    nack = Frame(GENERIC_NACK, CommandStatus.ESME_RINVCMDLEN, number)
    assert answers in ([], [nack])
    header = bytes.fromhex(vector["hex"])[:16]
    assert number in (0, int.from_bytes(header[12:]))


@named("incomplete")
def test_half_a_frame_is_followed_by_nothing(esme: Esme, vector: Vector) -> None:
    """More octets are awaited; when the connection ends instead, not a word is said."""
    esme.line.send(bytes.fromhex(vector["hex"]))
    esme.line.socket.shutdown(1)
    answers = esme.line.rest()
    esme.leave()
    assert answers == [frame.response() for frame in sent(vector) if frame.command_id == 0x15]
