"""Carries the outbox to the users' durable channels, in order, at least once."""

import asyncio

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway import cancellation
from breezeway.bus.durable import DurableChannels
from breezeway.contracts.stream import ChannelKind
from breezeway.errors import BreezewayError
from trading_service.adapters.db.work import PostgresWork

_BATCH = 200
_IDLE_SECONDS = 0.25
"""How long a message waits that nobody rang for."""
_SPACING_SECONDS = 0.02
"""Between two rounds: messages of the meantime share the second one."""
_PAUSE_SECONDS = 1.0

_log = structlog.get_logger()


class OutboxRelay:
    """One at a time: it runs in the process that leads. A message is deleted once Redis has it."""

    def __init__(self, engine: AsyncEngine, redis: "Redis") -> None:
        self._engine = engine
        self._channels = DurableChannels(redis)
        self._wake = asyncio.Event()

    def ring(self) -> None:
        """Look for messages now."""
        self._wake.set()

    async def run(self) -> None:
        """Carry until cancelled."""
        while True:
            cancellation.heed()
            try:
                carried = await self.carry()
            except (BreezewayError, RedisError, OSError) as error:
                _log.warning("outbox_waits", error=repr(error))
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            await asyncio.sleep(_SPACING_SECONDS)
            if not carried:
                await self._rung()

    async def _rung(self) -> None:
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def carry(self) -> int:
        """Send what waits, oldest first; how many messages there were."""
        async with PostgresWork(self._engine) as work:
            waiting = await work.waiting(_BATCH)
            if waiting:
                await self._channels.append_all([(each.user_id, ChannelKind.ORDERS, each.message) for each in waiting])
                await work.sent([each.id for each in waiting])
                await work.commit()
        return len(waiting)
