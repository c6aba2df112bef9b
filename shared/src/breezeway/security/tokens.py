"""Access tokens: signed by auth, verified by everybody. The only module that touches python-jose.

python-jose accepts what it should refuse (a missing `aud`, unknown `crit`, whatever algorithm the header names), so
this module decides everything itself before the library is asked for the one thing it does well: an ES256 signature.
"""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jose import jwk, jws
from jose.backends.base import Key as JoseKey
from jose.exceptions import JOSEError

from breezeway.errors import Unauthenticated

ALGORITHM: Final = "ES256"
ISSUER: Final = "breezeway"
AUDIENCE: Final = "breezeway-api"
ACCESS_TYPE: Final = "at+jwt"
"""`typ` of an access token (RFC 9068); tokens of any other kind are refused where an access token is expected."""

ACCESS_LIFETIME_SECONDS: Final = 15 * 60
"""How long an access token lives at most."""

MAX_TOKEN_BYTES: Final = 8192
LEEWAY_SECONDS: Final = 30
_REQUIRED = ("iss", "aud", "sub", "exp", "iat", "jti")
_HEADER_KEYS = {"alg", "typ", "kid"}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling: what a verified access token says."""

    user_id: UUID
    role: str
    scopes: frozenset[str]
    session_id: str
    """The refresh family that the token belongs to; what logging out ends."""
    token_id: str
    expires_at: int
    """Epoch seconds, UTC."""
    issued_at: int = 0
    """Epoch seconds, UTC."""
    mfa_at: int = 0
    """Epoch seconds, UTC: when the second factor was proved for this token; 0 when it was not. A refreshed token does
    not carry it on, so it is never older than a token lives."""

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An ES256 key with its name. The private half stays in auth."""

    kid: str
    private: EllipticCurvePrivateKey

    @classmethod
    def from_pem(cls, kid: str, pem: bytes) -> "SigningKey":
        """Load a PEM private key.

        Raises:
            ValueError: when it is no P-256 private key.
        """
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            # A wrong kind of key is a wrong value of the setting, whatever its Python type.
            raise ValueError("the signing key must be an elliptic-curve key on P-256")  # noqa: TRY004 - see above
        return cls(kid, key)

    def public_jwk(self) -> dict[str, str]:
        """The public half as a JWK, for `/.well-known/jwks.json`."""
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "use": "sig",
            "alg": ALGORITHM,
            "kid": self.kid,
            "x": _b64(numbers.x.to_bytes(32, "big")),
            "y": _b64(numbers.y.to_bytes(32, "big")),
        }


def sign(claims: Mapping[str, Any], key: SigningKey, *, typ: str = ACCESS_TYPE) -> str:
    """A signed token with exactly these claims."""
    return str(
        jws.sign(
            json.dumps(dict(claims), separators=(",", ":")).encode(),
            jwk.construct(_pem(key.private), ALGORITHM).to_dict() | {"alg": ALGORITHM},
            headers={"typ": typ, "kid": key.kid},
            algorithm=ALGORITHM,
        )
    )


class TokenVerifier:
    """Checks access tokens against a set of public keys.

    Args:
        keys: kid → public key. Replace the set with `replace_keys` when auth publishes another.
    """

    def __init__(self, keys: Mapping[str, EllipticCurvePublicKey]) -> None:
        self._keys = _prepared(keys)

    @property
    def key_ids(self) -> Sequence[str]:
        return tuple(self._keys)

    def replace_keys(self, keys: Mapping[str, EllipticCurvePublicKey]) -> None:
        self._keys = _prepared(keys)

    def knows_key_of(self, token: str) -> bool:
        """Whether the token names a key we have; False asks the caller to fetch the newest set once."""
        try:
            return _header(token).get("kid") in self._keys
        except Unauthenticated:
            return True  # no key set will make it better; `verify` says what is wrong

    def verify(self, token: str, *, now: float | None = None) -> Principal:
        """Who the token speaks for.

        Args:
            now: epoch seconds; the wall clock when omitted.

        Raises:
            Unauthenticated: `token_expired` when only its time is over, `invalid_token` for everything else.
        """
        claims = self._claims(token)
        at = time.time() if now is None else now
        _check_registered(claims, at)
        try:
            return Principal(
                user_id=UUID(str(claims["sub"])),
                role=str(claims["role"]),
                scopes=frozenset(str(claims.get("scope", "")).split()),
                session_id=str(claims["sid"]),
                token_id=str(claims["jti"]),
                expires_at=int(claims["exp"]),
                issued_at=int(claims["iat"]),
                mfa_at=int(claims.get("mfa_at", 0)),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise _invalid("it lacks what an access token carries") from error

    def _claims(self, token: str) -> dict[str, Any]:
        header = _header(token)
        if header.get("alg") != ALGORITHM or header.get("typ") != ACCESS_TYPE:
            raise _invalid("it is not an access token of this system")
        # `crit`, `jku`, `jwk`, `x5u` … would let the token choose how it is judged.
        if set(header) - _HEADER_KEYS:
            raise _invalid("its header has unknown members")
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise _invalid("its key is unknown")
        try:
            payload = jws.verify(token, key, algorithms=[ALGORITHM])
            claims = json.loads(payload)
        except (JOSEError, ValueError, TypeError, RecursionError, OverflowError) as error:
            raise _invalid("its signature does not fit") from error
        if not isinstance(claims, dict):
            raise _invalid("its claims are no object")
        return claims


def _prepared(keys: Mapping[str, EllipticCurvePublicKey]) -> dict[str, JoseKey]:
    # Built once, and of this kind alone: given the PEM each time, python-jose spends half of its time in reading it.
    return {kid: jwk.construct(_public_pem(key), ALGORITHM) for kid, key in keys.items()}


def public_keys(jwks: Mapping[str, Any]) -> dict[str, EllipticCurvePublicKey]:
    """The P-256 keys of a JWK set; entries of any other kind are left out."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicNumbers

    found: dict[str, EllipticCurvePublicKey] = {}
    for entry in jwks.get("keys", ()):
        if entry.get("kty") == "EC" and entry.get("crv") == "P-256" and isinstance(entry.get("kid"), str):
            numbers = EllipticCurvePublicNumbers(
                int.from_bytes(_unb64(entry["x"]), "big"),
                int.from_bytes(_unb64(entry["y"]), "big"),
                SECP256R1(),
            )
            found[entry["kid"]] = numbers.public_key()
    return found


def _header(token: str) -> dict[str, Any]:
    if len(token) > MAX_TOKEN_BYTES:
        raise _invalid("it is too long")
    parts = token.split(".")
    if len(parts) != 3:
        raise _invalid("it has not three parts")
    try:
        header = json.loads(_unb64(parts[0]))
    except (ValueError, RecursionError) as error:
        raise _invalid("its header cannot be read") from error
    if not isinstance(header, dict):
        raise _invalid("its header is no object")
    return header


def _check_registered(claims: Mapping[str, Any], now: float) -> None:
    missing = [name for name in _REQUIRED if name not in claims]
    if missing:
        raise _invalid(f"it lacks {', '.join(missing)}")
    if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
        raise _invalid("it was made for somebody else")
    expires, issued = claims["exp"], claims["iat"]
    # bool is an int in Python, and JSON knows Infinity only through Python's own dialect; both are refused here.
    if type(expires) is not int or type(issued) is not int:
        raise _invalid("its times are no whole seconds")
    if issued > now + LEEWAY_SECONDS:
        raise _invalid("it comes from the future")
    if expires <= now - LEEWAY_SECONDS:
        raise Unauthenticated("The access token has expired; refresh it.", code="token_expired")


def _invalid(why: str) -> Unauthenticated:
    return Unauthenticated(f"The access token is not valid: {why}.", code="invalid_token")


def _b64(raw: bytes) -> str:
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public_pem(key: EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
