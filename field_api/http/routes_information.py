"""The public information page: one address for the edition in force, any edition by its number (RPT-09)."""

from html import escape
from typing import Final

from pydantic import Field

from field_api.calendars import local_day
from field_api.http.fields import Query, Revision
from field_api.http.operations import Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.notices.wording import HOTLINES
from field_api.resources import Resource
from field_api.saying import Language
from field_api.service.public_information import Edition, changes, come

operations: Final = Operations()
PAGE: Final = "/api/v1/public/information/page"
_HTML: Final = "text/html; charset=utf-8"
_LABELS: Final[dict[str, dict[str, str]]] = {
    "zh": {"title": "供电服务信息公开", "version": "版本", "changed": "本版变更", "older": "历次版本"},
    "en": {
        "title": "Public information",
        "version": "Edition",
        "changed": "What changed",
        "older": "Editions",
    },
}


class EditionQuery(Query):
    version: Revision | None = Field(default=None, description="Without: the one in force.")


class PageQuery(EditionQuery):
    language: Language = "zh"


class SectionResource(Resource):
    id: str
    title: dict[Language, str]
    text: dict[Language, str]


class EditionBriefResource(Resource):
    version: int
    date: str = Field(description="From which local day on it holds.")
    changed: dict[Language, str]


class EditionResource(EditionBriefResource):
    sections: tuple[SectionResource, ...]
    added: tuple[str, ...] = Field(description="Sections that the edition before did not have.")
    reworded: tuple[str, ...]
    removed: tuple[str, ...]
    editions: tuple[EditionBriefResource, ...] = Field(description="All that were ever in force.")
    hotlines: tuple[str, ...]


@operations.add(
    "GET", "/api/v1/public/information", "What the public is told: an edition with its date and changes",
    public=True, query=EditionQuery, answers={200: EditionResource}, refuses=frozenset({404}),
)  # fmt: skip
def show_information(call: Call) -> Answer:
    """The edition in force, or the one of that number; none before its day."""
    edition, known = _edition(call, call.query(EditionQuery).version)
    return Answer(200, _resource(edition, known), {"Cache-Control": "no-cache"})


@operations.add(
    "GET", PAGE, "The same as a page for people",
    public=True, query=PageQuery, answers={200: None}, refuses=frozenset({404}), media_type=_HTML,
)  # fmt: skip
def show_information_page(call: Call) -> Answer:
    """Plain HTML without scripts, in Chinese or English."""
    query = call.query(PageQuery)
    edition, known = _edition(call, query.version)
    return Answer(200, _page(edition, known, query.language).encode(), {"Cache-Control": "no-cache"})


def _edition(call: Call, version: int | None) -> tuple[Edition, tuple[Edition, ...]]:
    known = come(call.services.information, local_day(call.now_ms))
    wanted = known[-1:] if version is None else [one for one in known if one.version == version]
    found = next(iter(wanted), None)
    if found is None:
        raise HttpProblem(404, "request.no_edition", known=tuple(o.version for o in known))
    return found, known


def _resource(edition: Edition, known: tuple[Edition, ...]) -> EditionResource:
    before = next((one for one in known if one.version == edition.version - 1), None)
    found = changes(before, edition)
    return EditionResource(
        **_brief(edition).model_dump(),
        sections=tuple(
            SectionResource.model_validate({"id": one.id, "title": dict(one.title), "text": dict(one.text)})
            for one in edition.sections
        ),
        added=found.added, reworded=found.reworded, removed=found.removed,
        editions=tuple(map(_brief, known)), hotlines=HOTLINES,
    )  # fmt: skip


def _brief(one: Edition) -> EditionBriefResource:
    told = {"version": one.version, "date": one.day.isoformat(), "changed": dict(one.changed)}
    return EditionBriefResource.model_validate(told)


def _page(edition: Edition, known: tuple[Edition, ...], language: str) -> str:
    labels = _LABELS[language]
    sections = "".join(
        f'<section id="{escape(one.id)}"><h2>{escape(one.title[language])}</h2>'
        f"<p>{escape(one.text[language])}</p></section>"
        for one in edition.sections
    )
    older = "".join(
        f'<li><a href="{PAGE}?version={one.version}&amp;language={language}">{one.version}</a> '
        f"{one.day.isoformat()} {escape(one.changed[language])}</li>"
        for one in known
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{labels["title"]}</title>'
        f"</head><body><h1>{labels['title']}</h1>"
        f"<p>{labels['version']} {edition.version} · <time>{edition.day.isoformat()}</time></p>"
        f"<p>{labels['changed']}: {escape(edition.changed[language])}</p>{sections}"
        f"<h2>{labels['older']}</h2><ul>{older}</ul><p>{' · '.join(HOTLINES)}</p></body></html>"
    )
