"""Personal data as lists, logs, notices and exports may show it: 138****5678, 张*, 1101**********1234."""

import re
from collections.abc import Mapping
from typing import Any, Final

_PHONE: Final = re.compile(r"(?<!\d)(?:\+?86[ -]?)?(1[3-9]\d)[ -]?\d{4}[ -]?(\d{4})(?!\d)")
"""Of a mobile, as people write it: with or without the country, in one or in groups."""
_IDENTITY: Final = re.compile(r"(?<!\d)(\d{4})\d{10}(\d{3}[\dXx])(?!\d)")
_HOUSE_NUMBER: Final = re.compile(r"\s*[0-9０-９].*$", re.DOTALL)
_SHOWN_DIGITS: Final = 3


def mask_phone(phone: str) -> str:
    """A mobile number keeps three and four digits; any other number its last ``3``; '' stays ''."""
    if _PHONE.fullmatch(phone):
        return _PHONE.sub(r"\1****\2", phone)
    return "*" * max(0, len(phone) - _SHOWN_DIGITS) + phone[-_SHOWN_DIGITS:] if phone else ""


def mask_name(name: str) -> str:
    """The family name's first character and a star; '' stays ''."""
    stripped = name.strip()
    return f"{stripped[0]}*" if stripped else ""


def mask_text(text: str) -> str:
    """Free text without mobile numbers and identity-card numbers."""
    return _IDENTITY.sub(r"\1**********\2", _PHONE.sub(r"\1****\2", text))


def mask_words(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    """A JSON value with every text in it masked; keys stay."""
    match value:
        case str():
            return mask_text(value)
        case Mapping():
            return {key: mask_words(inner) for key, inner in value.items()}
        case list() | tuple():
            return [mask_words(inner) for inner in value]
        case _:
            return value


def address_area(address: str) -> str:
    """The address up to its first number: the street or village, not the door."""
    return mask_text(_HOUSE_NUMBER.sub("", address))
