"""What people change through the API is written to the audit record, unless a record of its own holds it."""

import json
from collections.abc import Mapping
from typing import Final

from flask import Request
from werkzeug.wrappers import Response

from field_api.http.operations import Operation
from field_api.people.audit_chain import Act
from field_api.ports import Desk
from field_api.usecases.login import Identity

CREATED: Final = 201
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
RECORDED_ELSEWHERE: Final = frozenset({
    "log_in", "log_out", "make_token", "renew_token",  # by their use cases, in the same transaction
    "reveal_customer", "change_password", "make_machine_token", "revoke_machine_token",
    "raise_finding", "object_to_finding", "decide_finding",
    "announce_photo", "send_photo", "push_operations",  # rows of their own, and the orders' histories
    "step_order",  # the order's history; on behalf of others by its use case
    "put_position",  # nothing but a place, and not for keeping
    "take_call", "take_tickets", "paste_tickets",  # the registers of calls and tickets
    "take_receipts",  # the outbox
    "ask_what_if", "make_plan",  # change nothing
})  # fmt: skip
"""Every other operation that is not a question is written, those of tomorrow included."""


def is_written(operation: Operation) -> bool:
    """Does the gate itself write what this operation did?"""
    return operation.method not in SAFE_METHODS and operation.name not in RECORDED_ELSEWHERE


def write_act(
    desk: Desk,
    sent: Request,
    identity: Identity,
    operation: Operation,
    path: Mapping[str, str],
    answer: Response,
    now_ms: int,
) -> None:
    """Who did what to which thing, and what they made."""
    subject, made = _subject(path), _made(answer)
    details = {"made": made} if made and subject else {}
    _append(desk, sent, identity, operation.name, subject or made, details, now_ms)


def write_refusal(
    desk: Desk, sent: Request, identity: Identity, operation: Operation, path: Mapping[str, str], now_ms: int
) -> None:
    """Somebody asked for what is not theirs (fault 29)."""
    _append(desk, sent, identity, "refused", _subject(path), {"operation": operation.name}, now_ms)


def _append(
    desk: Desk,
    sent: Request,
    identity: Identity,
    action: str,
    subject: str,
    details: dict[str, str],
    now_ms: int,
) -> None:
    user = identity.user
    act = Act(action, subject, user.id, user.username, sent.remote_addr or "", details)
    with desk.writing() as session:
        session.audit.append(now_ms, act)


def _made(answer: Response) -> str:
    """The id of what a request made; '' where it made nothing that has one."""
    if answer.status_code != CREATED or answer.is_streamed:
        return ""
    told = json.loads(answer.get_data() or b"{}")
    return str(told.get("id", "")) if isinstance(told, dict) else ""


def _subject(path: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value[:128]}" for name, value in sorted(path.items()))
