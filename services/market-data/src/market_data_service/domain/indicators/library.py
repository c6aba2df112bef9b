"""TA-Lib, brought in on first use: it takes a third of a second and pulls in pandas, and most processes of this service
never compute an indicator."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from breezeway.candles.columns import Candles, Floats


@cache
def ta() -> Any:
    """The `talib` module. Its functions take and return columns of doubles, NaN where there are too few bars."""
    import talib.abstract

    return talib


def function(name: str) -> Callable[..., Any]:
    """A function of TA-Lib by its name there."""
    found: Callable[..., Any] = getattr(ta(), name)
    return found


def column(bars: Candles, name: str) -> Floats:
    """`open`, `high`, `low`, `close` or `volume` as TA-Lib wants it."""
    found = {"open": bars.o, "high": bars.h, "low": bars.l, "close": bars.c, "volume": bars.v}[name]
    return np.ascontiguousarray(found, dtype=np.float64)
