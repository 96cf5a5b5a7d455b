"""`smppd rates`: lists as carriers send them are taken over right, or refused with their lines."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from tests.server.test_cli import smppd
from tests.web.houses import Lodge

THEIRS = "Country;Code;MCCMNC;Rate;Valid from"
COLUMNS = ("price=Rate", "prefix=Code", "mccmnc=MCCMNC", "valid_from=Valid from")


@pytest.fixture
def lodge(tmp_path: Path) -> Iterator[Lodge]:
    lodge = Lodge(tmp_path)
    with lodge.served():
        yield lodge
    lodge.close()


def taken(folder: Path, content: bytes, *words: str) -> Result:
    """`smppd rates import` of a file with this content."""
    (folder / "list.csv").write_bytes(content)
    mapped = [word for pair in COLUMNS for word in ("--map", pair)]
    place = ("--config", folder / "server.toml", "--state-dir", folder / "state")
    return smppd("rates", "import", folder / "list.csv", "--carrier", "main", *mapped, *place,
                 *words)  # fmt: skip


def shown(folder: Path, *words: str) -> str:
    """`smppd rates show`."""
    place = ("--config", folder / "server.toml", "--state-dir", folder / "state")
    result = smppd("rates", "show", *words, *place)
    assert result.exit_code == 0, result.output
    return result.output


FRANCE = f"{THEIRS}\nFrance;33;;0,05;\nRéunion;262;64702;0,13;2026-01-01\n"


@pytest.mark.parametrize(
    "content",
    [
        FRANCE.encode(),
        FRANCE.encode("utf-8-sig"),
        FRANCE.encode("utf-16"),
        FRANCE.encode("cp1252"),
        FRANCE.replace("\n", "\r\n").encode(),
        FRANCE.replace(";", "\t").encode(),
        FRANCE.replace(",", ".").replace(";", ",").encode(),
    ],
)
def test_however_the_file_was_saved(tmp_path: Path, lodge: Lodge, content: bytes) -> None:
    result = taken(tmp_path, content)
    assert result.exit_code == 0, result.output
    assert "3 rows in EUR: 1 new, 1 dearer, 0 cheaper, 12 closed." in result.stdout
    assert "texts that reach us: they cost what they cost until now" in result.stdout
    assert "0.05 EUR  exact" in shown(tmp_path, "+33612340001")
    assert "0.13 EUR  at most" in shown(tmp_path, "+262692123456")
    assert "0.13 EUR  exact" in shown(tmp_path, "+262692123456", "--network", "64702")
    assert "no price: not answered" in shown(tmp_path, "+4915112345678")
    [card] = lodge.get("/status").value["rates"]
    assert (card["source"], card["rows"]) == ("import", 3)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"Country;Code;Price\n", "list.csv:1: column 'rate' is missing"),
        (f"{THEIRS}\nx;33;;0,0000000001;\n".encode(), "list.csv:2: price: 0.0000000001 has more"),
        (f"{THEIRS}\nx;33;;-1;\n".encode(), "list.csv:2: price -1 is below zero"),
        (f"{THEIRS}\nx;33;;1;\nx;33;;2;2026-01-01\n".encode(),
         "list.csv:3: the same destination as line 2, at the same time"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "list.csv: this is not text: save the sheet"),
        (b"\xff\xfeC\x00\xd8", "list.csv: this is not text: save the sheet"),
        (b"", "list.csv:1: the card is empty"),
    ],
)  # fmt: skip
def test_a_bad_list_is_refused_with_its_lines(
    tmp_path: Path, lodge: Lodge, content: bytes, told: str
) -> None:
    result = taken(tmp_path, content)
    assert result.exit_code == 78
    assert told in result.stderr and "nothing was changed" in result.stderr
    assert "0.0495 EUR" in shown(tmp_path, "+33612340001")


def test_many_faults_are_not_all_told(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    Lodge(tmp_path).close()
    result = taken(tmp_path, f"{THEIRS}\n{'x;0;;1;' + chr(10)}{'x;0;;1;' + chr(10)}".encode() * 30)
    assert "more" in result.stderr and result.exit_code == 78


def test_a_jump_needs_confirmation(tmp_path: Path, lodge: Lodge) -> None:
    dear = f"{THEIRS}\nFrance;33;;0,0995;\n".encode()
    result = taken(tmp_path, dear)
    assert result.exit_code == 1
    assert "1 price would move by more than 20 %." in result.stdout
    assert "+101.0 %" in result.stdout
    assert "nothing was changed" in result.stderr
    assert "0.0495 EUR" in shown(tmp_path, "+33612340001")
    assert taken(tmp_path, dear, "--limit", "200", "--dry-run").exit_code == 0
    assert "0.0495 EUR" in shown(tmp_path, "+33612340001")
    assert taken(tmp_path, dear, "--confirm").exit_code == 0
    assert "0.0995 EUR" in shown(tmp_path, "+33612340001")
    again = taken(tmp_path, dear)
    assert again.exit_code == 1 and "this is the price list in force" in again.stderr


def test_a_currency_that_is_not_the_carriers(tmp_path: Path, lodge: Lodge) -> None:
    (tmp_path / "usd.csv").write_text(
        "prefix,direction,price,currency\n33,out,0.05,USD\n33,in,0,USD\n", "utf-8"
    )
    words = ("rates", "import", tmp_path / "usd.csv", "--carrier", "main",
             "--config", tmp_path / "server.toml", "--state-dir", tmp_path / "state")  # fmt: skip
    refused = smppd(*words)
    assert refused.exit_code == 1
    assert "The prices are in USD, those of main are in EUR." in refused.stdout
    confirmed = smppd(*words, "--confirm")
    assert confirmed.exit_code == 1
    assert "USD has no rate of exchange" in confirmed.stderr


def test_what_is_exported_is_imported_again(tmp_path: Path, lodge: Lodge) -> None:
    assert taken(tmp_path, FRANCE.encode()).exit_code == 0
    place = ("--config", tmp_path / "server.toml", "--state-dir", tmp_path / "state")
    out = smppd("rates", "export", "--carrier", "main", *place)
    assert out.stdout.splitlines()[:3] == [
        "prefix,direction,price,currency,country,mcc,mnc,valid_from,valid_to",
        "33,out,0.05,EUR,,,,,",
        "262,out,0.13,EUR,,647,02,2026-01-01,",
    ]
    (tmp_path / "back.csv").write_text(out.stdout, "utf-8")
    back = smppd("rates", "import", tmp_path / "back.csv", "--carrier", "main", *place)
    assert "0 new, 0 dearer, 0 cheaper, 0 closed" in back.stdout
    unknown = smppd("rates", "export", "--carrier", "main", "--version", "1", *place)
    assert "main has no version 1; there are" in unknown.stderr
    version = lodge.config.cards["main"].version
    first = smppd("rates", "export", "--carrier", "main", "--version", version, *place)
    assert "33,out,0.0495,EUR,FR,,,," in first.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("export", "--carrier", "man"), 'there is no carrier "man"; there are main'),
        (("show", "0612340001"), "write the number in international form"),
        (("show", "+33612340001", "--network", "1"), "a network is MCC and MNC"),
    ],
)
def test_mistakes_are_sentences(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    Lodge(tmp_path).close()
    result = smppd("rates", *words, "--config", tmp_path / "server.toml")
    assert result.exit_code == 1 and told in result.stderr


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"what": "begin"},
        {"what": "begin", "digest": "x", "version": "1", "currency": "EUR", "place": "0"},
        {"what": "rows", "digest": "a" * 64, "version": "1", "currency": "EUR", "place": "0"},
        {"what": "valid", "digest": "a" * 64, "version": "1", "currency": "EUR", "place": "-1"},
        {"what": "rows", "digest": "a" * 64, "version": "1", "currency": "EUR", "place": "0",
         "rows": "1,33,out,1,FR,208,01,0"},
    ],
)  # fmt: skip
def test_a_step_that_is_none_is_refused(
    tmp_path: Path, lodge: Lodge, fields: dict[str, str]
) -> None:
    answer = lodge.post("/rates", carrier="main", **fields)
    assert (answer.status, answer.value["error"]) == (
        400, "This is no step of an import of this version.",
    )  # fmt: skip
