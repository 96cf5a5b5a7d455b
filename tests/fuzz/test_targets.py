"""What must hold for any octets, tried with saved inputs and with what Hypothesis makes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from smpp_server.smpp.codec import encode
from tests.fuzz import corpus
from tests.fuzz.targets import BORDER, TARGETS, framed
from tests.strategies import pdus

LINES = {
    name: [line for octets in corpus.first(name) for line in octets.splitlines()]
    for name in ("configuration", "rate_card")
}
VALUES = st.sampled_from(
    rb"""-1 0 99999999999999999999 1e9 1e99999999999999999999 nan -inf true "" "a" "\u0000" "\t"
    "33612345678" [] [[]] {} {a=1} 1979-05-27 07:32:00 0xff EUR out in FR 336 0.05 0,05 * ;
    """.split()
)
OCTETS = st.binary(max_size=300)


@st.composite
def changed_lines(draw: st.DrawFn, name: str) -> bytes:
    """The example file with some lines left out, doubled, given another value or made of chance."""
    lines = list(draw(st.sampled_from([LINES[name]])))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        key, sign, _ = lines[at].partition(b"=")
        value = draw(VALUES | OCTETS)
        new = [[], lines[at : at + 1] * 2, [key.lstrip(b"#") + sign + value], [value]]
        lines[at : at + 1] = draw(st.sampled_from(new))
        if not lines:
            break
    return b"\n".join(lines)


STREAMS = st.lists(pdus().map(encode) | OCTETS.map(framed) | OCTETS, max_size=4).map(b"".join)
HEADS = st.binary(min_size=1, max_size=1)
MADE: dict[str, SearchStrategy[bytes]] = {
    "decoder": st.tuples(HEADS, STREAMS).map(b"".join),
    "session": OCTETS,
    "receipt": st.tuples(
        st.binary(max_size=3),
        st.lists(OCTETS | st.sampled_from([b"id:", b"stat:", b"text:", b" DELIVRD ", b"0042 "])),
    ).map(lambda parts: parts[0] + b"".join(parts[1])),
    "configuration": st.lists(changed_lines("configuration"), min_size=1, max_size=2).map(
        BORDER.join
    ),
    "rate_card": changed_lines("rate_card"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_every_saved_input_holds(name: str) -> None:
    inputs = corpus.saved(name)
    assert inputs
    for octets in inputs:
        TARGETS[name](octets)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
def test_any_octets_hold(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(MADE[name] | OCTETS))
