"""A CDR row by row: which reply each row is about, what is left over on either side, what follows.

The file is read once as a stream. Kept of it are its sums, and the rows that may be about a reply
whose answer was lost, until the server has looked at them.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from routing.corrections import BILLED_WITHIN_NS, CLOCKS_NS
from routing.reconcile import CdrReader, Charge, Finding, Tally, day_at, judge, period_ns
from routing.records import ReplyState
from smpp_server.cli import client, show
from smpp_server.cli.place import BadConfig, Sentence
from smpp_server.cli.reconcile_file import rows
from smpp_server.config_records import Config
from smpp_server.smpp.receipts import IdMatch, Receipt, id_candidates
from smpp_server.store.sqlite_reconcile import Books, Doubtful
from smpp_server.web import SOCKET
from smpp_server.web.cdr import billed_text, chunks, reply_text

ROWS: Final = 1000  # looked up at once
OCTETS_A_STEP: Final = 40_000  # with what JSON adds, below the admin socket's limit
ALWAYS: Final = (0, 2**63 - 1)
_ORDER: Final = list(Finding)


class Outcome(NamedTuple):
    """What it came to."""

    currency: str
    rows: int
    replies: int
    tallies: Mapping[Finding, Tally]
    inbound: Tally
    inbound_known: bool  # our side of it can be told
    said: Sequence[str]

    @property
    def total(self) -> Tally:
        """All outbound messages."""
        total = Tally()
        for tally in self.tallies.values():
            total = total.plus(*tally)
        return total

    @property
    def agrees(self) -> bool:
        """Nothing is left over, and no price differs from an exact one."""
        return self.tallies.keys() <= {Finding.MATCHED, Finding.BELOW}

    def value(self) -> dict[str, Any]:
        """For JSON; amounts in nano-units."""
        return {
            "currency": self.currency,
            "rows": self.rows,
            "replies": self.replies,
            "findings": {name.value: tally._asdict() for name, tally in self.tallies.items()},
            "total": self.total._asdict(),
            "inbound": self.inbound._asdict(),
            "agrees": self.agrees,
        }


def compare_cdr(
    settings: Config,
    carrier: str,
    file: Path,
    names: Mapping[str, str],
    period: tuple[int, int] | None,
    dry_run: bool,
    post: bool,
) -> Outcome:
    """Read, compare, resolve, and post where that was asked. Raises Sentence."""
    undelivered = settings.rules.carriers[carrier].bill_undelivered
    database = settings.server.state_dir / "smppd.db"

    def look(resolving: bool) -> "_Look":
        with Books(database, carrier, undelivered) as books:
            one = _Look(settings, carrier, books)
            one.read(file, names, period, resolving)
            return one

    found = look(resolving=not dry_run)
    said = found.said
    if found.resolved:
        found = look(resolving=False)
    if post and _post(found, said):
        found = look(resolving=False)
    found.said = said
    return found.outcome()


class _Look:
    """One reading of the file against a copy of our side."""

    def __init__(self, settings: Config, carrier: str, books: Books) -> None:
        billing = settings.billing[carrier]
        self.carrier = carrier
        self.socket = settings.server.state_dir / SOCKET
        self.currency = billing.currency
        self.said: list[str] = []
        self.resolved = 0
        self.below: list[tuple[int, int]] = []
        self.doubtful: list[Doubtful] = []
        self.complete = False  # every row of theirs has its reply
        self._settings = settings
        self._bills_submits = settings.rules.carriers[carrier].bill_undelivered
        self._zone = ZoneInfo(billing.zone)
        self._match = IdMatch(billing.id_match)
        self._books = books
        self._tallies: dict[Finding, Tally] = {}
        self._inbound = Tally()
        self._inbound_known = False
        self._rows = 0
        self._replies = 0
        self._first_ns, self._last_ns = ALWAYS[1], 0
        self._left: list[Charge] = []  # rows that may be about a reply in doubt
        self._submitted: list[int] = []  # when those were submitted, in order

    def read(
        self, file: Path, names: Mapping[str, str], period: tuple[int, int] | None, resolve: bool
    ) -> None:
        """Everything that can be known without changing anything, then what ends doubts."""
        books = self._books
        self._replies = books.copy()
        self._submitted = [one.submitted_ns for one in books.doubtful(*ALWAYS)]
        tells_time = False

        def reader_of(header: Sequence[str], comma: bool) -> Any:
            nonlocal tells_time
            reader = CdrReader(header, names, self.currency, self._zone, comma)
            tells_time = reader.tells_time
            return reader.charge

        stream = rows(file, reader_of)
        while chunk := list(islice(stream, ROWS)):
            self._take(chunk)
        if period is None and not tells_time:
            raise BadConfig("the file has no column for time: say --from and --to")
        begins, ends = period or self._whole_days()
        for group in books.groups(begins, ends):
            doubt = group.state in (ReplyState.UNKNOWN, ReplyState.ASSUMED_SENT)
            if group.billed:
                finding = judge(group.sign, 0, group.exact)
            else:
                finding = Finding.UNKNOWN if doubt else Finding.OURS
            self._add(finding, group.replies, group.theirs_nanos, group.ours_nanos)
        self.below = books.below()
        late_ns = CLOCKS_NS if self._bills_submits else BILLED_WITHIN_NS  # in the next file, maybe
        self.doubtful = books.doubtful(begins, ends - late_ns)
        self.complete = Finding.THEIRS not in self._tallies
        self._compare_inbound(begins, ends)
        if resolve and self._left:
            self._resolve()

    def _whole_days(self) -> tuple[int, int]:
        """From the day of the first row to that of the last one, in the carrier's zone."""
        if self._first_ns > self._last_ns:
            return 0, 0
        return period_ns(
            day_at(self._first_ns, self._zone), day_at(self._last_ns, self._zone), self._zone
        )

    def _add(self, finding: Finding, count: int, theirs: int, ours: int) -> None:
        self._tallies[finding] = self._tallies.get(finding, Tally()).plus(count, theirs, ours)

    def _take(self, chunk: Sequence[Charge]) -> None:
        """Find the replies of some rows."""
        self._rows += len(chunk)
        times = [charge.at_ns for charge in chunk]
        self._first_ns = min(self._first_ns, min(times))
        self._last_ns = max(self._last_ns, max(times))
        outbound = []
        for charge in chunk:
            if charge.inbound:
                self._inbound = self._inbound.plus(1, charge.nanos, 0)
            elif charge.refused:
                self._add(Finding.REFUSED, 1, charge.nanos, 0)
            else:
                outbound.append(charge)
        found = self._books.find([charge.message_id for charge in outbound])
        billed = []
        for place, charge in enumerate(outbound):
            replies = found.get(place) or self._derived(charge)
            if replies:
                nearest = min(replies, key=lambda one: (abs(one[1] - charge.at_ns), one[0]))
                billed.append((charge.nanos, nearest[0]))
            else:
                self._add(Finding.THEIRS, 1, charge.nanos, 0)
                if self._in_doubt(charge):
                    self._left.append(charge)
        self._books.bill(billed)

    def _derived(self, charge: Charge) -> list[tuple[int, int]]:
        """Replies whose message id is another way to write this one; a guess must be unique."""
        names = id_candidates(Receipt(id=charge.message_id), self._match)[1:]
        found = self._books.find(names) if names else {}
        replies = {one for several in found.values() for one in several}
        return list(replies) if len(replies) == 1 else []

    def _in_doubt(self, charge: Charge) -> bool:
        """Whether a reply of unknown outcome was submitted when this row fits."""
        place = bisect_left(self._submitted, charge.at_ns - BILLED_WITHIN_NS)
        fits = place < len(self._submitted)
        return fits and self._submitted[place] <= charge.at_ns + CLOCKS_NS

    def _compare_inbound(self, begins: int, ends: int) -> None:
        """Texts that reached us are booked by currency, not by carrier."""
        same = [one for one in self._settings.billing.values() if one.currency == self.currency]
        self._inbound_known = len(same) == 1
        if self._inbound.messages and self._inbound_known:
            books = self._settings.rules.money.currency
            same_as_books = self.currency == books
            ours = self._books.inbound(begins, ends, self.currency, same_as_books)
            self._inbound = self._inbound._replace(ours_nanos=ours)

    def _resolve(self) -> None:
        """Let the server see which replies in doubt these rows bill."""
        lines = (
            billed_text(one.message_id, one.at_ns, one.source, one.destination)
            for one in self._left
            if not any(mark in "".join(one[0:1] + one[5:7]) for mark in "\t\n\r")
        )
        try:
            for answer in self.tell("billed", lines):
                self.resolved += answer["done"]
        except client.NoServer:
            self.said.append("No server runs: replies whose answers were lost stay in doubt.")
        if self.resolved:
            self.said.append(f"{show.replies(self.resolved)} in doubt: the CDR bills them. Sent.")

    def tell(self, what: str, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
        """Hand lines to the server, at most a thousand a turn; what came of each step."""
        for chunk in chunks(lines, OCTETS_A_STEP):
            fields = {"what": what, "carrier": self.carrier, "rows": "\n".join(chunk)}
            yield client.tell(self.socket, "/reconcile", fields)

    def outcome(self) -> Outcome:
        """The figures."""
        ordered = {
            finding: self._tallies[finding] for finding in _ORDER if finding in self._tallies
        }
        return Outcome(
            self.currency,
            self._rows,
            self._replies,
            ordered,
            self._inbound,
            self._inbound_known,
            self.said,
        )


def _post(look: _Look, said: list[str]) -> int:
    """Post what was agreed; how many replies changed."""
    try:
        lower = (reply_text(reply_id, nanos) for reply_id, nanos in look.below)
        corrected = sum(int(answer["done"]) for answer in look.tell("corrected", lower))
        never = 0
        if look.complete:
            gone = (reply_text(one.reply_id) for one in look.doubtful)
            never = sum(int(answer["done"]) for answer in look.tell("not billed", gone))
        elif look.doubtful:
            said.append(
                "Rows of theirs are not ours, so nothing was taken for not sent: look these up."
            )
    except client.NoServer:
        raise Sentence("nothing was posted: no server runs on this state directory") from None
    if corrected:
        said.append(f"{show.replies(corrected)} came down to what was billed.")
    if never:
        said.append(f"{show.replies(never)} in doubt: the CDR does not bill them. Not sent.")
    return corrected + never
