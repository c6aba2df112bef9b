"""API keys at the edge: services see an access token, never the key."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from redis.asyncio import Redis

from breezeway.contracts.auth import CredentialsRevoked
from breezeway.redis import keys
from breezeway.security.tokens import TokenVerifier, public_keys
from breezeway.testing.eventually import eventually
from breezeway.testing.fake_service import FakeService

OpenGateway = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


async def test_the_service_gets_a_token_that_speaks_for_the_key(
    gateway: httpx.AsyncClient, behind: FakeService
) -> None:
    key = behind.add_key()
    for _ in range(3):
        assert (await gateway.get("/api/v1/quotes", headers={"X-API-Key": key.text})).status_code == 201
    verifier = TokenVerifier(public_keys({"keys": [behind.signing_key.public_jwk()]}))
    principal = verifier.verify(behind.seen[-1]["headers"]["authorization"].removeprefix("Bearer "))
    assert (principal.user_id, principal.session_id) == (key.user_id, f"key:{key.key_id}")
    assert principal.scopes == {"read", "data"}
    assert "x-api-key" not in behind.seen[-1]["headers"]
    assert key.text not in repr(behind.seen)
    assert [body["ip"] for body in behind.exchanges] == ["127.0.0.1"]


async def test_our_own_routes_and_idempotency_know_keys_too(gateway: httpx.AsyncClient, behind: FakeService) -> None:
    headers = {"X-API-Key": behind.add_key().text, "Idempotency-Key": "order-1"}
    assert (await gateway.get("/api/v1/system/status", headers=headers)).status_code == 200
    first = await gateway.post("/api/v1/backfills", json={"a": 1}, headers=headers)
    again = await gateway.post("/api/v1/backfills", json={"a": 1}, headers=headers)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    "headers",
    [
        [("X-API-Key", "{key}"), ("Authorization", "Bearer {token}")],
        [("X-API-Key", "{key}"), ("Authorization", "Basic eDp5")],
        [("X-API-Key", "{key}"), ("X-API-Key", "{key}")],
        [("Authorization", "Bearer {token}"), ("Authorization", "Bearer {token}")],
    ],
)
async def test_two_credentials_are_one_too_many(
    gateway: httpx.AsyncClient, behind: FakeService, headers: list[tuple[str, str]]
) -> None:
    known = {"key": behind.add_key().text, "token": behind.access_token()}
    answer = await gateway.get("/api/v1/quotes", headers=[(name, value.format(**known)) for name, value in headers])
    assert (answer.status_code, answer.json()["code"]) == (400, "two_credentials")
    assert behind.seen == []


@pytest.mark.parametrize("key", ["", "nonsense", "bwk_unknown_key", "Bearer bwk_x"])
async def test_a_wrong_key_is_a_401_here(gateway: httpx.AsyncClient, behind: FakeService, key: str) -> None:
    answer = await gateway.get("/api/v1/quotes", headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_invalid")
    assert behind.seen == []


async def test_the_address_must_be_one_of_the_key_s(open_gateway: OpenGateway, behind: FakeService) -> None:
    key = behind.add_key(allowed_ips=("203.0.113.0/24",))
    async with open_gateway(peer="10.0.0.1", BREEZEWAY_TRUSTED_PROXIES=["10.0.0.1/32"]) as gateway:

        async def ask(forwarded: str) -> httpx.Response:
            return await gateway.get("/api/v1/quotes", headers={"X-API-Key": key.text, "X-Forwarded-For": forwarded})

        assert (await ask("203.0.113.9")).status_code == 201
        refused = await ask("203.0.113.9, 198.51.100.1")
        assert (refused.status_code, refused.json()["code"]) == (403, "api_key_ip_refused")


async def test_a_05_a_deleted_key_stops_within_two_seconds(
    gateway: httpx.AsyncClient, behind: FakeService, redis: Redis
) -> None:
    """Logout for programs: the gateway remembers the key for a minute, the deny list overrules that."""
    key = behind.add_key()
    headers = {"X-API-Key": key.text}
    assert (await gateway.get("/api/v1/quotes", headers=headers)).status_code == 201
    del behind.keys[key.text]
    assert (await gateway.get("/api/v1/quotes", headers=headers)).status_code == 201, "remembered"
    record = CredentialsRevoked(user_id=key.user_id, session_id=f"key:{key.key_id}").model_dump_json()
    await redis.xadd(keys.revocations(), {"body": record})

    async def refused() -> bool:
        return (await gateway.get("/api/v1/quotes", headers=headers)).status_code == 401

    await eventually(refused, 10)


async def test_auth_that_is_away_is_a_503(gateway: httpx.AsyncClient, behind: FakeService) -> None:
    known, other = behind.add_key(), behind.add_key()
    assert (await gateway.get("/api/v1/quotes", headers={"X-API-Key": known.text})).status_code == 201
    behind.away = True
    assert (await gateway.get("/api/v1/quotes", headers={"X-API-Key": known.text})).status_code == 201
    assert (await gateway.get("/api/v1/quotes", headers={"X-API-Key": other.text})).status_code == 503


async def test_a_program_that_starts_with_fifty_requests_asks_once(
    gateway: httpx.AsyncClient, behind: FakeService
) -> None:
    headers = {"X-API-Key": behind.add_key().text}
    answers = await asyncio.gather(*(gateway.get("/api/v1/quotes", headers=headers) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len(behind.exchanges) == 1


async def test_each_key_has_its_own_limit(open_gateway: OpenGateway, behind: FakeService) -> None:
    first, second = behind.add_key(), behind.add_key()
    async with open_gateway(BREEZEWAY_LIMITS={"read": {"key": "2/3600"}}) as gateway:
        statuses = [
            (await gateway.get("/api/v1/quotes", headers={"X-API-Key": key.text})).status_code
            for key in (first, first, first, second)
        ]
    assert statuses == [201, 201, 429, 201]
