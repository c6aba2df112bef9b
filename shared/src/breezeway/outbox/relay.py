"""Carries a service's events to the notifications service, oldest first and at least once.

Straight from one database to the other, not through Redis: an event that was committed survives whatever happens to
anything in between, and the receiver knows one that comes twice by its id.
"""

import asyncio
from typing import Final

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from breezeway import cancellation
from breezeway.contracts.events import Event, EventBatch
from breezeway.errors import BreezewayError, Rejected
from breezeway.http.client import ServiceClient

_BATCH: Final = 100
_IDLE_SECONDS: Final = 0.25
_PAUSES: Final = (0.5, 1.0, 2.0, 5.0)
_LOCK: Final = 0x6F7574626F78  # "outbox": the relays of one database take turns, which keeps the order

_log = structlog.get_logger()


class EventRelay:
    """Every process of a service may run one."""

    def __init__(self, engine: AsyncEngine, outbox: sa.Table, notifications: ServiceClient) -> None:
        self._engine = engine
        self._outbox = outbox
        self._notifications = notifications

    async def run(self) -> None:
        """Carry until cancelled."""
        failures = 0
        while True:
            cancellation.heed()
            try:
                carried = await self.carry()
                failures = 0
            except (BreezewayError, SQLAlchemyError, OSError) as error:
                # Once is enough: while the other side restarts this would fill the log.
                if failures == 0:
                    _log.warning("events_wait", error=type(error).__name__)
                await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
                continue
            if not carried:
                await asyncio.sleep(_IDLE_SECONDS)

    async def carry(self) -> int:
        """Hand over what waits; how many events there were.

        Raises:
            Retryable: the notifications service does not take them now. They stay.
        """
        async with self._engine.begin() as connection:
            if not await connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_LOCK))):
                return 0
            columns = self._outbox.c
            query = sa.select(columns.id, columns.event).where(columns.refused.is_(None)).order_by(columns.id)
            waiting = {row.id: row.event for row in await connection.execute(query.limit(_BATCH))}
            if not waiting:
                return 0
            try:
                await self._send([Event.model_validate(event) for event in waiting.values()])
            except (Rejected, ValueError):
                await self._one_by_one(connection, waiting)
            else:
                await connection.execute(sa.delete(self._outbox).where(columns.id.in_(list(waiting))))
        return len(waiting)

    async def _one_by_one(self, connection: AsyncConnection, waiting: dict[int, object]) -> None:
        # One that is refused for good must not hold up all that follow it, nor vanish.
        for number, event in waiting.items():
            where = self._outbox.c.id == number
            try:
                await self._send([Event.model_validate(event)])
            except (Rejected, ValueError) as error:
                why = error.code if isinstance(error, Rejected) else "malformed"
                _log.error("event_refused", number=number, code=why)
                await connection.execute(sa.update(self._outbox).where(where).values(refused=why))
            else:
                await connection.execute(sa.delete(self._outbox).where(where))

    async def _send(self, events: list[Event]) -> None:
        await self._notifications.call("POST", "/internal/events", type(None), json=EventBatch(events=events))
