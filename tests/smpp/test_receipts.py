"""Delivery receipts of many SMSCs, the forms between them, and what no receipt may do to us."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smpp_server.smpp import receipts as r
from smpp_server.smpp.receipts import Fate, IdMatch, Receipt
from tests.spec import spec

VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "vectors" / "receipts.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
RECEIPT = 0x04
ID, STATE, ERROR = 0x001E, 0x0427, 0x0423


def said(words: str, esm_class: int = RECEIPT, **more: Any) -> Receipt:
    """The receipt whose text is `words`."""
    receipt = r.read(esm_class, words.encode("latin-1"), **more)
    assert receipt is not None
    return receipt


def told(tlvs: Mapping[str, Any]) -> list[tuple[int, bytes]]:
    """The TLVs of a vector on the wire."""
    octets = {"receipted_message_id": ID, "message_state": STATE}
    return [
        (octets[name], value.encode() + b"\0" if isinstance(value, str) else bytes((value,)))
        for name, value in tlvs.items()
    ]


@spec("2.11", "4.6.1")
@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_reads_the_vectors(vector: Mapping[str, Any]) -> None:
    tlvs = told(vector["tlvs"])
    octets = bytes.fromhex(vector["hex"])
    receipt = r.read(vector["esm_class"], octets, vector["data_coding"], tlvs)
    assert receipt is not None
    for name, expected in vector["expect"].items():
        found = getattr(receipt, name)
        if isinstance(found, datetime):
            found = found.isoformat()
        if isinstance(expected, dict):
            assert found in expected["ambiguous"]
        else:
            assert found == expected, name


@spec("5.2.12")
@pytest.mark.parametrize(
    ("esm_class", "tags", "marked"),
    [
        (0x00, (), False),
        (0x03, (), False),  # mode bits
        (0xC0, (), False),  # UDHI and reply path
        (0x04, (), True),
        (0x44, (), True),
        (0x08, (), True),
        (0x10, (), True),
        (0x18, (), True),
        (0x20, (), True),
        (0x00, (ID, STATE), True),
        (0x00, (STATE, 0x1400, ID), True),
        (0x00, (ID,), False),
        (0x00, (STATE,), False),
    ],
)
def test_a_receipt_is_marked_by_bits_or_tlvs(
    esm_class: int, tags: tuple[int, ...], marked: bool
) -> None:
    tlvs = [(tag, b"\2") for tag in tags]
    assert r.is_receipt(esm_class, tlvs) is marked
    assert (r.read(esm_class, b"id:7 stat:DELIVRD", 0, tlvs) is not None) is marked


def test_unmarked_text_counts_only_where_the_link_says_so() -> None:
    assert r.read(0, b"id:7 stat:DELIVRD", sniff=True) == said("id:7 stat:DELIVRD")
    assert r.read(0, b"id:7", sniff=True) is None
    assert r.read(0, b"what is the stat: of id: ?", sniff=True) is None
    assert r.read(0, b"", sniff=True) is None


NAMES = ("id", "sub", "dlvrd", "submit_date", "done_date", "stat", "err", "text")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ID : 7 STAT\t: DELIVRD", {"id": "7", "stat": "DELIVRD"}),
        ("id:7;stat:DELIVRD,err:1", {"id": "7", "stat": "DELIVRD", "err": "1"}),
        ("id:7\xa0stat:DELIVRD", {"id": "7", "stat": "DELIVRD"}),
        ("id:7\nstat:EXPIRED\r\nerr:0a", {"id": "7", "stat": "EXPIRED", "err": "0a"}),
        ("id: stat:DELIVRD err: text:x", {"stat": "DELIVRD", "err": "", "text": "x"}),
        ("id: stat:X id:8", {"id": "8", "stat": "X"}),
        ("messageid:7 msgid:8 status:DELIVRD", {"id": "7", "stat": "DELIVRD"}),
        ("msg_id:7 submit_date:1 done_date:2", {"id": "7", "submit_date": "1", "done_date": "2"}),
        ("vendor.id:7 x-id:8 _id:9", {}),
        ("text: id:7 stat:DELIVRD", {"text": "", "id": "7", "stat": "DELIVRD"}),
        ("text:id:7 text:stat:DELIVRD", {"text": "", "id": "7", "stat": "DELIVRD"}),
        ("text:so id:7 stat:DELIVRD", {"text": "so id:7 stat:DELIVRD"}),
        ("id:7 text:id:8", {"id": "7", "text": "id:8"}),
        ("id:7 text:err:8", {"id": "7", "text": "err:8"}),
        ("id:7 text:a text:b", {"id": "7", "text": "a text:b"}),
        ("\x05\x00\x03\x01\x01\x01id:7", {"id": "7"}),  # a header nobody announced
        ("id:7\0\0 stat:DELIVRD\0\0\0", {"id": "7", "stat": "DELIVRD"}),
        ("delivered", {}),
    ],
)
def test_reads_fields_by_their_keys(words: str, found: Mapping[str, str]) -> None:
    receipt = said(words)
    assert {name: getattr(receipt, name) for name in NAMES} == {**dict.fromkeys(NAMES), **found}


@pytest.mark.parametrize("claimed", [0, 3, 8, 0xE0])
def test_reads_the_text_in_what_it_is_written(claimed: int) -> None:
    words = "id:7 stat:DELIVRD"
    for octets in (words.encode(), words.encode("utf-16-be"), words.encode("utf-16-be") + b"\0\0"):
        assert r.read(RECEIPT, octets, claimed) == said(words)
    assert r.read(RECEIPT, b"\xff\xfe" + words.encode("utf-16-le"), claimed) == said(words)


@spec("5.2.28")
@pytest.mark.parametrize(
    ("words", "state", "fate"),
    [
        ("SCHEDULED", 0, Fate.INTERMEDIATE),
        ("ENROUTE EN_ROUTE ACKED BUFFRED BUFFERD BUFFERED", 1, Fate.INTERMEDIATE),
        ("DELIVRD delivrd Delivered", 2, Fate.DELIVERED),
        ("EXPIRED expired", 3, Fate.FAILED),
        ("DELETED", 4, Fate.FAILED),
        ("UNDELIV UNDELVRD UNDELIVERABLE FAILED", 5, Fate.FAILED),
        ("ACCEPTD ACCEPTED", 6, Fate.INTERMEDIATE),
        ("UNKNOWN", 7, Fate.INTERMEDIATE),
        ("REJECTD DND_REJECTED", 8, Fate.FAILED),
        ("SKIPPED", 9, Fate.FAILED),
        ("BADSTAT 000 DELIV ...", None, Fate.INTERMEDIATE),  # kept raw, no failure
    ],
)
def test_state_by_word_and_by_tlv(words: str, state: int | None, fate: Fate) -> None:
    for word in words.split():
        receipt = said(f"id:7 stat:{word}")
        assert (receipt.stat, receipt.state, receipt.fate) == (word, state, fate)
    if state is not None:
        for width in range(1, 5):
            tlv = (STATE, state.to_bytes(width, "big"))
            receipt = said("id:7 stat:what", tlvs=[tlv, (STATE, b"\1")])
            assert (receipt.state, receipt.fate) == (state, fate)


@pytest.mark.parametrize("value", [b"", b"\x0a", b"2", b"\0\0\0\0\2"])
def test_a_tlv_that_is_no_state_leaves_the_text_its_say(value: bytes) -> None:
    assert said("stat:DELIVRD", tlvs=[(STATE, value)]).state == 2
    assert said("stat:what", tlvs=[(STATE, value)]).state is None


def test_a_failure_on_the_way_is_one_attempt() -> None:
    assert said("id:7 stat:UNDELIV", 0x20).fate is Fate.INTERMEDIATE
    assert said("id:7 stat:UNDELIV", 0x60).fate is Fate.INTERMEDIATE
    assert said("id:7 stat:DELIVRD", 0x20).fate is Fate.DELIVERED
    assert said("id:7 stat:UNDELIV", 0x04).fate is Fate.FAILED


def test_tlvs_win_and_disagreement_is_told() -> None:
    tlvs = [(ID, b"38601fa\0"), (ID, b"x"), (STATE, b"\2"), (ERROR, b"3001")]
    receipt = said("id:0059113978 stat:DELIVRD", tlvs=tlvs)
    assert receipt[:2] == ("38601fa", "0059113978")
    assert (receipt.state, receipt.network_error, receipt.disagrees) == (2, b"3001", False)
    assert said("id:5 stat:DELIVRD", tlvs=tlvs).disagrees
    assert said("id:38601FA stat:EXPIRED", tlvs=tlvs).disagrees
    assert not said("stat:DELIVRD", tlvs=tlvs).disagrees
    assert not said("id:0 stat:DELIVRD", tlvs=tlvs).disagrees
    assert said("id:7", tlvs=[(ID, b"0\0"), (STATE, b"\2")])[:2] == ("7", "7")
    assert said("", tlvs=[(ID, b"0123456789")]).id == "0123456789"  # no NUL at its end
    assert said("", tlvs=[(ID, b"\0")]).id is None


NOW = datetime(2026, 11, 24, tzinfo=UTC)


@spec("7.1.1")
@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("9910121530", datetime(1999, 10, 12, 15, 30)),
        ("3701010000", datetime(2037, 1, 1)),
        ("7001010000", datetime(1970, 1, 1)),
        ("110206193041", datetime(2011, 2, 6, 19, 30, 41)),
        ("201506201641", datetime(2015, 6, 20, 16, 41)),
        ("202611240007", datetime(2026, 11, 24, 0, 7)),
        ("261124000759", datetime(2026, 11, 24, 0, 7, 59)),
        ("20261124000759", datetime(2026, 11, 24, 0, 7, 59)),
        ("180711070003912+", datetime(2018, 7, 11, 7, 0, 3)),
        ("180711070003912-", datetime(2018, 7, 11, 7, 0, 3)),
        ("000007000000000R", None),  # a span is no date
        ("18071107000391x+", None),
        ("18071107000391²+", None),
        ("0000000000", None),
        ("000000000000", None),
        ("00000000000000", None),
        ("2602301200", None),
        ("2611242400", None),
        ("26112400", None),
        ("", None),
        ("261124000²", None),
        ("2026-11-24", None),
    ],
)
def test_dates_by_their_length(raw: str, read: datetime | None) -> None:
    assert r.read_time(raw, NOW) == read
    receipt = said(f"id:7 submit date:{raw} done date:{raw} stat:DELIVRD", now=NOW)
    assert (receipt.submit_time, receipt.done_time) == (read, read)
    assert (receipt.submit_date, receipt.done_date) == (raw, raw)


def test_two_readings_of_a_date_are_decided_by_the_calendar() -> None:
    early, late = datetime(2001, 1, 1, 0, 30), datetime(2020, 1, 1, 1, 0, 30)
    assert r.read_time("200101010030") == late
    assert r.read_time("200101010030", datetime(2020, 2, 1)) == late
    assert r.read_time("200101010030", datetime(2001, 2, 1)) == early


PAIRS = [  # real ones: the id of the response, the id in the receipt
    ("38601fa", "0059113978"),
    ("70BA8A69", "1891273321"),
    ("6aad5", "0000436949"),
    ("1d305b4c", "0489708364"),
    ("18d0e03a", "0416342074"),
]


@spec("5.2.23")
@pytest.mark.parametrize(("hexadecimal", "decimal"), PAIRS)
def test_one_id_in_two_radices_is_found_either_way(hexadecimal: str, decimal: str) -> None:
    assert hexadecimal in r.id_candidates(said(f"id:{decimal}"), IdMatch.RADIX)
    assert decimal in r.id_candidates(said(f"id:{hexadecimal}"), IdMatch.RADIX)
    both = said(f"id:{decimal}", tlvs=[(ID, hexadecimal.encode())])
    assert r.id_candidates(both) == (hexadecimal, decimal)
    assert r.id_candidates(both, IdMatch.RADIX)[:2] == (hexadecimal, decimal)
    assert not both.disagrees


@pytest.mark.parametrize(
    ("sent", "match", "candidates"),
    [
        ("0aB", IdMatch.EXACT, {"0aB"}),
        ("0aB", IdMatch.CASE, {"0aB", "0ab", "0AB"}),
        (
            "0aB",
            IdMatch.ZEROS,
            {"0aB", "0ab", "0AB", "ab", "AB", "000000ab", "000000AB", "00000000ab", "00000000AB"},
        ),
        (
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            IdMatch.EXACT,
            {"f47ac10b-58cc-4372-a567-0e02b2c3d479"},
        ),
        (
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            IdMatch.CASE,
            {
                "f47ac10b-58cc-4372-a567-0e02b2c3d479",
                "F47AC10B-58CC-4372-A567-0E02B2C3D479",
                "f47ac10b58cc4372a5670e02b2c3d479",
                "F47AC10B58CC4372A5670E02B2C3D479",
            },
        ),
        (
            "f47ac10b58cc4372a5670e02b2c3d479",
            IdMatch.CASE,
            {
                "f47ac10b-58cc-4372-a567-0e02b2c3d479",
                "F47AC10B-58CC-4372-A567-0E02B2C3D479",
                "f47ac10b58cc4372a5670e02b2c3d479",
                "F47AC10B58CC4372A5670E02B2C3D479",
            },
        ),
        ("7", IdMatch.RADIX, {"7", "00000007", "0000000007"}),
        (
            "b7-g",
            IdMatch.RADIX,
            {"b7-g", "B7-G", "0000b7-g", "0000B7-G", "000000b7-g", "000000B7-G"},
        ),
        ("0", IdMatch.RADIX, set()),
        ("0000", IdMatch.EXACT, set()),
        ("", IdMatch.EXACT, set()),
        ("f" * 65, IdMatch.RADIX, {"f" * 65}),
    ],
)
def test_candidates_go_no_further_than_allowed(
    sent: str, match: IdMatch, candidates: set[str]
) -> None:
    found = r.id_candidates(said(f"id:{sent}"), match)
    assert found[:1] == ((sent,) if candidates else ())
    assert set(found) == candidates
    assert len(found) == len(candidates)


def test_ids_are_opaque_and_as_long_as_they_like() -> None:
    assert "37fffffffffffffff" not in r.id_candidates(said("id:64567564356765435676"))
    wide = r.id_candidates(said("id:64567564356765435676"), IdMatch.RADIX)
    assert format(64567564356765435676, "x") in wide
    assert [r.is_id(name) for name in ("0", "00", " ", "", "\0")] == [False] * 5
    assert [r.is_id(name) for name in ("1", "a0", "-", "null")] == [True] * 4


KEYS = (
    "id:",
    "stat:",
    "text:",
    "submit date:",
    "done date:",
    "err:",
    "DELIVRD",
    " ",
    "\xa0",
    "0",
    "²",
)
SHAPED = (
    st.lists(st.sampled_from(KEYS), max_size=30).map("".join).map(lambda w: w.encode("latin-1"))
)
TLVS = st.lists(st.tuples(st.sampled_from((ID, STATE, ERROR)), st.binary(max_size=70)), max_size=4)


@given(st.integers(0, 255), SHAPED | st.binary(max_size=200), st.integers(0, 255), TLVS)
def test_reading_never_raises(
    esm_class: int, octets: bytes, coding: int, tlvs: list[tuple[int, bytes]]
) -> None:
    receipt = r.read(esm_class, octets, coding, tlvs, sniff=True, now=NOW)
    assert (receipt is None) <= (not r.is_receipt(esm_class, tlvs))
    for match in IdMatch:
        found = r.id_candidates(receipt or Receipt(), match)
        assert all(map(r.is_id, found))
        assert len(set(found)) == len(found)


class Counting(str):
    """A text that counts how much of it is looked at by slices."""

    __slots__ = ()
    seen = 0

    def __getitem__(self, key: Any) -> str:
        piece = str.__getitem__(self, key)
        Counting.seen += len(piece)
        return piece


@pytest.mark.parametrize("piece", ["id:", "text:", "text: id:", "id: ", "submit date:\xa0", "a "])
def test_a_long_text_is_looked_at_a_fixed_number_of_times(piece: str) -> None:
    for size in (1_000, 60_000):
        words = Counting(piece * (size // len(piece)))
        Counting.seen = 0
        r._scan(words)
        assert Counting.seen <= 2 * size
