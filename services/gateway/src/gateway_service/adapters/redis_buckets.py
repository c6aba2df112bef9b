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
# KEYS: buckets. ARGV: for each, its count, its time in ms, and how many are counted in any case.
# Answers: index of the tightest bucket, whether it is allowed, requests left, ms until empty, ms until allowed.
_SCRIPT: Final = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local before, after, tight, refused = {}, {}, nil, nil
local held = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  local count, window = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
  local step = window / count
  before[i] = math.max(tonumber(held[i] or 0) or 0, now) + step * tonumber(ARGV[3 * i])
  local empty_at = before[i] + step
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
for i = 1, #KEYS do
  local empty_at = refused and before[i] or after[i]
  if empty_at > now then
    redis.call('SET', KEYS[i], string.format('%.3f', empty_at), 'PX', math.max(1, math.ceil(empty_at - now)))
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

    async def take(self, buckets: Sequence[Bucket], owed: Sequence[int] = ()) -> Standing:
        """Raises UpstreamUnavailable (`limiter_unavailable`) when Redis does not answer."""
        arguments: list[float] = []
        for bucket, behind in zip(buckets, owed or [0] * len(buckets), strict=True):
            arguments += (bucket.rate.count, bucket.rate.seconds * 1000, behind)
        try:
            tight, allowed, remaining, reset, wait = await self._script(
                keys=[keys.rate_limit("edge", bucket.name) for bucket in buckets], args=arguments
            )
        except (RedisError, OSError, TimeoutError) as error:
            raise UpstreamUnavailable("The request limiter does not answer.", code="limiter_unavailable") from error
        return Standing(buckets[int(tight) - 1], bool(allowed), int(remaining), int(reset) / 1000, int(wait) / 1000)
