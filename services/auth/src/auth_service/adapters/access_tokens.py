"""Signing access tokens."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from auth_service.adapters.signing_keys import WatchedKeys
from auth_service.application.credential_ports import AccessToken
from auth_service.domain.users import Role, User
from breezeway.clock import Clock
from breezeway.ids import new_id
from breezeway.security.tokens import ACCESS_LIFETIME_SECONDS, AUDIENCE, ISSUER, sign


class AccessTokenSigner:
    """See `credential_ports.AccessTokens`."""

    def __init__(self, keys: WatchedKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def issue(self, user: User, sign_in_id: UUID, at: datetime, *, mfa_at: datetime | None = None) -> AccessToken:
        proved = None if mfa_at is None else int(mfa_at.timestamp())
        return self.issue_limited(user, str(sign_in_id), user.role, user.scopes, at, mfa_at=proved)

    def issue_limited(
        self,
        user: User,
        session_id: str,
        role: Role,
        scopes: Sequence[str],
        at: datetime,
        until: datetime | None = None,
        *,
        mfa_at: int | None = None,
    ) -> AccessToken:
        issued = int(at.timestamp())
        expires = issued + ACCESS_LIFETIME_SECONDS
        if until is not None:
            expires = max(issued + 1, min(expires, int(until.timestamp())))
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user.id),
            "iat": issued,
            "exp": expires,
            "jti": new_id().hex,
            "sid": session_id,
            "role": role.value,
            "scope": " ".join(scopes),
        }
        if mfa_at is not None:
            claims["mfa_at"] = mfa_at
        return AccessToken(token=sign(claims, self._keys.ring.signing(at)), expires_in=expires - issued)

    def jwks(self) -> Mapping[str, Any]:
        """The public halves of the keys whose tokens count, for everybody who verifies."""
        return {"keys": [key.public_jwk() for key in self._keys.ring.published(self._clock.now())]}
