"""What ends a sign-in ends its access tokens, at once and whatever happens to Redis."""

from typing import Any

import pytest
from redis.asyncio import Redis

from breezeway.errors import UpstreamUnavailable
from breezeway.redis import keys
from breezeway.testing.eventually import eventually

ME = "/api/v1/users/me"
SESSIONS = "/api/v1/auth/sessions"


def bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['access_token']}"}


async def refused(auth: Any, headers: dict[str, str]) -> None:
    async def is_401() -> bool:
        return bool((await auth.http.get(ME, headers=headers)).status_code == 401)

    await eventually(is_401, 60)


async def test_a05_logout_ends_its_own_access_token_only(auth: Any) -> None:
    session, headers = await auth.user()
    other = bearer(await auth.login(session["user"]["email"]))
    await auth.http.post("/api/v1/auth/logout", json={"refresh_token": session["refresh_token"]})
    await refused(auth, headers)
    assert (await auth.http.get(ME, headers=other)).status_code == 200


async def test_a05_ending_a_session_ends_its_access_token(auth: Any) -> None:
    session, headers = await auth.user()
    other = bearer(await auth.login(session["user"]["email"]))
    mine = [item for item in (await auth.http.get(SESSIONS, headers=headers)).json()["items"] if item["current"]]
    assert (await auth.http.delete(f"{SESSIONS}/{mine[0]['id']}", headers=other)).status_code == 204
    await refused(auth, headers)


async def test_a05_logging_out_everywhere_does_not_refuse_who_comes_back_at_once(auth: Any) -> None:
    session, headers = await auth.user()
    other = bearer(await auth.login(session["user"]["email"]))
    assert (await auth.http.post("/api/v1/auth/logout-all", headers=headers)).status_code == 204
    back = bearer(await auth.login(session["user"]["email"]))
    await refused(auth, headers)
    await refused(auth, other)
    assert (await auth.http.get(ME, headers=back)).status_code == 200


async def test_a_revocation_that_redis_did_not_take_is_told_later(
    auth: Any, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoking = auth.app.state.services.revoking
    announce = revoking._announce
    told = announce.revoked

    async def no_redis(_revoked: object) -> None:
        raise UpstreamUnavailable("Redis is away.")

    session, headers = await auth.user()
    monkeypatch.setattr(announce, "revoked", no_redis)
    gone = await auth.http.post("/api/v1/auth/logout", json={"refresh_token": session["refresh_token"]})
    assert gone.status_code == 204, "the session has ended, whoever has been told"
    assert await redis.xlen(keys.revocations()) == 0
    monkeypatch.setattr(announce, "revoked", told)
    await refused(auth, headers)
    assert await revoking.deliver() == 0


async def test_a06_credentials_cannot_be_changed_without_the_deny_list(start: Any, auth: Any) -> None:
    session, headers = await auth.user()
    settings = auth.settings
    async with start(REDIS_URL="redis://127.0.0.1:1", BREEZEWAY_SIGNING_KEY_FILE=_key(settings)) as cut_off:
        answer = await cut_off.http.post("/api/v1/auth/logout-all", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "revocations_unknown")
        account = {"broker": "breeze", "label": "x", "api_key": "k", "api_secret": "s", "environment": "simulator"}
        answer = await cut_off.http.post("/api/v1/broker-accounts", json=account, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "revocations_unknown")
        assert (await cut_off.http.get(ME, headers=headers)).status_code == 200, "reading goes on"
    assert session


def _key(settings: Any) -> str:
    return str(settings.secrets_folder / "signing.pem")
