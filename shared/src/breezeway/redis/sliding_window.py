"""Counting requests in a sliding window, for our own limits. One script, the Redis server's clock."""

from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.errors import UpstreamUnavailable
from breezeway.ids import new_id
from breezeway.redis import keys

# KEYS: the window. ARGV: limit, window in ms, id of this request.
# Answers: allowed, requests left, ms until the next one is allowed.
_SCRIPT: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZSCORE', KEYS[1], ARGV[3]) then
  return {1, limit - redis.call('ZCARD', KEYS[1]), 0}
end
local used = redis.call('ZCARD', KEYS[1])
if used >= limit then
  local oldest = redis.call('ZRANGE', KEYS[1], used - limit, used - limit, 'WITHSCORES')
  return {0, 0, math.max(1, oldest[2] + window - now)}
end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('PEXPIRE', KEYS[1], window)
return {1, limit - used - 1, 0}
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, how many more may now, and after how many seconds a refused one may.

    `hit` names the request, for `take_back`.
    """

    hit: str
    allowed: bool
    left: int
    retry_after: float


class SlidingWindow:
    """At most `limit` requests of one kind by one party in any `seconds`. Refused requests do not count."""

    def __init__(self, redis: Redis, scope: str, *, limit: int, seconds: float) -> None:
        self.limit = limit
        self._scope = scope
        self._seconds = seconds
        self._redis = redis
        self._script = redis.register_script(_SCRIPT)

    async def hit(self, who: str) -> Verdict:
        """Count one request by `who`.

        Raises UpstreamUnavailable (`limiter_unavailable`) when Redis does not answer: the caller decides what then.
        """
        hit = new_id().hex
        try:
            # The id makes a script that redis-py sends again after a broken connection count once.
            allowed, left, wait = await self._script(
                keys=[keys.rate_limit(self._scope, who)],
                args=[self.limit, int(self._seconds * 1000), hit],
            )
        except RedisError as error:
            raise _unavailable() from error
        return Verdict(hit, bool(allowed), int(left), int(wait) / 1000)

    async def take_back(self, who: str, hit: str) -> None:
        """Count a request no more: it turned out not to be of the kind that is limited. Raises as `hit` does."""
        try:
            await self._redis.zrem(keys.rate_limit(self._scope, who), hit)
        except RedisError as error:
            raise _unavailable() from error


def _unavailable() -> UpstreamUnavailable:
    return UpstreamUnavailable("The request limiter does not answer.", code="limiter_unavailable", retry_after=2)
