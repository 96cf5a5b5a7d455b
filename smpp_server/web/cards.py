"""The steps of a rate card's import as the admin socket carries them."""

import re
from collections.abc import Mapping
from typing import Final

from routing.rate_rows import from_text
from routing.standing import CardStep

CARD_FIELDS: Final = ("what", "carrier", "digest", "version", "currency", "place", "rows")
ROWS_MOST: Final = 1000  # in one step, and so in one turn

_DIGEST: Final = re.compile("[0-9a-f]{64}")
_CURRENCY: Final = re.compile("[A-Z]{3}")


def card_step(fields: Mapping[str, str]) -> CardStep:
    """The step that `fields` tell. Raises KeyError or ValueError when they tell none."""
    what, digest, currency = fields["what"], fields["digest"], fields["currency"]
    lines = fields["rows"].splitlines() if "rows" in fields else []
    place, version = int(fields["place"]), int(fields["version"])
    if (
        what not in ("begin", "rows", "valid")
        or len(lines) > ROWS_MOST
        or (what == "rows") > len(lines)
    ):
        raise ValueError("no step")
    if not _DIGEST.fullmatch(digest) or not _CURRENCY.fullmatch(currency):
        raise ValueError("no step")
    if not (0 <= place < 1 << 32 and 0 <= version < 1 << 32):
        raise ValueError("no step")
    rows = tuple(from_text(line, currency) for line in lines)
    return CardStep(what, fields["carrier"], digest, version, currency, place, rows)
