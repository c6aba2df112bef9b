"""A guard for loops that must end when they are told to."""

import asyncio


def heed() -> None:
    """Raise CancelledError when this task has been cancelled and something on the way has swallowed it.

    Seen after a process was stopped and woken: a time-out of a library and our cancellation fell into the same turn of
    the loop, the library turned both into its own error, and the loop that handled it went on for ever - while the
    task group above waited for it before it could close the broker's socket.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
