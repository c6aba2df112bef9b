"""What our own services get, and what nobody else does."""

from typing import Any
from uuid import UUID

import pytest

from breezeway.contracts.broker import BrokerCredentials
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens

NOBODY = UUID(int=7)
ROUTES = (
    ("GET", "/internal/broker-sessions"),
    ("GET", f"/internal/broker-accounts/{NOBODY}/credentials"),
    ("GET", f"/internal/users/{NOBODY}/broker-session"),
    ("GET", f"/internal/users/{NOBODY}"),
    ("POST", f"/internal/broker-accounts/{NOBODY}/session-report"),
)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a27_internal_routes_refuse_everybody_else(auth: Any, method: str, path: str) -> None:
    _, headers = await auth.user()
    tokens = ServiceTokens("another key that is long enough too", "market-data")
    meant_for_others = ServiceTokens("a key for tests that is long enough to pass", "market-data").issue("instruments")
    body = {"version": 1, "outcome": "expired"}
    for sent in (
        {},
        headers,
        {SERVICE_TOKEN_HEADER: "nonsense"},
        {SERVICE_TOKEN_HEADER: tokens.issue("auth")},
        {SERVICE_TOKEN_HEADER: meant_for_others},
    ):
        answer = await auth.http.request(method, path, headers=sent, json=body if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_service_token")


async def test_internal_routes_are_not_in_the_document(auth: Any) -> None:
    paths = (await auth.http.get("/openapi.json")).json()["paths"]
    assert not [path for path in paths if path.startswith("/internal")]
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("service", ["market-data", "instruments", "trading"])
async def test_credentials_of_an_active_session(auth: Any, service: str) -> None:
    session, headers = await auth.user()
    account = await auth.connected(headers)
    path = f"/internal/broker-accounts/{account}/credentials"
    answer = await auth.http.get(path, headers=auth.as_service(service))
    credentials = BrokerCredentials.model_validate_json(answer.content)
    assert str(credentials.user_id) == session["user"]["id"]
    assert credentials.api_secret.get_secret_value() == "sim-secret-canary-7731"
    assert (credentials.broker_user_id, credentials.version) == ("SIM00001", 1)
    assert "canary" not in repr(credentials)


async def test_a27_credentials_are_for_three_services_and_open_sessions(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.connected(headers)
    path = f"/internal/broker-accounts/{account}/credentials"
    for service in ("gateway", "notifications", "auth"):
        refused = await auth.http.get(path, headers=auth.as_service(service))
        assert (refused.status_code, refused.json()["code"]) == (403, "not_a_broker_client")
    await auth.http.delete(f"/api/v1/broker-accounts/{account}/session", headers=headers)
    closed = await auth.http.get(path, headers=auth.as_service("trading"))
    assert (closed.status_code, closed.json()["code"]) == (409, "broker_session_inactive")
    unknown = await auth.http.get(f"/internal/broker-accounts/{NOBODY}/credentials", headers=auth.as_service("trading"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "broker_account_not_found")


async def test_session_lookup_falls_back_to_the_shared_feed(start: Any) -> None:
    async with start(BREEZEWAY_SHARED_FEED_USER="Operator@Example.com") as auth:
        service = auth.as_service("market-data")
        operator = await auth.register("operator@example.com")
        session, headers = await auth.user()
        path = f"/internal/users/{session['user']['id']}/broker-session"
        none = await auth.http.get(path, headers=service)
        assert (none.status_code, none.json()["code"]) == (404, "no_broker_session")
        token = (await auth.login(operator["email"]))["access_token"]
        shared = await auth.connected({"Authorization": f"Bearer {token}"})
        assert (await auth.http.get(path, headers=service)).json()["account_id"] == shared
        own = await auth.connected(headers)
        assert (await auth.http.get(path, headers=service)).json()["account_id"] == own
        listed = (await auth.http.get("/internal/broker-sessions", headers=service)).json()
        assert {entry["account_id"] for entry in listed} == {shared, own}


async def test_a_report_ends_the_session_it_speaks_of(auth: Any) -> None:
    _, headers = await auth.user()
    account = await auth.connected(headers)
    await auth.http.post(f"/api/v1/broker-accounts/{account}/session", json={"api_session": "again"}, headers=headers)
    path = f"/internal/broker-accounts/{account}/session-report"
    service = auth.as_service("market-data")
    stale = await auth.http.post(path, json={"version": 1, "outcome": "expired"}, headers=service)
    assert (stale.json()["state"], stale.json()["version"]) == ("active", 2)
    told = await auth.http.post(
        path, json={"version": 2, "outcome": "rejected", "detail": "Invalid Checksum"}, headers=service
    )
    assert told.json()["state"] == "rejected"
    state = (await auth.http.get(f"/api/v1/broker-accounts/{account}/session", headers=headers)).json()
    assert (state["state"], state["detail"]) == ("rejected", "Invalid Checksum")
    refused = await auth.http.post(path, json={"version": 2, "outcome": "expired"}, headers=auth.as_service("gateway"))
    assert refused.status_code == 403


async def test_users_are_known_to_services(auth: Any) -> None:
    user = await auth.register()
    answer = await auth.http.get(f"/internal/users/{user['id']}", headers=auth.as_service("gateway"))
    assert answer.json() == {
        "id": user["id"],
        "email": user["email"],
        "full_name": None,
        "role": "admin",
        "active": True,
        "email_verified": False,
    }
    unknown = await auth.http.get(f"/internal/users/{NOBODY}", headers=auth.as_service("gateway"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "user_not_found")
