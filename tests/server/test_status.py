"""What `status` tells of the process: figures that grow when something leaks."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from smpp_server.status import process

PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def proc(tmp_path: Path) -> Iterator[Path]:
    """What Linux tells of a process that holds 250 pages and two files, and lists them."""
    (tmp_path / "statm").write_text("9000 250 30 2 0 700 0\n", "ascii")
    (tmp_path / "fd").mkdir()
    for number in "012":
        (tmp_path / "fd" / number).touch()
    yield tmp_path


def test_memory_and_files_are_those_of_now(proc: Path) -> None:
    told = process(7, proc)
    assert told == {
        "memory_octets": 250 * PAGE,
        "open_files": 2,
        "threads": told["threads"],
        "timers": 7,
    }


def test_a_system_that_does_not_tell_is_told_as_such(tmp_path: Path) -> None:
    told = process(7, tmp_path / "nowhere")
    assert told["memory_octets"] is None and told["open_files"] is None
    assert told["timers"] == 7 and told["threads"]


def test_each_open_file_counts(tmp_path: Path) -> None:
    """On Linux, where CI runs; elsewhere nothing is told, before or after."""
    before = process(0)["open_files"]
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        after = process(0)["open_files"]
    assert (before is None and after is None) or after == (before or 0) + 2
    assert process(0)["open_files"] == before
