"""The table of rules: complete in both languages, documented, and every rule somewhere told."""

import re
from pathlib import Path

import pytest

from geo.errors import Finding
from geo.rules import RULES, Rule, Severity
from geo.validation import CHECKS

ROOT = Path(__file__).parent.parent.parent
FACT = re.compile(r"\{(\w+)")
SOURCES = [*(ROOT / "geo").glob("*.py"), *(ROOT / "geo" / "adapters").glob("*.py")]


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_both_languages_tell_the_same_facts(rule: Rule) -> None:
    assert set(FACT.findall(rule.zh)) == set(FACT.findall(rule.en))
    assert re.search(r"[一-鿿]", rule.zh) or rule.id == "bad-validity"


def test_every_rule_is_documented() -> None:
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    assert not [rule for rule in RULES if f"`{rule}`" not in page]


def test_every_rule_is_told_somewhere_and_no_other() -> None:
    told = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES if path.name != "rules.py")
    assert not [rule for rule in RULES if f'"{rule}"' not in told]
    assert {check.rule for check in CHECKS} <= set(RULES)


def test_a_part_without_its_fact_is_left_out() -> None:
    bare = Finding("bad-number", "L1", "edges.csv", 3, {"column": "length_m", "found": "x"})
    assert str(bare) == "edges.csv:3: error: L1: length_m is 'x', expected a number [bad-number]"
    assert bare.severity is Severity.ERROR
    full = Finding("bad-number", facts={"column": "lat", "found": "91", "low": "-90", "high": "90"})
    assert full.message.endswith("expected a number from -90 to 90")
    assert full.message_zh == "lat 为 91，应为数字，-90 至 90"


def test_what_was_only_counted_says_so() -> None:
    assert str(Finding("loop", place="edges", more=7)) == "edges: warning: and 7 more like these [loop]"
    assert Finding("loop", more=7).message_zh == "另有 7 条同类问题"
