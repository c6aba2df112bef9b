"""The chain of daily closes: any day's close at once, without walking there.

A whole life from 2014 to 2040 is drawn in one go when an underlying is first asked for: a trend, the market's deviation
from it times beta, and the underlying's own deviation, both mean-reverting so that no price drifts away over the years.
Weekends move nothing; a holiday's move shows in the next day's gap.
"""

from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breeze_simulator.domain.character import MARKET_DAY_SIGMA, Character
from breeze_simulator.domain.lru import Lru
from breeze_simulator.domain.rng import generator

ANCHOR_DAY: Final = date(2026, 7, 30)
"""The day on which a generated price passes through the book price of its instrument."""

_FIRST_DAY: Final = date(2014, 1, 1)
_DAYS: Final = (date(2041, 1, 1) - _FIRST_DAY).days
_TREND_PER_DAY: Final = 0.09 / 365
_MARKET_MEMORY: Final = 0.997
_OWN_MEMORY: Final = 0.995
_CACHED: Final = 768
_LARGEST_SHOCK: Final = 4.2


class CloseChain:
    """Log levels of every underlying, relative to the anchor day."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        weekdays = (np.arange(_DAYS) + _FIRST_DAY.weekday()) % 7
        self._moves = (weekdays < 5).astype(np.float64)
        self._market = self._deviation("market", MARKET_DAY_SIGMA, _MARKET_MEMORY)
        self._levels: Lru[str, NDArray[np.float32]] = Lru(_CACHED)

    def ratio(self, symbol: str, character: Character, day: date, since: date = ANCHOR_DAY) -> float:
        """Price on `day` divided by price on `since`, both at the close."""
        levels = self._levels.get(symbol)
        if levels is None:
            own = self._deviation(symbol, character.day_sigma, _OWN_MEMORY)
            trend = _TREND_PER_DAY * np.arange(_DAYS) if character.kind != "commodity" else 0.0
            levels = (trend + character.beta * self._market + own).astype(np.float32)
            self._levels.put(symbol, levels)
        return float(np.exp(float(levels[_position(day)]) - float(levels[_position(since)])))

    def _deviation(self, name: str, sigma: float, memory: float) -> NDArray[np.float64]:
        shocks = generator(self._seed, "closes", name).standard_t(6, size=_DAYS) * np.sqrt(4 / 6)
        shocks = np.clip(shocks, -_LARGEST_SHOCK, _LARGEST_SHOCK) * sigma * self._moves
        return autoregressive(shocks, memory)


def autoregressive(shocks: NDArray[np.float64], memory: float) -> NDArray[np.float64]:
    """x[t] = memory * x[t-1] + shocks[t] without a loop; good while `len(shocks) * log(1 / memory)` stays below 300."""
    weights = memory ** np.arange(len(shocks), dtype=np.float64)
    deviation: NDArray[np.float64] = weights * np.cumsum(shocks / weights)
    return deviation


def _position(day: date) -> int:
    return min(max((day - _FIRST_DAY).days, 0), _DAYS - 1)
