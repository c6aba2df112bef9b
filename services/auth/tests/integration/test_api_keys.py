"""API keys over HTTP: made once, exchanged by the gateway, stopped at once."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from breezeway.db.engine import create_engine
from breezeway.testing.eventually import eventually

KEYS = "/api/v1/auth/api-keys"
ME = "/api/v1/users/me"
WITHOUT_A_PERSON = {
    # The broker's redirect, which counts by its cookie or state; a key that is sent along counts for nothing.
    "POST /api/v1/broker-accounts/callback",
    # What the scope `admin` is for.
    "PATCH /api/v1/users/{user_id}",
    "POST /api/v1/users/{user_id}/disable",
    "POST /api/v1/users/{user_id}/enable",
    "POST /api/v1/users/{user_id}/force-reset",
}


async def make(auth: Any, headers: dict[str, str], **body: Any) -> dict[str, Any]:
    wish = {"name": "Scanner", "scopes": ["read"]} | body
    answer = await auth.http.post(KEYS, json=wish, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def exchange(auth: Any, key: str, ip: str | None = "203.0.113.7") -> Any:
    body = {"key": key, "ip": ip}
    return await auth.http.post("/internal/api-keys/exchange", json=body, headers=auth.as_service("gateway"))


async def bearer(auth: Any, key: str) -> dict[str, str]:
    answer = await exchange(auth, key)
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_a_key_is_shown_once_and_never_again(auth: Any, auth_url: str) -> None:
    session, headers = await auth.user()
    made = await make(auth, headers, scopes=["data", "read"], allowed_ips=["203.0.113.0/24"])
    assert made["key"].startswith(made["prefix"] + "_")
    assert (made["scopes"], made["allowed_ips"], made["last_used_at"]) == (["read", "data"], ["203.0.113.0/24"], None)
    listed = await auth.http.get(KEYS, headers=headers)
    assert [item["id"] for item in listed.json()["items"]] == [made["id"]]
    assert 'named "Scanner"' in await auth.mail_to(session["user"]["email"], "A new API key was made")
    secret = made["key"].rsplit("_", 1)[1]
    assert secret not in listed.text
    async with AsyncSession(create_engine(auth_url, application="tests", pooled=False)) as db:
        rows = (
            await db.execute(text("SELECT k.*::text FROM api_keys k UNION SELECT a.*::text FROM audit_events a"))
        ).all()
    assert secret not in str(rows)
    assert session["user"]["id"] in str(rows)


async def test_an_exchanged_key_is_a_short_token_with_the_keys_scopes(auth: Any) -> None:
    session, headers = await auth.user()
    made = await make(auth, headers, scopes=["read", "data"])
    answer = await exchange(auth, made["key"])
    body = answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert body["expires_in"] == 900
    assert (body["user_id"], body["key_id"]) == (session["user"]["id"], made["id"])
    assert (body["scopes"], body["allowed_ips"]) == (["read", "data"], [])
    principal = await auth.app.state.authenticator.authenticate(body["access_token"])
    assert principal.session_id == f"key:{made['id']}"
    assert principal.scopes == {"read", "data"}
    assert principal.role == "user", "an administrator's key is a user's unless it has `admin`"
    listed = (await auth.http.get(KEYS, headers=headers)).json()["items"][0]
    assert (listed["last_used_ip"], listed["last_used_at"] is not None) == ("203.0.113.7", True)
    admin = await exchange(auth, (await make(auth, headers, scopes=["admin"]))["key"])
    assert (await auth.app.state.authenticator.authenticate(admin.json()["access_token"])).role == "admin"


async def test_a_key_may_not_do_more_than_its_maker(auth: Any) -> None:
    await auth.user()
    _, headers = await auth.user()
    answer = await auth.http.post(KEYS, json={"name": "x", "scopes": ["admin"]}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_not_allowed")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["everything"]},
        {"name": "", "scopes": ["read"]},
        {"name": "x", "scopes": ["read"], "allowed_ips": ["10.0.0.5/8"]},
        {"name": "x", "scopes": ["read"], "allowed_ips": ["1.1.1.1"] * 21},
        {"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "x", "scopes": ["read"], "expires_at": "2030-01-01T00:00:00"},
        {"name": "x", "scopes": ["read"], "surprise": 1},
    ],
)
async def test_a_malformed_wish_is_refused(auth: Any, body: dict[str, Any]) -> None:
    _, headers = await auth.user()
    answer = await auth.http.post(KEYS, json=body, headers=headers)
    assert answer.status_code == 422, answer.text


async def test_what_is_no_key_of_ours_is_refused(auth: Any) -> None:
    _, headers = await auth.user()
    made = await make(auth, headers)
    prefix, secret = made["key"].rsplit("_", 1)
    for wrong in (
        "",
        "x",
        "bwk_1_2",
        f"{prefix}_{secret[::-1]}",
        f"{prefix}_{secret}x",
        made["key"] + "\x00",
    ):
        answer = await exchange(auth, wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "api_key_invalid"), wrong


async def test_a_key_ends_at_its_time_and_its_tokens_with_it(auth: Any) -> None:
    _, headers = await auth.user()
    end = auth.clock.now() + timedelta(minutes=5)
    made = await make(auth, headers, expires_at=end.isoformat())
    auth.clock.advance(60)
    assert 235 <= (await exchange(auth, made["key"])).json()["expires_in"] <= 240
    auth.clock.advance(240)
    answer = await exchange(auth, made["key"])
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_expired")


async def test_a_key_works_from_its_addresses_only(auth: Any) -> None:
    _, headers = await auth.user()
    made = await make(auth, headers, allowed_ips=["203.0.113.7", "2001:db8::/48"])
    for ip, status in (("203.0.113.7", 200), ("2001:db8::9", 200), ("203.0.113.8", 403), ("nowhere", 403), (None, 403)):
        answer = await exchange(auth, made["key"], ip)
        assert answer.status_code == status, ip
        if status == 403:
            assert answer.json()["code"] == "api_key_ip_refused"


async def test_a_deleted_key_stops_and_so_do_its_tokens(auth: Any) -> None:
    _, headers = await auth.user()
    made, other = await make(auth, headers), await make(auth, headers)
    token, others = await bearer(auth, made["key"]), await bearer(auth, other["key"])
    assert (await auth.http.get(ME, headers=token)).status_code == 200
    assert (await auth.http.delete(f"{KEYS}/{made['id']}", headers=headers)).status_code == 204
    assert (await exchange(auth, made["key"])).json()["code"] == "api_key_invalid"

    async def refused() -> bool:
        return bool((await auth.http.get(ME, headers=token)).status_code == 401)

    await eventually(refused, 60)
    assert (await auth.http.get(ME, headers=others)).status_code == 200
    assert (await auth.http.delete(f"{KEYS}/{made['id']}", headers=headers)).status_code == 404


async def test_a_key_cannot_manage_credentials(auth: Any) -> None:
    """Every route that changes something of an account, found in the document, so that a new one is not forgotten."""
    _, headers = await auth.user()
    made = await make(auth, headers, scopes=["read", "data", "trade", "admin"])
    token = await bearer(auth, made["key"])
    paths = (await auth.http.get("/openapi.json")).json()["paths"]
    walked = {
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method, operation in operations.items()
        if operation.get("security") and (method != "get" or path.startswith("/api/v1/auth/"))
    } - WITHOUT_A_PERSON
    assert {"POST /api/v1/broker-accounts", "DELETE /api/v1/auth/api-keys/{key_id}"} <= walked
    for route in sorted(walked):
        method, path = route.split()
        answer = await auth.http.request(method, re.sub(r"{\w+}", str(uuid4()), path), headers=token)
        assert (answer.status_code, answer.json()["code"]) == (403, "sign_in_required"), route


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        ("data", ME, 200),
        ("data", "/api/v1/broker-accounts", 403),
        ("read", "/api/v1/broker-accounts", 200),
        ("trade", "/api/v1/broker-accounts", 200),
    ],
)
async def test_a_key_reads_what_its_scope_covers(auth: Any, scope: str, path: str, status: int) -> None:
    _, headers = await auth.user()
    token = await bearer(auth, (await make(auth, headers, scopes=[scope]))["key"])
    answer = await auth.http.get(path, headers=token)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "scope_missing"


async def test_only_the_gateway_exchanges_keys(auth: Any) -> None:
    _, headers = await auth.user()
    body = {"key": (await make(auth, headers))["key"], "ip": None}
    for sent in ({}, headers):
        answer = await auth.http.post("/internal/api-keys/exchange", json=body, headers=sent)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_service_token")
    answer = await auth.http.post("/internal/api-keys/exchange", json=body, headers=auth.as_service("instruments"))
    assert answer.status_code == 403


async def test_a_user_has_so_many_keys_and_no_more(auth: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth_service.application.api_keys.MAX_KEYS_PER_USER", 3)
    _, headers = await auth.user()
    wishes = (auth.http.post(KEYS, json={"name": "x", "scopes": ["read"]}, headers=headers) for _ in range(8))
    answers = await asyncio.gather(*wishes)
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5


async def test_what_happens_to_keys_is_on_record(auth: Any, auth_url: str) -> None:
    _, headers = await auth.user()
    made = await make(auth, headers, allowed_ips=["203.0.113.7"])
    for ip in ("203.0.113.7", "203.0.113.7", "9.9.9.9", "9.9.9.9"):
        await exchange(auth, made["key"], ip)
    await auth.http.delete(f"{KEYS}/{made['id']}", headers=headers)
    async with AsyncSession(create_engine(auth_url, application="tests", pooled=False)) as db:
        query = text("SELECT event FROM audit_events WHERE event LIKE 'api_key.%' ORDER BY seq")
        events = (await db.execute(query)).scalars().all()
    assert events == ["api_key.created", "api_key.used_from_new_address", "api_key.refused", "api_key.deleted"]
