"""What readers want of a feed: their gateways' announcements in Redis."""

from collections.abc import Awaitable
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.errors import UpstreamUnavailable
from breezeway.redis import keys

# Redis's clock decides, as it does where gateways announce.
_WANTED = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


class RedisInterest:
    """Implements `feed_ports.InterestReader`."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def wanted(self, feed: str) -> frozenset[str]:
        try:
            names = await cast("Awaitable[list[bytes]]", self._redis.eval(_WANTED, 1, keys.feed_interest(feed)))
        except (RedisError, OSError) as error:
            raise UpstreamUnavailable(
                f"Redis does not answer: {type(error).__name__}.", code="redis_unavailable"
            ) from error
        return frozenset(name.decode() for name in names)
