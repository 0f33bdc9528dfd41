"""The texts of what is refused, from ``refusal_texts/*.toml``: read once, checked when read."""

import string
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from field_api.saying import LANGUAGES, Sentence, Wording

TERMS: Final = "terms"


@cache
def shipped_wording() -> Wording:
    """Every text of the installation; raises ValueError naming the file's entry that is not complete."""
    files = resources.files("field_api.refusal_texts").iterdir()
    read = {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
        for file in files
        if file.name.endswith(".toml")
    }
    terms = read.pop(TERMS)
    sentences = {f"{room}.{name}": words for room, texts in read.items() for name, words in texts.items()}
    return Wording(
        {code: _complete(code, words) for code, words in sentences.items()},
        {kind: {term: _complete(f"{kind}.{term}", words) for term, words in names.items()}
         for kind, names in terms.items()},
    )  # fmt: skip


def placeholders(text: str) -> frozenset[str]:
    """Names of the facts that a text mentions."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def _complete(place: str, words: Mapping[str, Any]) -> Sentence:
    if set(words) != set(LANGUAGES) or not all(words.values()):
        raise ValueError(f"refusal_texts: {place}: expected a text in each of {', '.join(LANGUAGES)}")
    if len({placeholders(str(text)) for text in words.values()}) != 1:
        raise ValueError(f"refusal_texts: {place}: expected the same facts in every language")
    return {language: str(words[language]) for language in LANGUAGES}
