"""What a form's JSON Schema says against answers, field by field, in codes that people get in their language.

A field's ``title`` names it in both languages, ``中文 · English``.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from field_api.saying import Named, Plain, Said, Term

MAX_TOLD: Final = 10
_BETWEEN: Final = " · "
_LIMITS: Final[Mapping[str, str]] = {
    "minimum": "form.too_small", "maximum": "form.too_large",
    "minLength": "form.too_short", "maxLength": "form.too_long",
    "minItems": "form.too_few", "maxItems": "form.too_many",
}  # fmt: skip
"""Keywords whose value is a number that people are told."""

Schema = Mapping[str, Any]


def wrong_by(schema: Schema, given: Mapping[str, Any], names: Schema | None = None) -> tuple[Said, ...]:
    """At most ten things; ``names`` is the schema whose titles name the fields, where it is another one."""
    problems = sorted(Draft202012Validator(schema).iter_errors(dict(given)), key=lambda one: list(one.path))
    told = (said for problem in problems for said in _said(problem, names or schema))
    unique = {repr(said): said for said in told}
    return tuple(unique.values())[:MAX_TOLD]


def field_named(schema: Schema, name: str) -> Named:
    """A field as its title has it; by its id where it has none."""
    title = str(schema.get("properties", {}).get(name, {}).get("title", name))
    zh, _, en = title.partition(_BETWEEN)
    return Named(name, zh, en or zh)


def _said(problem: ValidationError, names: Schema) -> Iterator[Said]:
    keyword: Any = problem.validator
    wanted: Any = problem.validator_value
    given: Any = problem.instance
    schema: Any = problem.schema
    if keyword == "required":
        for name in wanted:
            if name not in given:
                yield Said("form.unanswered", {"field": field_named(names, name)})
    elif keyword == "additionalProperties":
        unknown = sorted(set(given) - set(schema.get("properties", {})))
        yield Said("form.unknown_fields", {"fields": tuple(unknown)})
    else:
        yield _of_value(str(keyword), wanted, _place(problem, names))


def _of_value(keyword: str, wanted: Any, field: Named) -> Said:  # noqa: ANN401 (of each keyword another)
    if keyword in _LIMITS:
        return Said(_LIMITS[keyword], {"field": field, "limit": wanted})
    if keyword == "type":
        return Said("form.other_type", {"field": field, "expected": _listed(wanted, "json_type")})
    if keyword in {"enum", "const"}:
        return Said("form.not_listed", {"field": field, "expected": _listed(wanted, "answer")})
    if keyword == "pattern":
        return Said("form.other_pattern", {"field": field, "pattern": str(wanted)})
    return Said("form.not_fitting", {"field": field})


def _listed(wanted: Any, kind: str) -> tuple[Plain, ...]:  # noqa: ANN401
    return tuple(Term(kind, str(one)) for one in (wanted if isinstance(wanted, list) else [wanted]))


def _place(problem: ValidationError, names: Schema) -> Named:
    """The field, and where in it."""
    if not problem.path:
        return Named("answers", "填写内容", "the answers")
    first, *rest = map(str, problem.path)
    found, inner = field_named(names, first), "".join(f".{one}" for one in rest)
    return Named(found.id + inner, found.zh + inner, found.en + inner)
