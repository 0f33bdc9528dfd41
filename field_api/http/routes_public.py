"""What customers may do: ask how far it is, pick a manager by card, have their word on an order kept."""

import math
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from field_api.http.fields import Identifier, Input, Page, Query, Words, as_whole
from field_api.http.languages import told_in_all
from field_api.http.operations import EVERYONE, Answer, Call, Operations
from field_api.http.problems import HttpProblem
from field_api.instants import iso, iso_or_none
from field_api.notices.wording import HOTLINES
from field_api.people.masking import mask_name
from field_api.resources import Instant, Resource
from field_api.saying import Language
from field_api.service.manager_cards import ManagerCard
from field_api.service.public_progress import Stage, Supply
from field_api.service.ratings import BEST, WORST, Rating
from field_api.usecases.choose_manager import ChooseManager, card_id
from field_api.usecases.look_up_progress import LookUpProgress
from field_api.usecases.show_cards import ShowCards
from field_api.usecases.take_rating import MAY_TAKE, TakeRating

operations: Final = Operations()
COST: Final = 10
"""A look-up takes so much of an address's allowance as so many other requests."""
_Points = Annotated[int, Field(ge=WORST, le=BEST), BeforeValidator(as_whole)]


class LookUpBody(Input):
    number: Identifier = Field(description="A customer's number, an order's, or a ticket's of 95598.")


class ProgressResource(Resource):
    supply: Supply
    since: Instant | None
    expected_at: Instant | None = Field(description="Null: nobody knows yet.")
    stage: Stage | None
    hotlines: tuple[str, ...]


class RatingBody(Input):
    service: _Points = Field(description="How people were met.")
    result: _Points = Field(description="What came of it.")
    words: Words = ""


class RatingResource(Resource):
    order_id: str
    service: int
    result: int
    words: str
    at: Instant
    taken_by: str


@operations.add(
    "POST", "/api/v1/public/progress", "How far is it? Without a login, without persons",
    public=True, body=LookUpBody, answers={200: ProgressResource}, refuses=frozenset({429}),
)  # fmt: skip
def look_up_progress(call: Call) -> Answer:
    """The same shape for a number that is nobody's as for one without an outage."""
    services = call.services
    _charge(call)
    look = LookUpProgress(services.desk, services.sites, services.company, services.supply)
    found = look(call.body(LookUpBody).number, call.now_ms)
    return Answer(200, ProgressResource(
        supply=found.supply, since=iso_or_none(found.since_ms), expected_at=iso_or_none(found.expected_ms),
        stage=found.stage, hotlines=HOTLINES,
    ), {"Cache-Control": "no-store"})  # fmt: skip


def _charge(call: Call) -> None:
    """Whoever tries numbers has soon used up what an address may ask."""
    waits_s = [call.services.throttle.wait_s(f"look-up at {call.request.remote_addr}") for _ in range(COST)]
    if waits_s[-1]:
        raise HttpProblem(
            429, "request.too_many_lookups", headers={"Retry-After": str(math.ceil(waits_s[-1] * COST))}
        )


@operations.add(
    "POST", "/api/v1/orders/{order_id}/rating", "What the customer says of a closed order",
    roles=MAY_TAKE, body=RatingBody, answers={201: RatingResource}, refuses=frozenset({409}),
)  # fmt: skip
def rate_order(call: Call) -> Answer:
    """One for each order, in two parts; nobody writes down a rating of their own work."""
    body = call.body(RatingBody)
    take = TakeRating(call.services.desk, call.services.company)
    kept = take(call.user, call.path["order_id"], body.service, body.result, body.words, call.now_ms)
    return Answer(201, _rating(kept))


@operations.add(
    "GET", "/api/v1/orders/{order_id}/rating", "What the customer said of an order", roles=EVERYONE,
    answers={200: RatingResource},
)  # fmt: skip
def show_rating(call: Call) -> Answer:
    """404 where nobody asked the customer yet."""
    take = TakeRating(call.services.desk, call.services.company)
    return Answer(200, _rating(take.of_order(call.user, call.path["order_id"])))


class CardQuery(Query):
    grid_id: str = Field(min_length=1, max_length=128)


class CardResource(Resource):
    person_id: str
    name: str
    closed: int = Field(description="Orders that they answered for, closed lately.")
    open: int
    satisfaction: float | None = Field(description="Mean of both parts of their ratings, 1 to 5.")
    ratings: int


class CardPage(Page[CardResource]):
    pass


@operations.add(
    "GET", "/api/v1/manager-cards", "Grid managers from whom a customer picks", roles=EVERYONE,
    query=CardQuery, answers={200: CardPage}, refuses=frozenset({404}),
)  # fmt: skip
def list_manager_cards(call: Call) -> Answer:
    """Best liked first; nobody who carries as much as one person may."""
    show = ShowCards(call.services.desk, call.services.company)
    cards = show(call.scope, call.query(CardQuery).grid_id, call.now_ms)
    return Answer(200, CardPage(items=tuple(_card(one) for one in cards), next_cursor=None))


class PublicCardResource(Resource):
    card: str = Field(description="Names the card when it is picked, for this number alone.")
    name: str = Field(description="The family name and a star.")
    closed: int
    open: int
    satisfaction: float | None
    ratings: int


class PublicCardsResource(Resource):
    items: tuple[PublicCardResource, ...] = Field(
        description="Best first, at most ten; none for a number that is nobody's."
    )


class ChoiceBody(LookUpBody):
    card: Identifier = Field(description="Of `POST /api/v1/public/manager-cards` for the same number.")


class ChoiceResource(Resource):
    bound: bool = Field(description="The manager has the customer's cases from now on.")
    card: PublicCardResource
    cases: tuple[str, ...] = Field(description="Numbers of open cases that went to them.")
    told: dict[Language, str]
    instead: tuple[PublicCardResource, ...] = Field(description="The next best, where it was not bound.")


@operations.add(
    "POST", "/api/v1/public/manager-cards", "Managers whom a customer may pick; without a login",
    public=True, body=LookUpBody, answers={200: PublicCardsResource}, refuses=frozenset({429}),
)  # fmt: skip
def list_public_cards(call: Call) -> Answer:
    """By a customer's number or an open case's; nothing about persons but what a card shows."""
    _charge(call)
    number = call.body(LookUpBody).number
    cards = _chooser(call).cards(number, call.now_ms)
    items = tuple(_public_card(number, one) for one in cards)
    return Answer(200, PublicCardsResource(items=items), {"Cache-Control": "no-store"})


@operations.add(
    "POST", "/api/v1/public/manager-choice", "Pick a manager by card; without a login",
    public=True, body=ChoiceBody, answers={200: ChoiceResource}, refuses=frozenset({404, 429}),
)  # fmt: skip
def choose_manager(call: Call) -> Answer:
    """Binds while they carry less than one person may; else the answer says so, with the next best."""
    _charge(call)
    sent = call.body(ChoiceBody)
    choice = _chooser(call).choose(sent.number, sent.card, call.now_ms)
    shown = ChoiceResource(
        bound=choice.bound, card=_public_card(sent.number, choice.card), cases=choice.cases,
        told=told_in_all("told.manager_bound" if choice.bound else "told.manager_full"),
        instead=tuple(_public_card(sent.number, one) for one in choice.instead),
    )  # fmt: skip
    return Answer(200, shown, {"Cache-Control": "no-store"})


def _chooser(call: Call) -> ChooseManager:
    return ChooseManager(call.services.desk, call.services.company, call.services.sites)


def _public_card(number: str, one: ManagerCard) -> PublicCardResource:
    shown = _card(one).model_dump(exclude={"person_id"})
    return PublicCardResource(card=card_id(number, one), **shown)


def _card(one: ManagerCard) -> CardResource:
    satisfaction = one.satisfaction
    return CardResource(
        person_id=one.person_id, name=mask_name(one.name), closed=one.closed, open=one.open,
        satisfaction=None if satisfaction is None else round(satisfaction, 2), ratings=len(one.ratings),
    )  # fmt: skip


def _rating(one: Rating) -> RatingResource:
    return RatingResource(
        order_id=one.order_id, service=one.service, result=one.result, words=one.words, at=iso(one.at_ms),
        taken_by=one.taken_by_name,
    )  # fmt: skip
