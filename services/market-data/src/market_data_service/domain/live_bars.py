"""Which live bars may stand beside stored ones."""

from collections.abc import Sequence

import numpy as np

from breezeway.candles.columns import Candles, concat
from breezeway.candles.folding import Bar
from breezeway.candles.resample import day_of

_MINUTE = 60


def merge_live(stored: Candles, live: Sequence[Bar], now: int) -> Candles:
    """Stored minutes of the exchange's present day with the live ones after them.

    A stored minute wins over a live one of its time. An unfinished bar whose minute is over is left out: nobody
    listened to its end, so that what is known of it is not what it became.

    Args:
        now: exchange time, epoch seconds.
    """
    newest = int(stored.t[-1]) if len(stored) else -1
    fresh = [
        bar
        for bar in live
        if bar.t > newest
        and day_of(bar.t) == day_of(now)
        and bar.t <= now
        and (bar.closed or now < bar.t + _MINUTE + 3)
    ]
    if not fresh:
        return stored
    has_interest = any(bar.oi is not None for bar in fresh)
    return concat(
        [
            stored,
            Candles.of(
                np.array([bar.t for bar in fresh]),
                [bar.o for bar in fresh],
                [bar.h for bar in fresh],
                [bar.l for bar in fresh],
                [bar.c for bar in fresh],
                [bar.v for bar in fresh],
                [bar.oi or 0 for bar in fresh] if has_interest else None,
            ),
        ]
    )
