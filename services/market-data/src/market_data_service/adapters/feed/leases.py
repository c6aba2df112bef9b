"""Feed leases in Redis, with a fence from PostgreSQL."""

import time
from collections.abc import Awaitable
from typing import Protocol, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.errors import UpstreamUnavailable
from breezeway.redis import keys

_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

# Raising the fence at once, not with the first message, shuts the door behind a predecessor that is merely asleep.
_ENTER = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local known = tonumber(redis.call('GET', KEYS[2]) or '0')
if tonumber(ARGV[2]) <= known then return -1 end
redis.call('SET', KEYS[2], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
"""


class Mint(Protocol):
    """Where fences come from."""

    async def mint(self, feed: str, holder: str) -> int: ...


class RedisLease:
    """Implements `feed_ports.Lease`. Only monotonic time and Redis's own expiry count, so a set clock harms nobody."""

    def __init__(self, redis: "Redis", feed: str, holder: str, fence: int, ttl: float, since: float) -> None:
        self._redis = redis
        self._holder = holder
        self._ttl = ttl
        self._renewed_at = since
        self._lost = False
        self.feed = feed
        self.fence = fence

    @property
    def holder(self) -> str:
        return self._holder

    @property
    def renew_every(self) -> float:
        return self._ttl / 5

    @property
    def valid(self) -> bool:
        # A quarter less than Redis grants: what was decided just before the end must still arrive before it.
        return not self._lost and time.monotonic() - self._renewed_at < self._ttl * 0.75

    async def renew(self) -> bool:
        asked_at = time.monotonic()
        held = await _call(
            self._redis.eval(_RENEW, 1, keys.feed_lease(self.feed), self._holder, str(int(self._ttl * 1000)))
        )
        if held:
            self._renewed_at = asked_at
        else:
            self._lost = True
        return bool(held)

    async def release(self) -> None:
        self._lost = True
        await _call(self._redis.eval(_RELEASE, 1, keys.feed_lease(self.feed), self._holder))


class RedisLeases:
    """Implements `feed_ports.Leases`.

    Args:
        holder: unique name of this process.
        ttl: seconds after which a lease that is not renewed is free.
    """

    def __init__(self, redis: "Redis", fences: Mint, *, holder: str, ttl: float = 2.0) -> None:
        self._redis = redis
        self._fences = fences
        self._holder = holder
        self._ttl = ttl
        self._count = 0

    async def acquire(self, feed: str) -> RedisLease | None:
        self._count += 1
        # Every lease has a name of its own: one that we lost and won again must not look unbroken.
        holder = f"{self._holder}#{self._count}"
        key, milliseconds = keys.feed_lease(feed), int(self._ttl * 1000)
        try:
            if not await self._redis.set(key, holder, nx=True, px=milliseconds):
                return None
        except (RedisError, OSError) as error:
            raise _away(error) from error
        fence = await self._fences.mint(feed, holder)
        since = time.monotonic()
        entered = await _call(self._redis.eval(_ENTER, 2, key, keys.fence(feed), holder, str(fence), str(milliseconds)))
        # 0: minting took longer than the lease lasted. -1: another was quicker. Both mean: not this time.
        if entered != 1:
            return None
        return RedisLease(self._redis, feed, holder, fence, self._ttl, since)


async def _call(answer: object) -> int:
    try:
        # redis-py types `eval` for its blocking and its asyncio client in one; ours is the latter.
        return int(await cast("Awaitable[int]", answer))
    except (RedisError, OSError) as error:
        raise _away(error) from error


def _away(error: Exception) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"Redis does not answer: {type(error).__name__}.", code="redis_unavailable")
