"""Python's cycle collector, set for processes with many long-lived objects.

Each full collection walks every object there is: with a thousand clients, or an index of all instruments, that is a
tenth of a second on a free machine and seconds on a busy one, during which nobody is answered. What the start-up has
made lives as long as the process and is taken out of the walk; the rest is walked less often. Reference counting still
frees nearly everything at once.
"""

import ctypes
import gc
from contextlib import AsyncExitStack

_THRESHOLDS = (50_000, 5, 5)


def tame(stack: AsyncExitStack) -> None:
    """Set the collector until `stack` closes. Call it when the process is built."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    stack.callback(gc.unfreeze)
    stack.callback(gc.set_threshold, *before)


def spare_the_present() -> None:
    """Take what there is now out of every later walk: something large and long-lived has just been built."""
    gc.freeze()


def give_back() -> None:
    """Return to the system what a large piece of work has left free. The C library keeps such pages for a next time,
    which for a daily sync is tomorrow. Where the library has no such call (macOS, musl) this does nothing."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Remains:
    """Cycles that a kind of short-lived thing leaves when it ends, collected once enough of them have.

    A WebSocket connection is a hundred objects that refer to one another: protocol, transport, task, request. None of
    them is freed by counting references, and by its end they are too old for the collector's quick rounds. Left to the
    rare whole rounds, ten thousand visitors are 150 MB.

    Args:
        enough: things ended, after which a round is worth its pause, which is some ten milliseconds for a thousand
            things that live.
    """

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._left = 0

    def add(self) -> None:
        """One more has ended."""
        self._left += 1

    def sweep(self) -> bool:
        """Collect if it is worth it; whether it was. Call it between things, now and then."""
        if self._left < self._enough:
            return False
        self._left = 0
        gc.collect()
        return True
