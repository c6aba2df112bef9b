"""Keeps a process's catalogue fresh: by announcement, and every few seconds in case one was lost."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from breezeway import cancellation
from breezeway.bus.subscriber import Subscriber
from breezeway.errors import BreezewayError
from breezeway.redis import keys

_EVERY_SECONDS = 5.0

_log = structlog.get_logger()


async def watch_master(redis_url: str, refresh: Callable[[], Awaitable[None]]) -> None:
    """Call `refresh` whenever there may be a new master, until cancelled. A database that is away is tried again."""
    news = asyncio.Event()
    subscriber = Subscriber(redis_url, lambda _channel, _payload: news.set())
    await subscriber.subscribe([keys.instruments_changed()])

    async def look() -> None:
        while True:
            cancellation.heed()
            news.clear()
            try:
                await refresh()
            except BreezewayError as error:
                _log.warning("master_not_refreshed", code=error.code)
            try:
                async with asyncio.timeout(_EVERY_SECONDS):
                    await news.wait()
            except TimeoutError:
                continue

    async with asyncio.TaskGroup() as group:
        group.create_task(subscriber.run(), name="instruments-pubsub")
        group.create_task(look(), name="instruments-refresh")
