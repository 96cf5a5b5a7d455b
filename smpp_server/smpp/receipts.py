"""Delivery receipts: TLVs first, then the text form of SMPP 3.4 Appendix B as the field writes it.

Nothing here raises, whatever a peer sends, and the text is read in linear time.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import NamedTuple

from smpp_server.smpp.constants import TYPE_MASK, MessageState, MessageType, Tag
from smpp_server.smpp.text import UCS2, Alphabet, alphabet, decode

_RECEIPTED_MESSAGE_ID, _MESSAGE_STATE = int(Tag.RECEIPTED_MESSAGE_ID), int(Tag.MESSAGE_STATE)
_LONGEST_ID = 64  # section 5.2.23, without the NUL; a longer one is compared but not computed with


class Fate(StrEnum):
    """What a receipt says of a message. Only the first two are final."""

    DELIVERED = "delivered"
    FAILED = "failed"
    INTERMEDIATE = "intermediate"  # on its way, or not told: nothing to conclude


class IdMatch(IntEnum):
    """How freely a link's receipts may be matched to message ids; each includes those before."""

    EXACT = 0
    CASE = 1  # upper and lower case
    ZEROS = 2  # without leading zeros, or with them up to the usual widths
    RADIX = 3  # hexadecimal for decimal and the reverse


class Receipt(NamedTuple):
    """What was found; None for what was not. Words are kept as they came."""

    id: str | None = None  # receipted_message_id, else the id of the text; may be "0"
    text_id: str | None = None  # the id of the text, also when the TLV is there
    sub: str | None = None
    dlvrd: str | None = None
    submit_date: str | None = None
    done_date: str | None = None
    stat: str | None = None
    err: str | None = None  # its meaning belongs to the SMSC
    text: str | None = None
    state: int | None = None  # message_state, section 5.2.28: the TLV, else from `stat`
    submit_time: datetime | None = None  # local time of the SMSC, no zone known
    done_time: datetime | None = None
    network_error: bytes | None = None  # network_error_code, raw
    fate: Fate = Fate.INTERMEDIATE
    disagrees: bool = False  # TLV and text name different states or unrelated ids: worth a log line


# Sections 5.2.28 and Appendix B table B-2, then what SMSCs write instead. A word is known by its
# beginning, so that UNDELIVERABLE, UNDELIV and a cut UNDELI are one.
_STATES: tuple[tuple[str, MessageState], ...] = (
    ("SCHED", MessageState.SCHEDULED),
    ("ENROUTE", MessageState.ENROUTE),
    ("EN_ROUTE", MessageState.ENROUTE),
    ("ACKED", MessageState.ENROUTE),
    ("BUFFRED", MessageState.ENROUTE),
    ("BUFFERED", MessageState.ENROUTE),
    ("BUFFERD", MessageState.ENROUTE),
    ("DELIVRD", MessageState.DELIVERED),
    ("DELIVERED", MessageState.DELIVERED),
    ("EXPIR", MessageState.EXPIRED),
    ("DELET", MessageState.DELETED),
    ("UNDEL", MessageState.UNDELIVERABLE),
    ("FAILED", MessageState.UNDELIVERABLE),
    ("ACCEPT", MessageState.ACCEPTED),
    ("UNKNOWN", MessageState.UNKNOWN),
    ("REJECT", MessageState.REJECTED),
    ("DND_REJECT", MessageState.REJECTED),
    ("SKIP", MessageState.SKIPPED),
)
_FATES: Mapping[int, Fate] = MappingProxyType(
    {
        MessageState.DELIVERED: Fate.DELIVERED,
        MessageState.EXPIRED: Fate.FAILED,
        MessageState.DELETED: Fate.FAILED,
        MessageState.UNDELIVERABLE: Fate.FAILED,
        MessageState.REJECTED: Fate.FAILED,
        MessageState.SKIPPED: Fate.FAILED,
    }
)
_LAST_STATE = int(MessageState.SKIPPED)

# A key stands alone: "myid:" is no id and "xstat:" no stat. Every repeat is bounded, so the scan
# looks at each octet a fixed number of times.
_KEY = re.compile(
    r"(?<![\w.\-])(?:(?P<id>id|message[ _]?id|msg[ _]?id)|(?P<sub>sub)|(?P<dlvrd>dlvrd)"
    r"|(?P<submit_date>submit[ _]?date)|(?P<done_date>done[ _]?date)|(?P<stat>stat(?:us)?)"
    r"|(?P<err>err)|(?P<text>text))[ \t]{0,3}:",
    re.IGNORECASE | re.ASCII,
)
_DIGITS = re.compile("[0-9]+")
_HEXADECIMAL = re.compile("[0-9A-Fa-f]+")
_PADDING = " \t\r\n\0"


def is_receipt(esm_class: int, tlvs: Iterable[tuple[int, bytes]]) -> bool:
    """Whether a deliver_sm or data_sm reports on a message of ours.

    It does when bits 5 to 2 of esm_class are not all zero (receipts, acknowledgements and
    notifications, section 5.2.12), or when receipted_message_id and message_state are both there.
    """
    if esm_class & TYPE_MASK:
        return True
    tags = {tag for tag, _ in tlvs}
    return _RECEIPTED_MESSAGE_ID in tags and _MESSAGE_STATE in tags


def read(
    esm_class: int,
    octets: bytes,
    data_coding: int = 0,
    tlvs: Iterable[tuple[int, bytes]] = (),
    *,
    sniff: bool = False,
    now: datetime | None = None,
) -> Receipt | None:
    """The receipt in a deliver_sm or data_sm, or None when it is none. Never raises.

    `octets` is short_message or message_payload. `sniff` also accepts, without any mark, a text
    that has an id and a stat we know: a person may write such a text, so it is only for links
    that never mark. `now` decides between two readings of a date. TLVs win over the text.
    """
    single = tuple(tlvs)
    marked = is_receipt(esm_class, single)
    if not marked and not sniff:
        return None
    found = _fields(octets, data_coding)
    if not marked and not (found.get("id") and state_of(found.get("stat", "")) is not None):
        return None
    return _understood(esm_class, found, single, now)


def _understood(
    esm_class: int,
    found: Mapping[str, str],
    tlvs: tuple[tuple[int, bytes], ...],
    now: datetime | None,
) -> Receipt:
    """TLVs laid over the fields of the text; the first of a repeated TLV holds."""
    values: dict[int, bytes] = {}
    for tag, value in tlvs:
        values.setdefault(tag, value)
    text_id = found.get("id")
    tlv_id = values.get(_RECEIPTED_MESSAGE_ID, b"").decode("latin-1").strip(_PADDING)
    text_state = state_of(found.get("stat", ""))
    tlv_state = _state_value(values.get(_MESSAGE_STATE, b""))
    state = text_state if tlv_state is None else tlv_state
    return Receipt(
        id=tlv_id if is_id(tlv_id) else text_id or tlv_id or None,
        text_id=text_id,
        sub=found.get("sub"),
        dlvrd=found.get("dlvrd"),
        submit_date=found.get("submit_date"),
        done_date=found.get("done_date"),
        stat=found.get("stat"),
        err=found.get("err"),
        text=found.get("text"),
        state=state,
        submit_time=read_time(found.get("submit_date", ""), now),
        done_time=read_time(found.get("done_date", ""), now),
        network_error=values.get(Tag.NETWORK_ERROR_CODE),
        fate=_fate(esm_class, state),
        disagrees=_differ(tlv_state, text_state) or _unrelated(tlv_id, text_id),
    )


def _fate(esm_class: int, state: int | None) -> Fate:
    """What `state` comes to; an intermediate notification of a failure means one attempt only."""
    fate = Fate.INTERMEDIATE if state is None else _FATES.get(state, Fate.INTERMEDIATE)
    if fate is Fate.FAILED and esm_class & TYPE_MASK == MessageType.INTERMEDIATE_NOTIFICATION:
        return Fate.INTERMEDIATE
    return fate


def _differ(tlv_state: int | None, text_state: int | None) -> bool:
    """Whether both states are told and are not the same."""
    return tlv_state is not None and text_state is not None and tlv_state != text_state


def _unrelated(tlv_id: str, text_id: str | None) -> bool:
    """Whether both ids are told and no reading makes them one."""
    if text_id is None or not is_id(tlv_id) or not is_id(text_id):
        return False
    readings = set(_readings(tlv_id, IdMatch.RADIX))
    return readings.isdisjoint(_readings(text_id, IdMatch.RADIX))


def _state_value(value: bytes) -> int | None:
    """message_state of whatever width, or None when it is empty or no state."""
    state = int.from_bytes(value[:8], "big")
    return state if value and len(value) <= 4 and state <= _LAST_STATE else None


def state_of(word: str) -> int | None:
    """The message_state a `stat` word means in any case, or None for a word we do not know."""
    folded = word.upper()
    return next((int(state) for start, state in _STATES if folded.startswith(start)), None)


def _fields(octets: bytes, data_coding: int) -> dict[str, str]:
    """The fields of the text by name, in the alphabet data_coding claims or else the other.

    Receipt text is ASCII as a rule, so it is read as Latin-1, never by the GSM tables.
    """
    claimed = alphabet(data_coding) is Alphabet.UCS2
    for wide in (claimed, not claimed):
        text = decode(octets, UCS2) if wide else octets.decode("latin-1")
        found = _scan(text.rstrip("\0"))
        if found:
            return found
    return {}


def _scan(text: str) -> dict[str, str]:
    """What follows each key, up to a blank or the next key; the first of equal keys holds.

    All that follows `text:` is text, unless the id or stat, not seen yet, follows at once.
    """
    found: dict[str, str] = {}
    keys = list(_KEY.finditer(text))
    for place, key in enumerate(keys):
        name = key.lastgroup or ""
        end = keys[place + 1].start() if place + 1 < len(keys) else len(text)
        if name == "text":
            following = keys[place + 1].lastgroup if place + 1 < len(keys) else None
            at_once = following in ("id", "stat") and not text[key.end() : end].strip()
            if not at_once or following in found:
                found["text"] = text[key.end() :]
                return found
            found["text"] = ""
        elif not found.get(name):
            value = text[key.end() : end].split(None, 1)
            found[name] = value[0].strip(",;|\0") if value else ""
    return found


def read_time(raw: str, now: datetime | None = None) -> datetime | None:
    """A date of a receipt as local time of the SMSC, or None for what is no date.

    Read are YYMMDDhhmm, YYMMDDhhmmss, YYYYMMDDhhmm, YYYYMMDDhhmmss and the 16 characters of
    section 7.1.1. Twelve digits that fit two forms are read as the date nearest to `now`, without
    it as YYMMDDhhmmss. Years 38 to 99 are 1938 to 1999 (Appendix C).
    """
    if len(raw) == 16 and raw[15] in "+-":
        return _date(_full_year(raw[:12])) if _DIGITS.fullmatch(raw[:15]) else None
    if not _DIGITS.fullmatch(raw):
        return None
    if len(raw) == 12:
        readings = (_date(_full_year(raw)), _date(raw))
        fitting = [date for date in readings if date is not None]
        if now is None or len(fitting) < 2:
            return fitting[0] if fitting else None
        local = now.replace(tzinfo=None)
        return min(fitting, key=lambda date: abs(date - local))
    if len(raw) == 10:
        return _date(_full_year(raw))
    return _date(raw) if len(raw) == 14 else None


def _full_year(digits: str) -> str:
    """`digits` with the century before its two digits of year."""
    return ("19" if digits[:2] >= "38" else "20") + digits


def _date(digits: str) -> datetime | None:
    """YYYYMMDDhhmm or YYYYMMDDhhmmss, or None when a field is out of range."""
    if not "1970" <= digits[:4] <= "2099":
        return None
    month, day, hour, minute = (int(digits[at : at + 2]) for at in range(4, 12, 2))
    try:
        return datetime(int(digits[:4]), month, day, hour, minute, int(digits[12:] or 0))
    except ValueError:
        return None


def is_id(message_id: str) -> bool:
    """Whether a message_id names a message: the empty one and zeros alone do not."""
    return bool(message_id.strip(_PADDING + "0"))


def id_candidates(receipt: Receipt, match: IdMatch = IdMatch.EXACT) -> tuple[str, ...]:
    """The message ids a receipt may mean, best first, each once; none for "0" or no id.

    The id of the TLV comes before that of the text, what is written before what is derived. A
    derived id counts only if exactly one waiting message has it.
    """
    ids = [name for name in (receipt.id, receipt.text_id) if name and is_id(name)]
    readings = [_readings(name, match) for name in ids]
    depth = max(map(len, readings), default=0)
    ordered = (names[at] for at in range(depth) for names in readings if at < len(names))
    return tuple(dict.fromkeys(ordered))


def _readings(name: str, match: IdMatch) -> tuple[str, ...]:
    """Ways to write one id, as sent first, no further than `match` allows."""
    forms = [name]
    if len(name) <= _LONGEST_ID:
        if match >= IdMatch.CASE:
            forms += _cases(name)
        if match >= IdMatch.ZEROS:
            forms += _widths(name)
        if match >= IdMatch.RADIX and _HEXADECIMAL.fullmatch(name):
            if name.isdigit():
                forms += _widths(format(int(name), "x"))
            forms += _widths(str(int(name, 16)))
    return tuple(dict.fromkeys(form for form in forms if is_id(form)))


def _cases(name: str) -> tuple[str, ...]:
    """Lower case, as most SMSCs write hexadecimal, and upper case; a UUID without and with its
    hyphens (RFC 9562 section 4)."""
    bare = name.replace("-", "")
    if len(bare) != 32 or not _HEXADECIMAL.fullmatch(bare):
        return name.lower(), name.upper()
    hyphened = "-".join((bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:]))
    other = bare if "-" in name else hyphened
    return name.lower(), name.upper(), other.lower(), other.upper()


def _widths(name: str) -> list[str]:
    """Without leading zeros, then padded to 8 (hexadecimal) and 10 (decimal, Appendix B)."""
    bare = name.lstrip("0")
    return [
        form
        for padded in (bare, bare.rjust(8, "0"), bare.rjust(10, "0"))
        for form in _cases(padded)
    ]
