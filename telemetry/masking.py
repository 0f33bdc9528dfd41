"""Personal numbers in any text made unreadable: telephone 138****5678, identity card 110***********1234."""

import re
from typing import Final

_PHONE: Final = re.compile(r"(?<![0-9A-Za-z])(1[3-9]\d)\d{4}(\d{4})(?![0-9A-Za-z])")
_IDENTITY: Final = re.compile(r"(?<![0-9A-Za-z])(\d{3})\d{11}(\d{3}[\dXx])(?![0-9A-Za-z])")


def masked(text: str) -> str:
    """The text with telephone numbers (11 digits) and identity numbers (18) masked."""
    return _IDENTITY.sub(r"\1***********\2", _PHONE.sub(r"\1****\2", text))
