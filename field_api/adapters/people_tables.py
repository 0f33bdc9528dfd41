"""Tables about people: failed logins, tokens that renew themselves, sealed phones, findings."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from field_api.adapters.tables import metadata

login_failures: Final = Table(
    "login_failures",
    metadata,
    Column("key", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Index("ix_login_failures_last_ms", "last_ms"),
)

refresh_tokens: Final = Table(
    "refresh_tokens",
    metadata,
    Column("secret_hash", Text, primary_key=True),
    Column("family", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("successor_hash", Text, nullable=False),
    Column("used_ms", BigInteger),
    Index("ix_refresh_tokens_family", "family"),
    Index("ix_refresh_tokens_user_id", "user_id"),
)
"""Kept only as hashes; used ones stay a while so that their reuse is noticed."""

user_phones: Final = Table(
    "user_phones",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Index("ix_user_phones_digest", "digest"),
)
"""Encrypted, with a keyed hash to search by."""

people_findings: Final = Table(
    "people_findings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("raised_by", Text, nullable=False),
    Column("raised_ms", BigInteger, nullable=False),
    Column("objection", Text, nullable=False),
    Column("objected_ms", BigInteger),
    Column("decided_by", Text, nullable=False),
    Column("decided_ms", BigInteger),
    Column("decision", Text, nullable=False),
    Index("ix_people_findings_person_id", "person_id"),
    Index("ix_people_findings_raised_ms", "raised_ms"),
)
