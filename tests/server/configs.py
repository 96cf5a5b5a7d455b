"""A small configuration that works, and ways to break it."""

from pathlib import Path

import pytest

from smpp_server.config import ConfigError, conf_dir, load

BASE = """\
[money]
budget_day = "20.00"

[campaign.default]
delay_min = 60

[number.main]
msisdn = "33937000001"
links = ["main"]

[carrier.main]
rate_card = "rate_card.csv"

[link.main]
carrier = "main"
host = "127.0.0.1"
system_id = "us"
password = "tiptoe42"
"""
REPLIES = """\
stop_words = ["STOP"]
[text.fr.N]
words = "Non."
"""


def write(folder: Path, text: str, replies: str | None = None) -> Path:
    """A directory as an operator would have it."""
    (folder / "rate_card.csv").write_bytes((conf_dir() / "rate_card.csv").read_bytes())
    if replies is not None:
        text = f'server.replies = "replies.toml"\n{text}'
        (folder / "replies.toml").write_text(replies, "utf-8")
    path = folder / "server.toml"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return path


def changed(old: str, new: str) -> str:
    """The base file with one line changed."""
    assert BASE.count(old) == 1, old
    return BASE.replace(old, new)


def complaints(path: Path, **environ: str) -> list[str]:
    """The faults as printed, with the directory taken off."""
    with pytest.raises(ConfigError) as caught:
        load(path, environ=environ)
    return [str(fault).replace(f"{path.parent}/", "") for fault in caught.value.faults]
