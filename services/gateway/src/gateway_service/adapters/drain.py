"""SIGTERM, heard before the web server hears it.

uvicorn closes every WebSocket at once with its own code (1012) and only then runs our shutdown. So the signal is taken
first: clients are sent away with ours, and a moment later the server gets the signal after all.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import FrameType

_PAUSE_SECONDS = 0.5
"""Time for the close frames to leave; clients that need longer meet the server's own close."""


def on_sigterm(drain: Callable[[], None], stack: AsyncExitStack) -> None:
    """Call `drain` on SIGTERM or SIGINT, then pass the signal on; undone when `stack` closes.

    Without effect outside of the main thread, where Python allows no handler (a server inside a test).
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        previous = signal.getsignal(number)
        if not callable(previous):
            continue
        signal.signal(number, _handler(loop, drain, previous))
        stack.callback(signal.signal, number, previous)


def _handler(
    loop: asyncio.AbstractEventLoop, drain: Callable[[], None], previous: Callable[[int, FrameType | None], object]
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(drain)
        loop.call_soon_threadsafe(loop.call_later, _PAUSE_SECONDS, previous, number, None)

    return handle
