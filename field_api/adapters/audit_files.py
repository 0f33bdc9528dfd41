"""The audit record as files: rows as JSON, and the signed head that is kept elsewhere."""

import json
from typing import Final

from field_api.adapters.vault import Vault, is_signed
from field_api.instants import iso
from field_api.people.audit_chain import AuditRow, Head

FORMAT: Final = "gridcrew audit head 1"


class BadHead(Exception):
    """No head, or not one that this installation signed."""


def exported_row(row: AuditRow) -> dict[str, object]:
    """All that its hash covers, and the hash."""
    act = row.act
    return {
        "sequence": row.sequence, "at": iso(row.at_ms), "at_ms": row.at_ms, "action": act.action,
        "subject": act.subject, "actor_id": act.actor_id, "actor_name": act.actor_name,
        "address": act.address, "details": dict(act.details), "before": row.before, "hash": row.hash,
    }  # fmt: skip


def signed_head(head: Head, at_ms: int, vault: Vault) -> str:
    """As JSON with the signature and the public key that checks it."""
    signature, public_key = vault.sign(_told(head))
    return json.dumps(
        {
            "format": FORMAT, "sequence": head.sequence, "hash": head.hash, "at": iso(at_ms),
            "signature": signature, "public_key": public_key,
        }
    )  # fmt: skip


def read_head(text: str, vault: Vault) -> Head:
    """Raises ``BadHead`` unless it was signed by the key of ``vault``."""
    try:
        told = json.loads(text)
        head = Head(int(told["sequence"]), str(told["hash"]))
        signature, public_key = str(told["signature"]), str(told["public_key"])
    except (ValueError, LookupError, TypeError) as problem:
        raise BadHead(f"not a head of the audit record: {problem}") from problem
    if public_key != vault.sign("")[1]:
        raise BadHead(f"signed with another key ({public_key[:16]}…): {vault.file} is not of that time")
    if not is_signed(_told(head), signature, public_key):
        raise BadHead("the signature does not belong to it: the head was altered")
    return head


def _told(head: Head) -> str:
    return f"{FORMAT} {head.sequence} {head.hash}"
