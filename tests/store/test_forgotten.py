"""Orders on a real store: jobs that survive the end of a process, and persons who are forgotten."""

from pathlib import Path

from routing.guards import key_of
from routing.jobs import LOOKED_MOST
from routing.records import ReplyState as S
from smpp_server import events as ev
from smpp_server.smpp.happenings import Received
from tests.store.test_sqlite_erasure import found
from tests.store.turns import BIND, Bench, configuration, sent

PERSON, OTHER = "33612340001", "33755550002"
THREE = 'claim_days = 7\nmax_replies = 9\nafter_last_text = "repeat the last text"'
EDIT = (
    ("claim_days = 7", THREE),
    ("registered_delivery = 0", "registered_delivery = 1"),
    ("[breaker]", "[loop]\nwithin_s = 0\n[breaker]\non = false"),
)


def order(name: str, text: str = "", campaign: str = "") -> ev.Asked:
    """What an operator asks."""
    return ev.Asked(ev.Command(1, name, text, campaign=campaign))


def pseudonyms(bench: Bench, msisdn: str) -> set[bytes]:
    """Every pseudonym of a person that any key there is makes, but the opt-out's."""
    keys = bench.vault.sender_keys(msisdn)
    assert len(keys.claims) == len(bench.vault.epochs())
    return {*keys.claims, keys.prefix}


def lived(bench: Bench, *persons: str) -> bytes:
    """Replies to each that are accepted, in doubt, on their way and waiting, under two keys.

    Returns the pseudonym of the first one's range under the older key.
    """
    bench.funded()
    for step in range(4):
        bench.run(bench.texts(*persons))
        bench.run()
        out = bench.run()  # after two seconds it leaves
        assert sent(out) == len(persons), step
        if step == 0:
            bench.run(bench.accepted(out))
            old = bench.vault.sender_keys(persons[0]).prefix
            bench.turn.rotate()
        elif step == 1:
            bench.run(ev.LinkDown(BIND, "bench", [token for token, _ in out.submits[BIND]]))
        elif step == 2:
            bench.run(bench.accepted(out))
    bench.run(bench.texts(*persons))
    counts = bench.rows("SELECT state, count(*) FROM reply GROUP BY state ORDER BY state")
    n = len(persons)
    assert counts == [(S.WAITING, n), (S.SUBMITTING, n), (S.ACCEPTED, 2 * n), (S.UNKNOWN, n)]
    return old


def test_nothing_of_who_was_forgotten_is_in_any_file(tmp_path: Path) -> None:
    """Claims, counts, replies in every state, under old keys and new; another person's stay."""
    bench = Bench(tmp_path, configuration(tmp_path, 2, EDIT))
    old = lived(bench, PERSON, OTHER)
    held = [bench.text(PERSON, b"%sstat:DELIVRD err:000" % said) for said in (b"id:9999 ", b"")]
    for receipt in held:  # of no reply that is known; the second names no message at all
        receipt.esm_class = 4
    bench.run(bench.heard(*map(Received, held)))
    assert len(bench.rows("SELECT 1 FROM held_receipt WHERE length(claims) = 32")) > 0
    mine = pseudonyms(bench, PERSON) | {old}
    theirs = set(bench.vault.sender_keys(OTHER).claims)
    assert found(bench.path, *mine, *theirs) == mine | theirs  # the search does find
    bench.check_books()
    settled = bench.rows("SELECT nanos FROM balance WHERE account = 'settled'")
    said = bench.run(order("forget", f"+{PERSON}"))
    assert said.answers == {1: "done"}
    while not bench.rows("SELECT ended FROM job")[0][0]:
        bench.run()
    assert bench.rows("SELECT cancelled, cleared FROM job") == [(1, 4)]
    bench.turn.rest(bench.monotonic_ns, idle=True)
    assert found(bench.path, *mine, PERSON.encode()) == set()
    assert found(bench.path, *theirs) == set(bench.vault.sender_keys(OTHER).claims[:1])  # moved
    assert bench.rows("SELECT DISTINCT length(claims) FROM held_receipt") == [(0,)]
    keys = [key_of(p) for p in bench.vault.sender_keys(PERSON).claims]
    assert not bench.rows("SELECT 1 FROM guard WHERE id IN (?, ?)", *keys)
    assert bench.rows("SELECT nanos FROM balance WHERE account = 'settled'") == settled
    assert not any(PERSON[-6:] in figures for (figures,) in bench.rows("SELECT figures FROM audit"))
    bench.check_books()
    bench.restart()  # the one on its way is nobody's, and only time settles it
    bench.run()
    states = [row[0] for row in bench.rows("SELECT state FROM reply WHERE claim IS NULL")]
    assert sorted(states) == [S.ACCEPTED, S.ACCEPTED, S.UNKNOWN, S.UNKNOWN, S.CANCELLED]
    bench.store.close()


def test_a_stop_outlives_it_and_stays_effective(tmp_path: Path) -> None:
    bench = Bench(tmp_path, configuration(tmp_path, 0, EDIT))
    bench.funded()
    bench.run(bench.texts(PERSON, words=b"stop"))
    bench.run(order("optout", OTHER))
    keep = bench.vault.sender_keys(PERSON).optout
    drop = bench.vault.sender_keys(OTHER).optout
    assert found(bench.path, keep, drop) == {keep, drop}
    for person in (PERSON, OTHER):
        assert bench.run(order("forget", person)).answers == {1: "done"}
        bench.run()
        bench.run()
    bench.turn.rest(bench.monotonic_ns, idle=True)
    assert found(bench.path, keep, drop) == {keep}
    assert sent(bench.run(bench.texts(PERSON))) == 0
    assert sent(bench.run(bench.texts(OTHER))) == 1
    bench.store.close()


def test_an_opt_out_by_hand_becomes_the_persons_own(tmp_path: Path) -> None:
    bench = Bench(tmp_path, configuration(tmp_path, 0, EDIT))
    bench.run(order("optout", PERSON), order("optout", OTHER))
    assert bench.run(order("optout", PERSON)).answers == {1: "it has opted out already"}
    bench.run(bench.texts(PERSON, words=b"STOP"))
    assert bench.rows("SELECT by_hand FROM optout ORDER BY by_hand") == [(0,), (1,)]
    own = "the person opted out themselves, and only they could take it back"
    assert bench.run(order("optout-undo", PERSON)).answers == {1: own}
    assert bench.run(order("optout-undo", OTHER)).answers == {1: "done"}
    told = bench.run(order("optout", "not a number")).answers[1]
    assert "international form" in str(told)
    assert bench.rows("SELECT count(*), sum(by_hand) FROM optout") == [(1, 0)]
    bench.store.close()


def test_a_job_goes_on_where_a_killed_process_left_it(tmp_path: Path) -> None:
    """One commit each thousand; whatever was committed is not looked at again."""
    bench = Bench(tmp_path, configuration(tmp_path, 3600))
    bench.funded()
    people = [f"336{12340000 + n:08}" for n in range(2 * LOOKED_MOST + 10)]
    bench.run(bench.texts(*people))
    bench.run(order("cancel", "bench", "default"))
    looked = []
    while True:
        bench.restart()
        out = bench.run()
        looked.append(bench.rows("SELECT looked, cancelled FROM job")[0])
        bench.check_books()
        if bench.rows("SELECT ended FROM job")[0][0]:
            break
        assert out.wake_in_ns == 0
    most = LOOKED_MOST
    assert looked == [(n, n) for n in (most, 2 * most, 2 * most + 10)]
    assert bench.rows("SELECT state, reason, count(*) FROM reply GROUP BY 1, 2") == [
        (S.CANCELLED, "operator", len(people))
    ]
    assert bench.turn.summary is not None and bench.turn.summary.jobs[0].ended_ns
    bench.run(bench.texts(*people[:5]))  # their claims are free again
    assert bench.rows("SELECT count(*) FROM reply WHERE state = 0") == [(5,)]
    bench.store.close()
