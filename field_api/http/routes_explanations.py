"""Why an outage is believed, what people corrected, and the wish to verify before a crew leaves."""

from dataclasses import replace
from typing import Any, Final, Literal

import msgspec
from pydantic import Field

from field_api.calendars import clock_seconds
from field_api.http.fields import Identifier, Input, Page, Query, Words
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.http.site_of import seen_customer_row
from field_api.instants import iso, iso_or_none
from field_api.orders.corrections import MAX_THINGS, Correction, user_of
from field_api.people.users import Role
from field_api.ports import DeskSession
from field_api.projection import Site
from field_api.resources import Instant, Resource
from field_api.usecases.correct_outage import CorrectionRequest
from telemetry.customer_evidence import CustomerEvidence
from telemetry.evidence import EvidenceKind
from telemetry.explanation import Explanation
from telemetry.outages import OutageRevision
from telemetry.wording import Wording

operations: Final = Operations()
_CORRECT: Final = frozenset({Role.ADMIN, Role.DISPATCHER, Role.CREW})
Section = Literal["verdict", "sign", "said", "owner", "blocked", "alternative", "settle", "ping"]


class BilingualText(Resource):
    zh: str
    en: str


class SentenceResource(BilingualText):
    section: Section


class ElementChanceResource(Resource):
    element: str
    kind: str
    name: str
    name_en: str = ""
    probability: float


class AlternativeResource(ElementChanceResource):
    """``element`` empty: no outage here at all."""

    customers: int
    more: int = Field(description="Customers out by it who are not out by the answer given.")
    fewer: int = Field(description="Customers out by the answer given who would not be.")


class SettlingResource(Resource):
    meter: str
    terminal: str
    bits: float = Field(description="Expected drop of doubt, given the questions before it.")


class PingResource(Resource):
    meter: str
    reason: Literal["lone_sign", "before_crew", "doubtful_cut", "after_return"]
    asked_at: Instant
    outcome: Literal["waiting", "alive", "off", "silent", "unanswered"]
    at: Instant | None


class CustomerReasonResource(Resource):
    customer_id: str
    place_probability: float = Field(description="P(their place has no supply), by everybody's evidence.")
    out_probability: float = Field(description="P(they are out): place, own evidence, doubts of the record.")
    last_gasp_at: Instant | None
    alive_at: Instant | None
    silent_at: Instant | None
    call_at: Instant | None
    verdict: Literal["below_cut", "also_out", "not_out"]
    text: BilingualText


class ExplanationResource(Resource):
    outage_id: str
    revision: int
    at: Instant
    probability: float
    dead: float = Field(description="P(the place has no supply, whatever failed).")
    doubt_bits: float = Field(description="How open the question of the cut is; 0: certain.")
    owner_side: str
    elements: tuple[ElementChanceResource, ...]
    alternatives: tuple[AlternativeResource, ...]
    settling: tuple[SettlingResource, ...]
    blocked_terminals: tuple[str, ...]
    pings: tuple[PingResource, ...]
    sentences: tuple[SentenceResource, ...]
    customer: CustomerReasonResource | None = Field(description="Where the query names one who is in scope.")


class ExplanationQuery(Query):
    revision: int | None = Field(default=None, ge=1, le=1_000_000)
    customer: Identifier | None = None


class CorrectionBody(Input):
    operation_id: str = Field(pattern=r"^[0-9A-Za-z-]{8,64}$", description="Made by the client, once.")
    kind: Literal["found_faulty", "found_sound", "customer_out", "customer_on", "invalid"]
    things: tuple[Identifier, ...] = Field(
        default=(),
        max_length=MAX_THINGS,
        strict=False,
        description="Elements or customers; none for invalid.",
    )
    note: Words = Field(min_length=1, description="Why; kept with your name.")


class CorrectionResource(Resource):
    outage_id: str
    kind: str
    things: tuple[str, ...]
    note: str
    said_at: Instant
    by: str


class CorrectionPage(Page[CorrectionResource]):
    pass


@operations.add(
    "GET", "/api/v1/outages/{outage_id}/explanation",
    "Why it is believed, what else was possible, what would settle it",
    roles=EVERYONE, query=ExplanationQuery, answers={200: ExplanationResource},
)  # fmt: skip
def explain_outage(call: Call) -> Answer:
    """The newest explanation, or that of one revision; of one customer of my grid cells where asked."""
    query, outage_id = call.query(ExplanationQuery), call.path["outage_id"]
    _check_visible(call, outage_id)
    explanation = call.services.explanations.of(outage_id, query.revision)
    chain = call.services.supply.history(outage_id)
    told = next((r for r in chain if explanation and r.revision == explanation.revision), None)
    if explanation is None or told is None:
        raise HttpProblem(404, "outage.no_explanation", outage=outage_id)
    with call.services.desk.reading() as session:
        named = _named(explanation, session)
    return Answer(200, _resource(call, named, told, query.customer))


@operations.add(
    "GET", "/api/v1/outages/{outage_id}/corrections", "What people corrected, by whom and why",
    roles=EVERYONE | {Role.AUDITOR}, answers={200: CorrectionPage},
)  # fmt: skip
def list_corrections(call: Call) -> Answer:
    """Oldest first."""
    _check_visible(call, call.path["outage_id"])
    with call.services.desk.reading() as session:
        kept = session.corrections.of_outage(call.path["outage_id"])
    return Answer(200, CorrectionPage(items=tuple(_correction(one) for one in kept), next_cursor=None))


@operations.add(
    "POST", "/api/v1/outages/{outage_id}/corrections", "Correct what is believed of an open outage",
    roles=_CORRECT, body=CorrectionBody, answers={201: CorrectionResource}, refuses=frozenset({409}),
)  # fmt: skip
def correct_outage(call: Call) -> Answer:
    """Kept with your name and reason; the detector concludes again from it."""
    sent = call.body(CorrectionBody)
    request = CorrectionRequest(sent.operation_id, EvidenceKind(sent.kind), sent.things, sent.note)
    kept = call.services.correct_outage(call.user, call.path["outage_id"], request, call.now_ms)
    return Answer(201, _correction(kept))


@operations.add(
    "POST", "/api/v1/outages/{outage_id}/checks", "Verify by pings before a crew leaves",
    roles=_CORRECT, answers={202: None}, refuses=frozenset({409}),
)  # fmt: skip
def check_outage(call: Call) -> Answer:
    """The detector asks meters of the outage; what they answer shows in the explanation."""
    call.services.correct_outage.check(call.user, call.path["outage_id"], call.now_ms)
    return Answer(202)


def customer_reason(call: Call, found: CustomerEvidence) -> CustomerReasonResource:
    """One customer's reason and evidence."""
    texts = {language: wording.customer(found) for language, wording in wordings(call).items()}
    return CustomerReasonResource.model_validate(
        {
            "customer_id": found.customer,
            "place_probability": found.place,
            "out_probability": found.out,
            "last_gasp_at": iso_or_none(found.off_ms),
            "alive_at": iso_or_none(found.alive_ms),
            "silent_at": iso_or_none(found.silent_ms),
            "call_at": iso_or_none(found.call_ms),
            "verdict": found.verdict,
            "text": BilingualText(**texts),
        }
    )


def wordings(call: Call) -> dict[str, Wording]:
    """The explanations' sentences by language."""
    templates = call.services.sentences
    return {language: Wording(templates, language, clock_seconds) for language in ("zh", "en")}


def _check_visible(call: Call, outage_id: str) -> None:
    with call.services.desk.reading() as session:
        if session.outages.get(call.scope, outage_id) is None:
            raise HttpProblem(404, "outage.unknown", outage=outage_id)


def _named(explanation: Explanation, session: DeskSession) -> Explanation:
    """People by their names; the detector knows only their ids."""
    said = []
    for word in explanation.said:
        user = session.users.by_id(user_of(word.by))
        said.append(replace(word, by=user.name) if user else word)
    return replace(explanation, said=tuple(said))


def _resource(
    call: Call, explanation: Explanation, revision: OutageRevision, customer: str | None
) -> ExplanationResource:
    site = call.services.sites.of(revision.network_hash)
    pairs = zip(*(w.sentences(explanation, revision) for w in wordings(call).values()), strict=True)
    return ExplanationResource(
        outage_id=explanation.outage_id,
        revision=explanation.revision,
        at=iso(explanation.at_ms),
        probability=explanation.probability,
        dead=explanation.dead,
        doubt_bits=explanation.doubt_bits,
        owner_side=explanation.owner_side,
        elements=tuple(
            ElementChanceResource(**_plain(one), **_names(site, one.element))
            for one in explanation.elements
        ),
        alternatives=tuple(
            AlternativeResource(**_plain(one), **_names(site, one.element))
            for one in explanation.alternatives
        ),
        settling=tuple(SettlingResource(**_plain(one)) for one in explanation.settling),
        blocked_terminals=explanation.blocked,
        pings=tuple(
            PingResource.model_validate(
                {"meter": one.meter, "reason": one.reason, "asked_at": iso(one.asked_ms),
                 "outcome": one.outcome, "at": iso_or_none(one.at_ms)}
            )
            for one in explanation.pings
        ),
        sentences=tuple(SentenceResource.model_validate({"section": zh.section, "zh": zh.text, "en": en.text})
            for zh, en in pairs
        ),
        customer=_customer(call, explanation, revision, customer),
    )  # fmt: skip


def _customer(
    call: Call, explanation: Explanation, revision: OutageRevision, customer: str | None
) -> CustomerReasonResource | None:
    if customer is None:
        return None
    site = call.services.sites.of(revision.network_hash)
    seen_customer_row(call, site, customer)
    found = next((one for one in explanation.customers if one.customer == customer), None)
    return None if found is None else customer_reason(call, found)


def _names(site: Site, element: str) -> dict[str, str]:
    place = site.place_of(element)
    return {"name": place.name, "name_en": place.name_en}


def _plain(one: object) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(one)
    return plain


def _correction(one: Correction) -> CorrectionResource:
    return CorrectionResource(
        outage_id=one.outage_id, kind=one.kind.value, things=one.things, note=one.note,
        said_at=iso(one.said_ms), by=one.user_name,
    )  # fmt: skip
