"""The configuration: what the program gets, passwords, the texts, and a first configuration."""

import pickle
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.budget import PERIODS
from routing.numbering import MoForm
from routing.records import Limits, OutcomeKind
from smpp_server.config import (
    Config,
    Secret,
    Source,
    conf_dir,
    load,
    starter_files,
    stop_form,
    template,
)
from tests.server.configs import BASE, changed, complaints, write

DAY_NS = 86_400_000_000_000


def test_the_example_answers_the_simulator() -> None:
    config = load(conf_dir() / "server.toml")
    link = config.links["main"]
    assert (link.host, link.port, link.interface_version) == ("127.0.0.1", 2775, 0x34)
    assert link.sources == {"main": Source("33644649021", 1, 1)}
    assert config.rules.campaigns["default"].delay_ns == 60 * 60_000_000_000
    assert config.rules.numbers["main"].text_ids == ("fr.N",)
    assert config.rules.money.budgets == {"day": 20_000_000_000}
    assert config.server.state_dir == conf_dir() / "state"
    assert config.warnings == ()


def test_the_bench_profile_has_everything_on_and_out_of_the_way(tmp_path: Path) -> None:
    config = load(conf_dir() / "bench.toml", state_dir=tmp_path)
    link, campaign = config.links["bench"], config.rules.campaigns["default"]
    assert (link.window, link.registered_delivery, config.server.state_dir) == (5000, 0, tmp_path)
    assert (campaign.delay_ns, campaign.spread_ns) == (0, 0)
    assert config.rules.mo_forms == {"bench": MoForm.INTERNATIONAL}
    above = Limits(1_000_000, 1_000_000_000, 1_000_000_000, 1_000_000_000)
    limited = (config.rules.numbers, config.rules.carriers, config.rules.links)
    assert all(table["bench"].limits == above for table in limited)
    assert not config.rules.carriers["bench"].receipts
    rate = config.rates["bench"].price("33612340001", "FR")
    assert rate is not None
    budgets = config.rules.money.budgets
    scopes = ("", "campaign/default/", "number/bench/")
    assert budgets.keys() == {scope + period for scope in scopes for period in PERIODS}
    assert min(budgets.values()) // rate.nanos_per_segment > 10**9 and config.rules.money.last_days


def test_every_key_reaches_what_it_is_for(tmp_path: Path) -> None:
    text = (
        BASE.replace("delay_min = 60", "delay_s = 8\nspread_s = 2\nconfirm_stop = true")
        .replace('links = ["main"]', 'links = ["main"]\nsource = {value="NON", ton=5, npi=0}')
        .replace('"rate_card.csv"', '"rate_card.csv"\naccount_statuses = [0x0410]\n')
        .replace('"us"', '"us"\nbind = "pair"\nmo_format = "national:FR"\nresponse_timeout_s = 7')
    )
    config = load(write(tmp_path, f'[time]\nzone = "Europe/Paris"\n{text}'))
    campaign, link = config.rules.campaigns["default"], config.links["main"]
    assert (campaign.delay_ns, campaign.spread_ns) == (8_000_000_000, 2_000_000_000)
    assert config.rules.numbers["main"].stop_text_id == "fr.STOP"
    assert link.sources["main"] == Source("NON", 5, 0)
    assert link.outcomes == {0x0410: OutcomeKind.ACCOUNT}
    assert (link.bind, link.response_timeout_ns) == ("pair", 7_000_000_000)
    assert config.rules.mo_forms["main"] == MoForm.national("FR")
    assert config.server.zone == "Europe/Paris"
    assert config.rules.retention.epoch_ns == 14 * DAY_NS


NOTHING_SAID = "needs one of password, password_file, password_env, password_credential"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", f"14: link.main: {NOTHING_SAID}"),
        (
            'password = "a"\npassword_env = "B"',
            "14: link.main: holds password and password_env; keep one",
        ),
        ('password_env = "NO"', "18: link.main.password_env: the environment has no NO"),
        (
            'password_file = "no"',
            "18: link.main.password_file: no cannot be read: No such file or directory",
        ),
        (
            'password_file = "open"',
            "18: link.main.password_file: others may read open (mode 644): chmod 600 open",
        ),
        (
            'password_file = "two"',
            "18: link.main.password_file: two must hold the password on one line and nothing else",
        ),
        (
            'password_credential = "../k"',
            "18: link.main.password_credential: write the name of a credential, not a path",
        ),
        (
            'password_credential = "open"',
            "18: link.main.password_credential: everybody may read the credential open: "
            "chmod o= open",
        ),
    ],
)
def test_a_password_that_cannot_be_had(tmp_path: Path, line: str, expected: str) -> None:
    for name, words, mode in (("open", "tiptoe", 0o644), ("two", "tip\ntoe\n", 0o600)):
        (tmp_path / name).write_text(words)
        (tmp_path / name).chmod(mode)
    path = write(tmp_path, changed('password = "tiptoe42"', line))
    assert complaints(path, CREDENTIALS_DIRECTORY=str(tmp_path)) == [f"server.toml:{expected}"]


@pytest.mark.parametrize(
    "key", ["password", "password_file", "password_env", "password_credential"]
)
def test_a_password_from_each_place(tmp_path: Path, key: str) -> None:
    held = tmp_path / "held"
    held.write_text("tiptoe42\n")
    held.chmod(0o440 if key == "password_credential" else 0o400)
    value = "tiptoe42" if key == "password" else "held"
    path = write(tmp_path, changed('password = "tiptoe42"', f'{key} = "{value}"'))
    config = load(path, environ={"held": "tiptoe42", "CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert config.links["main"].password == Secret("tiptoe42")
    assert config.links["main"].password.reveal() == "tiptoe42"
    assert "tiptoe42" not in f"{config!r} {config.links['main'].password}"
    with pytest.raises(TypeError):
        pickle.dumps(config.links["main"].password)


def test_a_file_with_a_password_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = write(tmp_path, BASE)
    path.chmod(0o640)
    assert complaints(path) == [
        "server.toml:18: link.main.password: others may read server.toml (mode 640): "
        "chmod 600 server.toml"
    ]
    path.write_text(changed("password", "public_password"))
    assert load(path).links["main"].password.reveal() == "tiptoe42"
    remote = path.read_text().replace('"127.0.0.1"', '"192.0.2.1"\ntls = true')
    path.write_text(remote)
    assert complaints(path) == [
        "server.toml:19: link.main.public_password: is for this machine only: use password_file "
        "or another of its kind"
    ]


def test_a_long_password_is_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path, changed("tiptoe42", "tiptoe423"))
    [warning] = load(path).warnings
    assert (warning.line, warning.key) == (14, "link.main")
    assert "9 characters, 8 fit" in warning.sentence
    assert "tiptoe" not in str(warning)


def test_tables_nothing_refers_to_are_warnings(tmp_path: Path) -> None:
    spare = '[link.spare]\ncarrier = "main"\nhost = "::1"\nsystem_id = "us"\npassword = "x"\n'
    config = load(write(tmp_path, f"{BASE}\n[campaign.old]\n{spare}"))
    assert [f"{one.line}: {one.key}: {one.sentence}" for one in config.warnings] == [
        "20: campaign.old: nothing uses it",
        "21: link.spare: nothing uses it",
    ]


@pytest.mark.parametrize("host", ["localhost", "127.8.9.1", "::1", "LOCALHOST."])
def test_this_machine_needs_no_encryption(tmp_path: Path, host: str) -> None:
    assert load(write(tmp_path, changed("127.0.0.1", host))).links["main"].host == host


def test_encryption_takes_its_files(tmp_path: Path) -> None:
    for name, mode in (("us.pem", 0o644), ("us.key", 0o600)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    lines = 'tls = true\nclient_certificate = "us.pem"\nprivate_key = "us.key"\nca_directory = "."'
    path = write(tmp_path, changed('"127.0.0.1"', f'"192.0.2.1"\n{lines}'))
    link = load(path).links["main"]
    assert (link.private_key, link.ca_directory) == (tmp_path / "us.key", tmp_path)
    assert link.certificate_name == "192.0.2.1"
    (tmp_path / "us.key").chmod(0o604)
    path.write_text(path.read_text().replace('"us.pem"', '"no.pem"').replace('"."', '"us.pem"'))
    assert complaints(path) == [
        "server.toml:18: link.main.client_certificate: no.pem is not a file",
        "server.toml:19: link.main.private_key: others may read us.key (mode 604): "
        "chmod 600 us.key",
        "server.toml:20: link.main.ca_directory: us.pem is not a directory",
    ]


def test_the_texts_that_come_with_the_program_cost_one_segment_each() -> None:
    rules = load(conf_dir() / "server.toml").rules
    languages = {"fr", "en", "es", "de", "it", "pt", "nl", "ar"}
    assert set(rules.texts) == {
        f"{language}.{variant}" for language in languages for variant in ("A", "N", "STOP")
    } | {"pt.U"}
    assert all(text.segments == 1 for text in rules.texts.values())
    dear = {name for name, text in rules.texts.items() if text.data_coding == 8}
    assert dear == {"ar.A", "ar.N", "ar.STOP", "pt.U"}
    assert {"STOP", "OPT OUT", "ARR\u00caT", "BAJA", "AFMELDEN"} <= rules.stop_words


@pytest.mark.parametrize(
    ("text", "form"),
    [(" stop! ", "STOP"), ("opt   out\n", "OPT OUT"), ("Arr\u00eat...", "ARR\u00caT"), ("?", "")],
)
def test_stop_words_have_one_form(text: str, form: str) -> None:
    assert stop_form(text) == form


def test_bare_decimals_are_exact(tmp_path: Path) -> None:
    config = load(write(tmp_path, changed('"20.00"', "0.100000001")))
    assert config.rules.money.budgets["day"] == 100_000_001


def test_another_price_list_is_another_version(tmp_path: Path) -> None:
    path = write(tmp_path, BASE)
    first, again = load(path).rates["main"].version, load(path).rates["main"].version
    card = tmp_path / "rate_card.csv"
    card.write_text(card.read_text("utf-8").replace("0.0495", "0.0496"), "utf-8")
    assert first == again != load(path).rates["main"].version


def started(folder: Path, host: str, password: str) -> Config:
    """A configuration as `smppd init` leaves it."""
    for name, content in starter_files(host, 'u"s', password, port=3550).items():
        (folder / name).write_text(content, "utf-8")
        (folder / name).chmod(0o600)
    return load(folder / "server.toml", environ={})


def test_a_first_configuration_works_as_written(tmp_path: Path) -> None:
    config = started(tmp_path, "smpp.example.net", 'p"\\\x7f'.replace("\x7f", "w"))
    link = config.links["main"]
    assert (link.host, link.port, link.system_id) == ("smpp.example.net", 3550, 'u"s')
    assert (link.password.reveal(), link.tls) == ('p"\\w', True)
    assert config.server.state_dir == tmp_path / "state"
    assert "tls = false" in template("127.0.0.1", "us", "them")


@given(st.text(st.characters(codec="utf-8"), max_size=8))
def test_any_words_survive_the_template(words: str) -> None:
    made = tomllib.loads(template("localhost", words, words))
    assert made["link"]["main"]["password"] == words == made["link"]["main"]["system_id"]


def test_the_installed_package_has_its_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smpp_server.config_files._HERE", tmp_path)
    assert conf_dir() == tmp_path.parent / "conf"
    (tmp_path / "conf").mkdir()
    assert conf_dir() == tmp_path / "conf"


STAGES = """\
stop_words = ["STOP"]
[text.fr.N]
words = "Non."
[text.fr.A]
words = "Toujours non."
"""


@pytest.mark.parametrize(
    ("campaign", "number", "texts"),
    [
        ("", "", ("fr.N",)),
        ("", 'text = "fr.A"', ("fr.A",)),
        ('texts = ["fr.N", "fr.A"]\nmax_replies = 2', "", ("fr.N", "fr.A")),
        ('texts = ["fr.N", "fr.A"]', 'text = "fr.A"', ("fr.A",)),
        ("max_replies = 2", 'texts = ["fr.A", "fr.N"]', ("fr.A", "fr.N")),
        ('max_replies = 9\nafter_last_text = "repeat the last text"', "", ("fr.N",)),
    ],
)
def test_the_texts_of_the_replies_of_a_claim(
    tmp_path: Path, campaign: str, number: str, texts: tuple[str, ...]
) -> None:
    text = changed("delay_min = 60", f"delay_min = 60\n{campaign}")
    text = text.replace('links = ["main"]', f'links = ["main"]\n{number}')
    assert load(write(tmp_path, text, STAGES)).rules.numbers["main"].text_ids == texts


@pytest.mark.parametrize(
    ("campaign", "number", "fault"),
    [
        (
            "max_replies = 2",
            "",
            "server.toml:7: campaign.default.max_replies: is above the number of texts: 1 text is"
            ' written for number "main". Lower it, write more texts, or set after_last_text ='
            ' "repeat the last text"',
        ),
        (
            'max_replies = 3\ntexts = ["fr.N", "fr.A"]',
            "",
            "server.toml:7: campaign.default.max_replies: is above the number of texts: 2 texts"
            ' are written for number "main". Lower it, write more texts, or set after_last_text ='
            ' "repeat the last text"',
        ),
        (
            'texts = ["fr.B"]',
            "",
            'server.toml:7: campaign.default.texts: there is no text "fr.B", did you mean "fr.N"?',
        ),
        (
            "",
            'text = "fr.N"\ntexts = ["fr.A"]',
            "server.toml:13: number.main.texts: text and texts are the same thing; keep one",
        ),
    ],
)
def test_texts_that_do_not_suffice_are_refused(
    tmp_path: Path, campaign: str, number: str, fault: str
) -> None:
    text = changed("delay_min = 60", f"delay_min = 60\n{campaign}")
    text = text.replace('links = ["main"]', f'links = ["main"]\n{number}')
    assert complaints(write(tmp_path, text, STAGES)) == [fault]
