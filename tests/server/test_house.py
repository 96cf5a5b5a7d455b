"""The house: acks and submits leave after the commit only, back-pressure, alarms, commands."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smpp_server import house as house_module
from smpp_server.smpp.schema import AlertNotification
from smpp_server.smpp.codec import encode
from tests.server.houses import ANNA, BERT, OURS, Town, settings

Build = Callable[..., Town]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Makes towns; at the end no timer is left."""
    made: list[Town] = []

    def make(text: str = "", **options: str) -> Town:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Town(folder, text, **options))
        return made[-1]

    yield make
    for town in made:
        town.end()


def test_a_text_is_answered(build: Build) -> None:
    town = build().start()
    assert town.state() == "bound"
    town.texts(ANNA)
    assert town.replied() == [ANNA]
    assert town.smsc.counts.confirmed == 1 and town.smsc.idle
    town.texts(ANNA)
    assert town.replied() == [ANNA]


def test_a_clean_start_raises_no_alarm(build: Build) -> None:
    town = build().start()
    town.net.pass_s(200)
    assert town.alarms == []


def test_ack_and_submit_leave_after_the_commit_in_one_write(build: Build) -> None:
    town = build().start()
    town.run.slow = True
    written = len(town.net.cable.near.writes)
    town.texts(ANNA, BERT)
    assert len(town.net.cable.near.writes) == written
    town.run.work()
    assert len(town.net.cable.near.writes) == written + 1
    town.net.settle()
    town.run.work()
    assert town.replied() == [ANNA, BERT]
    assert town.smsc.counts.confirmed == 2
