"""What a password must be: long enough, and nothing that a guesser tries first."""

from typing import Final

from field_api.saying import Said

MIN_PASSWORD: Final = 8
MAX_PASSWORD: Final = 200
MIN_DIFFERENT: Final = 5
_COMMON: Final = frozenset({
    "password", "passw0rd", "p@ssw0rd", "password1", "password123", "qwertyui", "qwerty123", "1qaz2wsx",
    "1q2w3e4r", "12345678", "123456789", "1234567890", "87654321", "iloveyou", "sunshine", "football",
    "baseball", "princess", "welcome1", "trustno1", "admin123", "admin1234", "administrator",
    "letmein1", "changeme", "abcd1234", "abc12345", "a1234567", "a12345678", "aa123456", "woaini1314",
    "5201314a", "zaq12wsx", "qazwsxedc", "asdfghjk", "asdf1234", "superman", "dragon123", "dianwang",
    "95598955", "gridcrew", "gridcrew1",
})  # fmt: skip


def password_problem(password: str, username: str) -> Said | None:
    """Why it will not do; None where it will."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return Said("password.length", {"least": MIN_PASSWORD, "most": MAX_PASSWORD})
    low = password.lower()
    if low in _COMMON:
        return Said("password.common")
    if low in {username.lower(), username.lower()[::-1]}:
        return Said("password.is_user_name")
    if len(set(low)) < MIN_DIFFERENT:
        return Said("password.few_characters", {"least": MIN_DIFFERENT})
    return None
