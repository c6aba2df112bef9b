"""Request limits over a real Valkey, and without one."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
from redis.asyncio import Redis

from breezeway.testing.fake_service import FakeService
from gateway_service.adapters.redis_buckets import RedisBuckets
from gateway_service.domain.rates import Bucket, Rate

OpenGateway = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

LIMITS = {"read": {"ip": "5/3600"}, "write": {"ip": "100/60", "user": "3/3600"}}


async def test_the_script_counts_as_the_local_buckets_do(redis: Redis) -> None:
    buckets, bucket = RedisBuckets(redis), Bucket("a", Rate(10, 3_600))
    assert [(await buckets.take([bucket])).remaining for _ in range(10)] == list(range(9, -1, -1))
    refused = await buckets.take([bucket])
    assert (refused.allowed, refused.remaining) == (False, 0)
    assert 350 < refused.retry_after <= 360
    assert 3_590 < refused.reset <= 3_600


async def test_a_refused_request_counts_nowhere(redis: Redis) -> None:
    buckets, narrow, wide = RedisBuckets(redis), Bucket("narrow", Rate(1, 3_600)), Bucket("wide", Rate(5, 3_600))
    assert (await buckets.take([wide, narrow])).bucket is narrow
    for _ in range(10):
        assert not (await buckets.take([wide, narrow])).allowed
    assert (await buckets.take([wide])).remaining == 3


async def test_what_is_owed_counts_even_when_the_request_itself_is_refused(redis: Redis) -> None:
    buckets, bucket = RedisBuckets(redis), Bucket("read:user:x", Rate(10, 60))
    assert (await buckets.take([bucket], [6])).remaining == 3
    assert not (await buckets.take([bucket], [5])).allowed
    assert not (await buckets.take([bucket])).allowed, "the five were let through, so they are there"


async def test_a_bucket_refills_and_is_forgotten(redis: Redis) -> None:
    buckets, bucket = RedisBuckets(redis), Bucket("a", Rate(2, 0.4))
    assert [(await buckets.take([bucket])).allowed for _ in range(3)] == [True, True, False]
    await asyncio.sleep(0.6)
    assert (await buckets.take([bucket])).remaining == 1
    await asyncio.sleep(0.6)
    assert await redis.keys("*") == []


async def test_a_hundred_at_once_are_counted_exactly(redis: Redis) -> None:
    buckets, bucket = RedisBuckets(redis), Bucket("a", Rate(40, 3_600))
    standings = await asyncio.gather(*(buckets.take([bucket]) for _ in range(100)))
    assert sum(standing.allowed for standing in standings) == 40


async def test_every_answer_says_how_much_is_left(open_gateway: OpenGateway) -> None:
    async with open_gateway(BREEZEWAY_LIMITS=LIMITS) as gateway:
        answers = [await gateway.get("/api/v1/quotes") for _ in range(6)]
        assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
        assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"5"}
        assert 3_590 < int(answers[4].headers["RateLimit-Reset"]) <= 3_600
        refused = answers[5]
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 0 < int(refused.headers["Retry-After"]) <= 721
        assert refused.headers["X-Content-Type-Options"] == "nosniff"
        page = await gateway.get("/")
        assert (page.status_code, int(page.headers["RateLimit-Limit"])) == (200, 30_000)
        assert "RateLimit-Limit" not in (await gateway.get("/livez")).headers


async def test_each_user_has_their_own_limit_and_a_forged_token_has_nobodys(
    open_gateway: OpenGateway, behind: FakeService
) -> None:
    async with open_gateway(BREEZEWAY_LIMITS=LIMITS) as gateway:

        async def write(token: str) -> httpx.Response:
            return await gateway.post("/api/v1/backfills", json={}, headers={"Authorization": f"Bearer {token}"})

        asha, ravi = behind.access_token(), behind.access_token()
        assert [(await write(asha)).status_code for _ in range(4)] == [201, 201, 201, 429]
        assert (await write(ravi)).status_code == 201
        head, claims, signature = asha.split(".")
        forged = f"{head}.{claims}.{signature[:-4]}AAAA"
        # It passes to the service, which refuses it; what counts here is that it uses up nothing of Asha's or Ravi's.
        assert [(await write(forged)).headers["RateLimit-Limit"] for _ in range(5)] == ["100"] * 5


async def test_a_14_a_spoofed_address_escapes_no_limit(open_gateway: OpenGateway) -> None:
    """One caller who sends another `X-Forwarded-For` each time; no proxy is trusted."""
    async with open_gateway(peer="203.0.113.9", BREEZEWAY_LIMITS={"credentials": {"ip": "3/3600"}}) as gateway:
        statuses = [
            (
                await gateway.post(
                    "/api/v1/auth/login",
                    json={},
                    headers={"X-Forwarded-For": f"6.6.6.{n}", "Forwarded": f"for=6.6.6.{n}"},
                )
            ).status_code
            for n in range(5)
        ]
    assert statuses == [201] * 3 + [429] * 2


async def test_a_14_behind_a_trusted_proxy_each_caller_is_told_apart(
    open_gateway: OpenGateway, behind: FakeService
) -> None:
    """The proxy appends whom it saw; what the caller put before that is not looked at."""
    trusted = {"BREEZEWAY_TRUSTED_PROXIES": ["10.0.0.0/8"], "BREEZEWAY_LIMITS": {"credentials": {"ip": "2/3600"}}}
    async with open_gateway(peer="10.1.2.3", **trusted) as gateway:

        async def log_in(forwarded: str) -> int:
            headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
            return (await gateway.post("/api/v1/auth/login", json={}, headers=headers)).status_code

        assert [await log_in(f"6.6.6.{n}, 203.0.113.9") for n in range(3)] == [201, 201, 429]
        assert await log_in("198.51.100.1") == 201
    told = {(seen["headers"]["x-forwarded-for"], seen["headers"]["x-forwarded-proto"]) for seen in behind.seen}
    assert told == {("203.0.113.9", "https"), ("198.51.100.1", "https")}


async def test_without_redis_the_limits_still_hold_and_nothing_is_refused_for_that(open_gateway: OpenGateway) -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # accepts and never answers, like a Redis that hangs
    try:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        async with open_gateway(REDIS_URL=url, BREEZEWAY_LIMITS=LIMITS) as gateway:
            started = asyncio.get_running_loop().time()
            statuses = [(await gateway.get("/api/v1/quotes")).status_code for _ in range(7)]
            assert statuses == [201] * 5 + [429] * 2
            assert asyncio.get_running_loop().time() - started < 5
    finally:
        silent.close()


async def test_the_whole_instance_has_a_cap(open_gateway: OpenGateway) -> None:
    async with open_gateway(BREEZEWAY_LIMITS={"everything": {"all": "2/3600"}}) as gateway:
        assert [(await gateway.get("/api/v1/quotes")).status_code for _ in range(3)] == [201, 201, 429]
        assert (await gateway.get("/livez")).status_code == 200


async def test_a_stricter_limit_of_a_service_is_told_as_its_own(open_gateway: OpenGateway) -> None:
    async with open_gateway() as gateway:
        answer = await gateway.get("/api/v1/auth/limited")
    assert (answer.status_code, answer.headers["RateLimit-Remaining"], answer.headers["RateLimit-Reset"]) == (
        429,
        "0",
        "7",
    )
