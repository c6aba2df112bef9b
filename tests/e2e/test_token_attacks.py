"""A-07 … A-12 and A-27 against the running services: what opens one door of the system must not open another."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from breezeway.cli.home import secret_environment
from breezeway.ids import new_id
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens
from breezeway.security.tokens import SigningKey, sign
from breezeway.testing.api_user import ApiUser
from breezeway.testing.stack_process import StackProcess

pytestmark = pytest.mark.e2e

ROUTES = {
    "gateway": "/api/v1/system/status",
    "auth": "/api/v1/users/me",
    "instruments": "/api/v1/instruments/search?q=RELIANCE",
    "market-data": "/api/v1/watchlists",
    "trading": "/api/v1/trading/accounts",
    "notifications": "/api/v1/notifications",
}
ACCESS = "at+jwt"


class Forger:
    """Whoever has stolen the very key that auth signs with, so that only the other checks are left, or just the public
    half of it, which everybody has."""

    def __init__(self, stack: StackProcess) -> None:
        self.internal_key = secret_environment(stack.home, {})["BREEZEWAY_INTERNAL_KEY"]
        published = httpx.get(f"{stack.url}/.well-known/jwks.json").json()["keys"]
        # Another test may have rotated the keys: of several files only the public half says which is whose.
        stolen = [path.read_bytes() for path in (stack.home / "secrets").glob("signing*key*.pem")]
        pairs = (SigningKey.from_pem(jwk["kid"], pem) for jwk in published for pem in stolen)
        self.key = next(pair for pair in pairs if pair.public_jwk() in published)

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        known = {"iss": "breezeway", "aud": "breezeway-api", "sub": str(new_id()), "exp": now + 900, "iat": now}
        also = {"jti": uuid4().hex, "sid": str(new_id()), "role": "admin", "scope": "read data trade admin"}
        return {name: value for name, value in {**known, **also, **changes}.items() if value is not None}

    def signed(self, typ: str = ACCESS, **changes: Any) -> str:
        return sign(self.claims(**changes), self.key, typ=typ)

    def header(self, **changes: Any) -> str:
        """A token that was signed well, with another header on top."""
        head, body, signature = self.signed().split(".")
        known = json.loads(base64.urlsafe_b64decode(head + "==")) | changes
        return ".".join([_b64(json.dumps(known).encode()), body, signature])

    def hmac(self, secret: bytes, alg: Any = "HS256") -> str:
        header = {"alg": alg, "typ": ACCESS, "kid": self.key.kid}
        signed = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(self.claims()).encode())}"
        return f"{signed}.{_b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"

    def public(self, encoding: Encoding) -> bytes:
        kind = PublicFormat.OpenSSH if encoding is Encoding.OpenSSH else PublicFormat.SubjectPublicKeyInfo
        return self.key.private.public_key().public_bytes(encoding, kind)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forgeries(forger: Forger) -> Iterator[tuple[str, str]]:
    """The case and the token."""
    for name, encoding in {"PEM": Encoding.PEM, "DER": Encoding.DER, "SSH": Encoding.OpenSSH}.items():
        yield f"A-07 HS256 with the public key as {name}", forger.hmac(forger.public(encoding))
    yield "A-07 HS256 with an empty key", forger.hmac(b"")
    for alg in ("none", "None", "NONE", ["ES256"], None, "RS256", "ES384"):
        yield f"A-07 alg {alg!r}", forger.hmac(b"", alg)
        head, body, _ = forger.header(alg=alg).split(".")
        yield f"A-07 alg {alg!r} without a signature", f"{head}.{body}."
    for name in ("aud", "exp", "iss", "sub", "jti", "iat", "sid", "role"):
        yield f"A-08 without {name}", forger.signed(**{name: None})
    for change in ({"aud": "somebody-else"}, {"aud": ["breezeway-api"]}, {"iss": "somebody"}, {"exp": "9999999999"}):
        yield f"A-08 {change}", forger.signed(**change)
    yield "A-08 expired", forger.signed(exp=int(time.time()) - 3600)
    yield "A-08 from the future", forger.signed(iat=int(time.time()) + 3600)
    for typ in ("JWT", "rt+jwt", "reset+jwt", "mfa+jwt", "service+jwt", ""):
        yield f"A-09 typ {typ!r}", forger.signed(typ=typ)
    yield "A-09 a service token", ServiceTokens(forger.internal_key, "gateway").issue("auth")
    for change in (
        {"crit": ["exp"]},
        {"jku": "http://127.0.0.1:9/jwks.json"},
        {"x5u": "http://127.0.0.1:9/cert"},
        {"jwk": forger.key.public_jwk()},
        {"kid": "../../../../dev/null"},
        {"kid": "' OR '1'='1"},
        {"kid": ["k"]},
        {"kid": None},
    ):
        yield f"A-10 {next(iter(change))} {str(next(iter(change.values())))[:20]}", forger.header(**change)
    yield "A-12 JWE", f"{_b64(json.dumps({'alg': 'dir', 'enc': 'A256GCM', 'zip': 'DEF'}).encode())}..AAAA.AAAA.AAAA"
    yield "A-12 a hundred thousand dots", "." * 30_000
    yield "A-12 deep", f"{_b64(b'[' * 20_000)}.e30.x"


@pytest.fixture(scope="module")
def forger(stack: StackProcess) -> Forger:
    return Forger(stack)


@pytest.mark.parametrize("service", ROUTES)
async def test_a_07_to_a_12_no_forged_token_opens_any_service(
    stack: StackProcess, forger: Forger, service: str
) -> None:
    """Every one is a 401 with a problem document, and none a 500, on each service behind the gateway."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as http:
        good = await http.get(ROUTES[service], headers={"Authorization": f"Bearer {forger.signed()}"})
        assert good.json().get("code") not in ("invalid_token", "unauthenticated"), (
            "the forger's own token is a good one"
        )
        wrong = {}
        for case, token in forgeries(forger):
            answer = await http.get(ROUTES[service], headers={"Authorization": f"Bearer {token}"})
            if answer.status_code != 401 or answer.json()["code"] not in ("invalid_token", "token_expired"):
                wrong[case] = (answer.status_code, answer.text[:200])
        assert wrong == {}


async def test_a_09_what_a_real_user_was_given_for_something_else_is_no_access_token(
    stack: StackProcess, user: ApiUser, forger: Forger
) -> None:
    """The refresh token of a login, and an API key, where an access token belongs."""
    made = await user.http.post("/api/v1/auth/api-keys", json={"name": "a09", "scopes": ["read"]})
    service_token = ServiceTokens(forger.internal_key, "gateway").issue("auth")
    for token in (user.refresh_token, made.json()["key"], service_token):
        for path in ROUTES.values():
            answer = await user.http.get(path, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401, path


async def test_an_api_key_works_on_every_service_until_it_is_deleted(stack: StackProcess, user: ApiUser) -> None:
    made = (await user.http.post("/api/v1/auth/api-keys", json={"name": "all", "scopes": ["read", "data"]})).json()
    async with httpx.AsyncClient(base_url=stack.url, timeout=30, headers={"X-API-Key": made["key"]}) as program:
        for path in ROUTES.values():
            answer = await program.get(path)
            assert answer.status_code not in (401, 403), f"{path}: {answer.text[:200]}"
            assert int(answer.headers["RateLimit-Remaining"]) > 0
        refused = await program.post("/api/v1/auth/api-keys", json={"name": "more", "scopes": ["read"]})
        assert (refused.status_code, refused.json()["code"]) == (403, "sign_in_required")
        assert (await user.http.delete(f"/api/v1/auth/api-keys/{made['id']}")).status_code == 204
        until = time.monotonic() + 60
        while (answer := await program.get("/api/v1/users/me")).status_code != 401:
            assert time.monotonic() < until, answer.text[:200]


async def test_a_27_no_internal_route_and_no_service_token_gets_in_from_outside(
    stack: StackProcess, user: ApiUser, forger: Forger
) -> None:
    """A leaked service token is worth nothing at the gateway: it takes the header off."""
    token = ServiceTokens(forger.internal_key, "market-data").issue("auth")
    for path in ("/internal/broker-sessions", "/api/v1/auth/../../../internal/broker-sessions", "/internal/users/1"):
        answer = await user.http.get(path, headers={SERVICE_TOKEN_HEADER: token})
        assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")
