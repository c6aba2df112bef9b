"""Telling the owner of a feed which channels somebody wants to hear."""

from collections.abc import Awaitable, Collection
from typing import cast

from redis.asyncio import Redis

from breezeway.redis import keys

INTEREST_SECONDS = 15
"""Interest lapses after this long, so whoever wants to go on hearing announces it again before."""

# Redis's own clock decides what has lapsed, because owner and reader may run on machines that disagree.
_ANNOUNCE = """
local now = tonumber(redis.call('TIME')[1])
local new = 0
for i = 3, #ARGV do
  local until_ = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if not until_ or tonumber(until_) <= now then new = new + 1 end
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), ARGV[i])
end
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[1]) * 4)
if new > 0 then redis.call('PUBLISH', KEYS[2], ARGV[2]) end
return new
"""


class FeedInterest:
    """Writes interest into the sorted set of a feed. Redis errors are the caller's to handle."""

    def __init__(self, redis: "Redis") -> None:
        self._announce = redis.register_script(_ANNOUNCE)

    async def announce(self, feed: str, channels: Collection[str]) -> int:
        """Want `channels` for the next 15 seconds; how many of them nobody wanted before."""
        if not channels:
            return 0
        names = [keys.feed_interest(feed), keys.interest_changed()]
        return int(await cast("Awaitable[int]", self._announce(keys=names, args=[INTEREST_SECONDS, feed, *channels])))
