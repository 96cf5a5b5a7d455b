"""Composition root: the only place with a reactor, clocks, entropy, and all the names."""

import errno
import fcntl
import gc
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from twisted.internet.threads import deferToThreadPool
from twisted.logger import globalLogBeginner
from twisted.python.threadpool import ThreadPool

from routing.breaker import Step
from routing.budget import titles
from routing.records import LinkFact, Periods
from routing.standing import ALL, AlarmChange
from smpp_server import events as ev
from smpp_server.alarms import AlarmCommand
from smpp_server.config_records import Config
from smpp_server.house import Clocks, House, Run
from smpp_server.logs import Log, LogObserver
from smpp_server.status import CODES, status_of
from smpp_server.store import Store, StoreFailed, StoreRefused
from smpp_server.store.sqlite import SqliteStore
from smpp_server.turn import Calendar, Turn
from smpp_server.vault import Vault, VaultError

SWITCH_S = 0.001  # how long one thread may keep the interpreter when the other one has work


class Refusal(Exception):
    """An operator's matter: a sentence that says what stands in the way and what cures it."""


class SystemClocks:
    """The machine's own."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds of a clock that never steps."""
        return time.monotonic_ns()


class RunningHouse(House):
    """A house with a face: what the admin socket shows."""

    def status(self) -> dict[str, object]:
        """Everything at a glance, from published summaries; answers while a commit hangs."""
        return status_of(self)


def calendar(zone_name: str) -> Calendar:
    """The day, hour and month of a wall time in the configured zone; remembers the running hour.

    An hour that the clocks go back over is two hours, and the second has a B after its name.
    """
    zone = ZoneInfo(zone_name)
    known: list[tuple[int, Periods]] = []

    def at(year: int, month: int, day: int) -> int:
        return int(datetime(year, month, day, tzinfo=zone).timestamp()) * 10**9

    def look(wall_ns: int) -> Periods:
        if known and known[0][0] <= wall_ns < known[0][1].next_hour_ns:
            return known[0][1]
        # a clock that is far off must not be able to raise
        second = min(max(wall_ns // 10**9, 0), 250_000_000_000)
        local = datetime.fromtimestamp(second, UTC).astimezone(zone)
        next_day = local.date() + timedelta(days=1)
        next_month = (local.year + local.month // 12, local.month % 12 + 1, 1)
        periods = Periods(
            local.strftime("%Y-%m-%d"),
            at(next_day.year, next_day.month, next_day.day),
            local.strftime("%Y-%m-%dT%H") + "B" * local.fold,
            (second + 3600 - local.minute * 60 - local.second) * 10**9,
            local.strftime("%Y-%m"),
            at(*next_month),
        )
        known[:] = [(second * 10**9, periods)]
        return periods

    return look


def open_turn(
    config: Config,
    clocks: Clocks,
    entropy: Callable[[int], bytes],
    open_store: Callable[[], Store],
) -> Turn:
    """Store and keys of this configuration, taken up as the last run left them.

    Raises Refusal for what an operator must cure first.
    """
    keys_dir = config.server.state_dir / "keys"
    try:
        store = open_store()
        loaded = store.load()
        vault = Vault.open(keys_dir, entropy, known_fingerprint=loaded.optout_fingerprint)
        if loaded.epoch == 0:
            if not vault.epochs():
                vault.make_epoch(1)
            store.note_keys(max(vault.epochs()), clocks.wall_ns(), vault.optout_fingerprint())
            loaded = store.load()
        if loaded.epoch not in vault.epochs():
            raise Refusal(
                f"{keys_dir}: the key of epoch {loaded.epoch} is missing;"
                " restore the folder from the machine the database came from"
            )
        if fault := store.disagreement():
            raise Refusal(
                f"the books do not agree: {fault}. `smppd ledger verify` names the first bad row;"
                " restore the last backup, or ask for help before anything is sent"
            )
        live = [e for e in sorted(vault.epochs(), reverse=True) if e <= loaded.epoch]
        vault.use(loaded.epoch, tuple(live))
        turn = Turn(config, store, vault, calendar(config.server.zone))
        turn.start(loaded)
    except StoreFailed as error:
        raise Refusal(
            f"{config.server.state_dir}: the database cannot be used ({error});"
            " check space, permissions and health of its disk, and that no other program holds it"
        ) from None
    except (StoreRefused, VaultError) as error:
        raise Refusal(str(error)) from None
    return turn


def build(
    config: Config,
    reactor: Any,
    clocks: Clocks,
    entropy: Callable[[int], bytes],
    jitter: Callable[[], float],
    run: Run,
    open_store: Callable[[], Store],
    log: Callable[..., None],
    tell_alarm: Callable[[AlarmChange, int], None] = lambda change, wall_ns: None,
) -> RunningHouse:
    """A house with everything injected: time, chance, order and disk come in here or not at all.

    Raises Refusal for what an operator must cure first.
    """
    turn = open_turn(config, clocks, entropy, open_store)
    return RunningHouse(config, reactor, clocks, jitter, run, turn, open_store, log, tell_alarm)


class Lock:
    """`state_dir/lock`, held for the process's life: two servers never share a database."""

    def __init__(self, state_dir: Path) -> None:
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno == errno.EWOULDBLOCK:
                raise Refusal(
                    f"{state_dir} is in use by another smppd; stop it, or name another state_dir"
                ) from None
            raise Refusal(f"{error.filename or state_dir}: {error.strerror}") from None

    def release(self) -> None:
        """Let the next one have it."""
        os.close(self._fd)


def store_opener(config: Config) -> Callable[[], Store]:
    """Opens the embedded store of this configuration."""
    return lambda: SqliteStore(config.server.state_dir / "smppd.db")


def global_reactor() -> Any:
    """The process's own; imported when something is to run, since that installs it."""
    from twisted.internet import reactor

    return reactor


def threaded(reactor: Any) -> tuple[Run, ThreadPool]:
    """Turns in one thread of their own: a slow sync keeps no enquire_link waiting."""
    pool = ThreadPool(1, 1, "turn")
    return lambda work: deferToThreadPool(reactor, pool, work), pool


def logging_to(observer: LogObserver | None, config: Config) -> Callable[..., None]:
    """The log function of a house; every field passes the observer's allow-list."""
    if observer is not None:
        observer.allow_words(
            [*config.links, *config.rules.carriers, *config.rules.numbers, *CODES, ALL]
            + [link.host for link in config.links.values()]
            + titles(config.rules)
            + [step.title for step in Step]
        )
        level = config.server.log_level
        observer.set_level("warn" if level == "warning" else level)
    return Log()


def _alarm_teller(reactor: Any, config: Config, log: Callable[..., None]) -> Any:
    """Hands every change of an alarm to the operator's command, if there is one."""
    if not config.server.alarm_command:
        return lambda change, wall_ns: None
    command = AlarmCommand(
        reactor,
        config.server.alarm_command,
        lambda code, fault: log("error", "alarm command failed", code=code, fault=fault),
    )
    return command.tell


def start(reactor: Any, config: Config, log: Callable[..., None]) -> tuple[RunningHouse, Any]:
    """A house on this machine, with its thread; (house, function that ends the thread)."""
    sys.setswitchinterval(SWITCH_S)
    run_turn, pool = threaded(reactor)
    system = random.SystemRandom()
    house = build(
        config,
        reactor,
        SystemClocks(),
        os.urandom,
        lambda: 1 + (system.random() - 0.5) / 2,
        run_turn,
        store_opener(config),
        log,
        _alarm_teller(reactor, config, log),
    )
    pool.start()
    # A turn makes some twenty short-lived values a message, none of them in a cycle: look for
    # cycles rarely, and never among what lives as long as the process.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    return house, pool.stop


def run(config: Config, log_file: Any = None) -> int:
    """The server until SIGTERM or SIGINT. Returns the exit status; raises Refusal."""
    from smpp_server.web import admin

    reactor = global_reactor()
    state_dir = config.server.state_dir
    lock = Lock(state_dir)
    stream = log_file or sys.stderr
    observer = LogObserver(stream, plain=stream.isatty())
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    log = logging_to(observer, config)
    house, end_thread = start(reactor, config, log)
    listening = admin.listen(reactor, house, state_dir / "admin.sock")

    def stop(signum: int, frame: object) -> None:
        reactor.callFromThread(stop_once)

    def stop_once() -> None:
        if house.is_stopping:
            house.force()
            return
        house.stop().addBoth(lambda _: reactor.stop())

    def started() -> None:
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGUSR1, lambda signum, frame: observer.reopen())
        house.start()

    reactor.callWhenRunning(started)
    listening.addErrback(lambda failure: log("error", "admin socket", failure=failure))
    try:
        reactor.run()
    finally:
        end_thread()
        (state_dir / "admin.sock").unlink(missing_ok=True)
        lock.release()
    return 0


def explain_offline(config: Config, address: str, number: str = "") -> object:
    """The answer of `House.explain` without a server: configuration and database alone."""
    lock = Lock(config.server.state_dir)
    try:
        clocks = SystemClocks()
        turn = open_turn(config, clocks, os.urandom, store_opener(config))
        links = [LinkFact(link.name, link.carrier, 0, 0) for link in config.links.values()]
        events = [ev.Explained(1, address, number)]
        answers = turn(events, links, clocks.wall_ns(), clocks.monotonic_ns()).answers
        turn.close()
        return answers[1]
    finally:
        lock.release()
