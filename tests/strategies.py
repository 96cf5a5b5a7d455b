"""Hypothesis strategies for SMPP PDUs as 3.4 allows them to be sent."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from smpp_server.smpp.constants import RESPONSE_BIT, GsmFeature, Tag
from smpp_server.smpp.declare import CString, Field, Integer, Octets
from smpp_server.smpp.schema import PDUS, TLVS, Pdu, Tlv

ASCII = st.characters(min_codepoint=1, max_codepoint=0x7F)
TIMES = st.from_regex(r"[0-9]{13}(?:[0-3][0-9]|4[0-8])[+-]|[0-9]{12}000R", fullmatch=True)
TOGETHER = (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
BY_HEADER = (*TOGETHER, Tag.SOURCE_PORT, Tag.DESTINATION_PORT)


def values(field: Field) -> SearchStrategy[object]:
    """What one field may hold."""
    if isinstance(field, CString):
        if field.time:
            return st.just("") | TIMES
        return st.text(ASCII, max_size=field.size - 1 if field.limited else 40)
    if isinstance(field, Integer):
        return st.integers(0, 256**field.size - 1)
    if isinstance(field, Octets):
        return st.binary(max_size=field.size)
    item = st.one_of(
        st.builds(shape.make, **{part.name: values(part) for part in shape.fields})
        for shape in field.shapes
    )
    return st.lists(item, min_size=field.least, max_size=4).map(tuple)


def value_of(tag: int) -> SearchStrategy[bytes]:
    """A value of the size this tag wants; any for a tag that 3.4 does not define."""
    rule = TLVS.get(tag)
    if rule is None:
        return st.binary(max_size=20)
    if rule.text:
        text = st.text(ASCII, max_size=min(rule.most - 1, 30))
        return text.map(lambda said: said.encode() + b"\0")
    return st.binary(min_size=rule.least, max_size=min(rule.most, 300))


@st.composite
def tlv_lists(draw: st.DrawFn, forbidden: tuple[int, ...] = ()) -> tuple[Tlv, ...]:
    """Optional parameters that may stand together, in any order."""
    known = sorted(set(TLVS) - set(TOGETHER) - set(forbidden))
    foreign = st.integers(0, 0xFFFF).filter(lambda tag: tag not in TLVS)
    tags = draw(st.lists(st.sampled_from(known), max_size=4, unique=True))
    tags += draw(st.lists(foreign | st.just(int(Tag.CALLBACK_NUM)), max_size=2))
    if not set(forbidden) & set(TOGETHER) and draw(st.booleans()):
        tags += TOGETHER
    return tuple(Tlv(int(tag), draw(value_of(tag))) for tag in draw(st.permutations(tags)))


@st.composite
def pdus(draw: st.DrawFn, *kinds: type[Pdu]) -> Pdu:
    """A PDU of one of these kinds, of any kind when none is named."""
    kind = draw(st.sampled_from(kinds or tuple(PDUS.values())))
    response = bool(kind.command_id & RESPONSE_BIT)
    number = draw(st.integers(0, 0xFFFFFFFF) if response else st.integers(1, 0x7FFFFFFF))
    status = draw(st.just(0) | st.integers(0, 0xFFFFFFFF)) if response else 0
    if status and not kind.error_body:
        return kind(command_status=status, sequence_number=number)
    fields = {field.name: draw(values(field)) for field in kind.fields}
    forbidden: tuple[int, ...] = ()
    if fields.get("short_message"):
        forbidden += (Tag.MESSAGE_PAYLOAD,)
    esm_class = fields.get("esm_class", 0)
    if isinstance(esm_class, int) and esm_class & GsmFeature.UDHI:
        forbidden += BY_HEADER
    made = kind(command_status=status, sequence_number=number, tlvs=draw(tlv_lists(forbidden)))
    for name, value in fields.items():
        setattr(made, name, value)
    return made
