"""Python's cycle collector, set for processes with many long-lived objects.

Each full collection walks every object there is: with a thousand clients, or an index of all instruments, that is a
tenth of a second on a free machine and seconds on a busy one, during which nobody is answered. What the start-up has
made lives as long as the process and is taken out of the walk; the rest is walked less often. Reference counting still
frees nearly everything at once.
"""

import ctypes
import gc
from contextlib import AsyncExitStack

_THRESHOLDS = (50_000, 20, 50)


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
