"""What an authenticator remembers of a token never makes the token live longer."""

import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from breezeway.contracts.auth import CredentialsRevoked
from breezeway.errors import Unauthenticated
from breezeway.security import authenticator as module
from breezeway.security.authenticator import Authenticator
from breezeway.security.revocation import DenyList
from breezeway.security.tokens import LEEWAY_SECONDS, SigningKey, sign

KEY = SigningKey("k1", ec.generate_private_key(ec.SECP256R1()))


class Keys:
    """Auth's key set, which can be changed."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)

    async def fetch(self) -> Mapping[str, Any]:
        return {"keys": [key.public_jwk() for key in self.keys]}


def token(key: SigningKey = KEY, seconds: int = 900, **claims: Any) -> str:
    now = int(time.time())
    known = {"iss": "breezeway", "aud": "breezeway-api", "sub": str(uuid4()), "exp": now + seconds, "iat": now}
    return sign({**known, "jti": "j", "sid": "s", "role": "user", "scope": "read", **claims}, key)


async def test_a_remembered_token_is_the_same_caller() -> None:
    checks, given = Authenticator(Keys(KEY).fetch), token()
    assert await checks.authenticate(given) is await checks.authenticate(given)


async def test_a_05_a_remembered_token_is_still_revoked() -> None:
    denied = DenyList()
    denied.heard()
    checks, user = Authenticator(Keys(KEY).fetch, denied), uuid4()
    given = token(sub=str(user))
    await checks.authenticate(given)
    denied.add(CredentialsRevoked(user_id=user, session_id="s"))
    with pytest.raises(Unauthenticated):
        await checks.authenticate(given)


async def test_a_remembered_token_still_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    checks, given = Authenticator(Keys(KEY).fetch), token(seconds=60)
    await checks.authenticate(given)
    later = time.time() + 60 + LEEWAY_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Unauthenticated) as refused:
        await checks.authenticate(given)
    assert refused.value.code == "token_expired"


async def test_a_13_a_retired_key_takes_its_remembered_tokens_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(KEY)
    checks, given = Authenticator(keys.fetch), token()
    await checks.authenticate(given)
    keys.keys = [SigningKey("k2", ec.generate_private_key(ec.SECP256R1()))]
    monkeypatch.setattr(module, "_REFRESH_SECONDS", -1.0)
    monkeypatch.setattr(module, "_MIN_GAP_SECONDS", -1.0)
    with pytest.raises(Unauthenticated):
        await checks.authenticate(given)


async def test_a_forgery_of_a_remembered_token_is_not_that_token() -> None:
    checks, given = Authenticator(Keys(KEY).fetch), token()
    await checks.authenticate(given)
    head, body, signature = given.split(".")
    for forged in (f"{head}.{body}.{signature[:-4]}AAAA", given + "A", given[:-1], f" {given}", "\ud800" + given):
        with pytest.raises(Unauthenticated):
            await checks.authenticate(forged)


async def test_the_memory_is_bounded() -> None:
    checks = Authenticator(Keys(KEY).fetch)
    checks._verifier = AlwaysGood()  # type: ignore[assignment]
    for n in range(5_000):
        await checks.authenticate(f"token-{n}")
    assert len(checks._verified) == 4_096


class AlwaysGood:
    """Stands in for a verifier, whose signatures would take a second here."""

    key_ids = ("k",)

    def knows_key_of(self, _token: str) -> bool:
        return True

    def replace_keys(self, _keys: object) -> None:
        return None

    def verify(self, text: str) -> Any:
        return type("P", (), {"expires_at": time.time() + 900, "token_id": text})()
