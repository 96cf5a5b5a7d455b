"""conf/server.toml shows every key there is, at its true default, and no other."""

import re
import tomllib
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from smpp_server.config import conf_dir
from smpp_server.config_faults import keys_at
from smpp_server.config_model import ServerFile

TEXT = (conf_dir() / "server.toml").read_text("utf-8")
KEY = re.compile(r"^#(?=\w+ = )", re.MULTILINE)


def flat(data: dict[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Path → value; the names that operators choose stay in the paths."""
    found: dict[tuple[str, ...], Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            found |= flat(value, (*path, key))
        else:
            found[(*path, key)] = value
    return found


def documented() -> dict[str, Any]:
    """The file with every key that is commented out brought back."""
    return tomllib.loads(KEY.sub("", TEXT), parse_float=Decimal)


def tables() -> dict[tuple[str, ...], dict[str, Any]]:
    """Path of each table → its content, names included."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for kind, content in documented().items():
        named = all(isinstance(value, dict) for value in content.values())
        for name, table in content.items() if named else [("", content)]:
            found[(kind, name) if name else (kind,)] = table
    return found


def test_every_key_stands_in_the_example_and_the_reverse() -> None:
    assert {path[0] for path in tables()} == set(keys_at(ServerFile, ()))
    for path, content in tables().items():
        assert sorted(content) == sorted(keys_at(ServerFile, path)), path
    source = tables()[("number", "main")]["source"]
    assert sorted(source) == sorted(keys_at(ServerFile, ("number", "main", "source")))


def test_every_value_shown_is_a_lawful_one() -> None:
    content = documented()
    assert isinstance(ServerFile.model_validate(content), BaseModel)


def test_keys_commented_out_show_their_defaults() -> None:
    """A key without a default, or with an empty one, shows an example instead."""
    written = flat(tomllib.loads(TEXT))
    model = ServerFile.model_validate(tomllib.loads(TEXT))
    defaults = flat(model.model_dump())
    for path, shown in flat(ServerFile.model_validate(documented()).model_dump()).items():
        default = defaults.get(path)
        if path not in written and default not in (None, "", []):
            assert shown == default, path


def test_every_key_is_explained() -> None:
    """Each run of keys begins under a comment, unless its unit and its name say it all."""
    plain = re.compile(r"_s = |_min = |^(#?)(carrier|host|port|system_id|system_type|service_type|"
                       r"campaign|language|currency|attempts|tps_|segments_|max_replies|spread)")  # fmt: skip
    above = ""
    for line in TEXT.splitlines():
        is_key = re.match(r"#?\w+ = ", line) is not None
        if is_key and not plain.search(line):
            assert above.startswith("#"), line
        above = line
