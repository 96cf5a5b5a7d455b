"""Our tables of PDUs against those of smpplib: each difference with the section that decides it."""

import pytest
from smpplib import command
from smpplib.ptypes import flag, ostr

from smpp_server.smpp.constants import Tag
from smpp_server.smpp.declare import CString, Integer, Items
from smpp_server.smpp.schema import PDUS, TLVS, Pdu

NAMES = (
    "bind_transmitter bind_transmitter_resp bind_receiver bind_receiver_resp bind_transceiver"
    " bind_transceiver_resp data_sm data_sm_resp generic_nack submit_sm submit_sm_resp deliver_sm"
    " deliver_sm_resp query_sm query_sm_resp unbind unbind_resp enquire_link enquire_link_resp"
    " alert_notification"
).split()
TYPES = {str: "str", int: "int", ostr: "octets"}
KINDS = {kind.name: kind for kind in PDUS.values()}

# (PDU, field): (smpplib's size, ours, who is right)
FIELDS = {
    ("data_sm", "source_addr"): (21, 65, "4.7.1"),
    ("data_sm", "destination_addr"): (21, 65, "4.7.1"),
    ("deliver_sm", "schedule_delivery_time"): (17, 1, "4.6.1: set to NULL"),
    ("deliver_sm", "validity_period"): (17, 1, "4.6.1: set to NULL"),
    ("deliver_sm_resp", "message_id"): (65, 1, "4.6.2: set to NULL"),
    ("alert_notification", "source_addr"): (21, 65, "4.12.1"),
    ("alert_notification", "esme_addr"): (21, 65, "4.12.1"),
}
PARAMETERS = {
    ("submit_sm", "source_addr_subunit"): ((2, 2), (1, 1), "5.3.2.2"),
    ("submit_sm", "message_payload"): ((0, 260), (0, 65535), "5.3.2.32"),
    ("deliver_sm", "message_payload"): ((0, 260), (0, 65535), "5.3.2.32"),
    ("data_sm", "message_payload"): ((0, 260), (0, 65535), "5.3.2.32"),
    ("data_sm", "source_telematics_id"): ((2, 2), (1, 1), "5.3.2.8"),
    ("data_sm_resp", "delivery_failure_reason"): ((0, 256), (1, 1), "5.3.2.33"),
    ("data_sm_resp", "network_error_code"): ((0, 3), (3, 3), "5.3.2.31"),
}


def theirs(name: str) -> command.Command:
    return command.factory(name, sequence=1)


def ours(kind: type[Pdu]) -> dict[str, tuple[str, int]]:
    """Field -> kind and size, with the lengths that smpplib counts as fields of their own."""
    table = {}
    for field in kind.fields:
        if isinstance(field, CString):
            table[field.name] = ("str", field.size)
        elif isinstance(field, Integer):
            table[field.name] = ("int", field.size)
        else:
            assert not isinstance(field, Items), "smpplib has no lists"
            table[field.counter] = ("int", 1)
            table[field.name] = ("octets", field.size)
    return table


@pytest.mark.parametrize("name", NAMES)
def test_mandatory_fields(name: str) -> None:
    other = theirs(name)
    fields = [field for field in other.params_order if not other.field_is_optional(field)]
    mine = ours(KINDS[name])
    assert fields == list(mine)
    differences = {}
    for field in fields:
        param = other.params[field]
        size = getattr(param, "size", None) or param.max
        assert TYPES[param.type] == mine[field][0]
        if size != mine[field][1]:
            differences[name, field] = (size, mine[field][1])
    assert differences == {key: row[:2] for key, row in FIELDS.items() if key[0] == name}


@pytest.mark.parametrize("name", NAMES)
def test_optional_parameters(name: str) -> None:
    other = theirs(name)
    differences = {}
    for field in filter(other.field_is_optional, other.params_order):
        param, rule = other.params[field], TLVS[Tag[field.upper()]]
        if param.type is flag:
            size = (0, 0)
        elif hasattr(param, "size"):
            size = (param.size, param.size)
        else:
            size = (getattr(param, "min", rule.least if rule.text else 0), param.max)
        if size != (rule.least, rule.most):
            differences[name, field] = (size, (rule.least, rule.most))
    assert differences == {key: row[:2] for key, row in PARAMETERS.items() if key[0] == name}
