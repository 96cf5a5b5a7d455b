"""Files that no editor writes are told like any other fault, never as a traceback."""

from pathlib import Path

import pytest

from smpp_server.config import ConfigError
from smpp_server.config_rates import read_file
from tests.server.configs import BASE, REPLIES, changed, complaints, write

DEEP = "nests more than 16 levels: no key needs so many"
NUL = "must not hold the character NUL"
LONG = "a number is too long: shorten it"
WIDE = "is too large: a whole number has at most 64 bits"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\na = " + "[" * 3000, f"server.toml:2: {DEEP}"),
        ("\na = " + "{a=" * 3000, f"server.toml:2: {DEEP}"),
        ("\n\na" + ".a" * 3000 + " = 1", f"server.toml:3: {DEEP}"),
        ("[a" + ".a" * 16 + "]", f"server.toml:1: {DEEP}"),
        ("\na = " + "9" * 5000, f"server.toml:2: {LONG}"),
        ("\na = 1e99999999999999999999", f"server.toml:2: {LONG}"),
        ("a = 9223372036854775808", f"server.toml:1: a: {WIDE}"),
        ("a = [0,\n-9223372036854775809]", f"server.toml:1: a.1: {WIDE}"),
        ("a = 0x" + "f" * 5000, f"server.toml:1: a: {WIDE}"),
        (changed("rate_card.csv", "a\\u0000b"), f"server.toml:12: carrier.main.rate_card: {NUL}"),
        (f'server.replies = "a\\u0000b"\n{BASE}', f"server.toml:1: server.replies: {NUL}"),
        (f'server.numbering = "a\\u0000b"\n{BASE}', f"server.toml:1: server.numbering: {NUL}"),
    ],
)
def test_values_that_no_number_or_file_name_holds(tmp_path: Path, text: str, expected: str) -> None:
    assert complaints(write(tmp_path, text)) == [expected]


def test_the_largest_number_and_sixteen_levels_are_judged_by_the_keys(tmp_path: Path) -> None:
    text = f"a = 9223372036854775807\nb = -9223372036854775808\nc{'.c' * 15} = 1\n"
    told = complaints(write(tmp_path, text))
    assert sum("unknown key" in one for one in told) == 3


def test_the_words_of_replies_are_looked_at_too(tmp_path: Path) -> None:
    broken = REPLIES.replace("Non.", "N\\u0000n.")
    assert complaints(write(tmp_path, BASE, replies=broken)) == [
        f"replies.toml:3: text.fr.N.words: {NUL}"
    ]


def test_a_rate_card_of_one_endless_line(tmp_path: Path) -> None:
    card = tmp_path / "rate_card.csv"
    card.write_text("# prices\n" + "a" * 140_000, "utf-8")
    with pytest.raises(ConfigError, match=r"^card\.csv:2: not readable as CSV"):
        read_file(card, "card.csv", "EUR", {}, {})
