"""Alarms: which there are, what each means, and the operator's command that hears of changes.

Which alarms last is known by the turn (`routing.standing`) and kept by the store.
"""

import json
import shlex
import shutil
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, Final, Self, cast

from twisted.internet.interfaces import IDelayedCall, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from routing.standing import AlarmChange
from smpp_server.masking import mask

_Told = dict[str, str | bool | int]

_COMMAND_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class AlarmCode(StrEnum):
    """What can go wrong so that a person should look, what it means, and what cures it."""

    meaning: str
    cure: str

    def __new__(cls, code: str, meaning: str, cure: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        member.cure = cure
        return member

    LINK_DOWN = (
        "link_down",
        "A link has no bind that stayed up, so its texts wait at the carrier.",
        "See `smppd bind-status` for the last refusal; ask the carrier if theirs is down.",
    )
    LINK_HALF = (
        "link_half",
        "One side of a transmitter and receiver pair is down.",
        "Wait for the rebind; if it is refused, ask the carrier whether both binds are allowed.",
    )
    CREDENTIALS = (
        "credentials",
        "A carrier refuses our system_id or password.",
        "Correct the link's credentials and reload; repeated tries may lock the account.",
    )
    CERTIFICATE = (
        "certificate",
        "The TLS handshake of a link fails or a certificate ends soon.",
        "Check `ca_directory` and `certificate_name` of the link, or ask the carrier for news.",
    )
    THROTTLED = (
        "throttled",
        "A carrier keeps answering that we send too fast, so replies to it slow down.",
        "Lower `tps_segments` of the carrier to what the contract says.",
    )
    ACCOUNT_HELD = (
        "account_held",
        "A carrier refuses submits for a reason of account or set-up; its releases are held.",
        "Settle it with the carrier, then run `smppd release`.",
    )
    REFUSALS = (
        "refusals",
        "The same refusal came for several destinations in a row; the link is held.",
        "Look the status up with the carrier, then run `smppd release`.",
    )
    SUBMITS_UNANSWERED = (
        "submits_unanswered",
        "Submits stay without a response, so what they cost is not known.",
        "Ask the carrier what became of them; releases go on by themselves, one at first.",
    )
    NO_FUNDS = (
        "no_funds",
        "The money given is spent or reserved; no reply leaves.",
        "Add money with `smppd fund`, or wait for the next budget period.",
    )
    BUDGET_LOW = (
        "budget_low",
        "The money left will not last long at the present rate.",
        "Add money with `smppd fund`.",
    )
    UNKNOWN_RATE = (
        "unknown_rate",
        "A destination has no price in the rate card, so it is not answered.",
        "Import a rate card that covers the country, or close the country.",
    )
    LEDGER = (
        "ledger",
        "The ledger and the balances, or the ledger and a late receipt, disagree.",
        "Run `smppd ledger verify` and compare with the carrier's records.",
    )
    ATTACK = (
        "attack",
        "Texts come in a pattern that would drain the budget; replies are held back.",
        "See `smppd status`; it steps back by itself when the pattern ends.",
    )
    QUEUE_FULL = (
        "queue_full",
        "As many replies wait as may wait; new texts are refused for now.",
        "Find what keeps replies from leaving, or raise `max_waiting`.",
    )
    STORE_FAILED = (
        "store_failed",
        "A commit failed; all binds are dropped until the store works again.",
        "Check space, permissions and health of the disk that holds `state_dir`.",
    )
    CLOCK = (
        "clock",
        "The wall clock jumped; releases, retention and new periods are held.",
        "Set the clock right, or confirm it with `smppd clock accept`.",
    )
    KEYS = (
        "keys",
        "A key could not be read, made or destroyed.",
        "Check `keys/` in `state_dir` as the log line says; never delete a key by hand.",
    )
    RELOAD = (
        "reload",
        "A new configuration was refused; the former one stays in force.",
        "Run `smppd check-config` and correct what it lists.",
    )


class CommandFault(StrEnum):
    """How an alarm command failed."""

    NOT_STARTED = "not started"
    FAILED = "exit status not zero"
    TOO_LATE = "killed, took too long"


class AlarmCommand:
    """Runs the operator's command, with one JSON object on its standard input:

    `{"code", "meaning", "cure", "changes": [{"subject", "begins", "at", "figures"}]}`, `at` in
    seconds since the Unix epoch, `figures` masked: they may quote a peer.

    At most one run per code in `interval_s`: the changes in between go into the next run, the last
    one of each subject only. A run is killed after `limit_s`. The command gets no environment but
    PATH, since ours may hold passwords. Nothing here waits or raises; `failed` hears of faults.
    """

    def __init__(
        self,
        reactor: Any,  # IReactorTime and IReactorProcess
        command: str | Sequence[str],
        failed: Callable[[str, CommandFault], None],
        *,
        interval_s: float = 60,
        limit_s: float = 30,
    ) -> None:
        """`command` is a list of words or a line split as a shell would; no shell runs it."""
        self._reactor = reactor
        self._words = shlex.split(command) if isinstance(command, str) else list(command)
        if not self._words:
            raise ValueError("the alarm command is empty")
        self._failed = failed
        self._interval_s = interval_s
        self._limit_s = limit_s
        self._resting: dict[str, IDelayedCall] = {}
        self._pending: dict[str, dict[str, _Told]] = {}
        self._runs: set[_Run] = set()

    def tell(self, change: AlarmChange, wall_ns: int) -> None:
        """Tell the command now, or with the next run of this code."""
        self._pending.setdefault(change.code, {})[change.subject] = {
            "subject": mask(change.subject),
            "begins": change.begins,
            "at": wall_ns // 1_000_000_000,
            "figures": mask(change.figures),
        }
        if change.code not in self._resting:
            self._start(change.code)

    def stop(self) -> None:
        """Kill what runs and forget what is pending; no timer is left."""
        self._pending.clear()
        for rest in self._resting.values():
            rest.cancel()
        self._resting.clear()
        for run in list(self._runs):
            self._ended(run, None)
            run.kill()

    def _start(self, code: str) -> None:
        changes = self._pending.pop(code)
        self._resting[code] = self._reactor.callLater(self._interval_s, self._rested, code)
        run = _Run(self, code, _object(code, changes.values()))
        self._runs.add(run)
        run.limit = self._reactor.callLater(self._limit_s, run.too_late)
        program = shutil.which(self._words[0], path=_COMMAND_PATH)
        if program is None:
            self._ended(run, CommandFault.NOT_STARTED)
            return
        try:
            # No working directory is given: with one Twisted forks all of us, threads included.
            self._reactor.spawnProcess(run, program, self._words, env={"PATH": _COMMAND_PATH})
        except OSError:
            self._ended(run, CommandFault.NOT_STARTED)

    def _rested(self, code: str) -> None:
        del self._resting[code]
        if code in self._pending:
            self._start(code)

    def _ended(self, run: "_Run", fault: CommandFault | None) -> None:
        if run not in self._runs:
            return
        self._runs.remove(run)
        if run.limit is not None and run.limit.active():
            run.limit.cancel()
        if fault is not None:
            self._failed(run.code, fault)


def _object(code: str, changes: Iterable[_Told]) -> bytes:
    known = AlarmCode.__members__.get(code.upper())
    meaning, cure = (known.meaning, known.cure) if known else ("", "")
    told = {"code": code, "meaning": meaning, "cure": cure, "changes": [*changes]}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


class _Run(ProcessProtocol):
    """One run of the command. What it prints is read, lest it block, and dropped."""

    def __init__(self, owner: AlarmCommand, code: str, text: bytes) -> None:
        self.code = code
        self.limit: IDelayedCall | None = None
        self._owner = owner
        self._text = text
        self._process: IProcessTransport | None = None
        self._late = False

    def connectionMade(self) -> None:
        process = self._process = cast(IProcessTransport, self.transport)
        process.write(self._text)
        process.closeStdin()

    def processExited(self, reason: Failure) -> None:
        if self._process is not None:
            # A grandchild may hold our pipes open for ever; the command itself is done.
            self._process.loseConnection()
            self._process = None
        fault = None
        if self._late:
            fault = CommandFault.TOO_LATE
        elif getattr(reason.value, "exitCode", None) != 0:
            fault = CommandFault.FAILED
        self._owner._ended(self, fault)

    def too_late(self) -> None:
        self._late = True
        self.kill()

    def kill(self) -> None:
        if self._process is not None:
            self._process.signalProcess("KILL")
