"""Sign-ins: a family of refresh tokens that replace one another, from one login until it ends.

A refresh token is 256 random bits. The database keeps its SHA-256 only: with that much entropy a fast hash is
as good as a slow one, and it can be looked up. Every token works once. A second use means that two parties hold
the same token and nobody can say which of them is honest, so the whole family ends. There is no grace for a
lost answer: a client that did not get its new pair signs in again. A client therefore refreshes from one place
at a time.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

IDLE_LIFETIME = timedelta(days=7)
"""How long a refresh token waits for its use."""

ABSOLUTE_LIFETIME = timedelta(days=30)
"""How long a sign-in lasts, however often it is refreshed."""


DEVICE_KNOWN_FOR = timedelta(days=180)
"""How long a browser that has signed in counts as one that its user knows."""

MAX_OPEN = 50
"""How many sign-ins of one user may be open; one more ends the one that was used longest ago."""


class EndReason(StrEnum):
    LOGOUT = "logout"
    LOGOUT_ALL = "logout_all"
    REVOKED = "revoked"
    REUSE = "refresh_token_reuse"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a reason
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a reason
    TOO_MANY = "too_many_sessions"
    DISABLED = "user_disabled"
    FORCED_RESET = "forced_reset"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One login on one device: what a user sees in the list of sessions."""

    id: UUID
    user_id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ip: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The row of one token. `digest` is what identifies it; the token itself is with the client only."""

    id: UUID
    sign_in_id: UUID
    digest: bytes
    issued_at: datetime
    expires_at: datetime


def new_secret() -> str:
    """256 random bits, safe in JSON, a URL and a cookie."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """What the database keeps of a random secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def token_expiry(issued_at: datetime, family_expires_at: datetime) -> datetime:
    """When a refresh token issued now stops working."""
    return min(issued_at + IDLE_LIFETIME, family_expires_at)
