"""People: Chinese first, English complete. Every refusal has a code and a text in both languages."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

import field_api
import geo
from field_api.adapters.data_files import shipped_registers, shipped_work_types
from field_api.adapters.refusal_files import placeholders, shipped_wording
from field_api.http.schema_words import _FAMILY, _LIMIT, _SAME
from field_api.notices.control import HoldKind
from field_api.orders.corrections import FINDINGS, OFFICE_WORDS
from field_api.orders.form_answers import _LIMITS
from field_api.orders.proofs import PROOFS
from field_api.orders.work import Subject
from field_api.organisation.rollout import PlanState, PlanStep
from field_api.partners.tickets import Verdict
from field_api.people.findings import FindingState
from field_api.people.users import Role
from field_api.saying import Instant, Named, Said, Term, plain_facts, preferred, recalled, written
from field_api.service.registering import About
from geo.network import EdgeKind
from telemetry.outages import OutageState
from tests.field_api.world import World

WORDING: Final = shipped_wording()
CODE: Final = re.compile(r"[a-z]+\.[a-z0-9_]+")
ROOMS: Final = frozenset(code.partition(".")[0] for code in WORDING.sentences)
SAYS: Final = frozenset({
    "Said", "HttpProblem", "invalid", "Refused", "NotFound", "Forbidden", "Conflict", "Stale", "Overtaken",
    "NotPossible", "TooMany", "IllegalStep", "BadPhoto", "ContentLost", "NoRoom", "BadTarget", "NoCrew",
    "BadDuty", "BadLiaison", "IllegalPlanStep", "BadCalendar", "NotYours", "NotNow", "BadRow",
    "NotThisMapping", "BadValue", "NotTrusted",
})  # fmt: skip
"""What refuses with a code. A new kind of ``Saying`` must be named here: another test finds it."""
DECLARED: Final = frozenset({"errors", "headers", "current", "conflicts"})
CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Source:
    """What these tests look at in the code of the rooms that refuse, read once and only by who needs it."""

    refusals: tuple[tuple[Path, ast.Call], ...]
    classes: tuple[ast.ClassDef, ...]
    texts: frozenset[str]
    """Every text that could be a code: some stand in tables."""


@cache
def _source() -> Source:
    nodes = [(file, node) for file, tree in _trees() for node in ast.walk(tree)]
    constants = (node.value for _, node in nodes if isinstance(node, ast.Constant))
    return Source(
        tuple((file, node) for file, node in nodes if isinstance(node, ast.Call) and _name(node) in SAYS),
        tuple(node for _, node in nodes if isinstance(node, ast.ClassDef)),
        frozenset(one for one in constants if isinstance(one, str)),
    )


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for package in (field_api, geo):
        root = Path(str(package.__file__)).parent
        for file in sorted(root.rglob("*.py")):
            if "node_modules" not in file.parts:
                yield file, ast.parse(file.read_text(encoding="utf-8"))


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _code(call: ast.Call) -> ast.expr:
    return call.args[1 if _name(call) in {"HttpProblem", "invalid"} else 0]


def _made() -> set[str]:
    """Codes that are put together from a kind and a name."""
    schema = {*_LIMIT, *_SAME.values(), *(code for _, code in _FAMILY), "not_fitting"}
    errors = {argument for argument in _source().texts if f"network.{argument}" in WORDING.sentences}
    return (
        {f"input.{one}" for one in schema}
        | {f"proof.{one}" for one in PROOFS}
        | {f"told.{one}" for one in Verdict}
        | {f"network.{one}" for one in errors}
        | {code for code in WORDING.sentences if code.startswith("status.")}
    )


def test_no_refusal_is_a_bare_sentence() -> None:
    """A code, or what another refusal says; never words."""
    for file, call in _source().refusals:
        code = _code(call)
        where = f"{file.name}:{call.lineno}"
        assert not isinstance(code, ast.JoinedStr) or _is_made(code), f"{where}: words instead of a code"
        if isinstance(code, ast.Constant):
            assert CODE.fullmatch(str(code.value)), f"{where}: {code.value!r} is no code"


def _is_made(code: ast.JoinedStr) -> bool:
    first = code.values[0]
    return isinstance(first, ast.Constant) and str(first.value) in {"input.", "proof.", "network.", "status."}


def test_every_kind_of_refusal_is_looked_at() -> None:
    bases = {"Saying", "Refused", "Conflict"}
    kinds = {
        node.name
        for node in _source().classes
        if bases & {base.id for base in node.bases if isinstance(base, ast.Name)}
    }
    assert kinds <= SAYS


def test_every_code_has_a_text_that_its_facts_fill() -> None:
    for file, call in _source().refusals:
        code = _code(call)
        if not isinstance(code, ast.Constant):
            continue
        where = f"{file.name}:{call.lineno}: {code.value!r}"
        assert code.value in WORDING.sentences, f"{where} has no text"
        wanted = placeholders(WORDING.sentences[str(code.value)]["zh"])
        told = _facts(call)
        assert told is None or wanted <= told, f"{where} does not say {wanted - told}"


def _facts(call: ast.Call) -> set[str] | None:
    """Names of the facts; None where they are put together elsewhere."""
    if any(word.arg is None for word in call.keywords):
        return None
    named = {str(word.arg) for word in call.keywords} - DECLARED
    if _name(call) == "Said" and len(call.args) > 1:
        facts = call.args[1]
        return {str(getattr(key, "value", "")) for key in facts.keys} if isinstance(facts, ast.Dict) else None
    return named


def test_no_text_is_unused() -> None:
    assert set(WORDING.sentences) - _source().texts - _made() == set()


def test_every_made_code_has_a_text() -> None:
    proofs = {f"proof.{one}" for one in PROOFS}
    verdicts = {f"told.{one}" for one in Verdict}
    limits = {*_LIMITS.values(), *(f"input.{one}" for one in (*_LIMIT, *_SAME.values()))}
    families = {f"input.{code}" for _, code in _FAMILY}
    assert proofs | verdicts | limits | families <= set(WORDING.sentences)


def test_the_chinese_is_chinese_and_the_english_english() -> None:
    for code, sentence in WORDING.sentences.items():
        assert CHINESE.search(sentence["zh"]), code
        assert not CHINESE.search(sentence["en"]), code


KINDS: Final[Mapping[str, type[Enum]]] = {
    "role": Role, "subject": Subject, "finding_state": FindingState, "outage_state": OutageState,
    "plan_state": PlanState, "plan_step": PlanStep, "hold_kind": HoldKind,
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_word_of_the_product_has_its_names(kind: str) -> None:
    assert {str(one.value) for one in KINDS[kind]} <= set(WORDING.terms[kind])


def test_every_step_of_every_work_type_has_its_names() -> None:
    steps = {rule.name for one in shipped_work_types().values() for rule in one.steps}
    assert steps <= set(WORDING.terms["step"])
    assert {one.name.lower() for one in EdgeKind} <= set(WORDING.terms["edge_kind"])
    assert {about.value for about in About} <= set(WORDING.terms["subject"])
    assert {one.value for one in FINDINGS | OFFICE_WORDS} <= set(WORDING.terms["correction"])


def test_every_choice_of_a_form_has_its_names() -> None:
    forms = [one.form for one in shipped_work_types().values()]
    schemas = [*forms, *(one.schema for one in shipped_registers().values())]
    fields = [field for schema in schemas for field in schema.get("properties", {}).values()]
    listed = [field.get("enum") or field.get("items", {}).get("enum", []) for field in fields]
    assert {str(one) for choices in listed for one in choices} <= set(WORDING.terms["answer"])


def test_facts_are_told_in_the_reader_s_words_and_plainly_to_systems() -> None:
    said = Said("order.step_not_now", {
        "step": Term("step", "close"), "state": Named("arrived", "已到场", "arrived"),
        "possible": (Term("step", "repair"), Term("step", "wait")),
    })  # fmt: skip
    assert WORDING.told(said, "zh") == "工单处于“已到场”，不能“办结”；现在可以：修复、等待。"
    assert WORDING.told(said, "en").endswith("possible now: repair, wait.")
    assert plain_facts(said) == {"step": "close", "state": "arrived", "possible": ["repair", "wait"]}
    inner = Said("order.not_joined", {"number": "R-1", "problem": said})
    assert WORDING.told(inner, "zh").endswith("现在可以：修复、等待。")
    assert plain_facts(Said("x.y", {"at": Instant(0)})) == {"at": "1970-01-01T00:00:00.000Z"}


def test_what_is_stored_is_told_again_in_another_language() -> None:
    said = Said("photo.too_many_pixels", {"width": 9, "height": 8, "most": 7})
    assert WORDING.told(recalled(written(said)), "zh").startswith("照片太大（9 × 8 像素）")
    assert WORDING.told(recalled("of before there were codes"), "zh") == "of before there were codes"


_TAGS = st.sampled_from(["zh", "zh-CN", "zh-Hans-CN", "en", "en-GB", "EN-us", "fr", "de-AT", "*"])
_QUALITIES = st.floats(0, 1).map(lambda quality: round(quality, 3))


@given(st.lists(st.tuples(_TAGS, _QUALITIES), max_size=6))
def test_english_is_spoken_exactly_where_it_is_preferred_to_chinese(asked: list[tuple[str, float]]) -> None:
    header = ", ".join(f"{tag};q={quality}" for tag, quality in asked)
    best = {"en": (0.0, 0), "zh": (0.0, 0)}
    for place, (tag, quality) in enumerate(asked):
        language = {"en": "en", "zh": "zh", "*": "zh"}.get(tag.partition("-")[0].lower())
        if language and quality > best[language][0]:
            best[language] = (quality, -len(asked) if tag == "*" else -place)
    assert preferred(parse_accept_header(header, LanguageAccept)) == (
        "en" if best["en"] > best["zh"] else "zh"
    )


@pytest.mark.parametrize(
    ("header", "language"),
    [("", "zh"), ("en", "en"), ("en-US,en;q=0.9", "en"), ("fr", "zh"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
     ("fr, en;q=0.5", "en"), ("en;q=0", "zh"), ("en;q=0.5, *", "zh"), ("§%;;q=x", "zh")],
)  # fmt: skip
def test_a_refusal_is_in_the_language_of_the_request(world: World, header: str, language: str) -> None:
    person = world.log_in("dispatcher")
    answer = person.get("/api/v1/orders/ord-none", language=header)
    told = answer.get_json()
    assert (told["code"], told["facts"]) == ("order.unknown", {"order": "ord-none"})
    assert answer.headers["Content-Language"] == {"zh": "zh-CN", "en": "en"}[language]
    assert "Accept-Language" in answer.headers["Vary"]
    texts = {
        "zh": ("找不到", "您的网格内没有工单 ord-none。"),
        "en": ("Not found", "There is no order ord-none in your grid cells."),
    }
    assert (told["title"], told["detail"]) == texts[language]


def test_fields_are_told_in_both_languages_with_their_codes(world: World) -> None:
    person = world.log_in("dispatcher")
    for header, words in (("zh", "此项必填。"), ("en", "This is required.")):
        told = person.send("POST", "/api/v1/orders", {}, language=header).get_json()
        (field,) = [one for one in told["errors"] if one["field"] == "subject_id"]
        assert (field["code"], field["message"]) == ("input.missing", words)


def test_an_answer_that_was_kept_is_told_in_the_language_of_who_asks_again(world: World) -> None:
    """Fault 28: a repetition gets the answer that it got, whatever language the phone speaks by then."""
    crew, order = world.log_in("crew-02"), world.confirmed()
    step = {"step": "arrive", "revision": order["revision"], "note": ""}
    operation = {
        "operation_id": "op-language-1", "kind": "step", "at": "2026-11-22T08:00:00Z",
        "order_id": order["id"], "body": {"step": "arrive", "revision": step["revision"]},
    }  # fmt: skip
    told = [
        crew.send("POST", "/api/v1/sync/push", {"operations": [operation]}, language=one)
        .get_json()["items"][0]["problem"]
        for one in ("zh", "en", "zh")
    ]  # fmt: skip
    assert told[0] == told[2] != told[1]
    assert {one["code"] for one in told} == {"order.step_not_now"}
    assert told[0]["detail"].startswith("工单处于“已派单”，不能“到达现场”")
    assert told[1]["detail"].startswith("The step arrive is not possible")
