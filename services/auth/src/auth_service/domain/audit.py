"""The audit log: what happened to credentials, in an order that cannot be changed without showing.

Each entry carries the hash of the one before it, so a row that was edited, removed or slipped in breaks the chain from
there on.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from breezeway.ids import new_id

GENESIS = bytes(32)
"""What the first entry follows."""


class AuditEvent(StrEnum):
    REGISTERED = "user.registered"
    REGISTERED_AGAIN = "user.registered_again"
    MADE_ADMIN = "user.made_admin"
    EMAIL_VERIFIED = "email.verified"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - the name of an event
    PASSWORD_RESET = "password.reset"  # noqa: S105 - the name of an event
    TOTP_ENABLED = "totp.enabled"
    TOTP_DISABLED = "totp.disabled"
    RECOVERY_CODE_USED = "recovery_code.used"
    STEPPED_UP = "second_factor.proved"
    SIGNED_IN = "sign_in.succeeded"
    SIGN_IN_FAILED = "sign_in.failed"
    SIGNED_OUT = "sign_in.ended"
    SIGNED_OUT_EVERYWHERE = "sign_in.ended_all"
    REFRESH_REUSED = "refresh_token.reused"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    USER_DELETED = "user.deleted"
    ROLE_CHANGED = "user.role_changed"
    PASSWORD_TAKEN = "password.taken_by_admin"  # noqa: S105 - the name of an event
    VAULT_ROTATED = "vault.rotated"
    ADMIN_ACTED = "admin.acted"
    PROFILE_CHANGED = "user.profile_changed"
    API_KEY_CREATED = "api_key.created"
    API_KEY_DELETED = "api_key.deleted"
    API_KEY_USED = "api_key.used_from_new_address"
    API_KEY_REFUSED = "api_key.refused"
    BROKER_ACCOUNT_ADDED = "broker_account.added"
    BROKER_ACCOUNT_CHANGED = "broker_account.changed"
    BROKER_ACCOUNT_REMOVED = "broker_account.removed"
    BROKER_LOGIN_STARTED = "broker_login.started"
    BROKER_CONNECTED = "broker_session.connected"
    BROKER_REFUSED = "broker_session.refused"
    BROKER_EXPIRED = "broker_session.expired"
    BROKER_REVOKED = "broker_session.revoked"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, as far as we know."""

    ip: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that happened. `detail` holds plain facts, never a secret."""

    id: UUID
    at: datetime
    event: str
    """An `AuditEvent`; a log outlives the names that a version of the program knows."""
    user_id: UUID | None
    ip: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChainLink:
    """An entry in its place in the chain, with the hash that was stored with it."""

    seq: int
    entry: AuditEntry
    hash: bytes


def chained_hash(previous: bytes, entry: AuditEntry) -> bytes:
    """The hash of `entry` when it follows the entry hashed to `previous`."""
    facts = [
        str(entry.id),
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        str(entry.event),
        str(entry.user_id or ""),
        entry.ip or "",
        dict(entry.detail),
    ]
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(previous + text.encode()).digest()


def audit_entry(
    event: AuditEvent, user_id: UUID | None, at: datetime, origin: Origin, detail: Mapping[str, str] | None = None
) -> AuditEntry:
    """An entry for something that has just happened."""
    return AuditEntry(id=new_id(), at=at, event=event, user_id=user_id, ip=origin.ip, detail=detail or {})
