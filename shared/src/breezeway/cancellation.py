"""Ending tasks for certain, although a cancellation can be swallowed on its way."""

import asyncio
from collections.abc import Iterable

_AGAIN_SECONDS = 0.2


def heed() -> None:
    """Raise CancelledError when this task has been cancelled and something on the way has swallowed it.

    A cancellation can fall into the same turn of the loop as a time-out or a broken connection. A task group then
    reports the child's error instead of the cancellation, and a loop that handles that error would go on for ever,
    while somebody waits for its end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def end(tasks: Iterable["asyncio.Task[object]"]) -> None:
    """Cancel `tasks` and return when all of them have ended, however they end.

    They are cancelled again as long as they live: `asyncio.wait_for` on Python 3.11 and several libraries swallow a
    cancellation that arrives in the same turn as the result they were waiting for.
    """
    alive = set(tasks)
    while alive:
        for task in alive:
            task.cancel()
        _ended, alive = await asyncio.wait(alive, timeout=_AGAIN_SECONDS)
