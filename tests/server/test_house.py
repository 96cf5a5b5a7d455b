"""The house: what leaves only after the commit, back-pressure, alarms, commands."""

import pytest

from smpp_server import house as house_module
from smpp_server.smpp.codec import encode
from smpp_server.smpp.schema import DeliverSm
from smpp_server.smsc_plan import Faults
from tests.server.conftest import Build
from tests.server.houses import ANNA, BERT, OURS, PASSWORD, Town, settings

CROWD = [f"336123400{n:02}" for n in range(40)]
TIMED = settings(link="response_timeout_s = 20")


def frame(sequence_number: int, sender: str, words: bytes = b"bonjour") -> bytes:
    """A text as the carrier writes it."""
    pdu = DeliverSm(source_addr_ton=1, dest_addr_ton=1, destination_addr=OURS)
    pdu.sequence_number, pdu.source_addr, pdu.short_message = sequence_number, sender, words
    return encode(pdu)


def in_flight(town: Town) -> int:
    """Submits the bind waits for."""
    return sum(len(b.session.outstanding()) for b in town.house.links["main"].binds())


def test_a_text_is_answered_once(build: Build) -> None:
    town = build().start()
    town.texts(ANNA)
    town.texts(ANNA, BERT)
    assert town.replied() == [ANNA, BERT]
    assert town.smsc.counts.confirmed == 3 and town.smsc.idle
    assert town.house.status()["links"][0]["outstanding"] == 0


def test_a_clean_start_raises_no_alarm(build: Build) -> None:
    town = build().start()
    town.net.pass_s(200)
    assert town.alarms == []


def test_acks_and_submits_leave_after_the_commit_in_one_write(build: Build) -> None:
    town = build().start()
    town.run.slow = True
    writes = town.net.cable.near.writes
    before = len(writes)
    town.texts(ANNA, BERT)
    assert len(writes) == before
    town.run.work()
    assert len(writes) == before + 1
    town.net.settle()
    town.run.work()
    assert town.replied() == [ANNA, BERT] and town.smsc.counts.confirmed == 2


def test_what_comes_during_a_turn_is_the_next_batch(build: Build) -> None:
    town = build().start()
    town.run.slow = True
    town.texts(ANNA)
    town.texts(*CROWD[:5])
    assert len(town.run.queue) == 1
    turns = town.house.status()["turns"]
    town.run.work()
    town.net.settle()
    assert len(town.run.queue) == 1
    town.run.work()
    assert town.house.status()["turns"] == turns + 2
    town.run.slow = False
    town.net.settle()
    assert set(town.replied()) == {ANNA, *CROWD[:5]}
    assert len(town.replied()) == 6 - (ANNA in CROWD[:5])


def test_effects_for_a_bind_that_is_gone(build: Build) -> None:
    """Acks are dropped, submits come back as not sent: nothing is paid or unknown."""
    town = build(settings(delay_s=5)).start()
    town.texts(ANNA)
    town.run.slow = True
    town.net.pass_s(5.1)
    assert len(town.run.queue) == 1
    town.net.cable.cut()
    town.run.slow = False
    town.run.work()
    status = town.house.status()
    assert status["in_flight"] == 0 and status["waiting"] == 1
    assert status["money"]["reserved_nanos"] == 0
    town.net.pass_s(10)
    assert town.replied() == [ANNA]
    assert town.house.status()["tallies"].get("unknown", 0) == 0


def test_no_submit_goes_to_a_bind_that_is_being_dropped(build: Build) -> None:
    """The connection's end is told later: until then the bind must not look free."""
    town = build().start()
    bind = town.house.links["main"].binds()[0]
    bind.abort("rebind")
    assert town.house.links["main"].fact().bind_id == 0
    bind.dataReceived(frame(7, ANNA))
    assert in_flight(town) == 0
    town.net.pass_s(5)
    assert town.house.status()["tallies"].get("unknown", 0) == 0
    assert town.replied() == [ANNA]


def test_a_cut_with_a_submit_outstanding_is_unknown(build: Build) -> None:
    town = build().start()
    town.smsc.plan = Faults(lose_every=1)
    town.texts(ANNA)
    town.net.cable.cut()
    town.net.settle()
    status = town.house.status()
    assert status["tallies"]["unknown"] == 1 and status["money"]["reserved_nanos"] == 49_500_000


def test_a_paused_transport_has_no_free_slot(build: Build) -> None:
    town = build().start()
    bind = town.house.links["main"].binds()[0]
    town.net.cable.near.producer.pauseProducing()
    assert town.house.links["main"].fact().free == 0
    town.texts(ANNA)
    assert town.smsc.counts.confirmed == 1 and town.replied() == []
    bind.resumeProducing()
    town.net.settle()
    assert town.replied() == [ANNA]


def test_octets_waiting_stop_the_reading(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house_module, "SOFT_OCTETS", 300)
    town = build().start()
    wire = town.net.cable.near
    town.run.slow = True
    town.texts(CROWD[0])
    town.net.pass_s(0.1)  # the turn is slow: reading goes on
    for n, sender in enumerate(CROWD[1:6]):
        assert wire.producerState == ("paused" if n > 3 else "producing") or n in (3, 4)
        town.net.cable.ours.dataReceived(frame(100 + n, sender))
    assert wire.producerState == "paused"
    town.run.slow = False
    town.run.work()
    town.net.settle()
    assert wire.producerState == "producing"
    assert sorted(town.replied()) == CROWD[:6]


def test_a_bind_that_owes_responses_is_read_on_up_to_the_hard_limit(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house_module, "SOFT_OCTETS", 200)
    monkeypatch.setattr(house_module, "HARD_OCTETS", 600)
    town = build(TIMED).start()
    town.smsc.plan = Faults(lose_every=1)
    town.texts(ANNA)
    assert in_flight(town) == 1
    town.run.slow = True
    wire = town.net.cable.near
    town.texts(CROWD[1])
    town.net.pass_s(0.1)  # the turn is slow: reading goes on
    states = []
    for n, sender in enumerate(CROWD[2:14]):
        if wire.producerState == "producing":
            town.net.cable.ours.dataReceived(frame(100 + n, sender))
        states.append(wire.producerState)
    assert states[4] == "producing" and states[-1] == "paused"
    town.net.pass_s(60)  # response timers stand still meanwhile
    assert in_flight(town) == 1
    town.run.slow = False
    town.run.work()
    town.net.settle()
    assert wire.producerState == "producing"
    tallies = town.house.status()["tallies"]
    assert tallies.get("unknown", 0) == 0
    town.net.pass_s(21)
    assert town.house.status()["tallies"]["unknown"] >= 1


def test_a_full_list_puts_the_carrier_off(build: Build) -> None:
    text = "server.max_waiting = 2\n" + settings(delay_s=3600)
    town = build(text).start()
    town.texts(*CROWD[:4])
    assert town.smsc.counts.confirmed == 2 and town.smsc.counts.put_off == 2
    assert ("queue_full", "*", True) in town.alarms


def test_commands_are_answered_after_their_commit(build: Build) -> None:
    town = build().start()
    town.run.slow = True
    told: list[object] = []
    town.house.ask("hold", "main").addCallback(told.append)
    town.house.explain(ANNA).addCallback(told.append)
    assert told == []
    town.run.work()
    assert told[0] == "done" and isinstance(told[1], dict)
    town.run.slow = False
    town.texts(ANNA)
    assert town.replied() == [] and town.house.status()["holds"] == {"main": "operator"}
    town.house.ask("release", "main")
    town.net.settle()
    assert town.replied() == [ANNA]


def test_housekeeping_ticks_and_rests(build: Build) -> None:
    town = build().start()
    before = town.house.status()["turns"]
    town.net.pass_s(house_module.TICK_S * 3 + 1)
    assert town.house.status()["turns"] == before + 3
    wal = town.path.with_name(town.path.name + "-wal")
    assert not wal.exists() or wal.stat().st_size == 0  # what was deleted is off the disk


def test_a_fault_in_applying_effects_is_loud_and_loses_nothing(build: Build) -> None:
    town = build().start()
    bind = town.house.links["main"].binds()[0]

    def broken(pairs: object, now: int) -> None:
        raise ZeroDivisionError

    sound, bind.session = bind.session, Broken(bind.session, broken)
    told: list[object] = []
    town.run.slow = True
    town.house.ask("fund", nanos=1).addCallback(told.append)
    town.texts(ANNA)
    town.house.ask("fund", nanos=1).addCallback(told.append)  # in one turn with the text
    town.run.slow = False
    town.run.work()
    town.net.settle()
    assert ("critical", "bug") in [line[:2] for line in town.lines]
    assert sound.closed and told == ["done", house_module.IN_DOUBT]
    town.net.pass_s(10)
    assert town.replied() == [ANNA] and town.state() == "bound"
    status = town.house.status()
    assert status["in_flight"] == 0 and status["store"] == "ok"
    assert PASSWORD not in repr(town.lines)


class Broken:
    """A session with one broken method."""

    def __init__(self, session: object, request: object) -> None:
        self._session, self.request = session, request

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)
