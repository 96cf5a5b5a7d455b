"""The steps of a reconciliation as the admin socket carries them."""

from collections.abc import Iterable, Mapping
from typing import Final

from routing.corrections import CDR_STEPS
from routing.standing import CdrRow, CdrStep

CDR_FIELDS: Final = ("what", "carrier", "rows")
ROWS_MOST: Final = 1000  # in one step, and so in one turn

_INT64: Final = 2**63


def cdr_step(fields: Mapping[str, str]) -> CdrStep:
    """The step that `fields` tell. Raises KeyError or ValueError when they tell none."""
    what, lines = fields["what"], fields["rows"].split("\n")
    if what not in CDR_STEPS or len(lines) > ROWS_MOST:
        raise ValueError("no step")
    read = _line_of if what == "billed" else _reply_of
    return CdrStep(what, fields["carrier"], tuple(map(read, lines)))


def billed_text(message_id: str, at_ns: int, source: str, destination: str) -> str:
    """One line of theirs, for a step "billed"."""
    return "\t".join((message_id, str(at_ns), source, destination))


def reply_text(reply_id: int, nanos: int = 0) -> str:
    """One reply of ours, for the other steps."""
    return f"{reply_id}\t{nanos}"


def chunks(lines: Iterable[str], octets_most: int) -> Iterable[list[str]]:
    """Lines in as few steps as may be."""
    chunk: list[str] = []
    octets = 0
    for line in lines:
        size = len(line.encode()) + 2
        if chunk and (len(chunk) == ROWS_MOST or octets + size > octets_most):
            yield chunk
            chunk, octets = [], 0
        chunk.append(line)
        octets += size
    if chunk:
        yield chunk


def _line_of(text: str) -> CdrRow:
    message_id, at, source, destination = text.split("\t")
    at_ns = int(at)
    if not message_id or not 0 <= at_ns < _INT64:
        raise ValueError("no line")
    return CdrRow(message_id, at_ns, source, destination)


def _reply_of(text: str) -> CdrRow:
    reply_id, nanos = map(int, text.split("\t"))
    if not (0 < reply_id < _INT64 and 0 <= nanos < _INT64):
        raise ValueError("no reply")
    return CdrRow(reply_id=reply_id, nanos=nanos)
