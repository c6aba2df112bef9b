"""Revocations on a real Valkey: heard at once, known after a restart, and caught up with after an outage."""

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from redis.asyncio import Redis

from breezeway.contracts.auth import CredentialsRevoked
from breezeway.embedded.valkey import EmbeddedValkey
from breezeway.ids import new_id
from breezeway.redis import keys
from breezeway.redis.client import connect
from breezeway.security.revocation import announce, watch_revocations
from breezeway.security.tokens import Principal
from breezeway.testing.eventually import eventually

USER = new_id()


def principal(session: str) -> Principal:
    return Principal(USER, "user", frozenset(), session, "t", 2_000_000_000, int(time.time()))


async def test_a05_a_revocation_is_heard_at_once(valkey: EmbeddedValkey, redis: Redis) -> None:
    heard: list[CredentialsRevoked] = []
    async with AsyncExitStack() as stack:
        denied = await watch_revocations(stack, valkey.url, heard.append)
        assert denied.fresh
        started = time.monotonic()
        await announce(redis, CredentialsRevoked(user_id=USER, session_id="s1"))
        await eventually(lambda: denied.refuses(principal("s1")), 60)
        assert time.monotonic() - started < 30
        assert [revoked.session_id for revoked in heard] == ["s1"]


async def test_a_process_that_starts_later_knows_it_too(valkey: EmbeddedValkey, redis: Redis) -> None:
    for number in range(1_500):
        await announce(redis, CredentialsRevoked(user_id=USER, session_id=f"s{number}"))
    async with AsyncExitStack() as stack:
        denied = await watch_revocations(stack, valkey.url)
        assert len(denied) == 1_500
        assert denied.refuses(principal("s0"))


async def test_what_nobody_can_read_stops_nothing(valkey: EmbeddedValkey, redis: Redis) -> None:
    await redis.xadd(keys.revocations(), {"body": "nonsense"})
    await redis.xadd(keys.revocations(), {"other": "field"})
    await announce(redis, CredentialsRevoked(user_id=USER, session_id="s1"))
    async with AsyncExitStack() as stack:
        assert (await watch_revocations(stack, valkey.url)).refuses(principal("s1"))


async def test_a06_an_outage_is_noticed_and_caught_up_with() -> None:
    with tempfile.TemporaryDirectory(prefix="bw-vk-") as folder:
        server = EmbeddedValkey(Path(folder))
        server.start()
        url = server.url
        try:
            async with AsyncExitStack() as stack:
                denied = await watch_revocations(stack, url)
                server.stop()
                await eventually(lambda: not denied.fresh, 60)
                server.start()
                again = connect(server.url)
                stack.push_async_callback(again.aclose)
                await announce(again, CredentialsRevoked(user_id=USER, session_id="meanwhile"))
                assert server.url == url
                await eventually(lambda: denied.fresh and denied.refuses(principal("meanwhile")), 60)
        finally:
            server.stop()


async def test_without_redis_a_service_starts_and_knows_that_it_does_not_know() -> None:
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(60):
            denied = await watch_revocations(stack, "redis://127.0.0.1:1")
        assert not denied.fresh
