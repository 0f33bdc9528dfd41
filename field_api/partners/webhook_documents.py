"""Subscriptions as they are shown: never their secret."""

from collections.abc import Callable

from field_api.instants import iso
from field_api.partners.webhooks import HookState, Webhook
from field_api.resources import Instant, Resource
from field_api.saying import Said, recalled


class WebhookResource(Resource):
    id: str
    url: str
    kinds: tuple[str, ...]
    grid_ids: tuple[str, ...]
    state: HookState
    failures: int
    problem: str
    waiting: int
    made_at: Instant
    made_by: str


def webhook_resource(hook: Webhook, waiting: int, tell: Callable[[Said], str]) -> WebhookResource:
    """``waiting``: how many events are on their way to it; ``tell`` puts its problem into words."""
    return WebhookResource(
        id=hook.id, url=hook.url, kinds=tuple(sorted(hook.kinds)), grid_ids=tuple(sorted(hook.grid_ids)),
        state=hook.state, failures=hook.failures, problem=tell(recalled(hook.problem)), waiting=waiting,
        made_at=iso(hook.made_ms), made_by=hook.made_by,
    )  # fmt: skip
