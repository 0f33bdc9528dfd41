"""What the product says to people: a code with named facts, put into words only where somebody reads it.

A use case refuses with ``NotFound("order.unknown", order=order_id)``. Systems are told the code and the
facts, people the sentence that ``refusal_texts/*.toml`` has for it in their language (docs/decisions/0012).
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Self, TypeAlias, TypeVar

from field_api.calendars import clock_face
from field_api.instants import iso

Language = Literal["zh", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
"""The first is spoken where nobody asks for another."""
Sentence = Mapping[Language, str]


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the product itself (a role, a step, a state); its names stand in ``terms.toml``."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Named:
    """Something whose data file names it in both languages: a work type, a field of a form."""

    id: str
    zh: str
    en: str


def named(identifier: str, names: Mapping[str, str]) -> Named:
    """With what its file calls it; by its id where it says nothing."""
    return Named(identifier, names.get("zh", identifier), names.get("en", identifier))


@dataclass(frozen=True, slots=True)
class Instant:
    """People read the company's clock, systems ISO-8601 UTC."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Said:
    """``code`` is ``room.what``; a fact may be a list, and may itself be something said."""

    code: str
    facts: "Mapping[str, Fact]" = field(default_factory=dict)


T = TypeVar("T")
Plain: TypeAlias = str | int | float | Term | Named | Instant | Said
Fact: TypeAlias = Plain | tuple[Plain, ...]


class Saying(Exception):
    """Root of what is refused with a code. ``str`` of it is for logs: no language."""

    def __init__(self, code: str, /, **facts: Fact) -> None:
        super().__init__(code)
        self.said: Final = Said(code, facts)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={plain(fact)!r}" for name, fact in self.said.facts.items())
        return f"{self.said.code}({told})"

    @classmethod
    def of(cls, said: Said) -> Self:
        """To say just that."""
        return cls(said.code, **said.facts)

    @classmethod
    def like(cls, other: "Saying") -> Self:
        """To say what another refusal says, as this kind of refusal."""
        return cls.of(other.said)


def plain(fact: Fact) -> object:
    """As systems are told it, ready for JSON."""
    match fact:
        case Term(id=told) | Named(id=told):
            return told
        case Instant(at_ms=at_ms):
            return iso(at_ms)
        case Said():
            return {"code": fact.code, "facts": plain_facts(fact)}
        case tuple():
            return [plain(one) for one in fact]
    return fact


def plain_facts(said: Said) -> dict[str, object]:
    """By name."""
    return {name: plain(fact) for name, fact in said.facts.items()}


def written(said: Said) -> str:
    """As it is stored; its facts must be texts and numbers."""
    return json.dumps({"code": said.code, "facts": plain_facts(said)}, ensure_ascii=False)


def recalled(text: str) -> Said:
    """What was ``written``; a text of before there were codes is told as it is."""
    if not text.startswith('{"code"'):
        return Said(text)
    read = json.loads(text)
    return Said(read["code"], read["facts"])


_BETWEEN: Final[Mapping[Language, tuple[str, str]]] = {"zh": ("、", "；"), "en": (", ", "; ")}
"""Between things, between sentences."""
_ENDS: Final = "。. "


@dataclass(frozen=True, slots=True)
class Wording:
    """Every text of the product's refusals; made once."""

    sentences: Mapping[str, Sentence]
    """Code → with ``{fact}`` in braces."""
    terms: Mapping[str, Mapping[str, Sentence]]
    """Kind → id → its names."""

    def told(self, said: Said, language: Language) -> str:
        """The sentence; a code without one is told as it is."""
        sentence = self.sentences.get(said.code)
        if sentence is None:
            return said.code
        facts = {name: self._words(fact, language) for name, fact in said.facts.items()}
        return sentence[language].format_map(facts)

    def _words(self, fact: Fact, language: Language) -> str:
        match fact:
            case Term(kind=kind, id=term):
                names = self.terms.get(kind, {}).get(term)
                return term if names is None else names[language]
            case Named():
                return fact.zh if language == "zh" else fact.en
            case Instant(at_ms=at_ms):
                return clock_face(at_ms)
            case Said():
                return self.told(fact, language).rstrip(_ENDS)
            case tuple():
                says = any(isinstance(one, Said) for one in fact)
                return _BETWEEN[language][says].join(self._words(one, language) for one in fact)
        return str(fact)


def in_all(tell: Callable[[Language], T]) -> dict[Language, T]:
    """In every language: what is kept until somebody, whose language nobody knows yet, reads it."""
    return {language: tell(language) for language in LANGUAGES}


def preferred(asked: Iterable[tuple[str, float]]) -> Language:
    """Of our languages the one that somebody prefers; ``asked`` are tags (``en-GB``, ``*``) with qualities.

    English where it is preferred to Chinese, else Chinese (RFC 9110, 12.5.4). Of equals the first counts,
    and ``*`` last.
    """
    for tag, quality in sorted(asked, key=lambda one: -one[1]):
        language = tag.partition("-")[0].lower()
        if quality > 0 and language in {"zh", "en", "*"}:
            return "en" if language == "en" else "zh"
    return LANGUAGES[0]
