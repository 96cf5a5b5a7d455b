"""What a user installs: the wheel's contents, and its command in an environment of its own."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOT_SOURCE = (".*", "build", "dist", "node_modules", "*.egg-info", "__pycache__")

pytestmark = pytest.mark.slow


def run(*words: object, cwd: Path) -> str:
    """What the command prints; fails with its words when its status is not 0."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, built from a copy: as a release is."""
    place = tmp_path_factory.mktemp("wheel")
    tree = shutil.copytree(ROOT, place / "tree", ignore=shutil.ignore_patterns(*NOT_SOURCE))
    run(
        sys.executable, "-m", "build", "--no-isolation", "--outdir", place / "dist", tree, cwd=place
    )
    (built,) = (place / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the commands of an environment that holds the wheel and what it asks for."""
    place = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", place, cwd=place)
    pip = (place / "bin/python", "-m", "pip", "install", "--quiet", "--no-input")
    run(*pip, "--constraint", ROOT / "constraints.txt", wheel, cwd=place)
    return place / "bin"


def sources(top: str, pattern: str) -> set[str]:
    """Files below `top` in this checkout, by their path from the root."""
    paths = (path.relative_to(ROOT) for path in (ROOT / top).rglob(pattern) if path.is_file())
    return {path.as_posix() for path in paths if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_packages_their_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    code = sources("smpp_server", "*.py") | sources("routing", "*.py")
    data = sources("smpp_server", "*.sql") | {"smpp_server/py.typed", "routing/py.typed"}
    conf = {f"smpp_server/{name}" for name in sources("conf", "*")}
    assert held == code | data | conf


def test_the_command_of_the_wheel_makes_a_configuration(installed: Path, tmp_path: Path) -> None:
    run(installed / "smppd", "init", tmp_path / "conf", cwd=tmp_path)
    assert (tmp_path / "conf" / "server.toml").is_file()


def test_the_command_of_the_wheel_plays_the_demo(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "smppd", "demo", cwd=tmp_path)
