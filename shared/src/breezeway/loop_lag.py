"""How late the event loop runs what is due: the one number that shows a blocked process from inside."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

import structlog
from prometheus_client import Gauge, Histogram

from breezeway import cancellation

_EVERY_SECONDS: Final = 0.25
_BLOCKED_SECONDS: Final = 0.5

_LAG: Final = Histogram(
    "breezeway_event_loop_lag_seconds",
    "How late a timer of the event loop fired.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_BLOCKED: Final = Gauge("breezeway_event_loop_blocked_seconds", "The longest that the event loop has been blocked.")
_TASKS: Final = Gauge("breezeway_event_loop_tasks", "Tasks of the event loop that have not ended.")

_log = structlog.get_logger()


async def watch_loop(stack: AsyncExitStack) -> None:
    """Measure until `stack` closes. A loop that was blocked for half a second or more is also logged."""
    loop = asyncio.get_running_loop()
    # Counted when Prometheus asks: with thousands of tasks it takes a millisecond.
    _TASKS.set_function(lambda: len(asyncio.all_tasks(loop)))
    stack.callback(_TASKS.set_function, lambda: 0)
    task = asyncio.create_task(_watch(), name="loop-lag")
    stack.push_async_callback(cancellation.end, [task])


async def _watch() -> None:
    loop = asyncio.get_running_loop()
    worst = 0.0
    while True:
        cancellation.heed()
        due = loop.time() + _EVERY_SECONDS
        await asyncio.sleep(_EVERY_SECONDS)
        lag = max(0.0, loop.time() - due)
        _LAG.observe(lag)
        if lag >= _BLOCKED_SECONDS:
            _log.warning("event_loop_blocked", seconds=round(lag, 2))
        if lag > worst:
            worst = lag
            _BLOCKED.set(worst)
