"""The life of links: attempts, binds, pairs, alarms, keep-alive, and what ends a bind."""

from itertools import pairwise

import pytest

from smpp_server.config_records import SECOND_NS
from smpp_server.esme import Rate
from smpp_server.smpp.codec import encode
from smpp_server.smpp.constants import CommandStatus
from smpp_server.smpp.matrix import State
from smpp_server.smpp.schema import AlertNotification, DeliverSm, EnquireLink, Outbind
from smpp_server.smsc_plan import Account, Faults, Text
from tests.server.conftest import Build
from tests.server.houses import ANNA, BERT, OURS, PASSWORD, Town, settings

PAIR = settings(link='bind = "pair"')
DOWN, UP = ("link_down", "main", True), ("link_down", "main", False)
HALF, WHOLE = ("link_half", "main", True), ("link_half", "main", False)
SECOND_LINK = f"""
[carrier.two]
rate_card = "rate_card.csv"
[link.two]
carrier = "two"
host = "127.0.0.1"
system_id = "us"
password = "{PASSWORD}"
"""


def gaps(town: Town) -> list[float]:
    """Seconds between attempts to connect."""
    times = town.net.dialled_s
    return [round(later - earlier, 3) for earlier, later in pairwise(times)]


def test_binds_as_a_transceiver(build: Build) -> None:
    town = build().start()
    [bind] = town.smsc.binds
    assert bind.session.state is State.BOUND_TRX
    assert town.net.cable.near.options == ["no delay", "keep alive"]
    assert town.lines[-1] == ("info", "link", {"link": "main", "state": "bound"})


@pytest.mark.parametrize("mode", ["refuse", "open"])
def test_attempts_grow_apart(build: Build, mode: str) -> None:
    """A refused connection counts once, and so does a refused bind (section 4.1)."""
    town = build()
    town.net.mode = mode
    town.smsc.plan = Faults(refuse_binds=100)
    town.start()
    town.net.pass_s(200)
    assert gaps(town)[:7] == [2, 4, 8, 16, 32, 60, 60]
    assert town.alarms == [DOWN]
    town.net.mode, town.smsc.plan = "open", Faults()
    town.net.pass_s(60)
    assert town.state() == "bound"
    assert town.alarms == [DOWN, UP]


def test_a_connection_that_is_closed_at_once_counts_once(build: Build) -> None:
    town = build().start()
    for _ in range(4):
        town.net.cable.cut()
        dialled = len(town.net.dialled_s)
        while len(town.net.dialled_s) == dialled:
            town.net.pass_s(1)
    assert gaps(town) == [2, 4, 8, 16]
    town.net.pass_s(70)
    town.net.cable.cut()
    town.net.pass_s(2)
    assert gaps(town)[-1] == pytest.approx(72, abs=1) and town.state() == "bound"


def test_an_attempt_that_hangs_is_given_up(build: Build) -> None:
    town = build(settings(link="connect_timeout_s = 5"))
    town.net.mode = "hang"
    town.start()
    assert town.state() == "down" and town.alarms == []
    town.net.pass_s(8)
    assert town.alarms == [DOWN]
    assert town.house.status()["links"][0]["last_error"] == "no answer to the attempt to connect"


def test_already_bound_waits_longer(build: Build) -> None:
    town = build()
    town.smsc.plan = Faults(refuse_binds=100, bind_status=CommandStatus.ESME_RALYBND)
    town.start()
    town.net.pass_s(400)
    assert gaps(town)[:3] == [30, 60, 120]


def test_wrong_credentials_alarm_and_are_tried_slowly(build: Build) -> None:
    town = build()
    town.smsc.accounts["us"] = Account("us", "another")
    town.start()
    town.net.pass_s(700)
    assert gaps(town) == [300, 300]
    assert sorted(town.alarms) == [("credentials", "main", True), DOWN]
    assert ("warning", "bind refused", {"link": "main", "status": "ESME_RINVPASWD"}) in town.lines
    town.smsc.accounts["us"] = Account("us", PASSWORD)
    town.net.pass_s(300)
    assert sorted(town.alarms[2:]) == [("credentials", "main", False), UP]


def test_the_password_stands_in_no_line_and_no_status(build: Build) -> None:
    town = build()
    town.smsc.accounts["us"] = Account("us", "another")
    town.start()
    shown = repr([town.lines, town.house.status(), town.config, vars(town.house)])
    assert PASSWORD not in shown


def test_two_links_live_apart(build: Build) -> None:
    text = settings(more=SECOND_LINK).replace('links = ["main"]', 'links = ["main", "two"]')
    town = build(text).start()
    assert [town.state("main"), town.state("two")] == ["bound", "bound"]
    town.net.cables[0].cut()
    town.net.settle()
    assert [town.state("main"), town.state("two")] == ["down", "bound"]
    town.texts(ANNA)
    assert town.replied() == [ANNA]
    town.net.pass_s(3)
    assert town.alarms == [DOWN, UP]


def test_a_pair_is_one_link(build: Build) -> None:
    town = build(PAIR).start()
    states = {bind.session.state for bind in town.smsc.binds}
    assert states == {State.BOUND_RX, State.BOUND_TX} and town.state() == "bound"
    assert town.alarms == []
    town.texts(ANNA)
    assert town.replied() == [ANNA]


@pytest.mark.parametrize("lost", ["receiver", "transmitter"])
def test_half_a_pair_releases_nothing_and_rebinds_what_it_lost(build: Build, lost: str) -> None:
    town = build(PAIR).start()
    kept, gone = town.net.cables if lost == "transmitter" else reversed(town.net.cables)
    gone.cut()
    town.net.settle()
    assert town.state() == "half" and town.alarms == [HALF]
    town.texts(ANNA)
    assert town.smsc.counts.confirmed == (lost == "transmitter")  # a receiver takes texts alone
    assert town.replied() == []
    town.net.pass_s(3)
    assert town.state() == "bound" and not kept.gone and len(town.net.cables) == 3
    assert town.alarms == [HALF, WHOLE]
    assert town.replied() == [ANNA]


def test_a_pair_that_never_was_whole_is_not_half_before_an_attempt_failed(build: Build) -> None:
    town = build(PAIR)
    town.smsc.accounts["us"] = Account("us", PASSWORD, max_binds=1)
    town.start()
    assert town.state() == "half" and town.alarms == [HALF]  # the second one was refused
    town.net.mode = "hang"


def test_an_alarm_of_an_earlier_run_ends(build: Build) -> None:
    town = build()
    town.net.mode = "refuse"
    town.start()
    town.stop()
    town.net.mode = "open"
    later = Town(town.config.server.state_dir.parent)
    later.start()
    assert later.alarms == [UP]
    later.end()


def test_the_carrier_unbinds(build: Build) -> None:
    town = build().start()
    town.smsc.unbind()
    town.net.settle()
    assert town.state() == "down" and town.net.cable.gone
    assert town.house.status()["links"][0]["last_error"] == "the carrier unbound"
    town.net.pass_s(2)
    assert town.state() == "bound"


def test_lost_framing_is_nacked_closed_and_bound_again(build: Build) -> None:
    town = build().start()
    cable = town.net.cable
    cable.ours.dataReceived(bytes.fromhex("00000005 00000005 00000000 00000007"))
    assert cable.near.writes[-1] == bytes.fromhex("00000010 80000000 00000002 00000000")
    town.net.pass_s(2)
    assert cable.gone and town.state() == "bound" and len(town.net.cables) == 2


@pytest.mark.parametrize("pdu", [AlertNotification(source_addr=ANNA), Outbind(system_id="x")])
def test_what_has_no_response_gets_none(build: Build, pdu: AlertNotification | Outbind) -> None:
    """Sections 4.12 and 4.1.7; Q41: ignored, and the link stays."""
    town = build().start()
    cable = town.net.cable
    written = len(cable.near.writes)
    pdu.sequence_number = 77
    cable.ours.dataReceived(encode(pdu))
    town.net.settle()
    assert len(cable.near.writes) == written and town.state() == "bound"


def test_enquire_link_both_ways_while_a_commit_hangs(build: Build) -> None:
    town = build(settings(link="enquire_link_s = 10")).start()
    town.run.slow = True
    town.texts(ANNA)
    assert town.run.queue
    cable = town.net.cable
    cable.ours.dataReceived(encode(EnquireLink(sequence_number=9)))
    assert cable.near.writes[-1] == bytes.fromhex("00000010 80000015 00000000 00000009")
    town.net.pass_s(65)
    asked = [w for w in cable.near.writes if w[4:8] == bytes.fromhex("00000015")]
    assert len(asked) >= 5 and town.state() == "bound" and len(town.net.cables) == 1


def test_a_silent_carrier_is_dropped_and_bound_again(build: Build) -> None:
    town = build(settings(link="enquire_link_s = 10")).start()
    cable = town.net.cable
    cable.dead = True
    town.net.pass_s(29)
    assert town.state() == "bound"
    town.net.pass_s(1.1)
    assert cable.near.disconnected and town.alarms == [DOWN]
    town.net.pass_s(3)
    assert town.state() == "bound" and town.alarms == [DOWN, UP]


def test_a_carrier_that_answers_no_bind_is_given_up(build: Build) -> None:
    town = build(settings(link="bind_timeout_s = 5"))
    town.net._join = lambda factory, join=town.net._join: (  # type: ignore[method-assign]
        join(factory),
        setattr(town.net.cable, "dead", True),
    )
    town.start()
    town.net.pass_s(8)
    assert len(town.net.cables) == 2 and town.state() == "down" and town.alarms == [DOWN]


def test_a_peer_that_does_not_let_us_close_is_dropped(build: Build) -> None:
    town = build(settings(link="unbind_timeout_s = 5")).start()
    cable = town.net.cable
    cable.stuck = True
    cable.ours.dataReceived(bytes(16))
    town.net.pass_s(4)
    assert cable.near.disconnecting and not cable.near.disconnected
    town.net.pass_s(1.5)
    assert cable.gone and town.state() == "down"


def test_three_unanswered_submits_rebind_and_then_one_is_in_flight(build: Build) -> None:
    numbers = [f"336123400{n:02}" for n in range(6)]
    town = build(settings(link="response_timeout_s = 20")).start()
    town.smsc.plan = Faults(swallow_every=1)
    town.texts(*numbers[:3])
    first = town.net.cable
    town.net.pass_s(20.5)
    assert first.gone and ("submits_unanswered", "main", True) in town.alarms
    town.net.pass_s(2)
    assert town.state() == "bound"
    seen = town.smsc.counts.submits
    town.texts(*numbers[3:])
    assert town.smsc.counts.submits == seen + 1
    town.smsc.plan = Faults()
    town.net.pass_s(25)
    assert town.smsc.counts.accepted == 2 and town.replied() == numbers[4:]
    assert ("submits_unanswered", "main", False) in town.alarms


def test_a_late_response_in_the_same_moment_is_read_before_the_submit_expires(build: Build) -> None:
    town = build(settings(link="response_timeout_s = 20")).start()
    town.smsc.plan = Faults(lose_every=1)
    town.texts(ANNA)
    [bind] = town.house.links["main"].binds()
    assert len(bind.session.outstanding()) == 1
    number = int.from_bytes(town.net.cable.near.writes[-1][-200:][0:0] or b"\0", "big")
    submits = [w for w in town.net.cable.near.writes if b"33612340001" in w]
    at = submits[-1].index(bytes.fromhex("0000000400000000"))
    number = int.from_bytes(submits[-1][at + 8 : at + 12], "big")
    response = bytes.fromhex("00000014 80000004 00000000") + number.to_bytes(4, "big") + b"id1\0"
    town.net.callLater(20, bind.dataReceived, response)  # due with the timer, behind it
    town.net.pass_s(21)
    assert town.house.status()["tallies"].get("unknown", 0) == 0
    assert town.house.status()["tallies"]["accepted"] == 1


def test_texts_heard_in_a_dying_connection_come_again(build: Build) -> None:
    town = build().start()
    town.run.slow = True
    town.texts(ANNA, BERT)
    town.net.cable.cut()
    town.run.slow = False
    town.run.work()
    town.net.pass_s(3)
    assert sorted(town.replied()) == [ANNA, BERT]
    assert town.smsc.counts.confirmed == 2 and town.smsc.counts.redeliveries == 2


def test_a_text_to_the_first_read_with_the_bind_response(build: Build) -> None:
    """Q1: what stands behind bind_resp in the same octets is taken."""
    town = build()
    town.smsc.deliver(Text(ANNA, OURS, "bonjour"))
    town.start()
    assert town.replied() == [ANNA]


def test_rate_shows_the_last_whole_minute() -> None:
    rate = Rate()
    rate.add(60, 1_000 * SECOND_NS)
    assert rate.shown(1_000 * SECOND_NS) == "0.0"
    assert rate.shown(1_001 * SECOND_NS) == "1.0"
    assert rate.shown(1_060 * SECOND_NS) == "1.0"
    assert rate.shown(1_061 * SECOND_NS) == "0.0"
    rate.add(90, 9_000 * SECOND_NS)
    assert rate.shown(9_030 * SECOND_NS) == "1.5"


def test_a_deliver_sm_split_at_every_octet(build: Build) -> None:
    town = build().start()
    frame = encode(
        DeliverSm(
            sequence_number=5,
            source_addr_ton=1,
            source_addr=ANNA,
            dest_addr_ton=1,
            destination_addr=OURS,
            short_message=b"bonjour",
        )
    )
    for at in range(len(frame)):
        town.net.cable.ours.dataReceived(frame[at : at + 1])
    town.net.settle()
    assert town.replied() == [ANNA]
