"""Net::SMPP as the SMSC; the alphabets are those of Perl's own Encode."""

from pathlib import Path

import pytest

from tests.interop.foreign_smsc import ForeignSmsc, converse

pytestmark = [pytest.mark.peer("Net::SMPP"), pytest.mark.slow]


def test_a_transceiver(tmp_path: Path) -> None:
    with ForeignSmsc("perl", "net_smpp_smsc.pl") as smsc:
        converse(tmp_path, smsc, ["bind_transceiver"])
