"""Publishing in one scripted call that only the newest owner can make."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.errors import UpstreamUnavailable
from breezeway.redis import keys
from market_data_service.application.feed_ports import Lease, Outgoing

# Both are asked: the lease says who may speak, the fence that nobody newer has spoken, even after Redis lost
# its data. KEYS: lease, fence, snapshot hash. ARGV: holder, fence, number of messages, (topic, body) each, then
# (field, index) of the bodies to keep.
_PUBLISH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local known = redis.call('GET', KEYS[2])
if known and tonumber(known) > tonumber(ARGV[2]) then return -1 end
if known ~= ARGV[2] then redis.call('SET', KEYS[2], ARGV[2]) end
local n = tonumber(ARGV[3])
local reached = 0
for i = 0, n - 1 do
  reached = reached + redis.call('PUBLISH', ARGV[4 + 2 * i], ARGV[5 + 2 * i])
end
for j = 4 + 2 * n, #ARGV, 2 do
  redis.call('HSET', KEYS[3], ARGV[j], ARGV[5 + 2 * tonumber(ARGV[j + 1])])
end
return reached
"""

_DESCRIBE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
redis.call('DEL', KEYS[2])
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[2], 604800)
return 0
"""


class RedisPublisher:
    """Implements `feed_ports.Publisher`."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._publish = redis.register_script(_PUBLISH)
        self._describe = redis.register_script(_DESCRIBE)

    async def publish(self, lease: Lease, messages: Sequence[Outgoing]) -> bool:
        feed = lease.feed
        prefix = keys.feed_channel(feed, "")
        args: list[str | bytes | int] = [lease.holder, lease.fence, len(messages)]
        kept: dict[str, int] = {}
        for index, message in enumerate(messages):
            args.append(prefix + message.channel)
            args.append(message.body)
            if message.keep:
                kept[message.channel] = index
        for channel, index in kept.items():
            args.append(channel)
            args.append(index)
        return await self._run(
            self._publish(keys=[keys.feed_lease(feed), keys.fence(feed), keys.snapshot(feed)], args=args)
        )

    async def describe(self, lease: Lease, facts: Mapping[str, str]) -> bool:
        args = [lease.holder, *(part for pair in facts.items() for part in pair)]
        feed = lease.feed
        return await self._run(self._describe(keys=[keys.feed_lease(feed), keys.feed_state(feed)], args=args))

    async def described(self, feed: str) -> Mapping[str, str]:
        try:
            raw = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(keys.feed_state(feed)))
        except (RedisError, OSError) as error:
            raise _away(error) from error
        return {key.decode(): value.decode() for key, value in raw.items()}

    @staticmethod
    async def _run(call: "Awaitable[object]") -> bool:
        try:
            return int(str(await call)) >= 0
        except (RedisError, OSError) as error:
            raise _away(error) from error


def _away(error: Exception) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"Redis does not answer: {type(error).__name__}.", code="redis_unavailable")
