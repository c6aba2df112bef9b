"""The REST proxy in front of a real HTTP service, with real Valkey behind `Idempotency-Key`."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from breezeway.security.service_tokens import ServiceTokens
from breezeway.testing.fake_service import FakeService, large_body, serve

INTERNAL_KEY = "k" * 40


async def test_a_request_arrives_as_it_was_sent_with_our_signature(
    gateway: httpx.AsyncClient, behind: FakeService
) -> None:
    answer = await gateway.post(
        "/api/v1/candles/NSE:M%26M?from=2026-01-01&x=a%2Fb",
        json={"a": 1},
        headers={"X-Request-ID": "request-0001", "X-Service-Token": "forged", "X-Forwarded-For": "6.6.6.6"},
    )
    (seen,) = behind.seen
    assert (answer.status_code, answer.json()) == (201, {"n": 1})
    assert (seen["target"], seen["query"]) == ("/api/v1/candles/NSE:M%26M", "from=2026-01-01&x=a%2Fb")
    assert seen["body"] == b'{"a":1}'
    assert seen["headers"]["x-request-id"] == "request-0001"
    assert answer.headers["X-Request-ID"] == "request-0001"
    assert ServiceTokens(INTERNAL_KEY, "market-data").verify(seen["headers"]["x-service-token"]) == "gateway"
    assert "6.6.6.6" not in seen["headers"]["x-forwarded-for"]


@pytest.mark.parametrize("size", [400_000, 5_000_000, 9_000_000])
async def test_large_answers_arrive_whole(open_app: Callable[..., FastAPI], size: int) -> None:
    """Sent on in one piece, as it comes, and watched."""
    app = open_app()
    async with app.router.lifespan_context(app), serve(app) as origin, httpx.AsyncClient(base_url=origin) as client:
        answers = [await client.get(f"/api/v1/candles/large?size={size}") for _ in range(3)]
    for answer in answers:
        assert (answer.status_code, int(answer.headers["Content-Length"])) == (200, size)
        assert answer.content == large_body(size)


@pytest.mark.parametrize("size", [5_000_000, 9_000_000])
async def test_a_service_that_dies_while_it_answers_is_no_whole_answer(
    open_app: Callable[..., FastAPI], size: int
) -> None:
    app = open_app()
    async with app.router.lifespan_context(app), serve(app) as origin, httpx.AsyncClient(base_url=origin) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"/api/v1/candles/large?size={size}&sent=3000000")
        assert (await client.get("/api/v1/candles/large?size=4000")).content == large_body(4000)


@pytest.mark.parametrize("path", ["/internal/secret", "/api/v1/nothing", "/api/v1/auth/../../../internal/secret"])
async def test_what_is_not_public_does_not_exist(gateway: httpx.AsyncClient, path: str) -> None:
    answer = await gateway.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")


@pytest.mark.parametrize("name", ["token", "ACCESS_TOKEN", "api_key", "password"])
async def test_w10_a_credential_in_the_url_is_refused(
    gateway: httpx.AsyncClient, behind: FakeService, name: str
) -> None:
    answer = await gateway.get("/api/v1/quotes", params={name: "canary"})
    assert (answer.status_code, answer.json()["code"]) == (400, "credential_in_url")
    assert "canary" not in answer.text
    assert behind.seen == []


async def test_a_service_that_is_away_is_a_503_that_says_which(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.get("/api/v1/instruments/NSE:X")
    assert (answer.status_code, answer.json()["code"]) == (503, "instruments_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


async def test_h02_a_huge_body_is_refused_on_the_way(gateway: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100

    answer = await gateway.post("/api/v1/backfills", content=chunks(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_cookies_of_one_user_never_reach_another_request(gateway: httpx.AsyncClient, behind: FakeService) -> None:
    given = await gateway.get("/api/v1/auth/cookie")
    assert "state=" in given.headers["set-cookie"]
    gateway.cookies.clear()
    await gateway.get("/api/v1/auth/next")
    assert "cookie" not in behind.seen[-1]["headers"]


async def test_the_same_key_takes_effect_once(gateway: httpx.AsyncClient, behind: FakeService) -> None:
    token = behind.access_token()
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "order-1"}
    first = await gateway.post("/api/v1/backfills", json={"a": 1}, headers=headers)
    again = await gateway.post("/api/v1/backfills", json={"a": 1}, headers=headers)
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, {"n": 1})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(behind.seen) == 1


async def test_another_body_with_the_same_key_is_refused(gateway: httpx.AsyncClient, behind: FakeService) -> None:
    headers = {"Authorization": f"Bearer {behind.access_token()}", "Idempotency-Key": "order-1"}
    await gateway.post("/api/v1/backfills", json={"a": 1}, headers=headers)
    answer = await gateway.post("/api/v1/backfills", json={"a": 2}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_hundred_at_once_reach_the_service_once(gateway: httpx.AsyncClient, behind: FakeService) -> None:
    headers = {"Authorization": f"Bearer {behind.access_token()}", "Idempotency-Key": "order-1"}
    answers = await asyncio.gather(
        *(gateway.post("/api/v1/backfills/slow", json={"a": 1}, headers=headers) for _ in range(100))
    )
    states = sorted(answer.status_code for answer in answers)
    assert states == [201] + [409] * 99
    assert len(behind.seen) == 1


async def test_an_answer_with_a_secret_is_not_kept(
    gateway: httpx.AsyncClient, behind: FakeService, redis: Redis
) -> None:
    headers = {"Authorization": f"Bearer {behind.access_token()}", "Idempotency-Key": "key-1"}
    path = "/api/v1/auth/api-keys/shown-once"
    first = await gateway.post(path, json={"a": 1}, headers=headers)
    assert (first.status_code, first.json()) == (201, {"key": "canary-of-a-secret"})
    again = await gateway.post(path, json={"a": 1}, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "answer_not_kept")
    assert len(behind.seen) == 1, "it took effect once all the same"
    kept = [await redis.get(name) async for name in redis.scan_iter("bw:idempotency:*")]
    assert len(kept) == 1
    assert b"canary" not in kept[0]


async def test_keys_of_two_users_are_two_keys(gateway: httpx.AsyncClient, behind: FakeService) -> None:
    for _ in range(2):
        headers = {"Authorization": f"Bearer {behind.access_token()}", "Idempotency-Key": "order-1"}
        assert (await gateway.post("/api/v1/backfills", json={"a": 1}, headers=headers)).status_code == 201
    assert len(behind.seen) == 2


async def test_an_answer_that_took_no_effect_frees_the_key(gateway: httpx.AsyncClient, behind: FakeService) -> None:
    headers = {"Authorization": f"Bearer {behind.access_token()}", "Idempotency-Key": "order-1"}
    for _ in range(2):
        assert (await gateway.post("/api/v1/backfills/busy", json={}, headers=headers)).status_code == 503
    assert len(behind.seen) == 2


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer nonsense", "Basic abc"])
async def test_a_stranger_cannot_probe_keys(gateway: httpx.AsyncClient, behind: FakeService, token: str) -> None:
    headers = {"Authorization": token, "Idempotency-Key": "order-1"}
    answer = await gateway.post("/api/v1/backfills", json={}, headers=headers)
    assert answer.status_code == 401
    assert behind.seen == []


async def test_the_start_page_and_its_headers(gateway: httpx.AsyncClient) -> None:
    page = await gateway.get("/")
    assert page.status_code == 200
    assert "Not affiliated with ICICI" in page.text
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    for asset in ("/start.js", "/start.css"):
        assert (await gateway.get(asset)).status_code == 200


async def test_the_openapi_document_names_the_system_route(gateway: httpx.AsyncClient) -> None:
    document = (await gateway.get("/openapi.json")).json()
    assert "/api/v1/system/status" in document["paths"]
    assert not [path for path in document["paths"] if path.startswith("/internal")]


async def test_system_status_tells_who_is_unreachable(gateway: httpx.AsyncClient, behind: FakeService) -> None:
    answer = await gateway.get("/api/v1/system/status", headers={"Authorization": f"Bearer {behind.access_token()}"})
    states = {service["name"]: service["state"] for service in answer.json()["services"]}
    assert answer.json()["state"] == "degraded"
    assert states["instruments"] == "unreachable"
    assert (await gateway.get("/api/v1/system/status")).status_code == 401
