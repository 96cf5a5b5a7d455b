"""Stories: events as lines of words, told to a world whose laws are checked after every turn.

A line is a span of time ("20 min") or a batch for one turn, its items joined by " & ":
"A texts relou & flight 0 refused". A story that breaks a law is printed line by line with what
came of it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from routing.budget import limits
from routing.money import parse_nanos
from routing.records import Contact, Flight, Now, Outcome, OutcomeKind, Receipt, ReceiptKind
from routing.records import ReplyState as S
from routing.standing import Changes, Command, Seen, Standing
from routing.throttle import DAY_NS, HOUR_NS, SECOND_NS
from tests.routing.worlds import MINUTE_NS, World, card, keys_of, outcome

PEOPLE = {name: f"+3361234000{digit}" for digit, name in enumerate("ABCDEFGH", 1)}
SILENT = {"never": "+33812340009", "short": "38200", "german": "+491512345678", "name": "5:BANK"}
UNITS = {"ms": SECOND_NS // 1000, "s": SECOND_NS, "min": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS}
CENTS = {"acme": 5, "beta": 7}  # price of a segment
CARDS = {name: card(f"33 0.0{cents} FR") for name, cents in CENTS.items()}
NUMBERS = {"relou": ("main", "spare"), "lourd": ("main",)}
LINKS = {"main": "acme", "spare": "beta"}


class Sent(NamedTuple):
    """One submit that left: monotonic and wall time as it was decided by, and what it took."""

    true_ns: int
    wall_ns: int
    scopes: tuple[str, ...]
    flight: Flight


class Turn(NamedTuple):
    """One turn, as the laws look at it."""

    seen: Seen
    now: Now
    flights: dict[int, Flight]  # those before it
    balances: dict[str, int]  # those before it
    changes: Changes


Law = Callable[["Story", Turn], None]


class Story(World):
    """A world that is told lines and asks every law after every turn."""

    def __init__(self, laws: Sequence[Law] = (), **how: Any) -> None:
        self.laws: Sequence[Law] = ()
        self.lines: list[str] = []
        self.turns = 0
        self.flown: list[Sent] = []
        self.last_flight: dict[int, Flight] = {}
        self.given = self.came_in = self.fees = 0  # nano-units told by operators and by texts
        self.rebinding: set[str] = set()
        self.never_again: set[int] = set()
        self.stopped: set[str] = set()  # who wrote STOP, E.164
        self.by_hand: set[str] = set()  # who was opted out by an operator
        # who → the next reply id then, the job, and the keys there were
        self.forgotten: dict[str, tuple[int, int, tuple[int, ...]]] = {}
        self.refused_cost: dict[int, int] = {}  # reply → settled for submits that came back
        self.taken_from: dict[int, list[str]] = {}  # reply → accounts of its last reservation
        self.account_sums: dict[str, int] = {}
        how = {"numbers": NUMBERS, "links": LINKS, "cards": CARDS} | how
        super().__init__(**how)
        self.given += parse_nanos(how.get("funds", "100.00"))
        self.account_sums = {}
        self.answers["main"] = None  # so that lines say what becomes of a flight
        self.laws = laws
        self.tick_every_ns = 6 * HOUR_NS
        self.tick_ns = self.true_ns + HOUR_NS

    def turn(
        self,
        contacts: Sequence[Contact] = (),
        outcomes: Sequence[Outcome] = (),
        receipts: Sequence[Receipt] = (),
        commands: Sequence[Command] = (),
        tick: bool = False,
    ) -> Changes:
        """One batch, and then the laws."""
        seen = Seen(list(contacts), list(outcomes), list(receipts), list(commands), tick)
        now, flights = self.now(), dict(self.standing.flights)
        self.next_id = self.store.next_id  # before this turn
        balances = dict(self.store.balances)
        changes = super().turn(contacts, outcomes, receipts, commands, tick)
        turn = Turn(seen, now, flights, balances, changes)
        self.last_flight |= {f.reply.id: f for f in changes.flights_new + changes.released}
        for link in set(changes.effects.rebind) - self.down:
            self.outcomes = self._lost(link) + self.outcomes
            self.down.add(link)  # until time passes
            self.rebinding.add(link)
        if self.laws:
            self.turns += 1
            self._remember(turn)
            for law in self.laws:
                law(self, turn)
        return changes

    def _remember(self, turn: Turn) -> None:
        """Our own books, kept from what went in and out alone."""
        seen, changes = turn.seen, turn.changes
        for command in seen.commands:
            if command.name == "fund":
                self.given += command.nanos
            elif command.name == "fee":
                self.fees += command.nanos
        inbound = self.rules.numbers["relou"].inbound_nanos
        self.came_in += inbound * (len(seen.contacts) - len(changes.effects.full))
        self._remember_orders(turn)
        self.stopped |= {c.sender for c in seen.contacts if c.stop and c.silence is None}
        for submit in changes.effects.submits:
            flight = changes.standing.flights[submit.reply_id]
            number = f"number/{submit.number}"
            scopes = (f"carrier/{flight.carrier}", f"link/{submit.link}", number)
            self.flown.append(Sent(self.true_ns, turn.now.wall_ns, scopes, flight))
        kinds = {outcome.reply_id: outcome.kind for outcome in reversed(seen.outcomes)}
        for (reply,) in changes.returned:
            flight = turn.flights[reply.id]
            billed = self.rules.carriers[flight.carrier].bill_refused
            if billed and kinds[reply.id] is not OutcomeKind.NOT_SENT:
                cost = self.refused_cost.get(reply.id, 0)
                self.refused_cost[reply.id] = cost + flight.price_nanos
        submitted = {submit.reply_id for submit in changes.effects.submits}
        sums = self.account_sums
        for reply_id, kind, nanos, *_ in sorted(self.entries(), key=lambda entry: entry.kind):
            if kind == "release":  # before "reserve": a turn never gives back what it reserves
                for account in self.taken_from[reply_id]:
                    sums[account] -= nanos
            elif kind == "reserve":
                if reply_id in submitted:
                    self.taken_from[reply_id] = self.accounts_for(reply_id, turn)
                for account in self.taken_from[reply_id]:
                    sums[account] = sums.get(account, 0) + nanos

    def accounts_for(self, reply_id: int, turn: Turn) -> list[str]:
        """What a reply that leaves in this turn is paid from, by our own reading of the rules."""
        reply = turn.changes.standing.flights[reply_id].reply
        now = turn.now
        keys = {"hour": f"/{now.hour}", "day": f"/{now.day}", "month": f"/{now.month}"}
        keys["total"] = ""
        theirs = limits(self.rules.money, self.store.budgets)
        scopes = ("", f"campaign/{reply.campaign}/", f"number/{reply.number}/")
        found = ["day" + keys["day"]] if "day" not in theirs else []
        for scope in scopes:
            for period, key in keys.items():
                if scope + period in theirs and scope + period != "total":
                    found.append(scope + period + key)
        return found

    def _remember_orders(self, turn: Turn) -> None:
        """Whom an operator opted out, took back, or forgot."""
        names = {keys_of(plus[1:]).optout: plus[1:] for plus in PEOPLE.values()}
        jobs = [job.id for job in turn.changes.jobs if job.began_ns == turn.now.wall_ns]
        for command in turn.seen.commands:
            who = names[command.keys.optout] if command.keys else ""
            if command.name == "optout":
                self.by_hand.add(who)
            elif command.name in ("optout-undo", "forget"):
                self.by_hand.discard(who)
            if command.name == "forget":
                self.forgotten[who] = (self.next_id, max(jobs), self.epochs)

    # the words

    def tell(self, *lines: str) -> None:
        """Every line in its turn. AssertionError is raised with the story so far."""
        for line in lines:
            self.lines.append(line)
            try:
                self._hear(line)
            except Exception as fault:
                raise AssertionError(f"{fault}\n{self.so_far()}") from fault
            self.lines[-1] = f"{line:<40} → {', '.join(self.said) or '-'}"
            self.said.clear()

    def so_far(self) -> str:
        """The story, with what came of every line."""
        return "\n".join(["The story:", *self.lines, *self.said])

    def _hear(self, line: str) -> None:
        match line.split():
            case [count, unit] if unit in UNITS:
                self.down -= self.rebinding
                self.rebinding.clear()
                self.turn()
                self.until(self.true_ns + int(count) * UNITS[unit])
            case ["restart"]:
                rows = self.store.rows.items()
                flights = {
                    i: row.flight for i, row in rows if row.flight and row.state is S.SUBMITTING
                }
                self.standing = Standing(flights=flights, alarms=self.standing.alarms)
                self.turn(outcomes=[outcome(i, OutcomeKind.RESTART) for i in sorted(flights)])
            case ["keys", "change"]:
                used = {claim.epoch for claim in self.store.claims.values()}
                used |= {row.reply.epoch for row in self.store.rows.values()}
                self.store.epoch += 1  # a key that something stands under is never destroyed
                self.epochs = (self.store.epoch, *[e for e in self.epochs if e in used])
            case ["clock", "ahead", count, unit]:
                self.wall_ns += int(count) * UNITS[unit]
                self.turn()
            case ["clock", "right"]:
                self.wall_ns = self.true_ns
                self.turn()
            case [link, "answers", *kind] if link in LINKS:
                self.answers[link] = None if kind == ["nothing"] else OutcomeKind(" ".join(kind))
            case [link, "down"]:
                self.down.add(link)
                self.turn(outcomes=self._lost(link))
            case [link, "up"]:
                self.down.discard(link)
                self.turn()
            case _:
                batch = Seen()
                for item in line.split(" & "):
                    self.gather(batch, item.split())
                self.turn(batch.contacts, batch.outcomes, batch.receipts, batch.commands)
        self.settle()

    def _lost(self, link: str) -> list[Outcome]:
        """A link took with it what was in flight, and the responses on their way."""
        flights = self.standing.flights.values()
        lost = [flight.reply.id for flight in flights if flight.link == link]
        self.outcomes = [told for told in self.outcomes if told.reply_id not in lost]
        return [outcome(reply_id, OutcomeKind.LINK_LOST) for reply_id in lost]

    def gather(self, batch: Seen, words: list[str]) -> None:
        """Add one item to a batch; an item about a reply that is not there is nothing."""
        match words:
            case [who, "texts" | "stops" as verb, to]:
                address = (PEOPLE | SILENT)[who]
                contact = self.contact(address, to, stop=verb == "stops")
                part = 1 + (verb == "texts" and who == "D")  # D always writes long texts
                batch.contacts.append(contact._replace(part=part))
            case ["flight", nth, *kind]:
                asked = {one.reply_id for one in (*batch.outcomes, *self.outcomes)}
                flying = [i for i in sorted(self.standing.flights) if i not in asked]
                batch.outcomes.extend(_one(flying, nth, " ".join(kind)))
            case ["late", nth, *kind]:
                once = sorted(self.last_flight)
                landed = [
                    i for i in once if self.store.rows[i].state not in (S.WAITING, S.SUBMITTING)
                ]
                batch.outcomes.extend(_one(landed, nth, " ".join(kind)))
            case ["receipt", nth, kind]:
                once = sorted(self.last_flight)
                if once:
                    reply_id = once[int(nth) % len(once)]
                    batch.receipts.append(self.receipt_of(reply_id, ReceiptKind(kind)))
            case ["fund", amount]:
                batch.commands.append(Command(1, "fund", "", parse_nanos(amount)))
            case ["fee", amount]:
                batch.commands.append(Command(1, "fee", "", parse_nanos(amount)))
            case ["budget", budget, "lifted" | "reset" as how]:
                name = {"lifted": "budget-lift", "reset": "budget-reset"}[how]
                batch.commands.append(Command(1, name, budget))
            case ["budget", budget, amount]:
                batch.commands.append(Command(1, "budget", budget, parse_nanos(amount)))
            case ["cancel", *number]:
                batch.commands.append(Command(1, "cancel", "".join(number)))
            case ["forget" | "optout" | "optout-undo" as name, who]:
                keys = keys_of(PEOPLE[who][1:], self.epochs)
                batch.commands.append(Command(1, name, keys=keys))
            case ["hold" | "release" as name, *scope]:
                batch.commands.append(Command(1, name, "".join(scope)))
            case _:
                raise ValueError(f"no such words: {words}")

    def receipt_of(self, reply_id: int, kind: ReceiptKind) -> Receipt:
        """A receipt about one reply, from the carrier that took it last."""
        flight = self.last_flight[reply_id]
        reply = flight.reply
        found = self.receipt(reply.msisdn, kind, f"x{reply_id}", f"m{reply_id}")
        return found._replace(carrier=flight.carrier, number=reply.number)


def _one(replies: list[int], nth: str, kind: str) -> list[Outcome]:
    return [outcome(replies[int(nth) % len(replies)], OutcomeKind(kind))] if replies else []
