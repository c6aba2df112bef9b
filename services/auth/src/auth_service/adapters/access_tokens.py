"""Signing access tokens, and where the signing key comes from."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from auth_service.adapters.secret_files import read_or_make
from auth_service.application.ports import AccessToken
from auth_service.domain.users import Role, User
from breezeway.errors import Misconfigured
from breezeway.ids import new_id
from breezeway.security.tokens import ACCESS_LIFETIME_SECONDS, AUDIENCE, ISSUER, SigningKey, sign


class AccessTokenSigner:
    """See `ports.AccessTokens`."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    def issue(self, user: User, sign_in_id: UUID, at: datetime) -> AccessToken:
        return self.issue_limited(user, str(sign_in_id), user.role, user.scopes, at)

    def issue_limited(
        self,
        user: User,
        session_id: str,
        role: Role,
        scopes: Sequence[str],
        at: datetime,
        until: datetime | None = None,
    ) -> AccessToken:
        issued = int(at.timestamp())
        expires = issued + ACCESS_LIFETIME_SECONDS
        if until is not None:
            expires = max(issued + 1, min(expires, int(until.timestamp())))
        claims = {
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
        return AccessToken(token=sign(claims, self._key), expires_in=expires - issued)

    def jwks(self) -> Mapping[str, Any]:
        """The public half, for everybody who verifies."""
        return {"keys": [self._key.public_jwk()]}


def load_signing_key(path: Path, *, generate: bool) -> SigningKey:
    """The ES256 key in the PEM file at `path`, named by its public half.

    Args:
        generate: make the file (readable by us alone) when it is absent.

    Raises:
        Misconfigured: `signing_key_missing`, `bad_signing_key`.
    """
    try:
        pem = read_or_make(path, _new_pem) if generate else path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"The signing key {path} cannot be read ({error.strerror}). Set BREEZEWAY_SIGNING_KEY_FILE to a PEM file "
            "with a P-256 private key: openssl ecparam -name prime256v1 -genkey -noout",
            code="signing_key_missing",
        ) from error
    try:
        key = SigningKey.from_pem("unnamed", pem)
    except ValueError as error:
        raise Misconfigured(f"{path} holds no P-256 private key in PEM form.", code="bad_signing_key") from error
    public = key.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    # The name follows from the key, so every process that loads it calls it the same.
    return SigningKey(kid=sha256(public).hexdigest()[:16], private=key.private)


def _new_pem() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
