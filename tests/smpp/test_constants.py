"""Names and numbers of the specification, checked against a few of its own lines."""

import pytest

from smpp_server.smpp import constants as c
from tests.spec import spec


@spec("5.1.3")
@pytest.mark.parametrize(
    ("status", "name", "text"),
    [
        (0x00, "ESME_ROK", "No Error"),
        (0x07, "ESME_RINVREGDLVFLG", "Invalid Registered Delivery Flag"),
        (0x58, "ESME_RTHROTTLED", "Throttling error (ESME has exceeded allowed message limits)"),
        (0xC0, "ESME_RINVOPTPARSTREAM", "Error in the optional part of the PDU body"),
        (0x102, "ESME_RSERTYPUNAVAIL", "The service_type is unavailable"),
        (0x410, "0x0410", ""),
        (0xFFFFFFFF, "0xffffffff", ""),
    ],
)
def test_a_status_has_a_name_or_is_shown_as_a_number(status: int, name: str, text: str) -> None:
    assert c.status_name(status) == name
    assert c.status_text(status) == text


def test_every_named_status_says_something() -> None:
    assert all(c.status_text(status) for status in c.CommandStatus)
    assert "<Desc Not Set>" not in c.STATUS_TEXTS.values()


@spec("5.3.2")
@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (0x001E, "receipted_message_id"),
        (0x0210, "sc_interface_version"),
        (0x0424, "message_payload"),
        (0x0428, "congestion_state"),
        (0x1403, "0x1403"),
    ],
)
def test_a_tag_has_a_name_or_is_shown_as_a_number(tag: int, name: str) -> None:
    assert c.tag_name(tag) == name


@spec("5.1.2.1")
def test_a_response_is_its_request_with_bit_31() -> None:
    answered = {command for command in c.CommandId if command & c.RESPONSE_BIT}
    answered.remove(c.CommandId.GENERIC_NACK)
    requests = set(c.CommandId) - answered - {c.CommandId.GENERIC_NACK}
    assert {command | c.RESPONSE_BIT for command in requests} - answered == {
        c.CommandId.OUTBIND | c.RESPONSE_BIT,
        c.CommandId.ALERT_NOTIFICATION | c.RESPONSE_BIT,
    }


@spec("5.2.12")
def test_esm_class_has_three_parts_that_do_not_overlap() -> None:
    assert all(mode & ~c.MODE_MASK == 0 for mode in c.MessageMode)
    assert all(kind & ~c.TYPE_MASK == 0 for kind in c.MessageType)
    assert {kind >> 2 for kind in c.MessageType} == {0, 1, 2, 4, 6, 8}
    assert int(c.GsmFeature.UDHI | c.GsmFeature.REPLY_PATH) == 0xC0
    assert c.MODE_MASK ^ c.TYPE_MASK ^ 0xC0 == 0xFF


@spec("5.2.17", "5.2.28", "5.2.5", "5.2.6", "5.2.19", "5.2.4", "5.3.2.30")
def test_numbers_of_the_specification() -> None:
    assert [int(flag) for flag in c.RegisteredDelivery] == [1, 2, 4, 8, 0x10]
    assert [state.name for state in c.MessageState if 0 < state < 9] == [
        "ENROUTE",
        "DELIVERED",
        "EXPIRED",
        "DELETED",
        "UNDELIVERABLE",
        "ACCEPTED",
        "UNKNOWN",
        "REJECTED",
    ]
    assert [int(ton) for ton in c.Ton] == list(range(7))
    assert [int(npi) for npi in c.Npi] == [0, 1, 3, 4, 6, 8, 9, 10, 14, 18]
    assert [int(dcs) for dcs in c.DataCoding] == [*range(11), 13, 14]
    assert [int(version) for version in c.InterfaceVersion] == [0x33, 0x34, 0x50]
    assert [int(status) for status in c.MsAvailability] == [0, 1, 2]
