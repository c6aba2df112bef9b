"""Carries the outbox to the users' durable channels, in order; what Redis may still forget stays in it."""

import asyncio
from typing import Final
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from breezeway import cancellation
from breezeway.bus.durable import Append
from breezeway.bus.safe_writer import SafeWriter
from breezeway.contracts.stream import ChannelKind
from breezeway.errors import BreezewayError
from trading_service.adapters.db.work import PostgresWork

_BATCH: Final = 200
_IDLE_SECONDS: Final = 0.25
"""How long a message waits that nobody rang for; and between two deletions."""
_SPACING_SECONDS: Final = 0.05
"""Between two rounds: messages of the meantime share the second one."""
_PAUSE_SECONDS: Final = 0.5
_MOST_UNSAFE: Final = 20_000

_log = structlog.get_logger()


class OutboxRelay:
    """One at a time: it runs in the process that leads. A message is deleted once Redis has it on disk; until then it
    is told again to a server that has died and forgotten it, by this relay or by its successor.
    """

    def __init__(self, engine: AsyncEngine, redis: "Redis") -> None:
        self._engine = engine
        self._writer = SafeWriter(redis)
        self._wake = asyncio.Event()
        self._offered: dict[UUID, int] = {}
        """Name to number of the messages that were sent and not deleted."""
        self._safe: list[UUID] = []

    def ring(self) -> None:
        """Look for messages now."""
        self._wake.set()

    async def run(self) -> None:
        """Carry until cancelled."""
        # Two, because a message is safe only a second or two after the sending.
        tasks = [asyncio.create_task(self._carry_on()), asyncio.create_task(self._forget_on())]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            await cancellation.end(tasks)

    async def _carry_on(self) -> None:
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

    async def _forget_on(self) -> None:
        while True:
            cancellation.heed()
            try:
                await self.forget_safe()
            except (BreezewayError, RedisError, OSError) as error:
                _log.warning("outbox_kept", error=repr(error))
                await asyncio.sleep(_PAUSE_SECONDS)
            await asyncio.sleep(_IDLE_SECONDS)

    async def _rung(self) -> None:
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def carry(self) -> int:
        """Send what waits, oldest first; how many messages there were."""
        if len(self._offered) >= _MOST_UNSAFE:
            return 0
        async with PostgresWork(self._engine) as work:
            waiting = await work.waiting(_BATCH, besides=self._offered.values())
        if waiting:
            await self._writer.offer(
                [Append(each.user_id, ChannelKind.ORDERS, each.message, once=each.name) for each in waiting]
            )
            self._offered |= {each.name: each.id for each in waiting}
        return len(waiting)

    async def forget_safe(self) -> int:
        """Delete what Redis has on disk; how many messages that were."""
        # Numbers stay here until they are deleted: the database may be away when Redis confirms.
        self._safe += await self._writer.confirm()
        if not self._safe:
            return 0
        async with PostgresWork(self._engine) as work:
            await work.sent([self._offered[name] for name in self._safe])
            await work.commit()
        gone, self._safe = self._safe, []
        for name in gone:
            del self._offered[name]
        return len(gone)
