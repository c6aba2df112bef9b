"""Announcements over Redis. Whoever missed one of a broker session finds the same facts on the internal routes."""

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.contracts.auth import CredentialsRevoked
from breezeway.contracts.broker import BrokerSession
from breezeway.errors import UpstreamUnavailable
from breezeway.redis import keys
from breezeway.security import revocation


class RedisAnnouncements:
    """See `ports.Announcements`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def broker_session(self, session: BrokerSession) -> None:
        await self._redis.publish(keys.broker_session_events(), session.model_dump_json())

    async def revoked(self, revoked: CredentialsRevoked) -> None:
        try:
            await revocation.announce(self._redis, revoked)
        except (RedisError, OSError) as error:
            raise UpstreamUnavailable("Redis takes no revocation.", code="redis_unavailable") from error
