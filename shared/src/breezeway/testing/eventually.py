"""Wait for something to become true, instead of sleeping and hoping."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def eventually(
    check: Callable[[], bool] | Callable[[], Awaitable[bool]], seconds: float = 60, every: float = 0.02
) -> None:
    """Return when `check()` is true; raise `TimeoutError` after `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            answer = check()
            if (await answer) if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(every)
