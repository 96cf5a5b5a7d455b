"""The reply texts and stop words: what each text costs, and which character makes it dear."""

import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from routing.records import ReplyText
from smpp_server.config_lines import Document, Fault
from smpp_server.config_model import RepliesFile, TextTable
from smpp_server.smpp.text import count

_GSM = 0
_UNITS_IN_ONE = {0: 160, 8: 70}  # septets and UTF-16 units of one segment, 3GPP TS 23.040
_CHEAPER = {
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{MODIFIER LETTER APOSTROPHE}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": "a straight quotation mark",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "a straight quotation mark",
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}": "a straight quotation mark",
    "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}": "a straight quotation mark",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{NO-BREAK SPACE}": "an ordinary space",
    "\N{NARROW NO-BREAK SPACE}": "an ordinary space",
    "\N{THIN SPACE}": "an ordinary space",
}
_ENDING = " .,;:!?\N{HORIZONTAL ELLIPSIS}\"'"


class Replies(NamedTuple):
    """What replies.toml says."""

    texts: Mapping[str, ReplyText]
    stop_words: frozenset[str]
    robot_words: tuple[str, ...]


def stop_form(text: str) -> str:
    """The form in which stop words are compared: capitals, single spaces, no last punctuation."""
    return " ".join(text.upper().split()).rstrip(_ENDING)


def read_replies(file: RepliesFile, document: Document, faults: list[Fault]) -> Replies:
    """Count every text; what costs more than its table allows goes to `faults`."""
    texts = {}
    for language, variants in file.text.items():
        for variant, table in variants.items():
            path = ("text", language, variant, "words")
            sentence = too_dear(table)
            if sentence:
                faults.append(document.fault(path, sentence))
            counted = count(table.words)
            text_id = f"{language}.{variant}"
            texts[text_id] = ReplyText(
                text_id, language, table.words, counted.data_coding, counted.segments
            )
    words = frozenset(map(stop_form, file.stop_words))
    if "" in words:
        faults.append(document.fault(("stop_words",), "a stop word is only punctuation"))
    return Replies(texts, words, tuple(file.robot_words))


def too_dear(table: TextTable) -> str:
    """Why the text costs more than its table allows, with the cure; "" when it does not."""
    counted = count(table.words)
    if counted.data_coding != _GSM and not table.allow_ucs2:
        return _dear_character(table.words, counted.segments)
    if counted.segments > table.allow_segments:
        over = counted.units - _UNITS_IN_ONE[counted.data_coding]
        cure = f"shorten it by {over}" if table.allow_segments == 1 else "shorten it"
        return (
            f"costs {counted.segments} segments and {table.allow_segments} may be spent: "
            f"{cure}, or set allow_segments = {counted.segments}"
        )
    return ""


def _dear_character(words: str, segments: int) -> str:
    place, sign = next(
        (place, sign) for place, sign in enumerate(words, 1) if count(sign).data_coding != _GSM
    )
    name = unicodedata.name(sign, "a control character")
    shown = sign if sign.isprintable() else " "
    cure = f"write {_CHEAPER[sign]}" if sign in _CHEAPER else "choose other words"
    cost = (
        f"the text costs {segments} segment{'s' if segments > 1 else ''} of at most 70 characters"
    )
    return (
        f'character {place}, "{shown}" (U+{ord(sign):04X} {name}), is not in the GSM alphabet, '
        f"so {cost}: {cure}, or set allow_ucs2 = true"
    )
