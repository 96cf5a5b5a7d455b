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


# Keys whose name and unit say all there is to say.
PLAIN = """
    budget_hour budget_day budget_month budget_total monthly_fee minimum_month
    carrier host port system_id system_type service_type campaign language currency attempts
    max_replies drain_s first_min last_min spread_min delay_s spread_s downtime_max_days
    addr_ton addr_npi segments_per_hour segments_per_day segments_per_month
    contacts_per_hour contacts_per_day within_s most connect_timeout_s bind_timeout_s
    unbind_timeout_s ca_directory certificate_name client_certificate private_key
    password_file password_env to
    retry_statuses session_statuses account_statuses refused_statuses
""".split()


def test_every_other_key_is_explained_on_the_line_above() -> None:
    above = ""
    for line in TEXT.splitlines():
        key = re.match(r"#?(\w+) = ", line)
        if key is not None and key[1] not in PLAIN:
            assert above.startswith("# "), line
        above = line
