"""The latest ticks, as the feed's owner leaves them in Redis."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import cast
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.contracts.stream import Channel, ChannelKind
from breezeway.errors import Conflict, UpstreamUnavailable
from breezeway.redis import keys
from market_data_service.adapters.upstream.broker_sessions import HttpBrokerSessions


class RedisSnapshots:
    """`Snapshots`. A feed is named after the broker account whose session it is."""

    def __init__(self, redis: Redis, sessions: HttpBrokerSessions) -> None:
        self._redis = redis
        self._sessions = sessions

    async def latest(self, user_id: UUID, symbols: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        try:
            feed = str((await self._sessions.session(user_id)).account_id)
        except Conflict:
            return {}
        channels = [Channel(ChannelKind.TICK, symbol).name for symbol in symbols]
        try:
            # redis-py types its blocking and its asyncio client in one; ours is the latter.
            stored = await cast("Awaitable[list[bytes | None]]", self._redis.hmget(keys.snapshot(feed), channels))
        except RedisError as error:
            raise UpstreamUnavailable(
                "The live prices cannot be read.", code="redis_unavailable", retry_after=2
            ) from error
        return {symbol: orjson.loads(body) for symbol, body in zip(symbols, stored, strict=True) if body is not None}
