"""SIGTERM, heard before the web server hears it.

uvicorn closes every WebSocket at once with its own code (1012) and only then runs our shutdown. So the signal is taken
first: clients are sent away with ours, and once they are gone the server gets the signal after all.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import FrameType
from typing import Final

_Handler = Callable[[int, FrameType | None], object]

_AT_LEAST_SECONDS: Final = 0.5
"""Time for a load balancer to see that we are not ready any more, and for the last close frames to leave."""
_AT_MOST_SECONDS: Final = 5.0
"""Clients that have not gone by then meet the server's own close."""
_LOOK_SECONDS: Final = 0.05


def on_sigterm(drain: Callable[[], None], drained: Callable[[], bool], stack: AsyncExitStack) -> None:
    """Call `drain` on SIGTERM or SIGINT and pass the signal on once `drained`; undone when `stack` closes.

    Without effect outside of the main thread, where Python allows no handler (a server inside a test).
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        previous = signal.getsignal(number)
        if not callable(previous):
            continue
        signal.signal(number, _handler(loop, drain, drained, previous))
        stack.callback(signal.signal, number, previous)


def _handler(
    loop: asyncio.AbstractEventLoop, drain: Callable[[], None], drained: Callable[[], bool], previous: _Handler
) -> Callable[[int, FrameType | None], None]:
    def pass_on(number: int, until: float) -> None:
        if drained() or loop.time() >= until:
            previous(number, None)
        else:
            loop.call_later(_LOOK_SECONDS, pass_on, number, until)

    def begin(number: int) -> None:
        drain()
        loop.call_later(_AT_LEAST_SECONDS, pass_on, number, loop.time() + _AT_MOST_SECONDS)

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(begin, number)

    return handle
