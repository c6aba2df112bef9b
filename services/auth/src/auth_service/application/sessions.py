"""The one place that issues sessions: every way of signing in ends in `start_session`."""

from dataclasses import dataclass
from datetime import datetime

from auth_service.application.credential_ports import AccessToken, AccessTokens
from auth_service.application.ports import UnitOfWork
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
    work: UnitOfWork, tokens: AccessTokens, user: User, origin: Origin, at: datetime, *, proved_second: bool = False
) -> SessionTokens:
    """Begin a sign-in for an authenticated `user` within `work`; the caller commits.

    Args:
        proved_second: whether the second factor was proved along with the password.
    """
    if user.totp_since is not None and not proved_second:
        raise RuntimeError("a session was about to begin without the second factor that its user has turned on")
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
    facts = {"sign_in": str(sign_in.id), "second_factor": "yes" if proved_second else "no"}
    work.audit(audit_entry(AuditEvent.SIGNED_IN, user.id, at, origin, facts))
    access = tokens.issue(user, sign_in.id, at, mfa_at=at if proved_second else None)
    return SessionTokens(access=access, refresh_token=secret, user=user)


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
