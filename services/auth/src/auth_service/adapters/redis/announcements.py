"""Announcements over Redis pub/sub. Whoever missed one finds the same facts on the internal routes."""

from redis.asyncio import Redis

from breezeway.contracts.auth import CredentialsRevoked
from breezeway.contracts.broker import BrokerSession
from breezeway.redis import keys


class RedisAnnouncements:
    """See `ports.Announcements`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def broker_session(self, session: BrokerSession) -> None:
        await self._redis.publish(keys.broker_session_events(), session.model_dump_json())

    async def revoked(self, revoked: CredentialsRevoked) -> None:
        await self._redis.publish(keys.user_revoked(), revoked.model_dump_json())
