"""The log carries no word and no number of a person, wherever somebody puts it."""

import ast
import base64
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.protocol import ServerFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import (
    Logger,
    LogLevel,
    LogPublisher,
    globalLogPublisher,
)
from twisted.python import log as legacy_log
from twisted.python.failure import Failure

from routing.records import ReplyState, Silence
from smpp_server.log_fields import CONFIGURED, FIELDS, OWN_WORDS
from smpp_server.logs import HELD_BACK, Log, LogObserver
from smpp_server.masking import MASK, reply_ref

PACKAGE = Path(__file__).parents[2] / "smpp_server"
NUMBER = "33612340001"
WORDS = "meet me at nine, relou"


class Book:
    """An observer with a logger in this module, and what it wrote."""

    def __init__(self, **options: Any) -> None:
        self.stream = io.StringIO()
        self.observer = LogObserver(self.stream, **options)
        self.publisher = LogPublisher(self.observer)
        self.logger = Logger(namespace=__name__, observer=self.publisher)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Book:
    return Book(level="debug")


def written_forms(secret: str) -> Iterator[str]:
    """A secret as careless code might write it."""
    for octets in (secret.encode(), secret.encode("utf-16-be"), secret.encode("utf-16-le")):
        yield octets.hex()
        yield octets.hex(" ")
        yield repr(octets)[2:-1]
        for shift in range(3):  # base64 within a longer text, whatever stands before it
            whole = base64.b64encode(b"?" * shift + octets).decode()
            form = whole[4 if shift else 0 : len(whole) - 4]
            if len(form) >= 8:
                yield form
    yield secret


SECRETS = (NUMBER, NUMBER[2:], " ".join(NUMBER), "06 12 34 00 01", "612.34-00-01", WORDS, "relou")


def leaks(text: str) -> list[str]:
    low = text.lower()
    return [form for secret in SECRETS for form in written_forms(secret) if form.lower() in low]


class Careless(Exception):
    """Carries a secret in its message, its attributes and its notes."""

    def __init__(self, secret: object) -> None:
        super().__init__(f"cannot answer {secret}")
        self.sqlite_errorname = secret
        self.add_note(str(secret))


def carriers() -> Iterator[object]:
    """Each secret in every kind of value."""
    for secret in SECRETS:
        octets = secret.encode()
        yield from (secret, octets, bytearray(octets), secret.encode("utf-16-be"))
        yield from (octets.hex(), base64.b64encode(octets), base64.b64encode(octets).decode())
        yield from ({"deep": [secret]}, [secret], (secret, 3), {secret}, Careless(secret))
        yield type("Odd", (str,), {"__str__": lambda self: str.__str__(self)})(secret)
    yield int(NUMBER)
    yield float(NUMBER)
    yield [(int(NUMBER), 1), (1, int(NUMBER))]


# --- canaries


@pytest.mark.parametrize("plain", [False, True])
def test_no_field_lets_a_word_or_a_number_through(plain: bool) -> None:
    log = Book(level="debug", plain=plain)
    logger = Logger(
        namespace="smpp_server.logs", observer=log.publisher
    )  # here secrets are literals
    identities = {"reply"}  # takes 63 bits and writes them in base 32
    spans = {name for name in FIELDS if name.endswith(("_nanos", "_ns", "_s"))}  # a unit changes it
    for value in carriers():
        for name in [
            *FIELDS,
            *CONFIGURED,
            *OWN_WORDS,
            "invented",
            "message_text",
            "isError",
            "time",
            "system",
        ]:
            if isinstance(value, int) and name in spans | identities:
                continue
            logger.info("seen", **{name: value})
    assert not leaks(log.text)
    assert log.observer.dropped > 1000


@pytest.mark.parametrize("plain", [False, True])
def test_no_sentence_made_at_run_time_is_written(plain: bool) -> None:
    log = Book(plain=plain)
    for secret in SECRETS:
        log.logger.info(f"text from {secret}")
        log.logger.info(secret + "{link}", link=secret)
        log.logger.info("sent {text} {text!r} {text.__class__} {text()} {link:>40}", text=secret)
        log.logger.info("{" + secret)
    assert not leaks(log.text)
    assert HELD_BACK in log.text


@pytest.mark.parametrize("plain", [False, True])
def test_an_exception_is_its_type_and_its_places_only(plain: bool) -> None:
    log = Book(plain=plain)
    for secret in SECRETS:
        try:
            kept_in_a_local = [secret]
            try:
                raise Careless(kept_in_a_local)
            except Careless as error:
                raise OSError(28, secret, secret) from error
        except OSError:
            log.logger.failure("a commit failed", Failure(captureVars=True), link=secret)
    assert not leaks(log.text)
    if not plain:
        outer, inner = log.lines[0]["exceptions"]
        assert (outer["type"], outer["error"]) == ("OSError", "ENOSPC")
        assert inner["type"].endswith("Careless") and "error" not in inner
        assert "server/test_logs.py:" in outer["at"][0]
        assert "test_an_exception_is_its_type_and_its_places_only" in outer["at"][0]


def test_twisteds_own_events_and_pythons_warnings_pass_the_same_rules(log: Book) -> None:
    class Chatty(ServerFactory):
        def __repr__(self) -> str:
            return f"<{SECRETS}>"

        __str__ = __repr__

    globalLogPublisher.addObserver(log.observer)
    try:
        for secret in SECRETS:
            fail(Careless(secret))  # an unhandled error, told when it is collected
            legacy_log.msg(secret, system=secret)
            legacy_log.msg(format="%(what)s", what=secret)
            legacy_log.err(Failure(Careless(secret)), secret)
            legacy_log.showwarning(UserWarning(secret), UserWarning, "file.py", 1)
        MemoryReactorClock().listenTCP(0, Chatty())
        Chatty().doStart()
        deferred: Deferred[None] = Deferred()
        deferred.addCallback(lambda _: int(WORDS))
        deferred.callback(None)
        del deferred
    finally:
        globalLogPublisher.removeObserver(log.observer)
    assert not leaks(log.text)
    texts = [line["text"] for line in log.lines]
    assert "Unhandled error in Deferred:" in texts
    assert f"Starting factory {HELD_BACK}" in texts
    seen, lines = log.observer.dropped, len(log.lines)
    log.observer({"log_namespace": "log_legacy", "log_format": "{log_text}", "log_text": WORDS})
    assert (log.observer.dropped, len(log.lines)) == (seen + 1, lines)  # a mark alone tells nothing
    assert {"twisted.internet.defer", __name__, "other"} <= {line["source"] for line in log.lines}
    assert log.observer.lost == 0


# --- what is written


def test_a_line_holds_time_level_source_text_and_allowed_fields(log: Book) -> None:
    log.observer.allow_words({"main", "smsc.example", "127.0.0.1", "10.200.100.200"})
    event: dict[str, Any] = {
        "log_time": 1_795_514_400.25,
        "log_level": LogLevel.warn,
        "log_namespace": __name__,
        "log_format": "link {link} answers {status}",
        "link": "main",
        "host": "10.200.100.200",
        "status": 0x58,
        "silence": Silence.CLAIMED,
        "state": ReplyState.UNKNOWN,
        "reply": 1 << 48 | 77,
        "price_nanos": 49_500_000,
        "spent_nanos": 1_234_567_000_000_000,
        "turn_ns": 4_200_000,
        "until_wall_ns": 1_795_514_400_000_000_000,
        "tlvs": [(0x0204, 2), (0x1400, 9)],
        "bind": 12_345_678,
        "label": "ESME_RTHROTTLED",
        "sender": NUMBER,
    }
    log.observer(event)
    assert log.lines == [
        {
            "time": "2026-11-24T10:00:00.250Z",
            "level": "warn",
            "source": __name__,
            "text": "link main answers 0x00000058",
            "link": "main",
            "host": "10.200.100.200",
            "status": "0x00000058",
            "silence": "replied already",
            "state": "UNKNOWN",
            "reply": reply_ref(1 << 48 | 77),
            "price": "0.0495",
            "spent": "1234567.00",
            "turn_s": 0.004,
            "until": "2026-11-24T10:00:00Z",
            "tlvs": ["0x0204:2", "0x1400:9"],
            "bind": ">999999",
            "label": "ESME_RTHROTTLED",
            "held_back": 1,
        }
    ]


def test_configured_words_only_and_masked_unless_they_are_addresses(log: Book) -> None:
    log.logger.info("tried", link="main")
    log.observer.allow_words({"main", f"line-{NUMBER}"})
    log.logger.info("tried", link="main", carrier="other", number=f"line-{NUMBER}")
    before, after = log.lines
    assert "link" not in before and before["held_back"] == 1
    assert after["link"] == "main" and "carrier" not in after
    assert after["number"] == f"line-{MASK}"


def test_the_shell_logs_in_the_name_of_the_module_that_calls(log: Book) -> None:
    log.observer.allow_words({"main", "link_down"})
    tell = Log(log.publisher)
    tell("warning", "bind refused", link="main", status="ESME_RINVPASWD")
    tell("info", "link", link="main", state="bound", kind="un" + "bound")
    tell("warning", "alarm", code="link_down", subject="main", change="begins")
    tell("critical", "bug", failure=Failure(Careless(NUMBER)))
    refused, link, alarm, bug = log.lines
    assert (refused["level"], refused["text"]) == ("warn", "bind refused")
    assert (refused["source"], refused["status"]) == (__name__, "ESME_RINVPASWD")
    assert link["state"] == "bound" and "kind" not in link
    assert alarm["code"] == "link_down" and alarm["change"] == "begins"
    assert bug["exceptions"][0]["type"].endswith("Careless")


def test_the_plain_form_is_one_line_and_its_exceptions() -> None:
    log = Book(plain=True)
    log.observer({"log_time": 0.0, "log_namespace": __name__, "log_format": "up", "replies": 3})
    assert log.text == f"1970-01-01T00:00:00.000Z info     {__name__}: up replies=3\n"
    try:
        raise KeyError(NUMBER)
    except KeyError:
        log.logger.failure("down")
    assert log.text.splitlines()[2] == "    KeyError"


def test_events_below_the_level_are_not_written() -> None:
    log = Book(level="warn")
    log.logger.info("quiet")
    log.logger.error("loud")
    log.observer.set_level("debug")
    log.logger.debug("whispered")
    assert [line["text"] for line in log.lines] == ["loud", "whispered"]
    with pytest.raises(ValueError, match="debug, info, warn, error, critical"):
        log.observer.set_level("noisy")


def test_sqlites_name_of_an_error_is_shown(log: Book) -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (n INTEGER UNIQUE)")
        database.execute("INSERT INTO t VALUES (1)")
        try:
            database.execute("INSERT INTO t VALUES (1)")
        except sqlite3.IntegrityError:
            log.logger.failure("a commit failed")
    database.close()
    assert log.lines[0]["exceptions"][0]["error"] == "SQLITE_CONSTRAINT_UNIQUE"


def test_long_ways_and_long_chains_are_cut(log: Book) -> None:
    def fall(depth: int) -> None:
        if depth:
            return fall(depth - 1)
        raise ValueError

    def chain(length: int) -> None:
        try:
            fall(40)
        except ValueError as error:
            if length:
                try:
                    chain(length - 1)
                except ValueError as inner:
                    raise error from inner
            raise

    try:
        chain(9)
    except ValueError:
        log.logger.failure("deep")
    exceptions = log.lines[0]["exceptions"]
    assert len(exceptions) == 4
    assert all(len(exception["at"]) <= 13 for exception in exceptions)
    assert exceptions[0]["at"][-1].endswith(" fall")


def test_odd_events_are_written_as_far_as_they_go(log: Book) -> None:
    log.observer({"log_namespace": __name__, "log_format": "a { that never ends", "log_level": 7})
    log.observer({"log_namespace": "builtins", "log_format": "no source to read"})
    log.observer({"log_namespace": 5, "log_failure": Failure("no exception", exc_type=str)})
    log.observer.reopen()
    log.observer.close()  # neither touches a stream that is not ours
    first, second, third = log.lines
    assert first == {"time": "", "level": "info", "source": __name__, "text": "a { that never ends"}
    assert (second["source"], second["text"]) == ("builtins", HELD_BACK)
    assert third["source"] == "other" and third["exceptions"] == [{"type": "str", "at": []}]


def test_a_log_that_cannot_be_written_raises_nothing() -> None:
    observer = LogObserver(Path("/dev/full"))
    Logger(namespace=__name__, observer=LogPublisher(observer)).info("up")
    observer.close()
    assert observer.lost == 1


def test_rotation_goes_on_in_a_new_private_file(tmp_path: Path) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    observer = LogObserver(path)
    logger = Logger(namespace=__name__, observer=LogPublisher(observer))
    logger.info("before")
    path.rename(old)
    logger.info("between")
    observer.reopen()
    logger.info("after")
    observer.close()
    texts = [
        [json.loads(line)["text"] for line in file.read_text().splitlines()] for file in (old, path)
    ]
    assert texts == [["before", "between"], ["after"]]
    assert path.stat().st_mode & 0o777 == old.stat().st_mode & 0o777 == 0o600


# --- our own sources


def log_faults(source: str) -> list[str]:
    """Log calls that would be held back: sentences that are no literals, fields nobody allows."""
    faults = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("log")):
            continue
        if len(node.args) != 2:
            continue  # not of this kind: log(level, sentence, ...)
        if not isinstance(node.args[1], ast.Constant):
            faults.append(f"line {node.lineno}: the sentence is not a literal")
        faults += [
            f"line {node.lineno}: {word.arg} is no field of the log"
            for word in node.keywords
            if word.arg not in {*FIELDS, *CONFIGURED, *OWN_WORDS, "failure"}
        ]
    return faults


def test_our_own_log_calls_show_what_they_are_given() -> None:
    assert log_faults("self.log(level, f'{x}')\nlog('info', 'a', link=1, sender=2)") == [
        "line 1: the sentence is not a literal",
        "line 2: sender is no field of the log",
    ]
    faults = {str(path): log_faults(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
    assert {path: found for path, found in faults.items() if found} == {}
