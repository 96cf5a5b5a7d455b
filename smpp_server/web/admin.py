"""The admin socket: HTTP and JSON over a UNIX socket that only its owner may open.

Looks (`GET`) read published summaries and answer while a commit hangs; commands (`POST`) answer
after their commit. Whatever goes wrong is told as `{"error": "a sentence"}`.
"""

import json
import os
import stat
from collections.abc import Callable, Collection, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Protocol, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from routing.money import MoneyError, parse_nanos
from smpp_server.config_lines import did_you_mean
from smpp_server.config_records import Config
from smpp_server.masking import mask
from smpp_server.web import BODY_LIMIT
from smpp_server.web.cards import CARD_FIELDS, card_step
from smpp_server.web.cdr import CDR_FIELDS, cdr_step
from smpp_server.web.closings import CLOSING_FIELDS, closing_step

log = Logger()

JSON: Final = b"application/json; charset=utf-8"
LONGEST_NOTE: Final = 200  # characters of the note of a donation
LONGEST_ADDRESS: Final = 40
BIND_STATUS: Final = frozenset(
    ("version", "up_s", "clock_fault", "links", "waiting", "in_flight", "holds", "alarms")
)

Fields = Mapping[str, str]


class House(Protocol):
    """What is asked of the running server."""

    @property
    def config(self) -> Config:
        """What it runs with."""

    def status(self) -> dict[str, object]:
        """Everything published, at once."""

    def ask(self, name: str, text: str = "", nanos: int = 0, **more: Any) -> Deferred[object]:
        """An operator's command; "done" after its commit, or a sentence that says why not."""

    def explain(self, address: str, number: str = "") -> Deferred[object]:
        """What would happen to a text from `address`, or a sentence; nothing is written."""


class Refused(Exception):
    """The request cannot be granted: the status of the response and a sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Route(NamedTuple):
    """One path: its method, the fields it knows and what answers."""

    method: bytes
    fields: frozenset[str]
    answer: Callable[["Admin", Fields], object]


class Admin(Resource):
    """All the paths there are."""

    isLeaf = True

    def __init__(self, house: House) -> None:
        initialise: Any = super().__init__  # Twisted declares no types here
        initialise()
        self.house = house

    def render(self, request: Any) -> Any:
        """Answer now or after the commit, in any case as JSON."""
        answering = maybeDeferred(self._answer, request)
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        answering.addErrback(_as_sentence)
        answering.addCallback(lambda result: None if gone else _write(request, *result))
        answering.addErrback(lambda failure: log.failure("an answer could not be written", failure))
        return NOT_DONE_YET

    def _answer(self, request: Any) -> Deferred[tuple[int, object]]:
        path = request.path.decode("ascii", "replace")
        route = ROUTES.get(path)
        if route is None:
            paths = ", ".join(ROUTES)
            raise Refused(404, f"There is no such path; there are {paths}.")
        if request.method != route.method:
            request.setHeader(b"Allow", route.method)
            raise Refused(405, f"{path} takes {route.method.decode()} only.")
        if request.too_large:
            raise Refused(413, f"A request's body has at most {BODY_LIMIT} octets.")
        given = _query(request) if route.method == b"GET" else _json(request.content.read())
        unknown = sorted(given.keys() - route.fields)
        if unknown:
            raise Refused(
                400, f"{path} knows no field {unknown[0]!r}{did_you_mean(unknown[0], route.fields)}"
            )
        answering: Deferred[object] = maybeDeferred(route.answer, self, given)
        return answering.addCallback(lambda value: (200, value))

    # -- what answers

    def status(self, _: Fields) -> object:
        return self.house.status()

    def bind_status(self, _: Fields) -> object:
        whole = self.house.status()
        return {key: value for key, value in whole.items() if key in BIND_STATUS}

    def explain(self, fields: Fields) -> object:
        address, number = fields.get("number", ""), fields.get("to", "")
        if not address or len(address) > LONGEST_ADDRESS:
            raise Refused(400, "Say whose text is meant, as in +33612340001.")
        self._known("number of ours", number, self.house.config.rules.numbers)
        return self.house.explain(address, number).addCallback(_unless_sentence)

    def fund(self, fields: Fields) -> object:
        currency = self.house.config.rules.money.currency
        asked = fields.get("currency", currency)
        if asked != currency:
            raise Refused(400, f"The books are kept in {currency}, not in {asked}.")
        nanos = self._amount(fields)
        return self._told(self.house.ask("fund", "", nanos, note=self._note(fields)))

    def fee(self, fields: Fields) -> object:
        carrier = fields.get("carrier", "")
        self._known("carrier", carrier, self.house.config.rules.carriers)
        nanos = self._amount(fields)
        return self._told(self.house.ask("fee", carrier, nanos, note=self._note(fields)))

    def budget(self, fields: Fields) -> object:
        """Set a budget: an amount, or "none", or "default" for what the configuration says."""
        how = {"none": "budget-lift", "default": "budget-reset"}.get(fields.get("limit", ""))
        nanos = 0 if how else self._amount(fields, "limit", 0)
        return self._told(self.house.ask(how or "budget", fields.get("name", ""), nanos))

    def close(self, fields: Fields) -> object:
        """Close a month, as `smppd ledger close` exported and verified it."""
        try:
            closing = closing_step(fields)
        except (KeyError, ValueError):
            raise Refused(400, "This is no closing of a month of this version.") from None
        return self._told(self.house.ask("close", closing=closing))

    @staticmethod
    def _amount(fields: Fields, name: str = "amount", least: int = 1) -> int:
        try:
            nanos = parse_nanos(fields.get(name, ""))
        except MoneyError as error:
            raise Refused(400, f"{error}.") from None
        if nanos < least:
            raise Refused(400, "An amount given is above zero.")
        return nanos

    @staticmethod
    def _note(fields: Fields) -> str:
        """What the books remember: not a person's number, which they would keep for years."""
        note = fields.get("note", "")
        if len(note) > LONGEST_NOTE:
            raise Refused(400, f"A note has at most {LONGEST_NOTE} characters.")
        return mask(note)

    def hold(self, fields: Fields) -> object:
        return self._told(self.house.ask("hold", self._link(fields)))

    def release(self, fields: Fields) -> object:
        return self._told(self.house.ask("release", self._link(fields)))

    def breaker(self, fields: Fields) -> object:
        action = fields.get("action", "")
        if action not in ("hold", "release"):
            raise Refused(400, "The action is hold or release.")
        return self._told(self.house.ask(f"breaker-{action}"))

    def cancel(self, fields: Fields) -> object:
        number, campaign = fields.get("number", ""), fields.get("campaign", "")
        rules = self.house.config.rules
        self._known("number of ours", number, rules.numbers)
        self._known("campaign", campaign, rules.campaigns)
        return self._told(self.house.ask("cancel", number, campaign=campaign))

    def optout(self, fields: Fields) -> object:
        name = "optout-undo" if fields.get("undo") else "optout"
        return self._told(self.house.ask(name, self._address(fields)))

    def forget(self, fields: Fields) -> object:
        return self._told(self.house.ask("forget", self._address(fields)))

    @staticmethod
    def _address(fields: Fields) -> str:
        """The number of a person."""
        address = fields.get("number", "")
        if not address or len(address) > LONGEST_ADDRESS:
            raise Refused(400, "Say whose number is meant, as in +33612340001.")
        return address

    def accept_clock(self, _: Fields) -> object:
        return self._told(self.house.ask("accept-clock"))

    def card(self, fields: Fields) -> object:
        """One step of an import; the rows are checked again, whoever sent them."""
        try:
            step = card_step(fields)
        except (KeyError, ValueError):
            raise Refused(400, "This is no step of an import of this version.") from None
        self._known("carrier", step.carrier, self.house.config.rules.carriers)
        return self._told(self.house.ask("card", card=step))

    def cdr(self, fields: Fields) -> object:
        """One chunk of a reconciliation; what it came to."""
        try:
            step = cdr_step(fields)
        except (KeyError, ValueError):
            raise Refused(400, "This is no step of a reconciliation of this version.") from None
        self._known("carrier", step.carrier, self.house.config.rules.carriers)
        return self.house.ask("cdr", cdr=step).addCallback(_unless_sentence)

    def _link(self, fields: Fields) -> str:
        """The name of a link, "" for all."""
        name = fields.get("link", "")
        self._known("link", name, self.house.config.links)
        return name

    @staticmethod
    def _known(what: str, name: str, names: Collection[str]) -> None:
        if name and name not in names:
            near = did_you_mean(name, names) or f"; there is {', '.join(names)}"
            raise Refused(400, f'There is no {what} named "{name}"{near}')

    @staticmethod
    def _told(asked: Deferred[object]) -> Deferred[object]:
        return asked.addCallback(
            lambda answer: _unless_sentence({"result": answer} if answer == "done" else answer)
        )


ROUTES: Final[Mapping[str, Route]] = {
    "/status": Route(b"GET", frozenset(), Admin.status),
    "/bind-status": Route(b"GET", frozenset(), Admin.bind_status),
    "/explain": Route(b"GET", frozenset({"number", "to"}), Admin.explain),
    "/fund": Route(b"POST", frozenset({"amount", "currency", "note"}), Admin.fund),
    "/fee": Route(b"POST", frozenset({"amount", "carrier", "note"}), Admin.fee),
    "/budget": Route(b"POST", frozenset({"name", "limit"}), Admin.budget),
    "/close": Route(b"POST", frozenset(CLOSING_FIELDS), Admin.close),
    "/hold": Route(b"POST", frozenset({"link"}), Admin.hold),
    "/release": Route(b"POST", frozenset({"link"}), Admin.release),
    "/rates": Route(b"POST", frozenset(CARD_FIELDS), Admin.card),
    "/breaker": Route(b"POST", frozenset({"action"}), Admin.breaker),
    "/reconcile": Route(b"POST", frozenset(CDR_FIELDS), Admin.cdr),
    "/cancel": Route(b"POST", frozenset({"number", "campaign"}), Admin.cancel),
    "/optout": Route(b"POST", frozenset({"number", "undo"}), Admin.optout),
    "/forget": Route(b"POST", frozenset({"number"}), Admin.forget),
    "/accept-clock": Route(b"POST", frozenset(), Admin.accept_clock),
}


class Body(BytesIO):
    """The body of a request, in memory: it is small or refused, and never a file on disk."""


class AdminRequest(Request):
    """A request whose body is dropped where it goes past the limit."""

    too_large = False

    def gotLength(self, length: int | None) -> None:
        """The body is about to come; None when its length is not told."""
        self.content = cast("IO[bytes]", Body())

    def handleContentChunk(self, data: bytes) -> None:
        """Keep what fits."""
        content = cast(Body, self.content)
        if content.tell() + len(data) > BODY_LIMIT:
            self.too_large = True
        else:
            content.write(data)


class AdminSite(Site):
    """Writes no access log: a path may hold the number of a person."""

    noisy = False
    requestFactory = AdminRequest

    def __init__(self, reactor: Any, house: House) -> None:
        initialise: Any = super().__init__
        initialise(Admin(house), parsePOSTFormSubmission=False, reactor=reactor)
        self.displayTracebacks = False

    def log(self, request: HttpRequest) -> None:
        """Nothing."""


def listen(reactor: Any, house: House, path: Path) -> Deferred[IListeningPort]:
    """Open the socket, mode 600, in place of one that a dead server left.

    The caller holds the lock of the state directory, so nobody listens there. Fails with OSError
    or `CannotListenError` when it cannot be opened, a path too long for a socket among others.
    """
    return maybeDeferred(_listen, reactor, AdminSite(reactor, house), path)


def _listen(reactor: Any, site: Site, path: Path) -> IListeningPort:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(f"{path} is no socket: move it away")
        path.unlink()
    except FileNotFoundError:
        pass
    mask = os.umask(0o177)  # nobody slips in between bind and chmod
    try:
        return cast(IListeningPort, reactor.listenUNIX(str(path), site, mode=0o600))
    finally:
        os.umask(mask)


def _query(request: Any) -> Fields:
    """The fields after the question mark."""
    fields = {}
    for key, values in (request.args or {}).items():
        if len(values) != 1:
            raise Refused(400, "A field stands once.")
        fields[key.decode("utf-8", "replace")] = values[0].decode("utf-8", "replace")
    return fields


def _json(body: bytes) -> Fields:
    """The fields of a JSON object; amounts are text, since a JSON number may be a float."""
    try:
        value = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise Refused(400, "The body is not a JSON object.")
    for name, field in value.items():
        if not isinstance(field, str):
            raise Refused(400, f"The field {name!r} is text in quotes, amounts too.")
    return value


def _unless_sentence(answer: object) -> object:
    """The server's answer; a sentence is its refusal."""
    if isinstance(answer, str):
        raise Refused(409, answer)
    return answer


def _as_sentence(failure: Failure) -> tuple[int, object]:
    if isinstance(failure.value, Refused):
        return failure.value.code, {"error": str(failure.value)}
    if not isinstance(failure.value, ConnectionDone | ConnectionLost):
        log.failure("an admin request failed", failure)
    return 500, {"error": "The server failed to answer; its log tells more."}


def _write(request: Any, code: int, value: object) -> None:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    request.setResponseCode(code)
    request.setHeader(b"Content-Type", JSON)
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"Content-Length", str(len(body)).encode())
    request.write(body)
    request.finish()
