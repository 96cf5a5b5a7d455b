"""The files that come with the program, and a first configuration made from them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from smpp_server.config_checks import is_this_machine

_HERE = Path(__file__).resolve().parent
_STARTERS = ("replies.toml", "rate_card.csv", "numbering.toml")


def conf_dir() -> Path:
    """The directory of the example files: in the installed package, or in the checkout."""
    packaged = _HERE / "conf"
    return packaged if packaged.is_dir() else _HERE.parent / "conf"


def template(
    host: str, system_id: str, password: str, *, port: int = 2775, tls: bool | None = None
) -> str:
    """The commented server.toml with one link's facts written in.

    Write it with mode 600: it holds the password. Without `tls`, a host that is not this machine
    is reached with encryption.
    """
    encrypted = not is_this_machine(host) if tls is None else tls
    text = (conf_dir() / "server.toml").read_text("utf-8")
    written = {
        r"host = .*": f"host = {_quoted(host)}",
        r"port = .*": f"port = {port}",
        r"system_id = .*": f"system_id = {_quoted(system_id)}",
        r"# A password that anybody.*\npublic_password = .*\n": "",
        r"#password = .*": f"password = {_quoted(password)}",
        r"#tls = false": f"tls = {str(encrypted).lower()}",
        r"#replies = .*": 'replies = "replies.toml"',
        r"#numbering = .*": 'numbering = "numbering.toml"',
    }
    for line, instead in written.items():
        text = _replaced(text, line, instead)
    return text


def starter_files(
    host: str, system_id: str, password: str, *, port: int = 2775, tls: bool | None = None
) -> Mapping[str, str]:
    """File name → content of a directory to start from; all of it is the operator's to change."""
    files = {"server.toml": template(host, system_id, password, port=port, tls=tls)}
    for name in _STARTERS:
        files[name] = (conf_dir() / name).read_text("utf-8")
    return MappingProxyType(files)


def _replaced(text: str, line: str, instead: str) -> str:
    found, times = re.subn(f"^{line}", lambda _: instead, text, flags=re.MULTILINE)
    if times != 1:
        raise ValueError(f"conf/server.toml holds {times} lines like {line!r}, not one")
    return found


def _quoted(words: str) -> str:
    """A TOML basic string; JSON writes the same but for DEL."""
    return json.dumps(words, ensure_ascii=False).replace("\x7f", "\\u007f")
