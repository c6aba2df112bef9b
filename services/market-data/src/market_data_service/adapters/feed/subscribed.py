"""Interest that is written down: the subscriptions of a feed's own user, beside what clients listen to now."""

import time
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from breezeway.contracts.broker import BrokerSession
from breezeway.contracts.stream import Channel, ChannelKind
from breezeway.errors import BreezewayError, UpstreamUnavailable
from breezeway.redis import keys
from market_data_service.adapters.feed.neighbours import AuthBrokerSessions
from market_data_service.application.feed_ports import InterestReader
from market_data_service.application.subscriptions import SubscriptionStore

_OWNERS_SECONDS = 10.0


class SessionLister(Protocol):
    async def active(self) -> Sequence[BrokerSession]: ...


class PersistedInterest:
    """Implements `feed_ports.InterestReader`: transient interest, and the subscriptions of the account's owner."""

    def __init__(self, transient: InterestReader, store: SubscriptionStore, sessions: SessionLister) -> None:
        self._transient = transient
        self._store = store
        self._sessions = sessions
        self._owners: dict[str, UUID] = {}
        self._asked_at = 0.0

    async def wanted(self, feed: str) -> frozenset[str]:
        listened = await self._transient.wanted(feed)
        owner = await self._owner(feed)
        if owner is None:
            return listened
        try:
            stored = await self._store.of_user(owner)
        except (SQLAlchemyError, OSError) as error:
            raise UpstreamUnavailable("Subscriptions cannot be read.", code="database_unavailable") from error
        return listened | {Channel(ChannelKind(mode), each.symbol).name for each in stored for mode in each.modes}

    async def _owner(self, feed: str) -> UUID | None:
        """An account never changes hands, so one that is known needs no second question."""
        if feed not in self._owners and time.monotonic() - self._asked_at > _OWNERS_SECONDS:
            self._asked_at = time.monotonic()
            self._owners |= {str(s.account_id): s.user_id for s in await self._sessions.active()}
        return self._owners.get(feed)


class RedisFeedBell:
    """Implements `application.subscriptions.FeedBell`. A lost ring costs a second: owners also look by themselves."""

    def __init__(self, redis: "Redis", sessions: AuthBrokerSessions) -> None:
        self._redis = redis
        self._sessions = sessions

    async def ring(self, user_id: UUID) -> None:
        try:
            session = await self._sessions.of_user(user_id)
            if session is not None:
                await self._redis.publish(keys.interest_changed(), str(session.account_id))
        except (BreezewayError, RedisError, OSError):
            return
