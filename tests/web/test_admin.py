"""The admin socket: what it answers, what it refuses, and that it tells nothing of a person."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from smpp_server.web import BODY_LIMIT
from smpp_server.web.admin import ROUTES, listen
from tests.web.houses import WALL_NS, Lodge


@pytest.fixture
def lodge(tmp_path: Path) -> Iterator[Lodge]:
    lodge = Lodge(tmp_path)
    yield lodge
    lodge.close()


def test_status_is_json_and_never_cached(lodge: Lodge) -> None:
    answer = lodge.get("/status")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.value["links"][0]["name"] == "main"
    assert answer.value["money"]["currency"] == "EUR"


def test_status_tells_what_the_process_holds(lodge: Lodge) -> None:
    before = lodge.get("/status").value["process"]
    assert before["threads"] >= 1
    lodge.reactor.callLater(60, lambda: None)
    after = lodge.get("/status").value["process"]
    assert after["timers"] == before["timers"] + 2  # that one, and the last connection's time-out


def test_bind_status_holds_no_money(lodge: Lodge) -> None:
    whole = lodge.get("/status").value
    part = lodge.get("/bind-status").value
    assert "money" not in part and "tallies" not in part
    assert part.items() <= whole.items()


def test_money_given_is_booked_exactly_before_the_answer(lodge: Lodge) -> None:
    assert lodge.post("/fund", amount="0.000000001").value == {"result": "done"}
    assert lodge.post("/fund", amount="25", currency="EUR", note="Anne").status == 200
    assert lodge.get("/status").value["money"]["given_nanos"] == 25_000_000_001


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"amount": "1.0000000001"}, "1.0000000001 has more than 9 decimals."),
        ({"amount": "-1"}, "An amount given is above zero."),
        ({"amount": "0.00"}, "An amount given is above zero."),
        ({"amount": "1e3"}, "'1e3' is not an amount: write digits and a point, as in \"0.05\"."),
        ({}, "'' is not an amount: write digits and a point, as in \"0.05\"."),
        ({"amount": 10}, "The field 'amount' is text in quotes, amounts too."),
        ({"amount": 0.1}, "The field 'amount' is text in quotes, amounts too."),
        ({"amount": "1", "currency": "USD"}, "The books are kept in EUR, not in USD."),
        ({"amount": "1", "note": "x" * 201}, "A note has at most 200 characters."),
        ({"amuont": "1"}, "/fund knows no field 'amuont', did you mean \"amount\"?"),
    ],
)
def test_money_that_is_not_certain_is_refused(
    lodge: Lodge, fields: dict[str, Any], sentence: str
) -> None:
    answer = lodge.post("/fund", **fields)
    assert (answer.status, answer.value) == (400, {"error": sentence})
    assert lodge.get("/status").value["money"]["given_nanos"] == 0


def test_hold_and_release(lodge: Lodge) -> None:
    assert lodge.post("/hold").value == {"result": "done"}
    assert lodge.post("/hold", link="main").value == {"result": "done"}
    assert lodge.get("/status").value["holds"] == {"*": "operator", "main": "operator"}
    assert lodge.post("/release").value == {"result": "done"}
    assert lodge.post("/release", link="main").value == {"result": "done"}
    again = lodge.post("/release", link="main")
    assert (again.status, again.value) == (409, {"error": "main was not held"})
    wrong = lodge.post("/hold", link="mian")
    sentence = 'There is no link named "mian", did you mean "main"?'
    assert (wrong.status, wrong.value) == (400, {"error": sentence})


def test_the_breaker_is_overruled(lodge: Lodge) -> None:
    shown = lodge.post("/breaker", action="hold").value
    assert shown == {"result": "done"}
    breaker = lodge.get("/status").value["breaker"]
    assert (breaker["step"], breaker["by_hand"]) == ("hold", True)
    assert lodge.post("/breaker", action="release").value == {"result": "done"}
    again = lodge.post("/breaker", action="release")
    assert (again.status, again.value) == (409, {"error": "the breaker is open"})
    assert lodge.post("/breaker", action="open").status == 400


def test_orders_about_persons_name_them_nowhere(lodge: Lodge) -> None:
    told = lodge.post("/optout", number="+33612340001")
    assert (told.status, told.value) == (200, {"result": "done"})
    again = lodge.post("/optout", number="33612340001")
    assert (again.status, again.value) == (409, {"error": "it has opted out already"})
    why = lodge.get("/explain?number=33612340001").value["why"]
    assert why == "opted out"
    assert lodge.post("/optout", number="33612340001", undo="yes").status == 200
    assert lodge.get("/explain?number=33612340001").value["answered"]
    assert lodge.post("/forget", number="33612340001").value == {"result": "done"}
    for path in ("/optout", "/forget"):
        for number in ("", "3" * 41):
            assert lodge.post(path, number=number).status == 400
        wrong = lodge.post(path, number="BANK")
        sentence = (
            "this is no number of a sender: write it in international form, as in +33612345678"
        )
        assert (wrong.status, wrong.value) == (409, {"error": sentence})
    assert "33612340001" not in json.dumps(lodge.get("/status").value)


def test_what_waits_is_cancelled_by_number_and_campaign(lodge: Lodge) -> None:
    assert lodge.post("/cancel", number="main", campaign="default").value == {"result": "done"}
    [job] = lodge.get("/status").value["jobs"]
    assert (job["what"], job["number"], job["campaign"], job["ended"]) == (
        "cancel", "main", "default", "",
    )  # fmt: skip
    lodge.reactor.advance(1)
    [job] = lodge.get("/status").value["jobs"]
    assert job["ended"] and job["cancelled"] == 0
    wrong = lodge.post("/cancel", campaign="defualt")
    assert (wrong.status, "did you mean" in wrong.value["error"]) == (400, True)


def test_a_clock_that_jumped_is_accepted_only_when_told(lodge: Lodge) -> None:
    lodge.clocks.wall = WALL_NS + 100 * 24 * 3600 * 10**9
    assert lodge.post("/hold").status == 200
    assert lodge.get("/status").value["clock_fault"]
    assert lodge.post("/accept-clock").value == {"result": "done"}
    assert lodge.get("/status").value["clock_fault"] == ""


def test_explain_decides_and_writes_nothing(lodge: Lodge) -> None:
    before = lodge.get("/status").value["tallies"]
    for _ in range(2):
        answer = lodge.get("/explain?number=33612340001&to=main").value
        assert (answer["answered"], answer["price_nanos"]) == (True, 49_500_000)
    assert lodge.get("/explain?number=%2B4915123456789").value["why"] == "country not opened"
    assert lodge.get("/explain?number=38200").value["answered"] is False
    after = lodge.get("/status").value
    assert (after["tallies"], after["waiting"]) == (before, 0)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("/explain", "Say whose text is meant, as in +33612340001."),
        ("/explain?number=" + "3" * 41, "Say whose text is meant, as in +33612340001."),
        ("/explain?number=1&number=2", "A field stands once."),
        ("/explain?number=1&to=nobody", 'There is no number of ours named "nobody"; there is main'),
        ("/status?json=1", "/status knows no field 'json'"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    lodge: Lodge, target: str, sentence: str
) -> None:
    answer = lodge.get(target)
    assert (answer.status, answer.value) == (400, {"error": sentence})
    assert lodge.get("/status").value["store"] == "ok"


def test_other_paths_and_methods(lodge: Lodge) -> None:
    assert lodge.get("/").status == 404
    assert lodge.get("/status/").status == 404
    for path, route in ROUTES.items():
        other = "POST" if route.method == b"GET" else "GET"
        answer = lodge.ask(other, path)
        assert (answer.status, answer.headers["allow"]) == (405, route.method.decode())
        assert answer.value["error"].endswith(f"takes {route.method.decode()} only.")
        assert lodge.ask("DELETE", path).status == 405


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'"x"', b"\xff", b"[" * 9000, b'{"amount": ["1"]}', b"amount=1"]
)
def test_a_body_that_is_no_object_of_texts_is_refused(lodge: Lodge, body: bytes) -> None:
    form = "Content-Type: application/x-www-form-urlencoded"
    assert lodge.ask("POST", "/fund", body, form).status == 400


def test_a_body_has_a_limit_however_it_comes(lodge: Lodge) -> None:
    whole = json.dumps({"amount": "1"}).encode()
    fits = whole + b" " * (BODY_LIMIT - len(whole))
    assert lodge.ask("POST", "/fund", fits).status == 200
    assert lodge.ask("POST", "/fund", fits + b" ").status == 413
    head = b"POST /fund HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (len(fits), fits)
    assert b" 413 " in lodge.exchange(head + chunk + chunk + b"0\r\n\r\n").split(b"\r\n")[0]
    assert lodge.get("/status").value["money"]["given_nanos"] == 10**9


def test_nothing_asked_is_logged(lodge: Lodge) -> None:
    events: list[Any] = []
    globalLogPublisher.addObserver(events.append)
    try:
        lodge.get("/explain?number=33612340001")
        lodge.get("/explain?number=33612340001&to=nobody")
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert "33612340001" not in repr(events)


def test_a_fault_of_ours_is_told_without_its_words(
    lodge: Lodge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> dict[str, object]:
        raise RuntimeError("33612340001")

    events: list[Any] = []
    monkeypatch.setattr(lodge.house, "status", fails)
    globalLogPublisher.addObserver(events.append)
    try:
        answer = lodge.get("/status")
    finally:
        globalLogPublisher.removeObserver(events.append)
    told = {"error": "The server failed to answer; its log tells more."}
    assert (answer.status, answer.value) == (500, told)
    assert [event["log_format"] for event in events] == ["an admin request failed"]


def test_who_hangs_up_before_the_answer_hurts_nobody(
    lodge: Lodge, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: Deferred[object] = Deferred()
    monkeypatch.setattr(lodge.house, "ask", lambda *words: late)
    protocol = lodge.site.buildProtocol(None)
    transport = StringTransport()
    protocol.makeConnection(transport)
    protocol.dataReceived(b"POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    protocol.connectionLost(Failure(ConnectionDone()))
    late.callback("done")
    assert transport.value() == b""


class SocketReactor(MemoryReactorClock):
    """Binds for real, so that the file and its mode are real; accepts nothing."""

    def listenUNIX(self, address: Any, factory: Any, *_: Any, mode: int = 0o666, **__: Any) -> Any:
        """See IReactorUNIX."""
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(address)
        self.mode_at_birth = stat.S_IMODE(Path(address).stat().st_mode)
        Path(address).chmod(mode)
        return factory


def test_the_socket_is_its_owners_alone_from_its_first_moment(lodge: Lodge, tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    for _ in range(2):  # the second time there is the one of the first, as after a crash
        reactor = SocketReactor()
        found: list[object] = []
        listen(reactor, lodge.house, path).addCallback(found.append)
        assert len(found) == 1
        assert reactor.mode_at_birth == stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_no_socket_is_left_alone(lodge: Lodge, tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    path.write_text("notes")
    failures: list[Any] = []
    listen(SocketReactor(), lodge.house, path).addErrback(failures.append)
    assert failures[0].check(FileExistsError)
    assert path.read_text() == "notes"
