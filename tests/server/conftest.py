"""What the tests of the shell share: a town that must leave no timer behind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server.houses import Town

Build = Callable[..., Town]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Town]]:
    """Makes towns; each is stopped at the end, and then no timer may be left."""
    made: list[Town] = []

    def make(text: str = "", **options: str) -> Town:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Town(folder, text, **options))
        return made[-1]

    yield make
    for town in made:
        town.end()
