"""What seeds have found, each by the name of what was wrong."""

import pytest

from tests.simulation.test_seeds import holds

FOUND = {
    14: "a commit that was done and said to have failed: its outcomes met rows already settled",
    23735: "six digits of a number were found, by chance, in the fingerprint of a key",
}


@pytest.mark.parametrize("seed", FOUND, ids=lambda seed: f"{seed}: {FOUND[seed]}")
def test_what_was_found_stays_mended(seed: int) -> None:
    holds(seed)
