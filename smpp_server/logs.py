"""The log: JSON lines, or plain ones for a terminal, that cannot carry a word or a number of a
person.

Four rules, whoever logs: us, Twisted or a library.

* A field is written only if its name and the type of its value are allowed (`log_fields`); a word
  only if the configuration or our own source wrote it.
* A sentence is written only if it stands as a literal in the source of the module that logs it;
  its placeholders show allowed fields and nothing else. What was put together at run time is
  replaced by a mark.
* An exception is its type and the places it passed: no message, no local variable.
* In all of this, runs of seven or more digits are masked.

What was held back is counted, in the line and in `LogObserver.dropped`. What Twisted's older log
merely mentions would be a mark alone: it is counted and not written.
"""

import ast
import errno
import inspect
import ipaddress
import json
import os
import re
import string
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, Final, TextIO

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from smpp_server.log_fields import CONFIGURED, FIELDS, OWN_WORDS, Shown, member
from smpp_server.masking import mask

LEVELS: Final = ("debug", "info", "warn", "error", "critical")
HELD_BACK: Final = "<held back>"

_TWISTED_KEYS: Final = frozenset(
    {"format", "time", "system", "message", "isError", "failure", "why"}
)
_LENDERS: Final = ("twisted.internet.protocol",)  # logs in the name of its factories' subclasses
_FRAMES: Final = 12
_CAUSES: Final = 4
_SQLITE_ERROR: Final = re.compile(r"SQLITE_[A-Z_]{2,40}", re.ASCII)


@implementer(ILogObserver)
class LogObserver:
    """A Twisted log observer; give it to `globalLogBeginner.beginLoggingTo`.

    It never raises: a line that cannot be written is counted in `lost`.
    """

    def __init__(self, target: Path | TextIO, *, plain: bool = False, level: str = "info") -> None:
        """Write to a file (appended, mode 600) or a stream; `plain` is the form for terminals."""
        self.set_level(level)
        self.dropped = 0
        self.lost = 0
        self._path = target if isinstance(target, Path) else None
        self._stream: FileIO | TextIO = _append(target) if isinstance(target, Path) else target
        self._write = _plain_line if plain else _json_line
        self._words: frozenset[str] = frozenset()
        self._sentences = _Sentences()
        self._lock = threading.Lock()

    def set_level(self, level: str) -> None:
        """Write events of this level and above; raises ValueError for an unknown level."""
        if level not in LEVELS:
            raise ValueError(f"log level is one of {', '.join(LEVELS)}")
        self._level = LEVELS.index(level)

    def allow_words(self, words: Iterable[str]) -> None:
        """The names and hosts of the configuration, the only values of the fields CONFIGURED."""
        self._words = frozenset(words)

    def reopen(self) -> None:
        """Open the file anew after it was renamed by a log rotation; a stream stays as it is."""
        if self._path is None:
            return
        stream = _append(self._path)
        with self._lock:
            self._stream.close()
            self._stream = stream

    def close(self) -> None:
        """Close the file; a stream is left to its owner."""
        if self._path is not None:
            with self._lock:
                self._stream.close()

    def __call__(self, event: LogEvent) -> None:
        """Write one event, or drop it below the level."""
        level = getattr(event.get("log_level"), "name", "info")
        if level not in LEVELS:
            level = "info"
        if LEVELS.index(level) < self._level:
            return
        try:
            told = self._line(event, level)
            if event.get("log_namespace") == "log_legacy" and level == "info":
                return
            line = self._write(told)
            with self._lock:
                if isinstance(self._stream, FileIO):
                    self._stream.write(line.encode(errors="backslashreplace"))
                else:
                    self._stream.write(line)
                    self._stream.flush()
        except Exception:  # an observer that raises would be logged, by itself
            self.lost += 1

    def _line(self, event: LogEvent, level: str) -> dict[str, Any]:
        fields: dict[str, Shown] = {}  # by the name in the event
        held = 0
        source = _module(event.get("log_namespace"))
        for key, value in event.items():
            if key.startswith("log_") or key in _TWISTED_KEYS:
                continue
            shown = self._shown(key, value, source)
            if shown is None:
                held += 1
            else:
                fields[key] = shown
        line: dict[str, Any] = {
            "time": _time(event.get("log_time")),
            "level": level,
            "source": mask(source),
        }
        template = event.get("log_format")
        if template is not None:
            known = self._sentences.known(source, template)
            line["text"] = _filled(template, fields) if known else HELD_BACK
            held += not known
        for key, shown in fields.items():
            line[FIELDS[key].name if key in FIELDS else key] = shown
        failure = event.get("log_failure")
        if failure is not None:
            line["exceptions"] = list(_exceptions(failure))
        if held:
            line["held_back"] = held
            self.dropped += held
        return line

    def _shown(self, key: str, value: object, source: str) -> Shown | None:
        if key in FIELDS:
            return FIELDS[key].shape(value)
        if key in CONFIGURED and type(value) is str and value in self._words:
            return value if _is_address(value) else mask(value)
        if key in OWN_WORDS:
            return mask(str(value)) if self._sentences.known(source, value) else member(value)
        return None


class Log:
    """What the shell calls to log: `log("info", "bind refused", link=name)`.

    The sentence and the words in it count as the calling module's own.
    """

    def __init__(self, publisher: ILogObserver = globalLogPublisher) -> None:
        self._publisher = publisher
        self._loggers: dict[str, Logger] = {}

    def __call__(
        self, level: str, what: str, *, failure: Failure | None = None, **fields: object
    ) -> None:
        """`level` is one of LEVELS, or "warning"; a failure is written without its message."""
        module = sys._getframe(1).f_globals["__name__"]
        if module not in self._loggers:
            self._loggers[module] = Logger(namespace=module, observer=self._publisher)
        if failure is not None:
            fields["log_failure"] = failure
        name = "warn" if level == "warning" else level
        self._loggers[module].emit(LogLevel.lookupByName(name), what, **fields)


class _Sentences:
    """Knows which strings stand in the source of which module."""

    def __init__(self) -> None:
        self._literals: dict[str, frozenset[str]] = {}

    def known(self, module: str, sentence: object) -> bool:
        if type(sentence) is not str:
            return False
        for place in (module, *_LENDERS):
            if place not in self._literals:
                self._literals[place] = _literals(place)
            if sentence in self._literals[place]:
                return True
        return False


def _module(namespace: object) -> str:
    """The loaded module a namespace stands in (some name a class of it), or "other"."""
    name = namespace if isinstance(namespace, str) else ""
    while name and name not in sys.modules:
        name = name.rpartition(".")[0]
    return name or "other"


def _literals(module: str) -> frozenset[str]:
    """The string constants of a loaded module; none if its source cannot be read."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError, SyntaxError):
        return frozenset()
    return frozenset(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _filled(template: str, fields: Mapping[str, Shown]) -> str:
    """The sentence with allowed fields in their places. Attributes, calls, conversions and format
    specifications are never evaluated: each could reach what the field alone does not show."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        return mask(template)
    words = []
    for text, field, _, _ in parts:
        words.append(mask(text))
        if field is not None:
            words.append(str(fields.get(field, HELD_BACK)))
    return "".join(words)


def _exceptions(failure: Any) -> Iterator[dict[str, object]]:
    """A failure and its causes, outermost first: types, error names and places."""
    error = failure.value
    places = failure.getTracebackObject()
    for _ in range(_CAUSES):
        yield {"type": mask(_type_name(type(error))), **_error_name(error), "at": _places(places)}
        if not isinstance(error, BaseException):
            return
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if error is None:
            return
        places = error.__traceback__


def _type_name(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _error_name(error: object) -> dict[str, object]:
    """The symbol of a system or SQLite error: a word from their tables, not from the message."""
    if isinstance(error, OSError) and (symbol := errno.errorcode.get(error.errno or 0)):
        return {"error": symbol}
    name = getattr(error, "sqlite_errorname", None)
    if isinstance(name, str) and _SQLITE_ERROR.fullmatch(name):
        return {"error": name}
    return {}


def _places(trace: Any) -> list[str]:
    places = [
        mask(f"{'/'.join(Path(frame.f_code.co_filename).parts[-2:])}:{line} {frame.f_code.co_name}")
        for frame, line in traceback.walk_tb(trace)
    ]
    return places if len(places) <= _FRAMES else [*places[:3], "...", *places[3 - _FRAMES :]]


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


def _time(stamp: object) -> str:
    if not isinstance(stamp, int | float):
        return ""
    moment = datetime.fromtimestamp(stamp, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _json_line(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"


def _plain_line(line: dict[str, Any]) -> str:
    """`TIME LEVEL SOURCE: TEXT NAME=VALUE ...`, exceptions on lines of their own."""
    head = [line.pop("time"), f"{line.pop('level'):<8}", f"{line.pop('source')}:"]
    head += [" ".join(line.pop("text").split())] if "text" in line else []
    exceptions = line.pop("exceptions", [])
    words = head + [
        f"{name}={','.join(value) if isinstance(value, list) else value}"
        for name, value in line.items()
    ]
    lines = [" ".join(words)]
    for exception in exceptions:
        lines.append(f"    {exception['type']} {exception.get('error', '')}".rstrip())
        lines += [f"        {place}" for place in exception["at"]]
    return "\n".join(lines) + "\n"


def _append(path: Path) -> FileIO:
    """Without a buffer: one write a line, and nothing to lose when the disk is full."""
    return FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "a")
