"""Single-use tokens that travel by mail: whoever has one has read the owner's mail.

256 random bits, of which the database keeps a SHA-256. One conditional update decides who of many uses it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from auth_service.domain.sign_ins import digest_of, new_secret
from breezeway.errors import Rejected
from breezeway.ids import new_id


class TokenPurpose(StrEnum):
    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of a purpose
    VERIFY_EMAIL = "verify_email"


LIFETIME = {
    TokenPurpose.RESET_PASSWORD: timedelta(minutes=30),
    TokenPurpose.VERIFY_EMAIL: timedelta(hours=24),
}


@dataclass(frozen=True, slots=True)
class MailedToken:
    """The row of one token."""

    id: UUID
    user_id: UUID
    purpose: TokenPurpose
    digest: bytes
    issued_at: datetime
    expires_at: datetime


def new_mailed_token(user_id: UUID, purpose: TokenPurpose, at: datetime) -> tuple[str, MailedToken]:
    """A token: the secret for the mail, the row for us."""
    secret = new_secret()
    return secret, MailedToken(
        id=new_id(),
        user_id=user_id,
        purpose=purpose,
        digest=digest_of(secret),
        issued_at=at,
        expires_at=at + LIFETIME[purpose],
    )


def invalid_token() -> Rejected:
    """A mailed token that does not count."""
    return Rejected(
        "This link is not valid: it was used before, its time is over, or a newer change has replaced it. Ask for "
        "another.",
        code="invalid_token",
    )
