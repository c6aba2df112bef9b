"""The one place that issues sessions: every way of signing in ends in `start_session`."""

from dataclasses import dataclass
from datetime import datetime

from auth_service.application.ports import AccessToken, AccessTokens, UnitOfWork
from auth_service.domain.audit import AuditEvent, Origin, audit_entry
from auth_service.domain.sign_ins import (
    ABSOLUTE_LIFETIME,
    RefreshToken,
    SignIn,
    digest_of,
    new_secret,
    token_expiry,
)
from auth_service.domain.users import User
from breezeway.ids import new_id


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """What a client gets for signing in or refreshing. Both tokens are shown this once."""

    access: AccessToken
    refresh_token: str
    user: User


async def start_session(
    work: UnitOfWork, tokens: AccessTokens, user: User, origin: Origin, at: datetime
) -> SessionTokens:
    """Begin a sign-in for an authenticated `user` within `work`; the caller commits."""
    sign_in = SignIn(
        id=new_id(),
        user_id=user.id,
        created_at=at,
        last_used_at=at,
        expires_at=at + ABSOLUTE_LIFETIME,
        ip=origin.ip,
        user_agent=origin.user_agent,
    )
    secret, token = new_refresh_token(sign_in, at)
    await work.sign_ins.start(sign_in, token)
    work.audit(audit_entry(AuditEvent.SIGNED_IN, user.id, at, origin, {"sign_in": str(sign_in.id)}))
    return SessionTokens(access=tokens.issue(user, sign_in.id, at), refresh_token=secret, user=user)


def new_refresh_token(sign_in: SignIn, at: datetime) -> tuple[str, RefreshToken]:
    """The next token of a sign-in: the secret for the client, the row for us."""
    secret = new_secret()
    return secret, RefreshToken(
        id=new_id(),
        sign_in_id=sign_in.id,
        digest=digest_of(secret),
        issued_at=at,
        expires_at=token_expiry(at, sign_in.expires_at),
    )
