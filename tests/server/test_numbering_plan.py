"""The compiled plan against libphonenumber itself, and conf/numbering.toml's own words."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.numbering import MoForm, Plan, Reading
from smpp_server.numbering_plan import PlanError, _Country, compile_plan, read_plan

CONF = Path(__file__).parents[2] / "conf" / "numbering.toml"
DATA = tomllib.loads(CONF.read_text("utf-8"))
PLAN = read_plan(CONF)
BARE = compile_plan({**DATA, "never": []})
AUTO, FRENCH = MoForm.AUTO, MoForm.national("FR")
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
TYPE = phonenumbers.PhoneNumberType
HANDSETS = {TYPE.MOBILE, TYPE.FIXED_LINE_OR_MOBILE}


def expected(digits: str) -> Reading:
    """What libphonenumber itself says of an international number."""
    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return Reading("", "", "unreadable")
    region = phonenumbers.region_code_for_number(number) or ""
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_valid_number(number) or written != "+" + digits:
        return Reading("", "", "unreadable")
    fault = None if phonenumbers.number_type(number) in HANDSETS else "never"
    return Reading(digits, region, fault)


@pytest.mark.parametrize("region", REGIONS)
def test_every_country_s_example_numbers(region: str) -> None:
    for kind in (TYPE.MOBILE, TYPE.FIXED_LINE, TYPE.PREMIUM_RATE, TYPE.TOLL_FREE, TYPE.VOIP):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is not None:
            written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            if len(written) > 7:
                assert BARE.read(written, 1, AUTO) == expected(written[1:])


@given(st.sampled_from(sorted(BARE.zones)), st.text("0123456789", max_size=11))
def test_any_number_reads_as_libphonenumber_reads_it(prefix: str, tail: str) -> None:
    digits = prefix + tail
    if digits.startswith(tuple(DATA["never_codes"])) or not 7 <= len(digits) <= 15:
        return
    assert BARE.read(digits, 1, AUTO) == expected(digits)


@pytest.mark.parametrize(
    ("address", "msisdn", "country", "fault"),
    [
        ("0612340001", "33612340001", "FR", None),
        ("0712340001", "", "", "unreadable"),  # 0712 is not given out
        ("0756123456", "33756123456", "FR", None),
        ("0690001234", "590690001234", "GP", None),
        ("0694201234", "594694201234", "GF", None),
        ("0696201234", "596696201234", "MQ", None),
        ("0692123456", "262692123456", "RE", None),
        ("0639012345", "262639012345", "YT", None),
        ("0145678901", "33145678901", "FR", "never"),
        ("0561234567", "33561234567", "FR", "never"),
        ("+33801234567", "33801234567", "FR", "never"),
        ("+33891123456", "33891123456", "FR", "never"),
        ("0801234567", "", "", "unreadable"),  # one freephone number in several plans
        ("0937123456", "33937123456", "FR", "never"),  # the range of automatic services
        ("0639980001", "", "", "unreadable"),  # kept for fiction
    ],
)
def test_french_national_numbers(
    address: str, msisdn: str, country: str, fault: str | None
) -> None:
    for ton, form in ((2, AUTO), (0, FRENCH), (0, AUTO)):
        assert PLAN.read(address, ton, form) == Reading(msisdn, country, fault)


@pytest.mark.parametrize(
    ("msisdn", "country"),
    [
        ("12125551234", "US"), ("14165551234", "CA"), ("18765551234", "JM"), ("14415551234", ""),
        ("14413701234", "BM"), ("17872345678", "PR"), ("77012345678", "KZ"), ("79123456789", "RU"),
        ("447781123456", "GG"),
    ],
)  # fmt: skip
def test_countries_that_share_a_code(msisdn: str, country: str) -> None:
    assert PLAN.country_of(msisdn) == country


@pytest.mark.parametrize(
    "msisdn",
    ["12129761234", "12125550123", "17378742833", "447700900123", "4917139200123", "19002345678"],
)
def test_what_the_file_forbids(msisdn: str) -> None:
    assert PLAN.read(msisdn, 1, AUTO).fault in ("never", "unreadable")


@pytest.mark.parametrize("msisdn", ["12129771234", "12125551234", "17378742834", "26658123456"])
def test_what_stands_beside_it_stays_open(msisdn: str) -> None:
    assert PLAN.read(msisdn, 1, AUTO).fault is None


def test_codes_of_no_country_are_never_answered() -> None:
    known = {
        str(code)
        for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
        if regions == (phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY,)
    }
    assert known <= set(DATA["never_codes"])
    for code in DATA["never_codes"]:
        assert PLAN.read(f"{code}12345678", 1, AUTO) == Reading(f"{code}12345678", "", "never")


def test_overseas_codes_are_those_of_french_plans() -> None:
    regions = ("GP", "BL", "MF", "GF", "MQ", "RE", "YT", "PM")
    codes = {str(phonenumbers.country_code_for_region(region)) for region in regions}
    assert set(DATA["overseas"]["FR"]) == codes


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"home": "France"}, "home = 'France'"),
        ({"home": 33}, "home = 33"),
        ({"home": []}, "home = []"),
        ({"colour": 1}, "'colour' is not a key"),
        ({"never": "33"}, "never must be a list"),
        ({"never": [33]}, "never: 33 must be"),
        ({"never": ["?33"]}, "never: '?33' must be"),
        ({"never_codes": ["8?"]}, "never_codes: '8?' must be"),
        ({"overseas": []}, "overseas must be a table"),
        ({"overseas": {"ZZ": ["590"]}}, "overseas.ZZ must be a country"),
        ({"overseas": {"FR": "590"}}, "overseas.FR must be a list"),
    ],
)
def test_faults_of_the_file(change: Mapping[str, object], told: str) -> None:
    with pytest.raises(PlanError) as caught:
        compile_plan({**DATA, **change})
    assert str(caught.value).count("\n") == 0
    assert told in str(caught.value)


def test_a_missing_key_and_broken_toml(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="'home' is missing"):
        compile_plan({key: value for key, value in DATA.items() if key != "home"})
    (tmp_path / "numbering.toml").write_text("home = FR")
    with pytest.raises(PlanError, match=r"numbering\.toml: Invalid value"):
        read_plan(tmp_path / "numbering.toml")


def test_no_french_handset_is_lost_to_an_overseas_plan() -> None:
    read = 0
    for block in range(60000, 80000, 7):
        reading = PLAN.read(f"33{block}0001", 1, AUTO)
        if reading.msisdn:
            read += 1
            assert PLAN.read(f"0{block}0001", 2, FRENCH) == reading
    assert read > 1000


def test_a_pattern_of_an_unknown_kind_stops_the_start() -> None:
    with pytest.raises(PlanError, match=r"a pattern of \+33 is of an unknown kind"):
        _Country("33", ("FR",))._pattern("(?!0)[0-9]+", frozenset())


def test_the_same_file_gives_the_same_plan() -> None:
    assert read_plan(CONF) == PLAN
    assert isinstance(PLAN, Plan)
