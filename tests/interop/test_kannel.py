"""Kannel's bearerbox as the ESME, against `smppd simulate`; its smsbox submits over HTTP."""

from pathlib import Path

import pytest

from tests.end_to_end.server import until
from tests.interop.kannel import Kannel
from tests.interop.simulate import (
    ANSWER,
    ASKED,
    OUR_NUMBER,
    PASSWORD,
    SENDER,
    SYSTEM_ID,
    Simulate,
    settled,
)

pytestmark = [pytest.mark.peer("kannel"), pytest.mark.slow]
DELIVERED = "1"  # the kind of a report


def test_bind_receive_submit_receipt_unbind(tmp_path: Path) -> None:
    with (
        Simulate(tmp_path, *ASKED) as smsc,
        Kannel(tmp_path, smsc.port, SYSTEM_ID, PASSWORD) as kannel,
    ):
        told = kannel.told
        until(lambda: len(told.of("/text")) == len(ASKED), "for the texts")
        told_of = sorted((text["source"], text["text"]) for text in told.of("/text"))
        assert told_of == sorted((f"+{SENDER}", words) for words in ASKED)  # at once, in any order
        assert {text["destination"] for text in told.of("/text")} == {f"+{OUR_NUMBER}"}

        assert kannel.send(OUR_NUMBER, SENDER, ANSWER) == "0: Accepted for delivery"
        until(lambda: bool(told.of("/report")), "for the report")
        [report] = told.of("/report")
        assert report["kind"] == DELIVERED

        kannel.stop()
        log = kannel.log("bearerbox")
        settled(smsc)
    for name, times in {
        "bind_transceiver_resp": 1,
        "submit_sm_resp": 1,
        "unbind_resp": 1,
        "generic_nack": 0,
    }.items():
        assert log.count(f"type_name: {name}\n") == times, name
    # More, where a text came before the smsbox: it is put off then, and delivered again.
    assert log.count("type_name: deliver_sm_resp\n") > len(ASKED)
    assert " ERROR: " not in log
