"""The saved inputs of each target: one file of hexadecimal lines, unpacked for atheris."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from smpp_server.config import conf_dir

FOLDER = Path(__file__).with_name("corpus")
VECTORS = Path(__file__).parent.parent / "vectors"


def saved(target: str) -> list[bytes]:
    """The inputs that together take every branch a run has found, shortest first."""
    path = FOLDER / f"{target}.hex"
    return [bytes.fromhex(line) for line in path.read_text("ascii").splitlines()]


def save(target: str, inputs: Iterable[bytes]) -> None:
    """Writes them, each once, in an order that keeps differences small."""
    lines = [octets.hex() for octets in sorted(set(inputs), key=lambda one: (len(one), one))]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{target}.hex").write_text("".join(f"{line}\n" for line in lines), "ascii")


def smallest(target: Callable[[bytes], None], inputs: Iterable[bytes]) -> Iterator[bytes]:
    """The inputs, shortest first, that take a way from line to line which none before took."""
    ways: set[tuple[CodeType, int, int]] = set()
    for octets in sorted(set(inputs), key=lambda one: (len(one), one)):
        before = len(ways)
        sys.settrace(_walk(ways))
        try:
            target(octets)
        finally:
            sys.settrace(None)
        if len(ways) > before:
            yield octets


def _walk(ways: set[tuple[CodeType, int, int]]) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that notes each step in our code, that made from the schema included."""

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        code, last = frame.f_code, 0
        if not any(part in code.co_filename for part in ("/smpp_server/", "/routing/", "<smpp ")):
            return None

        def step(frame: FrameType, _event: str, _argument: Any) -> Any:
            nonlocal last
            ways.add((code, last, frame.f_lineno))
            last = frame.f_lineno
            return step

        return step

    return enter


def first(target: str) -> list[bytes]:
    """Inputs to begin with where nothing is saved yet: the vectors and the example files."""
    if target in ("decoder", "session"):
        lines = (VECTORS / "pdus.jsonl").read_text("utf-8").splitlines()
        whole = [bytes.fromhex(vector["hex"]) for vector in map(json.loads, lines)]
        if target == "decoder":
            return [b"\xff" + frame for frame in whole]
        short = [frame for frame in whole if len(frame) < 256]
        return [bytes((role, 255, 0, len(frame))) + frame for role in (0, 1) for frame in short]
    if target == "receipt":
        lines = (VECTORS / "receipts.jsonl").read_text("utf-8").splitlines()
        texts = [vector["text"].encode() for vector in map(json.loads, lines) if "text" in vector]
        return [b"\4\0\0" + text for text in texts]
    name = {"configuration": "server.toml", "rate_card": "rate_card.csv"}[target]
    example = (conf_dir() / name).read_bytes()
    bare = b"\n".join(line for line in example.splitlines() if line and line[:1] != b"#")
    return [bare, example]
