"""Reads what a register's data file declares. Parsing only; others open files."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import BaseModel, ConfigDict, Field

from field_api.people.users import Role
from field_api.saying import Language
from field_api.service.registering import CONSENT, About, Register


class _Register(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z_]{1,39}$")
    title: Mapping[Language, str]
    about: About
    reads: frozenset[Role]
    writes: frozenset[Role]
    needs_consent: bool = False
    one_at_once: bool = False
    opens: str = ""
    entry: Mapping[str, Any]


def register_of(declared: Mapping[str, object]) -> Register:
    """The register of a parsed file; raises pydantic's ValidationError or ValueError naming the field."""
    read = _Register.model_validate(declared)
    try:
        Draft202012Validator.check_schema(read.entry)
    except SchemaError as problem:
        raise ValueError(f"entry: {problem.message}") from None
    if read.needs_consent and CONSENT not in read.entry.get("properties", {}):
        raise ValueError(f"entry: has no property {CONSENT!r}, which needs_consent asks for")
    titles = {str(language): words for language, words in read.title.items()}
    return Register(
        name=read.name, titles=titles, about=read.about, schema=dict(read.entry), reads=read.reads,
        writes=read.writes, needs_consent=read.needs_consent, one_at_once=read.one_at_once, opens=read.opens,
    )  # fmt: skip
