"""The page speaks Chinese and English, and says the same in both."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from field_api.http.app import all_operations
from field_api.http.auditing import is_written

SOURCES = Path(__file__).parent.parent.parent / "field_api/web/src"
PLACEHOLDER = re.compile(r"\{(\w+)\}")
LITERAL_KEY = re.compile(r"(?<![\w.])t\(\s*'([\w.]+)'")
QUOTED = re.compile(r"'([\w.]+)'")
WRITTEN = re.compile(r"`((?:[\w.]|\$\{[^}]*\})+)`")
"""A key put together: what stands in braces is known only when the page runs."""
BRACES = re.compile(r"\$\{[^}]*\}")
PREFIX = re.compile(r"\w+\.[\w.]*\$\{")


def flat(texts: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in texts.items():
        yield from flat(value, f"{path}{key}.") if isinstance(value, dict) else ((f"{path}{key}", value),)


def texts(language: str) -> dict[str, str]:
    return dict(flat(json.loads((SOURCES / f"i18n/{language}.json").read_text(encoding="utf-8"))))


def test_both_languages_have_the_same_keys() -> None:
    assert texts("zh").keys() == texts("en").keys()


def test_no_text_is_empty() -> None:
    assert not [key for language in ("zh", "en") for key, text in texts(language).items() if not text.strip()]


def test_both_languages_fill_in_the_same_values() -> None:
    zh, en = texts("zh"), texts("en")
    single = re.compile(r"_1$")
    differing = [key for key in zh if set(PLACEHOLDER.findall(zh[key])) != set(PLACEHOLDER.findall(en[key]))]
    assert not [key for key in differing if not single.search(key)]


@pytest.mark.parametrize("kind", ["*.vue", "*.ts"])
def test_every_key_that_the_page_names_has_a_text(kind: str) -> None:
    known = texts("zh").keys()
    used = {
        (path.name, key)
        for path in SOURCES.rglob(kind)
        if not path.name.endswith(".test.ts")
        for key in LITERAL_KEY.findall(path.read_text(encoding="utf-8"))
    }
    assert used
    assert not {(name, key) for name, key in used if key not in known}


def test_every_text_is_said_somewhere() -> None:
    """Literally, or by a key whose parts are put together; ``…_1`` is said for its sibling."""
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (*SOURCES.rglob("*.vue"), *SOURCES.rglob("*.ts"))
        if not path.name.endswith(".test.ts")
    )
    literal = set(QUOTED.findall(source))
    parts = {tuple(BRACES.split(key)) for key in WRITTEN.findall(source) if PREFIX.match(key)}
    built = re.compile("|".join(r"[\w:]+".join(map(re.escape, key)) for key in sorted(parts)))
    known = texts("zh").keys()
    said = {key for key in known if key in literal or built.fullmatch(key)}
    assert said
    assert not {key for key in known - said if key.removesuffix("_1") not in said}


def test_every_act_on_record_has_words() -> None:
    acts = {one.name for one in all_operations(demo=True) if is_written(one)}
    assert acts - {key.removeprefix("audit.act.") for key in texts("zh")} == set()


def test_english_has_no_chinese_left_in_it() -> None:
    allowed = {"language.switch", "language.other"}
    assert not [
        key for key, text in texts("en").items() if re.search(r"[一-鿿]", text) and key not in allowed
    ]
