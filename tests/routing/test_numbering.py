"""Reading senders with a plan of a few countries, small enough to see whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.numbering import NEVER, Home, Mark, MoForm, Plan, Reading


def lengths(country: str, *digits: int, fault: str | None = None) -> dict[int, Mark]:
    return {count: Mark(country, fault) for count in digits}


PLAN = Plan.of(
    zones={
        "336": lengths("FR", 11),
        "337": lengths("FR", 11),
        "33690": {},  # a hole: Guadeloupe is not behind +33
        "331": lengths("FR", 11, fault=NEVER),
        "590690": lengths("GP", 12),
        "1212": lengths("US", 11),
        "1212976": lengths("US", 11, fault=NEVER),
        "1441": lengths("BM", 11),
        "393": lengths("IT", 11, 12),
        "6466": lengths("NZ", 10, 11),
        "888": lengths("", *range(7, 16), fault=NEVER),
    },
    homes={
        "FR": Home("0", ("33", "590")),
        "US": Home("1", ("1",)),
        "IT": Home("", ("39",)),
        "NZ": Home("0", ("64",)),
        "RU": Home("8", ("7",)),
    },
    home="FR",
)
INTERNATIONAL, AUTO = MoForm.INTERNATIONAL, MoForm.AUTO
FRENCH, ITALIAN, AMERICAN = map(MoForm.national, ("FR", "IT", "US"))
PARIS_HANDSET = Reading("33612340001", "FR", None)


@pytest.mark.parametrize(
    ("address", "ton", "form", "reading"),
    [
        # TON 1, international (SMPP 3.4 section 5.2.5), whatever the link's form
        ("33612340001", 1, FRENCH, PARIS_HANDSET),
        ("+33612340001", 1, INTERNATIONAL, PARIS_HANDSET),
        ("0033612340001", 1, INTERNATIONAL, PARIS_HANDSET),
        ("14412345678", 1, AUTO, Reading("14412345678", "BM", None)),
        ("393123456789", 1, AUTO, Reading("393123456789", "IT", None)),
        # TON 2, national: of the link's country, else of the home country
        ("0612340001", 2, FRENCH, PARIS_HANDSET),
        ("612340001", 2, FRENCH, PARIS_HANDSET),
        ("0612340001", 2, INTERNATIONAL, PARIS_HANDSET),
        ("0690123456", 2, FRENCH, Reading("590690123456", "GP", None)),
        ("2125551234", 2, AMERICAN, Reading("12125551234", "US", None)),
        ("12125551234", 2, AMERICAN, Reading("12125551234", "US", None)),
        ("3123456789", 2, ITALIAN, Reading("393123456789", "IT", None)),
        ("+393123456789", 2, FRENCH, Reading("393123456789", "IT", None)),
        # TON 0, unknown: as the link writes
        ("33612340001", 0, INTERNATIONAL, PARIS_HANDSET),
        ("0612340001", 0, FRENCH, PARIS_HANDSET),
        ("+33612340001", 0, FRENCH, PARIS_HANDSET),
        ("0033612340001", 0, FRENCH, PARIS_HANDSET),
        ("33612340001", 0, AUTO, PARIS_HANDSET),
        ("0612340001", 0, AUTO, PARIS_HANDSET),
    ],
)
def test_numbers_that_may_be_answered(
    address: str, ton: int, form: MoForm, reading: Reading
) -> None:
    assert PLAN.read(address, ton, form) == reading


@pytest.mark.parametrize(
    ("address", "ton", "form", "fault"),
    [
        ("", 1, AUTO, "none"),
        ("+", 0, AUTO, "none"),
        ("33612340001", 5, AUTO, "alphanumeric"),
        ("Orange", 5, AUTO, "alphanumeric"),
        ("Orange", 1, AUTO, "alphanumeric"),
        ("anonymous", 0, AUTO, "alphanumeric"),
        ("33612340001", 3, AUTO, "network"),
        ("38200", 6, AUTO, "network"),
        ("38200", 0, AUTO, "short"),
        ("118218", 2, FRENCH, "short"),
        ("00336", 1, AUTO, "short"),
        ("33 612340001", 1, AUTO, "unreadable"),
        ("٣٣٦١٢٣٤٠٠٠١", 1, AUTO, "unreadable"),
        ("3361234000", 1, AUTO, "unreadable"),  # a digit is missing
        ("33690123456", 1, AUTO, "unreadable"),  # Guadeloupe is not behind +33
        ("0612340001", 1, AUTO, "unreadable"),  # national digits called international
        ("0612340001", 0, INTERNATIONAL, "unreadable"),
        ("33612340001", 2, FRENCH, "unreadable"),
        ("33612340001", 0, FRENCH, "unreadable"),
        ("33612340001", 4, AUTO, "unreadable"),  # subscriber number: of which exchange?
        ("89123456789", 2, MoForm.national("RU"), "unreadable"),
        ("0612340001", 2, MoForm.national("XX"), "unreadable"),
        ("999612340001", 1, AUTO, "unreadable"),
    ],
)
def test_numbers_that_are_not_answered(address: str, ton: int, form: MoForm, fault: str) -> None:
    assert PLAN.read(address, ton, form) == Reading("", "", fault)


@pytest.mark.parametrize(
    ("address", "ton", "msisdn", "country"),
    [
        ("33145678901", 1, "33145678901", "FR"),  # a landline
        ("0145678901", 2, "33145678901", "FR"),
        ("12129761234", 1, "12129761234", "US"),  # premium within a longer prefix
        ("88812345678", 1, "88812345678", ""),
    ],
)
def test_never_is_read_and_told(address: str, ton: int, msisdn: str, country: str) -> None:
    assert PLAN.read(address, ton, FRENCH) == Reading(msisdn, country, "never")


def test_auto_refuses_a_number_with_two_readings() -> None:
    american = Plan.of(PLAN.zones, PLAN.homes, "US")
    as_new_zealand = Plan.of({**PLAN.zones, "1646": lengths("US", 11)}, PLAN.homes, "US")
    assert american.read("6466926614", 0, AUTO) == Reading("6466926614", "NZ", None)
    assert as_new_zealand.read("6466926614", 0, AUTO) == Reading("", "", "unreadable")
    assert as_new_zealand.read("6466926614", 2, AUTO) == Reading("16466926614", "US", None)


@pytest.mark.parametrize(
    ("msisdn", "country"),
    [("33612340001", "FR"), ("590690123456", "GP"), ("3361", ""), ("", ""), ("999", "")],
)
def test_country_of(msisdn: str, country: str) -> None:
    assert PLAN.country_of(msisdn) == country


@given(
    st.dictionaries(
        st.text("12", min_size=2, max_size=7),
        st.sampled_from([{}, lengths("FR", 7, 8), lengths("US", 8, 9), lengths("IT", 7, 9)]),
        max_size=12,
    ),
    st.text("12", min_size=7, max_size=9),
)
def test_the_longest_prefix_decides(zones: dict[str, dict[int, Mark]], number: str) -> None:
    prefix = max((one for one in zones if number.startswith(one)), key=len, default="")
    mark = zones.get(prefix, {}).get(len(number))
    plan = Plan.of(zones, PLAN.homes, "FR")
    assert plan.country_of(number) == (mark.country if mark else "")


@given(st.text(), st.integers(0, 255), st.sampled_from([INTERNATIONAL, AUTO, FRENCH]))
def test_any_text_is_read(address: str, ton: int, form: MoForm) -> None:
    reading = PLAN.read(address, ton, form)
    if reading.fault in (None, "never"):
        assert reading.msisdn.isascii() and reading.msisdn.isdigit()
    else:
        assert reading.msisdn == ""


@given(st.from_regex(r"\+?0?0?(336|331|590690|1212|393|6466|888)?[0-9]{5,10}", fullmatch=True))
def test_a_number_read_once_reads_the_same_again(address: str) -> None:
    """Whatever was understood, its international form means the same number."""
    for ton, form in ((0, AUTO), (2, FRENCH), (1, AUTO)):
        reading = PLAN.read(address, ton, form)
        if reading.msisdn:
            for again in (reading.msisdn, "+" + reading.msisdn, "00" + reading.msisdn):
                assert PLAN.read(again, 1, FRENCH) == reading


@given(st.integers(600_000_000, 799_999_999))
def test_national_and_international_form_are_one_number(subscriber: int) -> None:
    code = "590" if str(subscriber).startswith("690") else "33"
    reading = PLAN.read(f"{code}{subscriber}", 1, FRENCH)
    assert reading.fault is None
    for form in (FRENCH, AUTO):
        assert PLAN.read(f"0{subscriber}", 0, form) == reading
    assert PLAN.read(f"0{subscriber}", 2, INTERNATIONAL) == reading


@pytest.mark.parametrize(
    ("text", "form"), [("international", INTERNATIONAL), ("auto", AUTO), ("national:FR", FRENCH)]
)
def test_forms(text: str, form: MoForm) -> None:
    assert MoForm.parse(text) == form


@pytest.mark.parametrize("text", ["", "national", "national:fr", "national:FRA", "Auto", "auto "])
def test_forms_we_do_not_know(text: str) -> None:
    with pytest.raises(ValueError, match="national:FR"):
        MoForm.parse(text)


def test_tables_are_checked() -> None:
    with pytest.raises(ValueError, match="home country 'XX'"):
        Plan.of(PLAN.zones, PLAN.homes, "XX")
    with pytest.raises(ValueError, match="shorter than 2 digits"):
        Plan.of({"7": lengths("RU", 11)}, PLAN.homes, "FR")
