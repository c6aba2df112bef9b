"""A guard for loops that must end when they are told to."""

import asyncio


def heed() -> None:
    """Raise CancelledError when this task has been cancelled and something on the way has swallowed it.

    A cancellation can fall into the same turn of the loop as a time-out or a broken connection. A task group then
    reports the child's error instead of the cancellation, and a loop that handles that error would go on for ever,
    while somebody waits for its end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
