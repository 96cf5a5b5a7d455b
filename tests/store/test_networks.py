"""The network a text came from: read from its TLVs, kept with the reply, forgotten by nobody."""

from pathlib import Path

import pytest

from smpp_server.smpp.happenings import Received
from tests.store.turns import Bench, configuration

SOURCE_NETWORK_ID = 0x060D  # SMPP 5.0 section 4.8.4.57
OWN_TAGS = (
    ("registered_delivery = 0", "registered_delivery = 0\nnetwork_tags = [0x1503, 0x1504]"),
)


def network_of(bench: Bench, *tlvs: tuple[int, bytes]) -> str:
    """What the reply's row says after a text with these TLVs."""
    text = bench.text("33612340001")
    text.tlvs = tlvs
    bench.run(bench.heard(Received(text)))
    [(network,)] = bench.rows("SELECT mccmnc FROM reply")
    return str(network)


@pytest.mark.parametrize(
    ("value", "network"),
    [
        (b"20801", "20801"),
        (b"310260", "310260"),
        (b"20801\0", "20801"),  # a C-Octet String
        (b"\x0120801", "20801"),  # a type octet in front
        (b"208-01", "20801"),
        (b"208 001", "208001"),  # not the same network as 20801
        (b"2081", ""),
        (b"120801", ""),  # no MCC begins with 1
        (b"2080123", ""),
        (b"Orange", ""),
        (b"\x02\xf8\x10", ""),
        (b"", ""),
    ],
)
@pytest.mark.parametrize("delay_s", [0, 60])
def test_source_network_id(tmp_path: Path, value: bytes, network: str, delay_s: int) -> None:
    bench = Bench(tmp_path, configuration(tmp_path, delay_s))
    bench.funded()
    assert network_of(bench, (SOURCE_NETWORK_ID, value)) == network
    bench.store.close()


@pytest.mark.parametrize(
    ("tlvs", "network"),
    [
        (((0x1503, b"208"), (0x1504, b"01")), "20801"),
        (((0x1504, b"01\0"), (0x1503, b"208\0")), "20801"),  # in whichever order
        (((0x1503, b"208"),), ""),
        (((SOURCE_NETWORK_ID, b"20801"),), ""),  # the carrier was said to use other tags
        ((), ""),
    ],
)
def test_tags_of_the_carrier(
    tmp_path: Path, tlvs: tuple[tuple[int, bytes], ...], network: str
) -> None:
    bench = Bench(tmp_path, configuration(tmp_path, edit=OWN_TAGS))
    bench.funded()
    assert network_of(bench, *tlvs) == network
    bench.store.close()
