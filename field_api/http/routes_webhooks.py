"""Subscriptions of other systems to what happens."""

from collections.abc import Callable
from typing import Final, Literal

from pydantic import Field

from field_api.http.fields import Identifier, Input, Line
from field_api.http.languages import language_of, told
from field_api.http.operations import Answer, Call, Operations
from field_api.partners.webhook_documents import WebhookResource, webhook_resource
from field_api.people.users import Role
from field_api.resources import Resource
from field_api.saying import Said

operations: Final = Operations()
_MANAGES: Final = frozenset({Role.ADMIN})
_PATH: Final = "/api/v1/webhooks"
Kind = Literal["outage", "order", "crew", "notice", "ticket"]


class WebhookBody(Input):
    url: Line = Field(description="Of an allowed host (setting `webhooks.hosts`).")
    kinds: tuple[Kind, ...] = Field(min_length=1, max_length=5)
    grid_ids: tuple[Identifier, ...] = Field(default=(), max_length=500, description="Empty: every cell.")


class NewWebhookResource(Resource):
    webhook: WebhookResource
    secret: str = Field(description="Told once; each delivery is signed with it.")


class WebhookList(Resource):
    items: tuple[WebhookResource, ...]


@operations.add("GET", _PATH, "Subscriptions, with what waits", roles=_MANAGES, answers={200: WebhookList})
def list_webhooks(call: Call) -> Answer:
    """All of them, oldest first."""
    hooks, waiting = call.services.partners.manage_webhooks.listed()
    tell = _telling(call)
    items = tuple(webhook_resource(hook, waiting.get(hook.id, 0), tell) for hook in hooks)
    return Answer(200, WebhookList(items=items))


@operations.add(
    "POST", _PATH, "Subscribe to what happens from now on", roles=_MANAGES, body=WebhookBody,
    answers={201: NewWebhookResource}, refuses=frozenset({404, 409}),
)  # fmt: skip
def make_webhook(call: Call) -> Answer:
    """Refused where the address is not among the allowed hosts."""
    sent = call.body(WebhookBody)
    hook, secret = call.services.partners.manage_webhooks.make(
        call.user, sent.url, frozenset(sent.kinds), frozenset(sent.grid_ids), call.now_ms
    )
    return Answer(201, NewWebhookResource(webhook=webhook_resource(hook, 0, _telling(call)), secret=secret))


@operations.add(
    "POST", _PATH + "/{webhook_id}/enable", "Serve a disabled subscription again",
    roles=_MANAGES, answers={200: WebhookResource},
)  # fmt: skip
def enable_webhook(call: Call) -> Answer:
    """What waits is sent, what was given up is not."""
    hook = call.services.partners.manage_webhooks.enable(call.path["webhook_id"])
    return Answer(200, webhook_resource(hook, 0, _telling(call)))


@operations.add("DELETE", _PATH + "/{webhook_id}", "End a subscription", roles=_MANAGES, answers={204: None})
def delete_webhook(call: Call) -> Answer:
    """With all that waits for it."""
    call.services.partners.manage_webhooks.remove(call.path["webhook_id"])
    return Answer(204)


def _telling(call: Call) -> Callable[[Said], str]:
    language = language_of(call.request)
    return lambda said: told(said, language)
