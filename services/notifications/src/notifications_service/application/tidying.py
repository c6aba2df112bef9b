"""Forgets what is old."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from breezeway import cancellation
from breezeway.clock import Clock
from breezeway.errors import BreezewayError
from notifications_service.application.ports import WorkFactory

KEPT: Final = timedelta(days=180)
_EVERY_SECONDS: Final = 3_600.0

_log = structlog.get_logger()


class Tidying:
    """Any number of processes may do this."""

    def __init__(self, work: WorkFactory, clock: Clock) -> None:
        self._work = work
        self._clock = clock

    async def run(self) -> None:
        """Tidy once an hour until cancelled."""
        while True:
            cancellation.heed()
            try:
                await self.tidy()
            except (BreezewayError, OSError) as error:
                _log.warning("tidying_waits", error=type(error).__name__)
            await asyncio.sleep(_EVERY_SECONDS)

    async def tidy(self) -> int:
        """Delete what is older than half a year, and what came late for users who are gone; how many notifications were
        too old.
        """
        async with self._work() as work:
            gone = await work.forget_before(self._clock.now() - KEPT)
            await work.forget_gone()
            await work.commit()
        return gone
