"""The command line speaks English: what a use case refuses, in words (docs/decisions/0012)."""

from field_api.adapters.refusal_files import shipped_wording
from field_api.saying import Saying


def in_english(problem: Saying) -> str:
    """As its file has it."""
    return shipped_wording().told(problem.said, "en")
