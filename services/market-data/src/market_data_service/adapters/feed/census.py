"""How many feed owners there are, counted by what they say of themselves in Redis."""

from collections.abc import Awaitable
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.errors import UpstreamUnavailable
from breezeway.redis import keys

# Redis's clock decides, because owners may run on machines that disagree.
_COUNT = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[2]) * 2)
return redis.call('ZCARD', KEYS[1])
"""


class RedisCensus:
    """Implements `feed_ports.OwnerCensus`.

    Args:
        holder: unique name of this process.
        seconds: how long a process that has fallen silent is still counted.
    """

    def __init__(self, redis: "Redis", *, holder: str, seconds: int = 6) -> None:
        self._redis = redis
        self._holder = holder
        self._seconds = seconds

    async def count(self) -> int:
        try:
            call = self._redis.eval(_COUNT, 1, keys.feed_owners(), self._holder, str(self._seconds))
            return int(await cast("Awaitable[int]", call))
        except (RedisError, OSError) as error:
            raise UpstreamUnavailable(
                f"Redis does not answer: {type(error).__name__}.", code="redis_unavailable"
            ) from error
