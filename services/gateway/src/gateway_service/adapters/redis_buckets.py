"""Limits that all copies of the gateway count together."""

from collections.abc import Sequence
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.errors import UpstreamUnavailable
from breezeway.redis import keys
from gateway_service.domain.rates import Bucket, Standing

# GCRA over several buckets in one step: all count, or none does. The state of a bucket is the moment (ms) at which it
# is empty again, and it is forgotten then. On a cluster the buckets of one request may live on different nodes: give
# the gateways a Redis of their own for this, which may lose its content at any time.
#
# KEYS: buckets. ARGV: for each, its count and its time in ms.
# Answers: index of the tightest bucket, whether it is allowed, requests left, ms until empty, ms until allowed.
_SCRIPT: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local after, tight, refused = {}, nil, nil
local held = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  local count, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local step = window / count
  local empty_at = math.max(tonumber(held[i] or 0) or 0, now) + step
  local over = empty_at - now - window
  if over > 0.01 then
    if not refused or over > refused[5] then
      refused = {i, 0, 0, math.max(0, empty_at - step - now), over}
    end
  else
    local left = math.max(0, math.floor((window - empty_at + now + 0.01) / step))
    if not tight or left < tight[3] then
      tight = {i, 1, left, empty_at - now, 0}
    end
  end
  after[i] = empty_at
end
local verdict = refused or tight
if not refused then
  for i = 1, #KEYS do
    redis.call('SET', KEYS[i], string.format('%.3f', after[i]), 'PX', math.max(1, math.ceil(after[i] - now)))
  end
end
return {verdict[1], verdict[2], verdict[3], math.ceil(verdict[4]), math.ceil(verdict[5])}
"""


class RedisBuckets:
    """Implements `application.limits.Buckets`.

    Args:
        redis: a client that gives up quickly: a limit is not worth waiting for.
    """

    def __init__(self, redis: "Redis") -> None:
        self._script = redis.register_script(_SCRIPT)

    async def take(self, buckets: Sequence[Bucket]) -> Standing:
        """Raises UpstreamUnavailable (`limiter_unavailable`) when Redis does not answer."""
        arguments: list[float] = []
        for bucket in buckets:
            arguments += (bucket.rate.count, bucket.rate.seconds * 1000)
        try:
            tight, allowed, remaining, reset, wait = await self._script(
                keys=[keys.rate_limit("edge", bucket.name) for bucket in buckets], args=arguments
            )
        except (RedisError, OSError, TimeoutError) as error:
            raise UpstreamUnavailable("The request limiter does not answer.", code="limiter_unavailable") from error
        return Standing(buckets[int(tight) - 1], bool(allowed), int(remaining), int(reset) / 1000, int(wait) / 1000)
