"""The invoice as files: what is billed when, one row a message, and sums per day and rate."""

import io
from zoneinfo import ZoneInfo

import pytest
from twisted.internet.testing import MemoryReactorClock

from smpp_server.smpp.constants import CommandStatus, MessageState
from smpp_server.smsc_cdr import CDR_COLUMNS, CdrFile, write_summary
from smpp_server.smsc_invoice import PLAIN, Invoice, Prices, Tariff, read_submission
from smpp_server.smsc_plan import Faults, Habits, Text
from smpp_server.smsc_simulator import Simulator
from tests.server.smsc_wire import OUR_NUMBER, SENDER, Esme, a_simulator
from tests.server.test_smsc_invoice import UDH8, submit_sm, tlv

PRICE_FILE = """\
direction,prefix,label,price
out,33,France,0.0495
out,49,Germany,0.099
in,33,texts received,0.0075
"""
PARIS = ZoneInfo("Europe/Paris")
STOP = " STOP 36111"  # 11 septets
AT_S = 1_700_000_000  # Tuesday 14 November 2023, 22:13:20 UTC, 23:13:20 in Paris


@pytest.fixture
def reactor() -> MemoryReactorClock:
    return MemoryReactorClock()


@pytest.fixture
def smsc(reactor: MemoryReactorClock) -> Simulator:
    return a_simulator(reactor)


def bill(smsc: Simulator, tariff: Tariff = PLAIN) -> io.StringIO:
    """Give the simulator an invoice that is written to this file."""
    file, prices = io.StringIO(), Prices.read(PRICE_FILE.splitlines())
    on_line = CdrFile(file, prices.currency, PARIS).write
    smsc.invoice = Invoice(prices, tariff=tariff, zone=PARIS, on_line=on_line)
    return file


def rows(file: io.StringIO) -> list[str]:
    """What was written, without its first line."""
    head, *rest = file.getvalue().splitlines()
    assert head == ",".join(CDR_COLUMNS)
    return rest


def test_one_row_per_message_both_ways(smsc: Simulator) -> None:
    file = bill(smsc)
    esme = Esme(smsc).bind()
    smsc.deliver(Text(SENDER, OUR_NUMBER, "hello"))
    esme.exchange()
    esme.acknowledge(esme.heard())
    esme.submit(SENDER, "4915112345678", short_message=b"a" * 161)
    at = "2023-11-14T23:13:20.000+01:00"
    assert rows(file) == [
        f"{at},MO0000000001,mo,{SENDER},{OUR_NUMBER},33,texts received,1,0.0075,0.0075,EUR,"
        "delivered",
        f"{at},0268435457,mt,{OUR_NUMBER},{SENDER},33,France,2,0.0495,0.099,EUR,accepted",
        f"{at},0268435458,mt,{OUR_NUMBER},4915112345678,49,Germany,2,0.099,0.198,EUR,accepted",
    ]
    assert [message_id for _, _, message_id in esme.answers()] == ["0268435457", "0268435458"]


def test_a_text_delivered_twice_is_billed_when_confirmed(smsc: Simulator) -> None:
    file = bill(smsc)
    esme = Esme(smsc).bind()
    smsc.deliver(Text(SENDER, OUR_NUMBER, "hello"))
    esme.hang_up()
    assert rows(file) == []
    again = Esme(smsc).bind()
    again.acknowledge(again.heard())
    assert len(rows(file)) == 1


def test_a_message_whose_response_was_lost_is_billed(smsc: Simulator) -> None:
    file = bill(smsc)
    smsc.plan = Faults(lose_every=1)
    esme = Esme(smsc).bind()
    esme.submit(SENDER)
    assert (len(rows(file)), esme.answers()) == (1, [])


@pytest.mark.parametrize(
    ("tariff", "billed"), [(PLAIN, []), (Tariff(refused=True), ["0268435457", "0268435458"])]
)
def test_refused_messages_cost_only_where_the_carrier_says_so(
    smsc: Simulator, tariff: Tariff, billed: list[str]
) -> None:
    """No price, no bill: what cannot be sold is never charged."""
    file = bill(smsc, tariff)
    smsc.plan = Faults(submit_status=CommandStatus.ESME_RSUBMITFAIL)
    esme = Esme(smsc).bind()
    esme.submit(SENDER, SENDER, "447700900123")
    assert [row.split(",")[1] for row in rows(file)] == billed
    assert all(row.endswith(",0.0495,EUR,refused") for row in rows(file))


@pytest.mark.parametrize(
    ("state", "registered_delivery", "billed"),
    [
        (MessageState.DELIVERED, 1, True),
        (MessageState.DELIVERED, 0, True),  # the carrier knows, though nobody asked
        (MessageState.UNDELIVERABLE, 1, False),
    ],
)
def test_where_delivery_is_billed(
    smsc: Simulator,
    reactor: MemoryReactorClock,
    state: MessageState,
    registered_delivery: int,
    billed: bool,
) -> None:
    file = bill(smsc, Tariff(on_delivery=True))
    smsc.habits = Habits(receipt_state=state, receipt_delay_s=60)
    esme = Esme(smsc).bind()
    esme.submit(SENDER, registered_delivery=registered_delivery)
    assert rows(file) == []
    reactor.advance(29)
    esme.exchange()
    reactor.advance(32)
    assert [row.rpartition(",")[2] for row in rows(file)] == ["delivered"] * billed
    assert smsc.invoice.outbound_messages == billed


@pytest.mark.parametrize(
    ("frame", "plain", "with_clause"),
    [
        (submit_sm(b"a" * 149), 1, 1),  # 149 + 11 = 160
        (submit_sm(b"a" * 150), 1, 2),
        (submit_sm(b"\0a" * 59, data_coding=8), 1, 1),  # 59 + 11 = 70
        (submit_sm(b"\0a" * 60, data_coding=8), 1, 2),
        (submit_sm(b"a" * 160, data_coding=4), 2, 2),  # nothing is appended to data
        (submit_sm(UDH8 + b"a" * 153, esm_class=0x40), 1, 1),  # nor to a part
        (submit_sm(b"", tlvs=tlv(0x0424, b"a" * 300)), 2, 3),  # 311 do not fit 306
    ],
)
def test_an_appended_clause_opens_a_second_segment(
    frame: bytes, plain: int, with_clause: int
) -> None:
    assert read_submission(frame).segments == plain
    assert read_submission(frame, STOP).segments == with_clause


def test_the_clause_is_on_the_invoice(smsc: Simulator) -> None:
    file = bill(smsc, Tariff(clause=STOP))
    Esme(smsc).bind().submit(SENDER, short_message=b"a" * 155)
    assert ",2,0.0495,0.099,EUR," in rows(file)[0]


def test_sums_per_day_direction_and_rate(smsc: Simulator) -> None:
    """Days begin at midnight in the carrier's zone: 23:00 UTC in November."""
    bill(smsc)
    invoice = smsc.invoice
    for destination, octets, at_s in [
        (b"33612345678", b"a" * 161, AT_S),
        (b"33612345679", b"ok", AT_S),
        (b"4915112345678", b"ok", AT_S),
        (b"33612345678", b"ok", AT_S + 46 * 60),  # 22:59:20 UTC
        (b"33612345678", b"ok", AT_S + 47 * 60),  # 23:00:20 UTC
    ]:
        submission = read_submission(submit_sm(octets, destination=destination))
        price = invoice.prices.outbound(submission.destination)
        assert price is not None
        invoice.accept(submission, price, "1", at_s)
    invoice.delivered(OUR_NUMBER, SENDER, AT_S)
    invoice.delivered("447700900123", SENDER, AT_S)  # free: on no line
    file = io.StringIO()
    write_summary(invoice, file)
    assert file.getvalue().splitlines() == [
        "day,direction,prefix,network,rate,messages,segments,amount,currency",
        "2023-11-14,mo,33,texts received,0.0075,1,1,0.0075,EUR",
        "2023-11-14,mt,33,France,0.0495,3,4,0.198,EUR",
        "2023-11-14,mt,49,Germany,0.099,1,1,0.099,EUR",
        "2023-11-15,mt,33,France,0.0495,1,1,0.0495,EUR",
    ]
    assert invoice.outbound_nanos == 198_000_000 + 99_000_000 + 49_500_000


def test_rows_are_not_kept(smsc: Simulator) -> None:
    file = bill(smsc)
    smsc.invoice.lines = type(smsc.invoice.lines)(maxlen=1)
    Esme(smsc).bind().submit(*[SENDER] * 5)
    assert (len(rows(file)), len(smsc.invoice.lines), smsc.invoice.outbound_messages) == (5, 1, 5)
