"""A-13 against a running service: signing keys are rotated by the command, and nobody notices."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auth_service.adapters.signing_keys import OVERLAP, PUBLISHED_FIRST, SigningKeyFiles
from breezeway.errors import Unauthenticated
from breezeway.security.authenticator import Authenticator
from breezeway.security.tokens import AUDIENCE, ISSUER, sign
from breezeway.testing.eventually import eventually

ME = "/api/v1/users/me"


async def published(auth: Any) -> list[str]:
    answer = await auth.http.get("/.well-known/jwks.json")
    return [key["kid"] for key in answer.json()["keys"]]


def rotate(home: Path, *rest: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "BREEZEWAY_HOME": str(home), "BREEZEWAY_ENVIRONMENT": "test"}
    command = [sys.executable, "-m", "auth_service.commands", "keys", "rotate", *rest]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


async def test_a_13_new_and_overlapping_keys_count_and_a_retired_one_does_not(auth: Any, tmp_path: Path) -> None:
    """A-13: new kid ok, old kid in the overlap ok, retired kid 401, and no request fails meanwhile."""
    failures: list[int] = []
    stop = asyncio.Event()
    session, _ = await auth.user()

    async def traffic() -> None:
        refresh = session["refresh_token"]
        while not stop.is_set():
            answer = await auth.http.post("/api/v1/auth/refresh", json={"refresh_token": refresh})
            refresh = answer.json().get("refresh_token", refresh)
            headers = {"Authorization": f"Bearer {answer.json().get('access_token')}"}
            failures.extend(
                each.status_code
                for each in (answer, await auth.http.get(ME, headers=headers))
                if each.status_code != 200
            )
            await asyncio.sleep(0.02)

    client = asyncio.create_task(traffic())
    try:
        files = SigningKeyFiles(auth.settings.first_signing_key)
        old = files.read().keys[0].key
        assert await published(auth) == [old.kid]
        made = await asyncio.to_thread(rotate, tmp_path)
        assert made.returncode == 0, made.stderr
        signs_from = datetime.now(UTC) + PUBLISHED_FIRST

        async def both() -> bool:
            return len(await published(auth)) == 2

        await eventually(both, 60)
        new = next(kid for kid in await published(auth) if kid != old.kid)
        # The rest of the half minute is skipped, but not the five seconds in which a verifier does not ask for keys
        # twice; without them the tokens would also come from further in the future than the leeway allows.
        await asyncio.sleep(5)
        auth.clock.set(signs_from)
        token = (await auth.login(session["user"]["email"]))["access_token"]
        verifier = Authenticator(jwks_of(auth))
        assert (await verifier.authenticate(token)).role == "admin"
        assert (await verifier.authenticate(forged(token_claims(auth, session), old))).role == "user"
    finally:
        stop.set()
        await client
    assert failures == []
    auth.clock.set(signs_from + OVERLAP)
    assert await published(auth) == [new]
    with pytest.raises(Unauthenticated, match="its key is unknown"):
        await Authenticator(jwks_of(auth)).authenticate(forged(token_claims(auth, session), old))


async def test_a_key_that_leaked_counts_for_nothing_at_once(auth: Any, tmp_path: Path) -> None:
    session, _ = await auth.user()
    leaked = SigningKeyFiles(auth.settings.first_signing_key).read().keys[0].key
    assert (await asyncio.to_thread(rotate, tmp_path, "--leaked")).returncode == 0

    async def replaced() -> bool:
        return leaked.kid not in await published(auth)

    await eventually(replaced, 60)
    verifier = Authenticator(jwks_of(auth))
    with pytest.raises(Unauthenticated):
        await verifier.authenticate(forged(token_claims(auth, session), leaked))
    answer = await auth.http.post("/api/v1/auth/refresh", json={"refresh_token": session["refresh_token"]})
    assert (await verifier.authenticate(answer.json()["access_token"])).role == "admin"


def jwks_of(auth: Any) -> Any:
    async def fetch() -> Any:
        return (await auth.http.get("/.well-known/jwks.json")).json()

    return fetch


def token_claims(auth: Any, session: dict[str, Any]) -> dict[str, Any]:
    now = int(auth.clock.now().timestamp())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": session["user"]["id"], "role": "user", "sid": "s", "jti": "j"}
    return {**claims, "iat": now - 3_600, "exp": now + 3_600}


def forged(claims: dict[str, Any], key: Any) -> str:
    """What somebody who has the key could make."""
    return sign(claims, key)
