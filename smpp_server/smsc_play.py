"""A plan at work: crowds text, faults come at their time, and the run ends by itself."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from smpp_server.config_simulator import EVERY, CrowdTable, SimulatorPlan
from smpp_server.smpp.schema import Pdu
from smpp_server.smpp.timers import SessionLimits
from smpp_server.smsc_bind import NS, Agenda, Tap
from smpp_server.smsc_chance import Chance
from smpp_server.smsc_crowd import SHAPES, Robots, Sent, our_number
from smpp_server.smsc_faults import DrawnFaults, habits_of
from smpp_server.smsc_invoice import Invoice
from smpp_server.smsc_noise import NOISE
from smpp_server.smsc_plan import Account, Submitted, Text
from smpp_server.smsc_simulator import Simulator

KEPT = 1000  # submits remembered one by one
REMEMBERED = 1_000_000  # people of whom it is known that they got a reply
LOOK_S = 0.1  # until somebody is bound
GRACE_S = 5.0  # for receipts and responses after the last message


class Play:
    """One run of a plan against whoever binds; `simulator` is to be listened with."""

    def __init__(
        self,
        reactor: Any,
        plan: SimulatorPlan,
        *,
        invoice: Invoice,
        wall_s: Callable[[], float],
        on_submit: Callable[[Submitted], None] | None = None,
        tap: Tap | None = None,
    ) -> None:
        file = plan.file
        self.file = file
        self.second_replies = 0  # from the same of our numbers to the same person
        self.noise = 0
        self._chance = Chance(file.smsc.seed)
        self._seconds: Callable[[], float] = reactor.seconds
        self._on_submit = on_submit
        self._replied: set[tuple[str, str]] = set()
        self._robots: list[tuple[Robots, CrowdTable]] = []
        self._agenda = Agenda(reactor, lambda: None)
        self._began_s = self._seconds()
        self._done_s: float | None = None
        self._accounts: dict[str, str] = {}
        for account in file.account.values():
            self._accounts |= dict.fromkeys(account.numbers or [""], account.system_id)
        self.simulator = Simulator(
            reactor,
            [
                Account(one.system_id, one.password, one.max_binds, tuple(one.numbers))
                for one in file.account.values()
            ],
            plan.prices,
            faults=DrawnFaults(
                file.responses, file.binds, file.connection, self._chance, self._seconds
            ),
            habits=habits_of(file, self._chance),
            window=file.smsc.window,
            limits=SessionLimits(
                enquire_link_ns=file.smsc.enquire_link_s * NS,
                response_timeout_ns=file.smsc.response_timeout_s * NS,
            ),
            wall_s=wall_s,
            on_submit=self._submitted,
            keep=KEPT,
            again=file.connection.deliver_again,
        )
        self.simulator.invoice = invoice
        self.simulator.tap = tap
        self.simulator.cut_after_octets = file.connection.cut_after_octets
        self.simulator.octet_cuts = file.connection.cuts or -1

    def begin(self) -> None:
        """Wait for the first bind; its moment is the beginning of crowds and faults."""
        if not self.simulator.binds:
            self._agenda.add(LOOK_S, self.begin)
            return
        for name, table in self.file.crowd.items():
            chance = Chance(self.file.smsc.seed, name)
            robots = Robots(table) if table.shape == "robots" else None
            if robots is not None:
                self._robots.append((robots, table))
            self._send(SHAPES[table.shape](table, chance), self._seconds(), robots)
        self._begin_faults()

    @property
    def over(self) -> bool:
        """Whether `max_seconds` have passed, or `max_messages` were taken and all is quiet."""
        now_s, smsc = self._seconds(), self.file.smsc
        if smsc.max_seconds and now_s - self._began_s >= smsc.max_seconds:
            return True
        if not smsc.max_messages or self.simulator.counts.accepted < smsc.max_messages:
            return False
        self._done_s = now_s if self._done_s is None else self._done_s
        return self.simulator.idle or now_s - self._done_s >= GRACE_S

    def end(self) -> None:
        """Nothing more is sent and no fault comes."""
        self._agenda.clear()

    def deliver(self, item: Text | Pdu, robots: Robots | None = None) -> None:
        """Queue this for the account whose number it is sent to."""
        if robots is not None:
            robots.began(item)
        account = self._accounts.get(our_number(item)) or self._accounts.get("")
        self.simulator.deliver(item, account=account)

    # -- who texts

    def _send(self, sents: Iterator[Sent], began_s: float, robots: Robots | None) -> None:
        """Everything due by now, and one look at what comes next."""
        for sent in sents:
            wait_s = began_s + sent.at_ms / 1000 - self._seconds()
            if wait_s > 0:
                self._agenda.add(wait_s, partial(self._go_on, sent, sents, began_s, robots))
                return
            self.deliver(sent.item, robots)

    def _go_on(
        self, sent: Sent, sents: Iterator[Sent], began_s: float, robots: Robots | None
    ) -> None:
        self.deliver(sent.item, robots)
        self._send(sents, began_s, robots)

    def _submitted(self, reply: Submitted) -> None:
        pair = (reply.source, reply.destination)
        if pair in self._replied:
            self.second_replies += 1
        elif len(self._replied) < REMEMBERED:
            self._replied.add(pair)
        for robots, table in self._robots:
            text = robots.answer(reply)
            if text is not None:
                self._agenda.add(table.answer_ms / 1000, partial(self.deliver, text))
        if self._on_submit is not None:
            self._on_submit(reply)

    # -- what goes wrong by the clock

    def _begin_faults(self) -> None:
        table, simulator = self.file.connection, self.simulator
        self._every(table.cut_every_s, simulator.cut, table.cuts or -1)
        self._every(table.unbind_every_s, simulator.unbind, -1)
        self._every(self.file.noise.every_ms / 1000, self._make_noise, -1)
        if table.silent_after_s:
            self._agenda.add(table.silent_after_s, self._fall_silent)

    def _every(self, period_s: float, action: Callable[[], None], times: int) -> None:
        """Do this after each period, so many times; -1: until the end."""
        if not period_s or not times:
            return

        def act() -> None:
            action()
            self._every(period_s, action, times - 1)

        self._agenda.add(period_s, act)

    def _fall_silent(self) -> None:
        """Binds of now are never heard of again; those made later live (Q33, Q45)."""
        silent = self.simulator.binds
        self.simulator.hush()

        def give_up() -> None:
            for bind in silent:
                bind.cut()

        self._agenda.add(self.file.connection.silent_for_s, give_up)

    def _make_noise(self) -> None:
        kinds = self.file.noise.kinds
        known = list(NOISE) if EVERY in kinds else kinds
        self.noise += 1
        self.simulator.inject(NOISE[self._chance.choice(known, "noise", self.noise)])
