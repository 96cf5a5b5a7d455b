"""Rules for every test: Hypothesis profiles, and peers that may be missing but are never hidden."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

# How to ask whether a peer is here: the command must end with status 0.
PEERS: dict[str, Sequence[str]] = {
    "node-smpp": ("node", "-e", "require.resolve('smpp')"),
    "Net::SMPP": ("perl", "-MNet::SMPP", "-e", "1"),
    "tshark": ("tshark", "--version"),
    "kannel": ("bearerbox", "--version"),
    "chromium": ("chromium", "--version"),
}
# What these two assert is explained as in a test.
pytest.register_assert_rewrite("tests.interop.foreign_smsc", "tests.interop.simulate")
NOT_MET = pytest.StashKey[dict[str, int]]()

# No deadline: a loaded machine is not a fault. In CI a run repeats: the same examples every time.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("dev"), max_examples=25)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, print_blob=True)
# A mutant is noticed or not, the same each time; a failing example need not be made small.
settings.register_profile(
    "mutation",
    settings.get_profile("quick"),
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "dev"))


def is_here(peer: str) -> bool:
    """Whether `peer`, a name of PEERS, can be run on this machine."""
    try:
        asked = subprocess.run(
            PEERS[peer],
            cwd=Path(__file__).parent / "interop",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
    except FileNotFoundError:
        return False
    return asked.returncode == 0


@pytest.hookimpl(trylast=True)  # after -m and -k: a peer nobody asks for is not looked for
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes out the tests whose peer is missing, unless REQUIRE_PEERS=1 wants them to fail."""
    peers = {item: {mark.args[0] for mark in item.iter_markers("peer")} for item in items}
    named = set().union(*peers.values())
    if unknown := named - PEERS.keys():
        raise pytest.UsageError(f"peers without a line in {__file__}: {sorted(unknown)}")
    config.stash[NOT_MET] = {}
    if os.environ.get("REQUIRE_PEERS") == "1":
        return
    missing = {peer for peer in named if not is_here(peer)}
    left_out = [item for item in items if peers[item] & missing]
    config.stash[NOT_MET] = {
        peer: sum(peer in peers[item] for item in left_out) for peer in sorted(missing)
    }
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not peers[item] & missing]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Ends with the peers not met; the same list is kept for scripts/test, which ends with it."""
    not_met = config.stash.get(NOT_MET, {})
    lines = [f"peer not met: {peer} (tests left out: {tests})" for peer, tests in not_met.items()]
    if lines:
        terminalreporter.section("peers not met")
        terminalreporter.write_line("\n".join(lines))
    if cache := getattr(config, "cache", None):
        path = cache.mkdir("peers") / "not_met"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
