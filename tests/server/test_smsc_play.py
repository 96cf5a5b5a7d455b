"""Plans at work in virtual time: each fault and each shape of traffic happens as it is written."""

from collections import Counter

import pytest

from smpp_server.smpp import schema as s
from smpp_server.smpp import text as sms
from smpp_server.smpp.constants import CommandStatus, MessageState, Tag
from smpp_server.smpp.happenings import BindRefused, Bound, Malformed, Received, Stray
from smpp_server.smsc_chance import Chance
from smpp_server.smsc_noise import FATAL, NOISE
from smpp_server.smsc_plan import Submitted
from smpp_server.smsc_play import Play
from tests.server.smsc_plays import bound, live, played, wait
from tests.server.smsc_wire import OUR_NUMBER, ROK, SENDER, Esme

THROTTLED = CommandStatus.ESME_RTHROTTLED


def crowd(shape: str, texts: int = 20, **more: object) -> str:
    """A crowd of this shape over ten seconds."""
    lines = [f'[crowd.x]\nshape = "{shape}"\nto = "{OUR_NUMBER}"\ntexts = {texts}\nlast_ms = 10000']
    return "\n".join([*lines, *(f"{key} = {value!r}" for key, value in more.items()), ""])


# -- chance


def test_draws_depend_on_their_seed_and_on_nothing_else() -> None:
    one, again, other = Chance(1), Chance(1), Chance(2)
    drawn = [one.below(1000, "lost", nth) for nth in range(50)]
    one.below(7, "another fault", 3)
    assert drawn == [again.below(1000, "lost", nth) for nth in range(50)]
    assert drawn != [other.below(1000, "lost", nth) for nth in range(50)]
    assert drawn != [Chance(1, "part").below(1000, "lost", nth) for nth in range(50)]


def test_percentages_are_kept() -> None:
    chance = Chance(5)
    assert not any(chance.happens(0, "x", nth) for nth in range(100))
    assert all(chance.happens(100, "x", nth) for nth in range(100))
    assert 150 < sum(chance.happens(20, "x", nth) for nth in range(1000)) < 250
    waits = sorted(chance.waiting(100, 900, "x", nth) for nth in range(1001))
    assert 100 <= waits[0] and waits[-1] <= 900
    assert 200 < waits[500] < 280  # median of the exponential: 100 + 200 x ln 2
    assert (
        sorted(chance.shuffled(range(9), "x")) == list(range(9)) != chance.shuffled(range(9), "x")
    )


# -- answers to submit_sm


def submitted(lines: str, count: int = 40) -> Esme:
    """So many submits at once under this plan, each with a number of its own as source."""
    esme = bound(played(lines))
    esme.submit(*[SENDER] * count)
    return esme


def test_latency_is_fixed_or_drawn() -> None:
    soon = {}
    for how in ("fixed", "uniform", "exponential"):
        esme = submitted(f'[responses]\nlatency = "{how}"\nlatency_ms = 100\nlatency_max_ms = 2100')
        wait(esme, 0.099)
        assert esme.answers() == []
        wait(esme, 0.5)
        soon[how] = len(esme.answers())
        wait(esme, 1.6)
        assert soon[how] + len(esme.answers()) == 40
    assert soon["fixed"] == 40 > soon["exponential"] > 20 > soon["uniform"] > 0


def test_tps_throttles_in_any_second() -> None:
    for status in ("ESME_RTHROTTLED", "ESME_RMSGQFUL"):
        esme = submitted(f'[responses]\ntps = 5\ntps_status = "{status}"', 8)
        assert esme.statuses() == [ROK] * 5 + [CommandStatus[status]] * 3
        wait(esme, 0.95)
        esme.submit(SENDER)
        assert esme.statuses() == [CommandStatus[status]]
        wait(esme, 0.1)
        esme.submit(*[SENDER] * 6)
        assert esme.statuses() == [ROK] * 5 + [CommandStatus[status]]


def test_refusals_losses_and_doubles_are_drawn_one_by_one() -> None:
    esme = submitted("[responses]\nrefused_percent = 25\nrefused_status = 0x0B")
    statuses = Counter(esme.statuses())
    assert statuses.keys() == {ROK, 0x0B} and 3 < statuses[0x0B] < 20
    esme = submitted("[responses]\nlost_percent = 25")
    assert 20 < len(esme.answers()) < 37
    assert esme.smsc.invoice.outbound_messages == 40  # billed all the same
    esme = submitted("[responses]\nswallowed_percent = 25")
    assert len(esme.answers()) == esme.smsc.invoice.outbound_messages < 37
    esme = submitted("[responses]\ndoubled_percent = 25")
    assert len(esme.answers()) == 40
    assert 3 < sum(isinstance(event, Stray) for event in esme.events) < 20


def test_a_run_repeats_with_its_seed() -> None:
    plan = "[smsc]\nseed = {}\n[responses]\nrefused_percent = 50"
    first, again, other = (submitted(plan.format(seed)).statuses() for seed in (3, 3, 4))
    assert first == again != other


def test_late_and_reordered_answers() -> None:
    esme = submitted("[responses]\nlate_percent = 100\nlate_ms = 40000", 1)
    wait(esme, 29)
    assert esme.answers() == []
    wait(esme, 11.1)
    assert esme.smsc.counts.accepted == 1
    esme = submitted("[responses]\nreordered_percent = 50\nreordered_ms = 500")
    wait(esme, 0.6)
    tokens = [token for token, _, _ in esme.answers()]
    assert sorted(tokens) == list(range(1, 41)) != tokens


def test_an_empty_answer_is_sixteen_octets() -> None:
    play = played("[responses]\nempty_percent = 100")
    esme = bound(play)
    esme.session.request([(1, s.SubmitSm(destination_addr=SENDER, source_addr=OUR_NUMBER))], 0)
    esme.far.dataReceived(esme.session.data_to_send())
    assert esme.wire.value()[:12] == bytes.fromhex("00000010 80000004 00000000")
    esme.exchange()
    assert esme.statuses() == [ROK]


def test_only_numbers_of_the_account_may_send() -> None:
    esme = bound(played())
    esme.submit(SENDER, source_addr="33700000000")
    assert esme.statuses() == [CommandStatus.ESME_RINVSRCADR]
    twin = bound(played(), "other", "hidden")
    twin.submit(SENDER, source_addr="33700000000")
    assert twin.statuses() == [ROK]


# -- binds and connections


def test_binds_are_refused_at_first() -> None:
    play = played("[binds]\nrefuse_first = 2\nrefused_status = 0x05")
    kinds = [Esme(play.simulator).bind().events[0] for _ in range(3)]
    assert kinds[:2] == [BindRefused(5)] * 2
    assert isinstance(kinds[2], Bound)


def test_cuts_by_the_clock() -> None:
    play = played("[connection]\ncut_every_s = 5\ncuts = 2")
    first = bound(play)
    wait(first, 4.9)
    assert not first.gone
    wait(first, 0.2)
    assert first.gone
    second = Esme(play.simulator).bind()
    wait(second, 5.1)
    assert second.gone
    third = Esme(play.simulator).bind()
    wait(third, 11)
    assert not third.gone


def test_cuts_by_deliveries_and_by_octets() -> None:
    esme = bound(played("[connection]\ncut_after_deliveries = 3\n" + crowd("steady")))
    live(esme, 5)
    assert esme.gone and esme.smsc.counts.deliveries == 3
    for octets in (10, 60, 100):  # in the bind_resp, in the first deliver_sm, in the second
        play = played(f"[connection]\ncut_after_octets = {octets}\n" + crowd("steady"))
        esme = Esme(play.simulator)
        esme.session.bind(s.BindTransceiver(system_id="shop", password="secret"), 0)
        esme.far.dataReceived(esme.session.data_to_send())
        for _ in range(30):
            play.simulator.reactor.advance(0.1)
        assert esme.wire.disconnecting
        assert len(esme.wire.value()) == octets


def test_unbind_from_its_side() -> None:
    esme = bound(played("[connection]\nunbind_every_s = 60"))
    wait(esme, 30)
    wait(esme, 31)
    assert [type(event).__name__ for event in esme.events] == ["Bound", "PeerUnbound", "Unbound"]


def test_half_open_silence() -> None:
    """Nothing is answered and nothing comes; the SMSC still holds the bind (Q29, Q33)."""
    play = played("[connection]\nsilent_after_s = 5\nsilent_for_s = 60\n" + crowd("steady"))
    esme = bound(play)
    heard = len(live(esme, 6))
    assert 0 < heard < 20 and not esme.gone
    esme.far.dataReceived(bytes.fromhex("00000010 00000015 00000000 00000077"))
    esme.submit(SENDER)
    wait(esme, 30)
    assert esme.wire.value() == b"" and esme.answers() == [] and esme.heard() == []
    assert play.simulator.counts.submits == 0  # nobody reads what comes
    assert len(play.simulator.binds) == 1
    wait(esme, 31)
    assert esme.gone
    again = Esme(play.simulator).bind()
    assert len(live(again, 5)) == 20 - heard


def test_confirmed_texts_come_again_and_are_billed_once() -> None:
    esme = bound(played("[connection]\ndeliver_again = 2\n" + crowd("steady", 5)))
    first = live(esme, 10)
    assert len(first) == esme.smsc.invoice.inbound_texts == 5
    esme.hang_up()
    again = Esme(esme.smsc).bind()
    heard = again.heard()
    assert [pdu.source_addr for pdu in heard] == [pdu.source_addr for pdu in first[-2:]]
    again.acknowledge(heard)
    assert esme.smsc.invoice.inbound_texts == 5


@pytest.mark.parametrize("kind", NOISE)
def test_noise_reaches_every_bind(kind: str) -> None:
    """Each kind is met by the product's own session, which drops the link only where it must."""
    play = played(f'[noise]\nevery_ms = 1000\nkinds = ["{kind}"]')
    esme = bound(play)
    wait(esme, 0.95)
    assert play.noise == 0
    play.simulator.reactor.advance(0.1)
    assert NOISE[kind] in esme.wire.value()
    esme.exchange()
    assert esme.session.closed is (kind in FATAL)
    told = [event for event in esme.events if isinstance(event, Malformed | Stray | Received)]
    assert told or kind in FATAL
    if kind not in FATAL:
        esme.submit(SENDER)
        assert esme.statuses() == [ROK]


# -- receipts


def receipts(lines: str, count: int = 40) -> list[s.DeliverSm]:
    esme = bound(played("[receipts]\n" + lines))
    esme.submit(*[SENDER] * count, registered_delivery=1)
    return live(esme, 3)


def test_receipts_never_twice_and_failed() -> None:
    assert receipts("never_percent = 100") == []
    assert len(receipts("doubled_percent = 100", 5)) == 10
    states = Counter(pdu.tlv(Tag.MESSAGE_STATE) for pdu in receipts("failed_percent = 50"))
    assert states.keys() == {bytes((MessageState.DELIVERED,)), bytes((MessageState.UNDELIVERABLE,))}
    assert 8 < min(states.values())


def test_receipts_before_their_response() -> None:
    esme = bound(played("[receipts]\nbefore_percent = 100"))
    esme.submit(SENDER, registered_delivery=1)
    assert [type(event).__name__ for event in esme.events] == ["Bound", "Received", "Answered"]


def test_receipts_take_their_time() -> None:
    esme = bound(played('[receipts]\ndelay = "uniform"\ndelay_ms = 1000\ndelay_max_ms = 5000'))
    esme.submit(*[SENDER] * 20, registered_delivery=1)
    assert live(esme, 0.9) == []
    first = len(live(esme, 2))
    assert 0 < first < 20
    assert first + len(live(esme, 3)) == 20


def test_receipts_in_every_dialect_and_with_other_ids() -> None:
    texts = {pdu.short_message[:6] for pdu in receipts('dialects = ["every"]', 90)}
    assert len(texts) > 5
    [receipt] = receipts("other_ids_percent = 100", 1)
    assert receipt.tlv(Tag.RECEIPTED_MESSAGE_ID) == b"10000001\0"  # of 0268435457


# -- who texts


def crowded(lines: str, span_s: float = 12, reply: bool = False) -> tuple[Play, list[s.DeliverSm]]:
    play = played(lines)
    return play, live(bound(play), span_s, reply=reply)


def sources(heard: list[s.DeliverSm]) -> Counter[str]:
    """How often each number texted."""
    return Counter(pdu.source_addr for pdu in heard)


def test_steady_people_text_once_each() -> None:
    _, heard = crowded(crowd("steady"))
    assert len(heard) == len(sources(heard)) == 20
    assert all(source.startswith("336") and len(source) == 11 for source in sources(heard))
    _, half = crowded(crowd("steady"), 5)
    assert 9 <= len(half) <= 11


def test_a_wave_has_its_crest_early() -> None:
    spans = [len(crowded(crowd("wave", 200), span_s)[1]) for span_s in (1.1, 2.5, 4, 10)]
    assert spans[0] < 60 and 40 < spans[1] < 70 and 80 < spans[2] < 140 and spans[3] >= 195


def test_a_flood_is_one_sender() -> None:
    _, heard = crowded(crowd("flood"))
    assert list(sources(heard).values()) == [20]
    assert len({pdu.short_message for pdu in heard}) == 20


def test_a_raid_is_one_block() -> None:
    _, heard = crowded(crowd("raid"))
    assert len({source[:-4] for source in sources(heard)}) == 1 < len(sources(heard))


def test_strangers_are_of_all_kinds() -> None:
    _, heard = crowded(crowd("strangers", 100))
    assert {pdu.source_addr_ton for pdu in heard} == {0, 1, 5}
    assert OUR_NUMBER in sources(heard)
    assert {len(source) for source in sources(heard)} > {5, 11, 12}


def test_robots_answer_our_replies_until_they_tire() -> None:
    """Two begin; each of our replies brings an answer after a second, three from each."""
    play, heard = crowded(crowd("robots", 2, answers=3, answer_ms=1000), 20, reply=True)
    assert list(sources(heard).values()) == [4, 4]
    assert play.second_replies == 6
    assert play.simulator.counts.accepted == 8
    _, quiet = crowded(crowd("robots", 2))
    assert len(quiet) == 2


def test_long_texts_come_in_any_order() -> None:
    _, heard = crowded(crowd("long", 12))
    orders: dict[tuple[str, int], list[int]] = {}
    for pdu in heard:
        header = sms.udh(pdu.short_message)
        assert header is not None and header.concat is not None
        key = (pdu.source_addr, header.concat.reference)
        orders.setdefault(key, []).append(header.concat.part)
    assert len(orders) == 12
    assert all(sorted(order) == [1, 2, 3] for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) > 2


def test_people_say_stop() -> None:
    _, heard = crowded(crowd("stop", 6))
    said = [(pdu.source_addr, pdu.short_message == b"STOP") for pdu in heard]
    one, other = heard[0].source_addr, heard[3].source_addr
    assert said == [(who, stop) for who in (one, other) for stop in (False, True, False)]


def test_a_crowd_belongs_to_the_account_of_its_number() -> None:
    play = played(crowd("steady") + crowd("flood").replace("crowd.x", "crowd.y").replace(
        OUR_NUMBER, "33700000000"))  # fmt: skip
    one, other = bound(play), Esme(play.simulator).bind(system_id="other", password="hidden")
    live(one, 12)
    assert {pdu.destination_addr for pdu in live(other, 1)} == {"33700000000"}


# -- the end


def test_it_ends_by_itself() -> None:
    play = played("[smsc]\nmax_seconds = 60")
    esme = bound(play)
    wait(esme, 59)
    assert not play.over
    wait(esme, 1)
    assert play.over
    seen: list[Submitted] = []
    play = played("[smsc]\nmax_messages = 2\n[receipts]\ndelay_ms = 500", on_submit=seen.append)
    esme = bound(play)
    esme.submit(SENDER, registered_delivery=1)
    assert not play.over
    esme.submit(SENDER, registered_delivery=1)
    assert not play.over and len(seen) == 2 and play.second_replies == 1
    live(esme, 1)
    assert play.over


def test_it_does_not_wait_for_ever_for_the_last_receipt() -> None:
    play = played("[smsc]\nmax_messages = 1")
    esme = bound(play)
    esme.submit(SENDER, registered_delivery=1)
    assert not play.over
    wait(esme, 4.9)
    assert not play.over  # the receipt was never acknowledged
    wait(esme, 0.2)
    assert play.over


def test_no_timer_is_left() -> None:
    lines = "[connection]\ncut_every_s = 5\ncuts = 0\nsilent_after_s = 9\n[noise]\nevery_ms = 100\n"
    play = played(lines + crowd("steady"))
    esme = bound(play)
    wait(esme, 1)
    play.end()
    done: list[None] = []
    play.simulator.stop().addCallback(done.append)
    esme.exchange()
    assert done == [None]
    assert not play.simulator.reactor.getDelayedCalls()
