"""Lease, fence and publishing against a real Valkey and PostgreSQL: exactly one owner can speak."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from breezeway.db.engine import create_engine
from breezeway.errors import UpstreamUnavailable
from breezeway.loop_lag import watch_loop
from breezeway.redis import keys
from breezeway.redis.client import connect
from market_data_service.adapters.db.fences import PostgresFences
from market_data_service.adapters.feed.census import RedisCensus
from market_data_service.adapters.feed.interest import RedisInterest
from market_data_service.adapters.feed.leases import RedisLease, RedisLeases
from market_data_service.adapters.feed.publisher import RedisPublisher
from market_data_service.application.feed_ports import Outgoing

pytestmark = pytest.mark.parametrize("migrated_url", ["market-data"], indirect=True)

FEED = "a-feed"
HELLO = Outgoing("tick:NSE:A", b'{"seq":1}')


@pytest_asyncio.fixture
async def fences(migrated_url: str):  # type: ignore[no-untyped-def]
    engine = create_engine(migrated_url, application="tests", pool_size=5)
    yield PostgresFences(engine)
    await engine.dispose()


def candidates(redis: "Redis", fences: PostgresFences, count: int, ttl: float = 1.0) -> list[RedisLeases]:
    return [RedisLeases(redis, fences, holder=f"owner{n}", ttl=ttl) for n in range(count)]


def passing(redis: "Redis", fences: PostgresFences) -> tuple[RedisLeases, RedisLeases]:
    """An owner whose lease soon runs out, and a successor with time enough also on a busy machine."""
    return tuple(RedisLeases(redis, fences, holder=f"owner{n}", ttl=ttl) for n, ttl in enumerate((1.5, 60.0)))  # type: ignore[return-value]


async def test_f_09_of_three_candidates_exactly_one_wins_every_time(redis: "Redis", fences: PostgresFences) -> None:
    """F-09: three candidates start together, a hundred times."""
    three = candidates(redis, fences, 3)
    seen = []
    for _ in range(100):
        leases = [lease for lease in await asyncio.gather(*(c.acquire(FEED) for c in three)) if lease is not None]
        assert len(leases) == 1
        seen.append(leases[0].fence)
        await leases[0].release()
    assert seen == sorted(set(seen))


async def test_a_lease_lives_as_long_as_it_is_renewed(redis: "Redis", fences: PostgresFences) -> None:
    one, two = candidates(redis, fences, 2, ttl=2.0)
    lease = await one.acquire(FEED)
    assert lease is not None
    for _ in range(3):
        await asyncio.sleep(0.8)
        assert await lease.renew()
        assert lease.valid
        assert await two.acquire(FEED) is None
    await asyncio.sleep(2.2)
    assert not lease.valid
    assert await two.acquire(FEED) is not None
    assert not await lease.renew()


async def test_f_03_who_was_asleep_publishes_nothing(redis: "Redis", fences: PostgresFences) -> None:
    """F-03 at its heart: a lease that ran out while its holder slept gives no right to speak."""
    one, two = passing(redis, fences)
    publisher = RedisPublisher(redis)
    old = await one.acquire(FEED)
    assert old is not None
    assert await publisher.publish(old, [HELLO])
    await asyncio.sleep(1.7)
    new = await two.acquire(FEED)
    assert new is not None
    assert new.fence > old.fence
    async with redis.pubsub() as heard:
        await heard.subscribe(keys.feed_channel(FEED, HELLO.channel))
        assert not await publisher.publish(old, [HELLO])
        assert not await publisher.describe(old, {"state": "live"})
        await heard.get_message(timeout=0.2)
        assert await heard.get_message(ignore_subscribe_messages=True, timeout=0.2) is None
    assert await publisher.publish(new, [HELLO])


async def test_a_released_lease_cannot_speak_and_is_free_at_once(redis: "Redis", fences: PostgresFences) -> None:
    one, two = candidates(redis, fences, 2, ttl=60)
    lease = await one.acquire(FEED)
    assert lease is not None
    await lease.release()
    assert not await RedisPublisher(redis).publish(lease, [HELLO])
    assert await two.acquire(FEED) is not None


async def test_f_07_a_redis_that_forgot_everything_still_meets_a_higher_fence(
    redis: "Redis", fences: PostgresFences
) -> None:
    """F-07: the counter does not live in Redis."""
    one, two = candidates(redis, fences, 2)
    old = await one.acquire(FEED)
    assert old is not None
    await redis.flushall()
    assert not await RedisPublisher(redis).publish(old, [HELLO])
    new = await two.acquire(FEED)
    assert new is not None
    assert new.fence > old.fence
    assert not await old.renew()


class PausedRedis:
    """A Redis client whose holder is stopped between deciding to publish and the command's leaving."""

    def __init__(self, redis: "Redis", meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._redis = redis
        self._meanwhile = meanwhile

    def register_script(self, text: str) -> Callable[..., Awaitable[object]]:
        script = self._redis.register_script(text)

        async def run(**arguments: Any) -> object:
            await self._meanwhile()
            return await script(**arguments)

        return run


async def test_f_04_a_pause_between_check_and_publish_lets_nothing_through(
    redis: "Redis", fences: PostgresFences
) -> None:
    """F-04: the owner checks its lease, is stopped, another takes over, and only then does the publish leave. Check
    and publish are one step inside of Redis, so that nothing is accepted."""
    one, two = passing(redis, fences)
    old = await one.acquire(FEED)
    assert old is not None
    taken: list[RedisLease] = []

    async def meanwhile() -> None:
        await asyncio.sleep(1.7)
        lease = await two.acquire(FEED)
        assert lease is not None
        taken.append(lease)

    publisher = RedisPublisher(PausedRedis(redis, meanwhile))  # type: ignore[arg-type]
    assert old.valid
    async with redis.pubsub() as heard:
        await heard.subscribe(keys.feed_channel(FEED, HELLO.channel))
        await heard.get_message(timeout=1)
        assert not await publisher.publish(old, [HELLO])
        assert await heard.get_message(ignore_subscribe_messages=True, timeout=0.3) is None
    assert await redis.hget(keys.snapshot(FEED), HELLO.channel) is None  # type: ignore[misc]
    assert await RedisPublisher(redis).publish(taken[0], [HELLO])


async def test_f_08_a_redis_that_falls_back_in_time_never_makes_two_owners(
    redis: "Redis", fences: PostgresFences
) -> None:
    """F-08: fail-over to a replica that had not heard of the newest owner: its lease is gone, the predecessor's is
    back. The newest owner is refused there, and the predecessor has found out before that it is none any more."""
    one, two = candidates(redis, fences, 2, ttl=5)
    publisher = RedisPublisher(redis)
    old = await one.acquire(FEED)
    assert old is not None
    before = {key: await redis.dump(key) for key in (keys.feed_lease(FEED), keys.fence(FEED))}
    await redis.delete(keys.feed_lease(FEED))
    new = await two.acquire(FEED)
    assert new is not None
    assert not await old.renew()
    for key, value in before.items():
        await redis.restore(key, 5_000, value, replace=True)
    assert not await publisher.publish(new, [HELLO])
    assert not await new.renew()
    assert not old.valid, "the predecessor would publish under its old fence"
    assert not new.valid
    await redis.delete(keys.feed_lease(FEED))
    third = await one.acquire(FEED)
    assert third is not None
    assert third.fence > new.fence > old.fence


@pytest.mark.parametrize("jump", [3_600, -3_600])
async def test_f_08_a_clock_that_jumps_moves_no_lease(
    redis: "Redis", fences: PostgresFences, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    """F-08: the wall clock of a node is set an hour forth or back. Leases know monotonic time and Redis's own only."""
    one, two = candidates(redis, fences, 2, ttl=2)
    lease = await one.acquire(FEED)
    assert lease is not None
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    assert lease.valid
    assert await lease.renew()
    assert await two.acquire(FEED) is None
    assert await RedisPublisher(redis).publish(lease, [HELLO])


async def test_f_10_an_owner_whose_loop_was_blocked_has_lost_its_right(redis: "Redis", fences: PostgresFences) -> None:
    """F-10: something hogs the event loop beyond the lease. When it runs again, nothing may be published, and the lag
    is in the metrics."""
    [mine] = candidates(redis, fences, 1, ttl=1.5)
    lease = await mine.acquire(FEED)
    assert lease is not None
    async with AsyncExitStack() as stack:
        await watch_loop(stack)
        await asyncio.sleep(0.3)
        time.sleep(1.7)  # noqa: ASYNC251 - blocking the loop is the fault
        assert not lease.valid
        assert not await RedisPublisher(redis).publish(lease, [HELLO])
        await asyncio.sleep(0.1)
    lag = REGISTRY.get_sample_value("breezeway_event_loop_blocked_seconds")
    assert lag is not None
    assert lag > 0.8


async def test_owners_count_each_other(redis: "Redis", fences: PostgresFences) -> None:
    one, two = (RedisCensus(redis, holder=f"owner{n}", seconds=1) for n in range(2))
    assert await one.count() == 1
    assert await two.count() == 2
    assert await one.count() == 2
    await asyncio.sleep(2.1)
    assert await two.count() == 1


async def test_batches_arrive_in_order_and_leave_the_last_as_snapshot(redis: "Redis", fences: PostgresFences) -> None:
    [leases] = candidates(redis, fences, 1)
    lease = await leases.acquire(FEED)
    assert lease is not None
    batch = [Outgoing("tick:NSE:A", b'{"seq":%d}' % n) for n in range(50)]
    batch.append(Outgoing("tick:NSE:A", b'{"type":"gap"}', keep=False))
    async with redis.pubsub() as heard:
        await heard.subscribe(keys.feed_channel(FEED, "tick:NSE:A"))
        await heard.get_message(timeout=1)
        assert await RedisPublisher(redis).publish(lease, batch)
        bodies = []
        while (message := await heard.get_message(ignore_subscribe_messages=True, timeout=0.2)) is not None:
            bodies.append(message["data"])
    assert bodies == [message.body for message in batch]
    assert await redis.hget(keys.snapshot(FEED), "tick:NSE:A") == b'{"seq":49}'  # type: ignore[misc]


async def test_an_owner_describes_itself_anew_each_time(redis: "Redis", fences: PostgresFences) -> None:
    [leases] = candidates(redis, fences, 1)
    lease = await leases.acquire(FEED)
    assert lease is not None
    publisher = RedisPublisher(redis)
    assert await publisher.describe(lease, {"state": "live", "reason": "x"})
    assert await publisher.describe(lease, {"state": "degraded"})
    assert await publisher.described(FEED) == {"state": "degraded"}


async def test_interest_lapses_by_redis_time(redis: "Redis", fences: PostgresFences) -> None:
    seconds, _ = await redis.time()
    await redis.zadd(keys.feed_interest(FEED), {"tick:NSE:OLD": seconds - 1, "tick:NSE:NEW": seconds + 5})
    assert await RedisInterest(redis).wanted(FEED) == frozenset({"tick:NSE:NEW"})


async def test_an_unreachable_redis_is_said_so(redis: "Redis", fences: PostgresFences) -> None:
    nowhere = connect("redis://127.0.0.1:1/0", retries=0, timeout=0.5)
    try:
        with pytest.raises(UpstreamUnavailable):
            await RedisLeases(nowhere, fences, holder="x").acquire(FEED)
        with pytest.raises(UpstreamUnavailable):
            await RedisInterest(nowhere).wanted(FEED)
    finally:
        await nowhere.aclose()
