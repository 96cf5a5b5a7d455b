"""What is masked, what is left, and how a reply is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.masking import MASK, mask, reply_id, reply_ref

NUMBER = "33612340001"


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        "+33 6 12 34 00 01",
        "06.12.34.00.01",
        "06-12-34-00-01",
        "(0)612/340001",
        "0\N{NO-BREAK SPACE}6\N{NO-BREAK SPACE}1 2 3 4 0",
        NUMBER.encode("utf-16-be").decode("latin-1"),
        NUMBER.encode().hex(),
        NUMBER.encode().hex(" "),
        "".join(rf"\x{ord(digit):02x}" for digit in NUMBER),
        "".join(rf"\u{ord(digit):04x}" for digit in NUMBER),
        "".join(f"%{ord(digit):02X}" for digit in NUMBER),
        "".join(f"&#{ord(digit)};" for digit in NUMBER),
        NUMBER.translate({48 + i: 0x0660 + i for i in range(10)}),  # Arabic-Indic digits
    ],
)
def test_a_number_is_masked_however_it_is_written(text: str) -> None:
    masked = mask(f"from {text} at last")
    assert MASK in masked
    assert sum(sign.isdigit() for sign in masked.replace(MASK, "")) == 0
    assert masked.startswith("from ") and masked.endswith(" at last")


@pytest.mark.parametrize(
    "text", ["123456", "SMPP 3.4", "0x58", "esme.py:120 in 3.11", "a1b2c3d4e5f6g7"]
)
def test_short_figures_are_left(text: str) -> None:
    assert mask(text) == text


@given(st.integers(0, 2**63 - 1))
def test_a_reply_reference_is_read_back(number: int) -> None:
    assert reply_id(reply_ref(number)) == number
    assert reply_id(f" {reply_ref(number).lower()} ") == number


def test_what_is_no_reply_reference_is_refused() -> None:
    assert (reply_ref(0), reply_ref(31), reply_ref(32)) == ("0", "Z", "10")
    assert reply_id("lo") == reply_id("10")
    for ref in ("", "  ", "U", "1-2", "é"):
        with pytest.raises(ValueError, match="a reply id"):
            reply_id(ref)
    with pytest.raises(ValueError, match="not negative"):
        reply_ref(-1)
