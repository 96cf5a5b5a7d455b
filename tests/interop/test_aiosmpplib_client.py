"""aiosmpplib as the ESME, against `smppd simulate`."""

import sys
from pathlib import Path

import pytest

from tests.interop.simulate import ASKED, Simulate, asked_and_answered, settled, told_by


@pytest.mark.slow
def test_bind_receive_submit_receipt_unbind(tmp_path: Path) -> None:
    with Simulate(tmp_path, *ASKED) as smsc:
        events = told_by(sys.executable, "aiosmpplib_client.py", port=smsc.port)
        settled(smsc)
    asked_and_answered(events)
    [receipt] = events["receipt"]
    assert (receipt["stat"], receipt["of"]) == ("DELIVRD", "reply")  # as aiosmpplib correlates it
    assert len(events["unbinding"]) == 1
    assert "error" not in events
