"""The OpenAPI 3.1 document, from the declared operations and their models."""

from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from field_api.adapters.refusal_files import shipped_wording
from field_api.http.fields import IDENTIFIER_PATTERN
from field_api.http.languages import CONTENT_LANGUAGE
from field_api.http.links import links_of
from field_api.http.operations import JSON, UPLOAD, Operation
from field_api.http.problems import MEDIA_TYPE, Problem
from field_api.http.security import COOKIE, CSRF_HEADER

_REFERENCE: Final = "#/components/schemas/{model}"
_Requirements = list[dict[str, list[str]]]
_SECURITY: Final[_Requirements] = [{"bearer": []}, {"session": [], "csrf": []}]
_SAFE_SECURITY: Final[_Requirements] = [{"bearer": []}, {"session": []}]

Json = dict[str, Any]
_CONTENT_LANGUAGE: Final[Json] = {
    "description": "Of title, detail and the fields' messages.",
    "schema": {"enum": sorted(CONTENT_LANGUAGE.values())},
}


def openapi_document(operations: Iterable[Operation], version: str) -> Json:
    """The whole document."""
    listed = list(operations)
    references, schemas = _schemas(listed)
    names = {operation.name for operation in listed}
    paths: dict[str, Json] = {}
    for operation in listed:
        described = _described(operation, references, names)
        paths.setdefault(operation.documented_path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gridcrew field API",
            "version": version,
            "description": "What failed, who is out, which crew goes. Times are ISO-8601 UTC; "
            "errors are application/problem+json; every person sees only their grid cells. "
            "What is refused is told in Chinese, or in English where Accept-Language prefers it; "
            "its code and facts are the same in both.",
        },
        "paths": paths,
        "components": {
            "schemas": _with_codes(schemas),
            "headers": {"ContentLanguage": _CONTENT_LANGUAGE},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
            },
        },
    }


def _with_codes(schemas: Json) -> Json:
    """With every code there is: not an enumeration, as a later version may know more."""
    problem = schemas[Problem.__name__]
    code = problem["properties"]["code"] | {"x-codes": sorted(shipped_wording().sentences)}
    return {**schemas, Problem.__name__: {**problem, "properties": {**problem["properties"], "code": code}}}


def _schemas(operations: list[Operation]) -> tuple[dict[type[BaseModel], Json], Json]:
    pairs: set[tuple[type[BaseModel], JsonSchemaMode]] = {(Problem, "serialization")}
    pairs |= {(one.body, "validation") for one in operations if one.body}
    pairs |= {(model, "serialization") for one in operations for model in one.answers.values() if model}
    wanted = sorted(pairs, key=lambda pair: (pair[0].__name__, pair[1]))
    found, definitions = models_json_schema(wanted, ref_template=_REFERENCE)
    return {model: found[model, mode] for model, mode in wanted}, definitions.get("$defs", {})


def _described(
    operation: Operation, references: Mapping[type[BaseModel], Json], names: Collection[str]
) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [_tag(operation)],
        "responses": _responses(operation, references, names),
    }
    parameters = [*_path_parameters(operation), *_query_parameters(operation), *_headers(operation)]
    described["parameters"] = parameters
    if operation.body:
        content = {JSON: {"schema": references[operation.body]}}
        described["requestBody"] = {"required": True, "content": content}
    if operation.uploads:
        described["requestBody"] = {"required": True, "content": {UPLOAD: {"schema": {"type": "string"}}}}
    if not operation.public:
        described["security"] = _SAFE_SECURITY if operation.method == "GET" else _SECURITY
        described["x-roles"] = sorted(role.value for role in operation.roles)
    return described


def _headers(operation: Operation) -> list[Json]:
    """The person's language, conditions of a request, and the place of a part of a file."""
    told = [
        (True, "Accept-Language", False, "Of what is refused: Chinese unless English is preferred."),
        (operation.conditional, "If-None-Match", False, "Tags held already: 304 where nothing is new."),
        (operation.if_match, "If-Match", False, "The order's tag, instead of `revision` in the body; or *."),
        (operation.uploads, "Content-Range", True, "bytes FIRST-LAST/SIZE"),
    ]
    text = {"type": "string"}
    return [
        {"name": name, "in": "header", "required": required, "schema": text, "description": words}
        for applies, name, required, words in told
        if applies
    ]


def _tag(operation: Operation) -> str:
    parts = operation.path.strip("/").split("/")
    return parts[2] if parts[:2] == ["api", "v1"] else parts[0]


def _responses(
    operation: Operation, references: Mapping[type[BaseModel], Json], names: Collection[str]
) -> Json:
    responses: Json = {}
    for status in sorted(operation.statuses):
        answer: Json = {"description": HTTPStatus(status).phrase}
        if status == HTTPStatus.NOT_MODIFIED:
            pass
        elif status not in operation.answers:
            answer["content"] = {MEDIA_TYPE: {"schema": references[Problem]}}
            answer["headers"] = {"Content-Language": {"$ref": "#/components/headers/ContentLanguage"}}
        elif (model := operation.answers[status]) is not None:
            answer["content"] = {operation.media_type: {"schema": references[model]}}
        elif operation.media_type != JSON and status == HTTPStatus.OK:
            answer["content"] = {operation.media_type: {}}
        if operation.conditional and status in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}:
            answer["headers"] = {"ETag": {"schema": {"type": "string"}}}
        if links := links_of(operation.name, status, names):
            answer["links"] = links
        responses[str(status)] = answer
    return responses


def _path_parameters(operation: Operation) -> list[Json]:
    text = {"type": "string", "pattern": IDENTIFIER_PATTERN, "minLength": 1, "maxLength": 128}
    return [{"name": name, "in": "path", "required": True, "schema": text} for name in operation.parameters]


def _query_parameters(operation: Operation) -> list[Json]:
    if operation.query is None:
        return []
    schema = operation.query.model_json_schema()
    required, named = schema.get("required", []), schema.get("$defs", {})
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": _in_place(_without_null(rule), named),
        }
        for name, rule in schema.get("properties", {}).items()
    ]


def _without_null(rule: Json) -> Json:
    """A query parameter is absent, never null."""
    kinds = [kind for kind in rule.get("anyOf", []) if kind.get("type") != "null"]
    rest = {key: value for key, value in rule.items() if key != "anyOf" and (key, value) != ("default", None)}
    return {**rest, **kinds[0]} if kinds else rest


def _in_place(rule: Json, named: Mapping[str, Json]) -> Json:
    """A parameter's schema says by itself what pydantic names elsewhere (enumerations)."""
    rest = {key: value for key, value in rule.items() if key != "$ref"}
    return {**named[rule["$ref"].rpartition("/")[2]], **rest} if "$ref" in rule else rest
