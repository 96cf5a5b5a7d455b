"""conf/simulator.toml: every key stands there, and every fault is told with its line and cure."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from smpp_server.config import ConfigError, conf_dir
from smpp_server.config_faults import keys_at
from smpp_server.config_simulator import OPEN_WORDS, SimulatorFile, load_simulator
from smpp_server.smsc_crowd import SHAPES
from smpp_server.smsc_noise import NOISE

TEXT = (conf_dir() / "simulator.toml").read_text("utf-8")
WHOLE = re.sub(r"^#(?=\w+ = |\[)", "", TEXT, flags=re.MULTILINE)
EXAMPLES = {  # keys without a default, or with an empty one: what the file shows instead
    "smsc.open_to_network", "smsc.certificate", "smsc.private_key",
    "invoice.prices", "invoice.opt_out_clause", "invoice.cdr", "invoice.summary",
}  # fmt: skip


def tables(content: Mapping[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    """Path → table; accounts and crowds have names."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for kind, table in content.items():
        named = all(isinstance(value, dict) for value in table.values())
        for name, values in table.items() if named else [("", table)]:
            found[(kind, name) if name else (kind,)] = values
    return found


def test_every_key_stands_in_the_example_and_the_reverse() -> None:
    shown = tables(tomllib.loads(WHOLE))
    assert {path[0] for path in shown} == set(keys_at(SimulatorFile, ()))
    for path, content in shown.items():
        assert sorted(content) == sorted(keys_at(SimulatorFile, path)), path


def test_keys_commented_out_show_their_defaults() -> None:
    bare = SimulatorFile.model_validate(tomllib.loads(TEXT)).model_dump()
    whole = SimulatorFile.model_validate(tomllib.loads(WHOLE)).model_dump()
    for path, content in tables(whole).items():
        if path[0] == "crowd":
            continue
        for key, value in content.items():
            if ".".join((*path, key)) not in EXAMPLES:
                default = tables(bare)[path][key]
                assert value == default, (*path, key)


def test_every_kind_and_shape_is_named() -> None:
    for name in (*NOISE, *SHAPES):
        assert re.search(rf"\b{name}\b", TEXT), name


def test_the_example_can_be_played() -> None:
    plan = load_simulator(conf_dir() / "simulator.toml")
    assert plan.file.account["main"].system_id == "simulator"
    assert plan.prices.outbound("33612345678") is not None


ACCOUNT = '[account.main]\nsystem_id = "a"\npassword = "b"\n'
FAULTY = """\
[smcs]
[smsc]
prot = 2775
interface = "0.0.0.0"
certificate = "none.pem"
[account.main]
system_id = "a"
password = "b"
numbers = ["33644649021"]
[account.twin]
system_id = "a"
password = 5
numbers = ["33644649021"]
[invoice]
zone = "Europe/Pari"
prices = "prices.csv"
opt_out_clause = "arrêt"
bill_on = "never"
[responses]
latency = "uniform"
latency_ms = 20
latency_max_ms = 10
lost_percent = 101
[receipts]
dialects = ["appendix-c"]
[noise]
kinds = ["outband"]
[crowd.x]
shape = "wawe"
to = "33644649022"
"""


def test_all_faults_at_once(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(FAULTY, "utf-8")
    (tmp_path / "prices.csv").write_text("out,33,France\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_simulator(path)
    told = [str(fault).removeprefix(str(path)) for fault in caught.value.faults]
    assert told == [
        ':1: smcs: unknown key, did you mean "smsc"?',
        ':3: smsc.prot: unknown key, did you mean "port"?',
        f':4: smsc.interface: other machines could bind: say open_to_network = "{OPEN_WORDS}"',
        f":5: smsc.certificate: {tmp_path / 'none.pem'} is not a file",
        ":5: smsc.certificate: needs private_key",
        ":12: account.twin.password: must be text in quotes",
        ':15: invoice.zone: there is no time zone "Europe/Pari", did you mean "Europe/Paris"?',
        f":16: invoice.prices: {tmp_path / 'prices.csv'}, line 1: "
        "expected out|in,prefix,label,price",
        ":17: invoice.opt_out_clause: 'ê' cannot be appended in every alphabet: letters, digits "
        "and plain signs",
        ":18: invoice.bill_on: must be 'submit' or 'delivery'",
        ":22: responses.latency_max_ms: must not be below latency_ms, where latency is not fixed",
        ":23: responses.lost_percent: must be 100 or less",
        ':25: receipts.dialects.0: there is no "appendix-c", did you mean "appendix-b"?',
        ':27: noise.kinds.0: there is no "outband", did you mean "outbind"?',
        ":29: crowd.x.shape: must be 'steady', 'wave', 'flood', 'raid', 'strangers', 'robots', "
        "'long' or 'stop'",
    ]


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("", "account: is missing"),
        ("[account]", "account: must not be empty"),
        (ACCOUNT + '[account.b]\nsystem_id = "a"\npassword = "b"', 'is that of account "main" too'),
        (
            ACCOUNT
            + 'numbers = ["336"]\n[account.b]\nsystem_id = "c"\npassword = "b"\nnumbers = ["336"]',
            '336 belongs to account "main" already',
        ),
        (
            ACCOUNT + 'numbers = ["33644649021"]\n[crowd.x]\nshape = "raid"\nto = "33644649022"',
            'no account has the number 33644649022, did you mean "33644649021"?',
        ),
        (ACCOUNT + '[smsc]\nopen_to_network = "yes"', f'the words are "{OPEN_WORDS}"'),
        (ACCOUNT + '[invoice]\nprices = "none.csv"', "none.csv cannot be read: No such file"),
        (ACCOUNT + "[noise]\nkinds = []", "noise.kinds: must not be empty"),
        (ACCOUNT + '[crowd.x]\nshape = "raid"\nto = "1234"\nprefix = "+33"', "write the first 1"),
    ],
)
def test_faults(tmp_path: Path, lines: str, fault: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(lines, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_simulator(path)
    assert fault in str(caught.value)


def test_the_network_is_opened_by_words(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(
        f'{ACCOUNT}[smsc]\ninterface = "0.0.0.0"\nopen_to_network = "{OPEN_WORDS}"', "utf-8"
    )
    assert load_simulator(path).file.smsc.interface == "0.0.0.0"
