"""Which language a request speaks, and what is refused in its words (docs/decisions/0012)."""

from typing import Final

from flask import Request

from field_api.adapters.refusal_files import shipped_wording
from field_api.saying import Language, Said, in_all, preferred, recalled

CONTENT_LANGUAGE: Final = {"zh": "zh-CN", "en": "en"}


def language_of(request: Request) -> Language:
    """By its Accept-Language; Chinese where it does not prefer English."""
    return preferred(request.accept_languages)


def told(said: Said, language: Language) -> str:
    """The sentence that people read."""
    return shipped_wording().told(said, language)


def told_in_all(code: str) -> dict[Language, str]:
    """In every language: for somebody at the telephone, whose language only the other end knows."""
    return in_all(lambda language: told(Said(code), language))


def told_again(text: str, language: Language) -> str:
    """What was stored of a refusal; '' where nothing was refused."""
    return told(recalled(text), language) if text else ""
