"""What an SMSC should not send and does: frames written octet by octet, whole or broken.

Framing stays intact in all but `bad-length` and `http`, which cost the connection (Q2, Q3).
"""

from collections.abc import Mapping
from struct import pack

_ADDRESSES = b"\0\1\x0133612345678\0\1\x0133644649021\0"  # service_type, source, destination
_FIELDS = b"\0\0\0\0\0\0\0\0\0"  # esm_class to sm_default_msg_id, times empty
_DELIVER_SM, _DATA_SM = 0x05, 0x103


def frame(command_id: int, body: bytes = b"", sequence_number: int = 7, status: int = 0) -> bytes:
    """A header that fits the body (SMPP 3.4 section 3.2)."""
    return pack(">IIII", 16 + len(body), command_id, status, sequence_number) + body


NOISE: Mapping[str, bytes] = {
    "unknown-command": frame(0x0000FFFF, b"what is this"),  # Q9
    "vendor-command": frame(0x00010200, b"\1\2\3"),
    "unknown-response": frame(0x8000FFFF),
    "broadcast": frame(0x00000111, b"\0" * 20),  # SMPP 5.0
    "alert-notification": frame(0x102, b"\1\x0133612345678\0\1\x0133644649021\0"),  # Q41
    "outbind": frame(0x0B, b"SMSC\0secret\0"),
    "nack-of-nothing": frame(0x80000000, sequence_number=0, status=0x03),  # Q24
    "stray-response": frame(0x80000004, b"12345\0", sequence_number=0x7FFFFFFF),  # Q26
    "wrong-response": frame(0x80000103, b"12345\0", sequence_number=1),  # Q28
    "cut-body": frame(_DELIVER_SM, _ADDRESSES[:-4]),  # Q10
    "long-sm-length": frame(_DELIVER_SM, _ADDRESSES + _FIELDS + b"\xffshort"),
    "cut-tlv": frame(_DELIVER_SM, _ADDRESSES + _FIELDS + b"\2hi\x04\x24\0\x41abc"),
    "cut-data-sm": frame(_DATA_SM, _ADDRESSES[:9]),
    "request-of-ours": frame(0x04, b"\0" * 33),  # a submit_sm from the SMSC
    "bind-again": frame(0x09, b"SMSC\0secret\0\0\x34\0\0\0"),
    "bad-length": pack(">IIII", 8, _DELIVER_SM, 0, 7),
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}
"""Kind of noise: its octets."""
FATAL = frozenset(("bad-length", "http"))
