"""Which process matches: the one whose connection holds an advisory lock, so that a dead one gives it up by dying."""

import asyncio

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from breezeway import cancellation
from breezeway.errors import UpstreamUnavailable

_LOCK = 0x6D617463686572  # "matcher"
_WAIT_SECONDS = 1.0


class Leadership:
    """The lock only keeps two from working against each other; that no old one writes is what the fence is for."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self.leads = asyncio.Event()

    async def __call__(self) -> None:
        """Return when this process leads: at once when it does already, else as soon as nobody else does.

        Raises:
            UpstreamUnavailable: the connection that held the lock is gone.
        """
        try:
            if self._connection is not None:
                await self._connection.execute(sa.text("SELECT 1"))
                await self._connection.commit()
                return
            await self._take()
        except (SQLAlchemyError, OSError) as error:
            await self.give_up()
            raise UpstreamUnavailable("The database does not answer.", code="database_unavailable") from error

    async def _take(self) -> None:
        connection = await self._engine.connect()
        try:
            while not await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_LOCK))):
                cancellation.heed()
                await connection.commit()
                await asyncio.sleep(_WAIT_SECONDS)
            await connection.commit()
        except BaseException:
            await connection.invalidate()
            await connection.close()
            raise
        self._connection = connection
        self.leads.set()

    async def give_up(self) -> None:
        """Let go of the lock by ending the connection."""
        self.leads.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.invalidate()
            await connection.close()
