"""Where each key of a TOML file stands, and the faults that are told with file, line and cure."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

KeyPath = tuple[str | int, ...]

_TOKEN = re.compile(
    r'''(?P<text>"""(?:\\.|[^\\])*?"{3,5}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')'''
    r"""|(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<mark>[\[\]{}=,.])"""
    r"""|(?P<bare>[^\s"'\[\]{}=,.\#]+)|(?P<stray>["'])""",
    re.DOTALL,
)
_DEEPEST = 16
_LONG = re.compile(r"[0-9][0-9_]{1000}|[eE][+-]?[0-9_]{10}")  # what Python may not take
_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class Fault(NamedTuple):
    """One thing an operator must change; `line` 0 means the file as a whole."""

    file: str
    line: int
    key: str  # dotted, "" when the fault is not of a key
    sentence: str  # what is wrong and what cures it, without any secret

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.sentence}" if self.key else f"{place}: {self.sentence}"


class ConfigError(Exception):
    """The configuration cannot be used; `faults` holds all that is wrong, in file order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class Document:
    """A TOML file that could be read."""

    name: str  # as it is written in faults
    data: dict[str, Any]
    lines: Mapping[KeyPath, int]

    def fault(self, path: KeyPath, sentence: str) -> Fault:
        """Tell what is wrong with the key, at its line or that of the nearest table above it."""
        near = path
        while near and near not in self.lines:
            near = near[:-1]
        return Fault(self.name, self.lines.get(near, 1), dotted(path), sentence)


def dotted(path: KeyPath) -> str:
    """Write a key path the way an operator would: `link.main.port`."""
    return ".".join(map(str, path))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean "port"?` when a known word is close, otherwise the empty string."""
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f', did you mean "{close[0]}"?' if close else ""


def read_document(path: Path, name: str) -> Document:
    """Read one TOML file, its decimals exact.

    Raises:
        ConfigError: it cannot be read, is not UTF-8, or is not TOML; every key that stands twice
            is told.
    """
    try:
        text = path.read_bytes().decode().replace("\r\n", "\n")
    except OSError as error:
        raise ConfigError([Fault(name, 0, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([Fault(name, line, "", "this is not UTF-8 text")]) from None
    scan = _scan(text)
    lines, repeated = scan.implied | scan.lines, scan.repeated
    if scan.deepest > _DEEPEST:  # tomllib and what comes after it walk by recursion
        says = f"nests more than {_DEEPEST} levels: no key needs so many"
        raise ConfigError([Fault(name, scan.deepest_line, "", says)])
    try:
        document = Document(name, tomllib.loads(text, parse_float=_exact), lines)
    except tomllib.TOMLDecodeError as error:
        if repeated:
            raise ConfigError(
                Fault(name, line, dotted(key), f"stands twice, first on line {lines[key]}")
                for key, line in repeated
            ) from None
        raise ConfigError([_syntax_fault(name, text, str(error))]) from None
    except ValueError:  # what is TOML to tomllib, and no number to Python
        found = _LONG.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 0
        raise ConfigError([Fault(name, line, "", "a number is too long: shorten it")]) from None
    if faults := [document.fault(*one) for one in _unusable(document.data)]:
        raise ConfigError(faults)
    return document


def _exact(number: str) -> Decimal:
    """The decimal as written; ValueError where its exponent fits no Decimal."""
    try:
        return Decimal(number)
    except InvalidOperation:
        raise ValueError(number) from None


def _unusable(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Values that TOML can write and no file name, text or column can hold."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _unusable(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _unusable(inner, (*path, place))
    elif isinstance(value, str) and "\0" in value:
        yield path, "must not hold the character NUL"
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield path, "is too large: a whole number has at most 64 bits"


def _syntax_fault(name: str, text: str, message: str) -> Fault:
    at = _AT_LINE.search(message)
    line = int(at[1]) if at and at[1] else text.count("\n") + 1
    return Fault(name, line, "", f"not TOML: {_AT_LINE.sub('', message)}")


def locate(text: str) -> tuple[dict[KeyPath, int], list[tuple[KeyPath, int]]]:
    """Find the line of every table and key; also the keys that stand twice, with the later line.

    It reads any text without an error: what is not TOML gets approximate lines, and tomllib
    says what is wrong.
    """
    scan = _scan(text)
    return scan.implied | scan.lines, scan.repeated


def _scan(text: str) -> "_Scan":
    scan = _Scan()
    for token in _TOKEN.finditer(text):
        scan.take(token.lastgroup or "", token[0])
    return scan


def _unquoted(token: str) -> str:
    if token.startswith("'") or "\\" not in token:
        return token[1:-1]
    try:
        return str(tomllib.loads(f"key = {token}")["key"])
    except tomllib.TOMLDecodeError:
        return token[1:-1]


class _Scan:
    """A walk over the tokens that knows which key the next one belongs to."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.implied: dict[KeyPath, int] = {}  # [link.main] makes the table link too
        self.repeated: list[tuple[KeyPath, int]] = []
        self.deepest = self.deepest_line = 0  # levels of keys and brackets, and where
        self._line = 1
        self._table: KeyPath = ()
        self._key: KeyPath = ()
        self._header = False
        self._in_value = False
        self._open: list[tuple[KeyPath, bool]] = []  # values not yet closed; True for an array
        self._items: list[int] = []

    def take(self, kind: str, token: str) -> None:
        """Take one token."""
        if kind == "newline":
            self._line += 1
            if not self._open:
                self._key, self._header, self._in_value = (), False, False
        elif kind == "mark" and self._in_value:
            self._value_mark(token)
        elif kind == "mark":
            self._key_mark(token)
        elif kind in ("text", "bare") and not self._in_value:
            self._key = (*self._key, _unquoted(token) if kind == "text" else token)
        self._line += token.count("\n") if kind == "text" else 0

    def _key_mark(self, mark: str) -> None:
        if mark == "[" and not self._open:
            self._header = True
        elif mark == "]" and self._header and self._key:
            self._table = self._key
            self._note(self._table)
            self._key = ()
        elif mark == "=":
            base = self._open[-1][0] if self._open else self._table
            self._key = (*base, *self._key)
            self._note(self._key)
            self._in_value = True
        elif mark == "}" and self._open:
            self._close()

    def _value_mark(self, mark: str) -> None:
        in_array = bool(self._open) and self._open[-1][1]
        here = (*self._open[-1][0], self._items[-1]) if in_array else self._key
        if mark in "[{":
            self._open.append((here, mark == "["))
            self._reach(len(self._table) + len(self._open))
            self._items.append(0)
            self._in_value = mark == "["
            self._key = () if mark == "{" else self._key
        elif mark in "]}" and self._open:
            self._close()
        elif mark == "," and in_array:
            self._items[-1] += 1
        elif mark == "," and self._open:
            self._key, self._in_value = (), False

    def _close(self) -> None:
        self._key = self._open.pop()[0]
        self._items.pop()
        self._in_value = True

    def _reach(self, depth: int) -> None:
        if depth > self.deepest:
            self.deepest, self.deepest_line = depth, self._line

    def _note(self, path: KeyPath) -> None:
        self._reach(len(path))
        if len(path) > _DEEPEST:
            return  # will be refused; to note every level of it would take the cube of the time
        for length in range(1, len(path)):
            self.implied.setdefault(path[:length], self._line)
        if path in self.lines:
            self.repeated.append((path, self._line))
        else:
            self.lines[path] = self._line
