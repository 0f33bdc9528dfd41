"""What happened goes to those who subscribed: queued with the position it was read to, sent apart from each
other, tried again with growing waits, given up aloud. A dead subscription holds up nobody but itself."""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Final

from field_api.instants import iso
from field_api.partners.webhook_documents import webhook_resource
from field_api.partners.webhooks import (
    KEEP_SETTLED_MS,
    MAX_FAILURES,
    MAX_WAITING,
    BadTarget,
    HookState,
    NotTrusted,
    Posted,
    Webhook,
    next_attempt_ms,
    signature,
)
from field_api.ports import Desk, DeskSession, FeedEvent, LoggedEvent
from field_api.presentation import document
from field_api.saying import Said, written

READ_AT_ONCE: Final = 500
SEND_AT_ONCE: Final = 20
SENT: Final = "sent"
GIVEN_UP: Final = "given_up"
Post = Callable[[str, bytes, Mapping[str, str]], None]
"""URL, body, headers; raises ``BadTarget`` where it may never succeed, OSError where it may later."""
_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class DeliverWebhooks:
    desk: Desk
    post: Post
    unsealed: Callable[[str], str]
    threads: Executor
    """Each subscription is served by one of them at a time."""
    busy: set[str] = field(default_factory=set)

    def __call__(self, now_ms: int) -> None:
        """Queue what is new, begin to send what is due."""
        with self.desk.reading() as session:
            hooks = [hook for hook in session.webhooks.listed() if hook.state is HookState.ACTIVE]
            newest = session.feed.newest_id() if hooks else 0
        for hook in hooks:
            if hook.after_id < newest:
                with self.desk.writing() as session:
                    self._queue(session, hook.id, now_ms)
            if hook.id not in self.busy:
                self.busy.add(hook.id)
                self.threads.submit(self._serve, hook.id, now_ms)

    def tidy(self, now_ms: int) -> None:
        """Forget what was settled a week ago."""
        with self.desk.writing() as session:
            session.webhooks.prune(now_ms - KEEP_SETTLED_MS)

    def _queue(self, session: DeskSession, hook_id: str, now_ms: int) -> None:
        hook = session.webhooks.get(hook_id)
        if hook is None or hook.state is not HookState.ACTIVE:
            return
        lost = max(0, session.feed.oldest_id() - 1 - hook.after_id)
        events = session.feed.read(hook.after_id, READ_AT_ONCE)
        wanted = [
            _posted(hook, logged, now_ms)
            for logged in events
            if hook.wants(logged.event.name, logged.event.grid_ids)
        ]
        session.webhooks.queue(hook.id, wanted, now_ms)
        after_id = events[-1].id if events else hook.after_id
        problem = f"{lost} events were gone before they were read" if lost else hook.problem
        moved = replace(hook, after_id=after_id, problem=problem)
        if session.webhooks.waiting().get(hook.id, 0) > MAX_WAITING:
            moved = _disabled(session, moved, f"more than {MAX_WAITING} events wait", now_ms)
        session.webhooks.put(moved)

    def _serve(self, hook_id: str, now_ms: int) -> None:
        try:
            with self.desk.reading() as session:
                hook = session.webhooks.get(hook_id)
                due: Sequence[Posted] = session.webhooks.due(hook_id, now_ms, SEND_AT_ONCE)
            for posted in due if hook is not None else ():
                if hook is None or not self._sent(hook, posted, now_ms):
                    return
        except Exception:  # noqa: BLE001 (logged; a thread of the pool has nobody to tell)
            _LOG.exception("webhook %s", hook_id)
        finally:
            self.busy.discard(hook_id)

    def _sent(self, hook: Webhook, posted: Posted, now_ms: int) -> bool:
        """Whether the next may follow at once."""
        problem, hopeless = "", False
        try:
            self.post(hook.url, *self._request(hook, posted, now_ms))
        except BadTarget as refused:
            problem, hopeless = written(refused.said), True
        except NotTrusted as doubt:
            problem = written(doubt.said)
        except OSError as failed:
            problem = str(failed) or type(failed).__name__
        with self.desk.writing() as session:
            self._note(session, hook.id, posted, problem, hopeless, now_ms)
        return not problem

    def _request(self, hook: Webhook, posted: Posted, now_ms: int) -> tuple[bytes, Mapping[str, str]]:
        body, at_s = posted.body.encode(), now_ms // 1000
        return body, {
            "Content-Type": "application/json",
            "User-Agent": "gridcrew-webhook/1",
            "Gridcrew-Key": posted.key,
            "Gridcrew-Timestamp": str(at_s),
            "Gridcrew-Signature": signature(self.unsealed(hook.sealed_secret), posted.key, at_s, body),
        }

    def _note(
        self, session: DeskSession, hook_id: str, posted: Posted, problem: str, hopeless: bool, now_ms: int
    ) -> None:
        hook = session.webhooks.get(hook_id)
        if hook is None:
            return
        if not problem:
            session.webhooks.settle(posted.id, SENT, "", now_ms)
            session.webhooks.put(replace(hook, failures=0, problem=""))
            return
        jitter = random.random()
        again_ms = None if hopeless else next_attempt_ms(posted.attempts + 1, now_ms, jitter)
        if again_ms is None:
            session.webhooks.settle(posted.id, GIVEN_UP, problem, now_ms)
        else:
            session.webhooks.postpone(posted.id, again_ms, problem)
        failed = replace(hook, failures=hook.failures + 1, problem=problem)
        if failed.failures >= MAX_FAILURES:
            failed = _disabled(session, failed, problem, now_ms)
        session.webhooks.put(failed)


def _posted(hook: Webhook, logged: LoggedEvent, now_ms: int) -> Posted:
    key = f"{hook.id}-{logged.id}"
    event = logged.event
    head = f'{{"key":"{key}","event":"{event.name}","event_id":{logged.id},"queued_at":"{iso(now_ms)}"'
    return Posted(0, key, hook.id, logged.id, f'{head},"data":{event.data}}}')


def _disabled(session: DeskSession, hook: Webhook, problem: str, now_ms: int) -> Webhook:
    """Said on every screen of the whole company, in the log, and in the list of subscriptions."""
    _LOG.error("webhook %s is disabled after %d failures: %s", hook.id, hook.failures, problem)
    disabled = replace(hook, state=HookState.DISABLED, problem=problem)
    session.feed.append(
        now_ms, [FeedEvent("webhook", frozenset(), document(webhook_resource(disabled, 0, _code)))]
    )
    return disabled


def _code(said: Said) -> str:
    """The feed is read by everybody, in whatever language."""
    return said.code
