"""Phrases in octets: found in every alphabet that can write them, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.phrases import Phrases
from smpp_server.smpp.text import encode

WORDS = ["auto-reply", "do not reply", "réponse automatique", "ne pas déranger", "قف الآن"]


@pytest.mark.parametrize("around", ["{}", "Bonjour, {}", "{}. Merci.", "> {} <"])
@pytest.mark.parametrize("phrase", WORDS)
def test_a_phrase_is_found_wherever_it_stands(phrase: str, around: str) -> None:
    phrases = Phrases(WORDS)
    found = 0
    for coding in (0, 3, 8):
        for written in (phrase, phrase.capitalize()):
            try:
                octets = encode(around.format(written), coding)
            except UnicodeError:
                continue  # this alphabet cannot write it
            assert phrases.stand_in(octets), (coding, written)
            found += 1
    assert found


@pytest.mark.parametrize(
    "text", ["", "Salut, on se voit ?", "automate", "pas de réponse", "x" * 300]
)
def test_what_people_write_holds_none(text: str) -> None:
    assert not Phrases(WORDS).stand_in(encode(text, 8))
    assert not Phrases(WORDS).stand_in(encode(text, 0))


@given(st.lists(st.text("abc ", min_size=4, max_size=9), max_size=6), st.text("abc ", max_size=40))
def test_the_short_cut_says_the_same_as_the_search(words: list[str], text: str) -> None:
    expected = any(word in text for word in words)
    assert Phrases(words).stand_in(text.encode()) is expected


@given(
    st.lists(st.text("a@é ", min_size=2, max_size=6), max_size=6),
    st.text("a@é ", max_size=30),
    st.sampled_from([0, 3, 8]),
)
def test_octets_with_and_without_nul_are_searched_whole(
    words: list[str], text: str, coding: int
) -> None:
    octets = encode(text, coding)  # "@" is a NUL in GSM 03.38
    expected = any(encode(word, each) in octets for word in words for each in (0, 3, 8))
    assert Phrases(words).stand_in(octets) is expected
