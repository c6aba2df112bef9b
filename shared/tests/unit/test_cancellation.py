"""A cancellation that a library swallows still ends the loop."""

import asyncio
import contextlib

from breezeway import cancellation


async def test_a_swallowed_cancellation_is_raised_again() -> None:
    rounds = 0

    async def loop() -> None:
        nonlocal rounds
        while rounds < 10:
            cancellation.heed()
            rounds += 1
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    task = asyncio.create_task(loop())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert rounds == 1


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await cancellation.end([task])
    assert swallowed == 3
    assert task.cancelled()
