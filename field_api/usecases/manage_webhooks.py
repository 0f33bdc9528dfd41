"""Subscriptions are made, listed, enabled again and ended; the secret is told once."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from field_api.partners.webhooks import BadTarget, HookState, TargetRules, Webhook
from field_api.people.users import WHOLE_COMPANY, User
from field_api.ports import Desk
from field_api.usecases.errors import Conflict, NotFound

MAX_WEBHOOKS: Final = 50


@dataclass(frozen=True, slots=True)
class ManageWebhooks:
    desk: Desk
    rules: TargetRules
    sealed: Callable[[str], str]

    def make(
        self, user: User, url: str, kinds: frozenset[str], grid_ids: frozenset[str], now_ms: int
    ) -> tuple[Webhook, str]:
        """The subscription, from the next event on, and its secret; raises ``Conflict`` and ``NotFound``."""
        try:
            self.rules.check(url)
        except BadTarget as problem:
            raise Conflict.like(problem) from problem
        secret = secrets.token_urlsafe(32)
        with self.desk.writing() as session:
            if len(session.webhooks.listed()) >= MAX_WEBHOOKS:
                raise Conflict("webhook.too_many", most=MAX_WEBHOOKS)
            known = {cell.id for cell in session.organisation.cells(WHOLE_COMPANY)}
            if strangers := grid_ids - known:
                raise NotFound("organisation.no_cell", cell=min(strangers))
            hook = Webhook(
                f"hook-{secrets.token_hex(6)}", url, kinds, grid_ids, self.sealed(secret), user.id, now_ms,
                session.feed.newest_id(),
            )  # fmt: skip
            session.webhooks.put(hook)
        return hook, secret

    def listed(self) -> tuple[tuple[Webhook, ...], Mapping[str, int]]:
        """With how much waits for each."""
        with self.desk.reading() as session:
            return session.webhooks.listed(), session.webhooks.waiting()

    def enable(self, webhook_id: str) -> Webhook:
        """Try again from where it was left; what was given up stays so."""
        with self.desk.writing() as session:
            hook = session.webhooks.get(webhook_id)
            if hook is None:
                raise NotFound("webhook.unknown", webhook=webhook_id)
            enabled = replace(hook, state=HookState.ACTIVE, failures=0)
            session.webhooks.put(enabled)
        return enabled

    def remove(self, webhook_id: str) -> None:
        """And what waits for it."""
        with self.desk.writing() as session:
            if not session.webhooks.remove(webhook_id):
                raise NotFound("webhook.unknown", webhook=webhook_id)
