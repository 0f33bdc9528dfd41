"""Personal data in what leaves the process (domain facts, section 8)."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from field_api.people.masking import address_area, mask_name, mask_phone, mask_text

PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")


def test_the_published_forms() -> None:
    assert mask_phone("13812345678") == "138****5678"
    assert mask_name("张三丰") == "张*"
    assert (
        mask_text("身份证110101199001011234，电话13812345678。")
        == "身份证1101**********1234，电话138****5678。"
    )
    assert address_area("东河镇一号院3栋201") == "东河镇一号院"


def test_a_number_in_groups_and_with_its_country_is_one() -> None:
    for written in ("138 1234 5678", "138-1234-5678", "+86 13812345678", "8613812345678"):
        assert mask_text(f"电话{written}。") == "电话138****5678。"
    assert (
        mask_text("R-20261122-0001, 0.4 kV, 2026-11-22 13:45") == "R-20261122-0001, 0.4 kV, 2026-11-22 13:45"
    )


def test_what_is_missing_stays_missing() -> None:
    assert (mask_phone(""), mask_name("  "), address_area("")) == ("", "", "")
    assert mask_phone("0312-5551234") == "*********234"


@given(st.text(max_size=40), st.from_regex(r"1[3-9]\d{9}", fullmatch=True), st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_no_phone_survives_in_any_text(before: str, phone: str, after: str) -> None:
    for text in (f"{before}{phone}{after}", f"{before} {phone},{after}"):
        assert not PHONE.search(mask_text(text))
        assert not PHONE.search(address_area(text))
