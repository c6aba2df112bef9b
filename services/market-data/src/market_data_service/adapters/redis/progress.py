"""Backfill progress on the user's own channel."""

from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.contracts.backfills import BackfillView
from breezeway.contracts.stream import ChannelKind
from breezeway.observability import tracing
from breezeway.redis import keys

_log = structlog.get_logger()


class RedisProgress:
    """`Progress`. A lost message is harmless: the next one carries the whole state, and REST always has it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def publish(self, user_id: UUID, backfill: BackfillView) -> None:
        message = {"type": "backfill", **backfill.model_dump(mode="json", by_alias=True)}
        body = orjson.dumps(tracing.stamped(message))
        try:
            await self._redis.publish(keys.user_channel(user_id, ChannelKind.BACKFILLS), body)
        except RedisError as error:
            _log.warning("progress_not_published", error=type(error).__name__)
