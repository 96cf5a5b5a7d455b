"""The vectors take every line of the functions made from the schema, and every branch both ways."""

import ast
import linecache
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import FrameType
from typing import Any

import pytest

from smpp_server.smpp import schema as s
from smpp_server.smpp.codec import FramingError, PduError, cut, decode, encode
from smpp_server.smpp.declare import CString, Pdu
from tests.smpp.test_codec import VECTORS
from tests.smpp.test_reader import frame
from tests.smpp.test_writer import made

Arcs = set[tuple[int, int]]  # (line, the line after it in the same call; 0: it returned)


def traced(does: Callable[[], object]) -> dict[str, Arcs]:
    """Which lines followed which in generated code, by its file name."""
    arcs: dict[str, Arcs] = {}

    def enter(called: FrameType, event: str, arg: object) -> Any:
        name = called.f_code.co_filename
        if not name.startswith("<smpp "):
            return None
        last, seen = called.f_lineno, arcs.setdefault(name, set())

        def step(inside: FrameType, event: str, arg: object) -> Any:
            nonlocal last
            if event in ("line", "return"):
                line = inside.f_lineno if event == "line" else 0
                seen.add((last, line))
                last = line or last
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        does()
    finally:
        sys.settrace(before)
    return arcs


def untaken(name: str, arcs: Arcs) -> list[str]:
    """Lines never reached, and conditions and loops that always went the same way."""
    lines = linecache.getlines(name)
    function = ast.parse("".join(lines)).body[0]
    assert isinstance(function, ast.FunctionDef)
    reached = {line for _, line in arcs}
    missing = []
    for node in ast.walk(function):
        if isinstance(node, ast.stmt) and node is not function and not isinstance(node, ast.Try):
            shown = lines[node.lineno - 1].strip()
            if node.lineno not in reached:
                missing.append(f"{node.lineno}: {shown} never")
            elif isinstance(node, ast.If | ast.For):
                into = node.body[0].lineno
                ways = {after == into for line, after in arcs if line == node.lineno}
                missing += [f"{node.lineno}: {shown} never {way}" for way in {True, False} - ways]
    return missing


def full(kind: type[Pdu]) -> Pdu:
    """A PDU that may be sent, with every list it has filled."""
    values: dict[str, Any] = {}
    if kind is s.SubmitMulti:
        both = (s.SmeAddress(1, 1, "336"), s.DistributionList("gang"))
        values = {"dest_address": both, "short_message": b"x"}
    elif kind is s.SubmitMultiResp:
        values = {"unsuccess_sme": (s.UnsuccessSme(1, 1, "336", 8),)}
    return made(kind, **values)


def check_reading(kind: type[Pdu]) -> None:
    """Whole, with a parameter, with an octet too many, and broken off in each way there is."""
    pdu = full(kind)
    whole = encode(pdu)
    body = whole[16:]
    assert decode(whole) == pdu
    assert decode(frame(kind.command_id, body + b"\x14\0\0\1x")).tlvs == (s.Tlv(0x1400, b"x"),)
    assert decode(frame(kind.command_id, body + b"\x14")).stray_octets == 1
    cut_off = [body[:-1]] if body else []
    if any(field.name == "short_message" for field in kind.fields):
        text: Any = pdu
        text.short_message = b"said"
        cut_off.append(encode(text)[16:-1])
    if kind is s.SubmitMulti:
        cut_off.append(b"\0\0\0\0\1\3\0")  # a dest_flag that is none
    for broken in cut_off:
        try:
            assert not decode(frame(kind.command_id, broken)).body_present
            assert not broken  # a response without its body
        except PduError as fault:
            assert fault.field in {field.name for field in kind.fields}


def check_writing(kind: type[Pdu]) -> None:
    """What may be sent is written; each refusal names its field."""
    bad: list[tuple[str, dict[str, object]]] = [("sequence_number", {"sequence_number": 1.5})]
    if not kind.command_id & 0x80000000:
        bad += [
            ("sequence_number", {"sequence_number": 0}),
            ("command_status", {"command_status": 1}),
        ]
    elif kind.fields:
        bad.append(("body_present", {"body_present": False}))
    if not kind.error_body:
        tlv = s.Tlv(0x1400, b"x")
        bad.append(("command_status", {"command_status": 8, "tlvs": (tlv,)}))
        assert len(encode(made(kind, command_status=8))) == 16
    texts = [field.name for field in kind.fields if isinstance(field, CString)]
    bad += [(name, {name: "é"}) for name in texts[:1]]
    assert encode(full(kind))
    for field, values in bad:
        pdu = full(kind)
        for name, value in values.items():
            setattr(pdu, name, value)
        with pytest.raises(ValueError, match=rf"^{kind.name}\.{field}: "):
            encode(pdu)


@pytest.mark.parametrize("kind", s.PDUS.values(), ids=lambda kind: kind.name)
@pytest.mark.parametrize(("way", "check"), [("read", check_reading), ("write", check_writing)])
def test_every_branch_is_taken(
    kind: type[Pdu], way: str, check: Callable[[type[Pdu]], None]
) -> None:
    name = f"<smpp {way}_{kind.name}>"
    arcs = traced(lambda: check(kind)).get(name, set()) | of_the_vectors().get(name, set())
    assert not untaken(name, arcs)


@cache
def of_the_vectors() -> dict[str, Arcs]:
    """What the vectors of other implementations take, read and written again."""

    def run() -> None:
        for vector in VECTORS:
            for octets in cut(bytearray.fromhex(vector["hex"]))[0]:
                with suppress(PduError, FramingError, ValueError):
                    encode(decode(octets))

    return traced(run)


def test_a_branch_that_is_not_taken_is_found() -> None:
    """An empty run has reached nothing, and a healthy submit_sm alone takes no refusal."""
    name = "<smpp write_submit_sm>"
    assert untaken(name, set())
    alone = untaken(name, traced(lambda: encode(made(s.SubmitSm)))[name])
    assert any("if status: never True" in line for line in alone)
