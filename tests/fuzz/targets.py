"""What must hold for any octets a peer or an operator may give: one function for each reader.

Each takes octets and fails with an AssertionError, or with what the code under it raised. The
first line of its docstring is what must hold. Hypothesis drives them in test_targets.py, atheris
in scripts/fuzz.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, MutableSequence
from datetime import datetime
from functools import cache
from pathlib import Path
from struct import pack

from routing.rate_card import RateCard
from smpp_server.config import Config, ConfigError, conf_dir, load
from smpp_server.config_rates import read_file
from smpp_server.smpp import receipts
from smpp_server.smpp.codec import FramingError, PduError, cut, decode, encode
from smpp_server.smpp.constants import MessageState, Tag
from smpp_server.smpp.schema import Pdu
from tests.fuzz.pair import Pair
from tests.fuzz.tape import Tape

CURRENCY = "EUR"
BORDER = b"\n\0\n"  # between two files of one input: neither TOML nor CSV needs a NUL

decoded: MutableSequence[int] = [0]  # how many frames of PDUs the decoder was given so far


def framed(octets: bytes) -> bytes:
    """The same octets with every command_length made true: all that follows is whole frames."""
    frames, rest = list[bytes](), octets
    while len(rest) >= 16:
        told = int.from_bytes(rest[:4], "big")
        length = told if 16 <= told <= len(rest) else len(rest)
        frames.append(pack(">I", length) + rest[4:length])
        rest = rest[length:]
    return b"".join(frames)


def pieces(octets: bytes, step: int) -> Iterator[bytes]:
    """The octets in reads of `step`."""
    return (octets[start : start + step] for start in range(0, len(octets), step))


def _outcome(frame: bytes) -> tuple[Pdu | None, str]:
    """The PDU of one frame, or what is wrong with it."""
    try:
        pdu = decode(frame)
    except PduError as error:
        assert error.partial is None or error.partial.command_id == error.command_id
        return error.partial, f"{error.command_status} {error.field}"
    assert all(hasattr(pdu, field.name) for field in pdu.fields)
    return pdu, ""


def decoder(octets: bytes) -> None:
    """Any octets, however split, give PDUs, PduErrors or a FramingError, and nothing else.

    What was read and may be sent is read again the same. The first octet tells how many octets a
    read has; where it is 128 or more, every command_length is made true first.
    """
    step, stream = (octets[0] & 127) + 1 if octets else 1, octets[1:]
    if octets[:1] >= b"\x80":
        stream = framed(stream)
    buffer = bytearray(stream)
    frames, fault = cut(buffer)
    assert b"".join(frames) + buffer == stream
    split, parts, lost = list[bytes](), bytearray(), None
    for piece in pieces(stream, step):
        parts += piece
        found, lost = cut(parts)
        split += found
        if lost is not None:
            break
    assert split == frames
    assert isinstance(fault, FramingError) == isinstance(lost, FramingError)
    for frame in frames:
        decoded[0] += 1
        pdu, wrong = _outcome(frame)
        if pdu is None or wrong:
            continue
        try:
            again = encode(pdu)
        except ValueError:
            continue  # lenient in reading, exact in sending
        read, wrong = _outcome(again)
        assert (read, wrong) == (pdu, "")


def session(octets: bytes) -> None:
    """Whatever a peer sends and whenever, a session of either role tells events and never raises.

    How its octets are split into reads changes nothing; what it sends is whole PDUs; every token
    ends once; the window is never exceeded; after `expire` the next deadline lies ahead; a closed
    session is silent. The octets are a play: what the peer sends, what we do, what time passes.
    """
    Pair(Tape(octets)).play()


def receipt(octets: bytes) -> None:
    """Any text and parameters give a Receipt, or None when nothing marks it as one.

    Ids to look for are told once each, and a freer match looks for all that a stricter one does.
    """
    tape = Tape(octets)
    esm_class, data_coding, flags = tape.octet(), tape.octet(), tape.octet()
    tags = (Tag.RECEIPTED_MESSAGE_ID, Tag.MESSAGE_STATE, Tag.NETWORK_ERROR_CODE)
    tlvs = [
        (int(tag), tape.take(tape.octet() & 31)) for n, tag in enumerate(tags) if flags >> n & 1
    ]
    now = datetime(2026, 11, 26, 12) if flags & 8 else None
    sniff = bool(flags & 16)
    read = receipts.read(esm_class, tape.rest(), data_coding, tlvs, sniff=sniff, now=now)
    if receipts.is_receipt(esm_class, tlvs):
        assert read is not None
    if read is None:
        return
    assert sniff or receipts.is_receipt(esm_class, tlvs)
    if read.fate is receipts.Fate.DELIVERED:
        assert read.state == MessageState.DELIVERED
    strict: set[str] = set()
    for match in receipts.IdMatch:
        ids = receipts.id_candidates(read, match)
        assert len(set(ids)) == len(ids) and strict <= set(ids)
        assert all(map(receipts.is_id, ids))
        strict = set(ids)


@cache
def _folder() -> Path:
    """One directory for the life of the process, private: server.toml may hold a password."""
    _folder.kept = tempfile.TemporaryDirectory()  # type: ignore[attr-defined]
    return Path(_folder.kept.name)  # type: ignore[attr-defined]


def configuration(octets: bytes) -> None:
    """Any files give a Config, or a ConfigError whose faults name a file and a line it has.

    The octets are server.toml, then replies.toml and rate_card.csv if borders stand between.
    """
    folder = _folder()
    names = ("server.toml", "replies.toml", "rate_card.csv")
    files = dict(zip(names, octets.split(BORDER, 2), strict=False))
    for name in names:
        path = folder / name
        path.write_bytes(files[name] if name in files else (conf_dir() / name).read_bytes())
        path.chmod(0o600)
    try:
        assert isinstance(load(folder / "server.toml", environ={}), Config)
    except ConfigError as error:
        assert error.faults
        for fault in error.faults:
            assert fault.sentence and fault.file, fault
            name = Path(fault.file).name
            assert 0 <= fault.line <= files.get(name, b"\n" * 1000).count(b"\n") + 1, fault


def rate_card(octets: bytes) -> None:
    """Any file gives a RateCard with no price below zero, or a ConfigError with its faults."""
    path = _folder() / "card.csv"
    path.write_bytes(octets)
    try:
        file = read_file(path, path.name, CURRENCY, {}, {})
    except ConfigError as error:
        assert error.faults and all(fault.line >= 0 and fault.sentence for fault in error.faults)
        return
    card = RateCard.build(file.rows, file.version, file.surcharges)
    for msisdn in ("33612345678", "1", "", "999999999999999"):
        inbound = card.inbound(msisdn, 0)
        assert inbound is None or inbound >= 0
        for country in ("FR", ""):
            for wall_ns in (None, 0, 2**63 - 1):
                rate = card.price(msisdn, country, wall_ns)
                assert rate is None or rate.nanos_per_segment >= 0


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (decoder, session, receipt, configuration, rate_card)
}
