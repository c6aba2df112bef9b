"""The stream's housekeeping ends when it is told to, whatever it was asking just then."""

import asyncio
import contextlib
from typing import Any, cast

import pytest

from breezeway import cancellation
from gateway_service.application.stream import Stream, StreamLimits

PATIENCE_SECONDS = 20


class Deaf:
    """Stands for registry, hub and Redis: the call named `deaf` loses the first cancellation, as redis-py does with one
    that comes together with an answer."""

    def __init__(self, deaf: str) -> None:
        self._deaf = deaf
        self.asked = asyncio.Event()

    def kick_stuck(self) -> None:
        return None

    def announce_gap(self, _seconds: float, _reason: str) -> None:
        return None

    async def _ask(self, name: str) -> None:
        if name == self._deaf:
            self.asked.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    async def sweep(self) -> None:
        await self._ask("sweep")

    async def refresh_interest(self) -> None:
        await self._ask("refresh_interest")

    async def reassign(self) -> None:
        await self._ask("reassign")

    async def recover(self) -> None:
        await self._ask("recover")


class Stage:
    def __init__(self, hub: Deaf) -> None:
        self.hub = hub


@pytest.mark.parametrize("deaf", ["sweep", "refresh_interest", "reassign", "recover"])
async def test_a_cancellation_that_got_lost_is_heeded_all_the_same(deaf: str) -> None:
    outside = Deaf(deaf)
    limits = StreamLimits(interest_seconds=0.01)
    stream = Stream(cast(Any, Stage(outside)), cast(Any, outside), limits, forget_feeds=lambda: None)
    running = asyncio.create_task(stream.run())
    await stream.on_gap(1.0)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await outside.asked.wait()
        await cancellation.end([running])
    assert running.cancelled()
