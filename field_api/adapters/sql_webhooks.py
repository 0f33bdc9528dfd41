"""Subscriptions and their outbox in the desk's tables."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from field_api.adapters.webhook_tables import webhook_outbox, webhooks
from field_api.partners.webhooks import HookState, Posted, Webhook

QUEUED: Final = "queued"


class SqlWebhooks:
    """``Webhooks`` within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def listed(self) -> tuple[Webhook, ...]:
        query = select(webhooks).order_by(webhooks.c.made_ms, webhooks.c.id)
        return tuple(_webhook(row) for row in self._connection.execute(query))

    def get(self, webhook_id: str) -> Webhook | None:
        row = self._connection.execute(select(webhooks).where(webhooks.c.id == webhook_id)).first()
        return None if row is None else _webhook(row)

    def put(self, webhook: Webhook) -> None:
        self._connection.execute(delete(webhooks).where(webhooks.c.id == webhook.id))
        row = {
            "id": webhook.id, "url": webhook.url, "kinds": json.dumps(sorted(webhook.kinds)),
            "grids": json.dumps(sorted(webhook.grid_ids)), "sealed_secret": webhook.sealed_secret,
            "state": webhook.state.value, "problem": webhook.problem, "made_by": webhook.made_by,
            "made_ms": webhook.made_ms, "failures": webhook.failures, "after_id": webhook.after_id,
        }  # fmt: skip
        self._connection.execute(insert(webhooks), [row])

    def remove(self, webhook_id: str) -> bool:
        self._connection.execute(delete(webhook_outbox).where(webhook_outbox.c.webhook_id == webhook_id))
        gone = self._connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id))
        return gone.rowcount > 0

    def queue(self, webhook_id: str, posted: Sequence[Posted], due_ms: int) -> None:
        keys = [one.key for one in posted]
        query = select(webhook_outbox.c.key).where(webhook_outbox.c.key.in_(keys))
        known = set(self._connection.scalars(query))
        rows = [
            {
                "key": one.key, "webhook_id": webhook_id, "event_id": one.event_id, "body": one.body,
                "state": QUEUED, "attempts": 0, "due_ms": due_ms, "problem": "",
            }
            for one in posted
            if one.key not in known
        ]  # fmt: skip
        if rows:
            self._connection.execute(insert(webhook_outbox), rows)

    def due(self, webhook_id: str, now_ms: int, limit: int) -> tuple[Posted, ...]:
        box = webhook_outbox.c
        query = (
            select(webhook_outbox)
            .where(box.webhook_id == webhook_id, box.state == QUEUED, box.due_ms <= now_ms)
            .order_by(box.event_id)
            .limit(limit)
        )
        return tuple(
            Posted(row.id, row.key, row.webhook_id, row.event_id, row.body, row.attempts)
            for row in self._connection.execute(query)
        )

    def settle(self, posted_id: int, state: str, problem: str, now_ms: int) -> None:
        self._connection.execute(
            update(webhook_outbox)
            .where(webhook_outbox.c.id == posted_id)
            .values(state=state, problem=problem, settled_ms=now_ms, attempts=webhook_outbox.c.attempts + 1)
        )

    def postpone(self, posted_id: int, due_ms: int, problem: str) -> None:
        self._connection.execute(
            update(webhook_outbox)
            .where(webhook_outbox.c.id == posted_id)
            .values(due_ms=due_ms, problem=problem, attempts=webhook_outbox.c.attempts + 1)
        )

    def waiting(self) -> Mapping[str, int]:
        box = webhook_outbox.c
        query = select(box.webhook_id, func.count()).where(box.state == QUEUED).group_by(box.webhook_id)
        return {row[0]: int(row[1]) for row in self._connection.execute(query)}

    def prune(self, before_ms: int) -> None:
        self._connection.execute(delete(webhook_outbox).where(webhook_outbox.c.settled_ms < before_ms))


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        row.id, row.url, frozenset(json.loads(row.kinds)), frozenset(json.loads(row.grids)),
        row.sealed_secret, row.made_by, row.made_ms, row.after_id, HookState(row.state), row.failures,
        row.problem,
    )  # fmt: skip
