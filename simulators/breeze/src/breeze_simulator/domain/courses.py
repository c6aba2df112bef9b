"""A believable day of an underlying: gap, opening range, quiet noon, busy close, moving with the market.

Returns are the market's times beta plus its own, both with the day's volatility profile, a slowly changing volatility
and fat tails; together they are bent, in proportion to variance, to end where the chain of closes says.
"""

from datetime import date
from typing import Final

import numpy as np

from breeze_simulator.domain.character import MARKET_MINUTE_SIGMA, Character
from breeze_simulator.domain.closes import autoregressive
from breeze_simulator.domain.day_path import Course, Floats, Ints
from breeze_simulator.domain.lru import Lru
from breeze_simulator.domain.rng import generator

# Statistics of 585 stock-days of 2021, per quarter hour from 09:15: what a minute has to the day's mean.
_VOLUME_PROFILE: Final = np.fromstring(
    """0.1044 0.0698 0.0511 0.0427 0.0395 0.0327 0.0310 0.0303 0.0299 0.0298 0.0275 0.0277 0.0259
     0.0259 0.0272 0.0291 0.0286 0.0283 0.0290 0.0292 0.0311 0.0368 0.0395 0.0686 0.0846""",
    sep=" ",
)
_SIGMA_PROFILE: Final = np.fromstring(
    """2.188 1.511 1.240 1.175 1.069 0.953 0.894 0.855 0.846 0.848 0.809 0.823 0.820
     0.784 0.820 0.874 0.896 0.847 0.867 0.879 0.894 1.091 0.950 1.109 0.960""",
    sep=" ",
)
_QUARTERS: Final = len(_VOLUME_PROFILE)
_MINUTES: Final = _QUARTERS * 15
_VOLATILITY_MEMORY: Final = 0.96
_VOLATILITY_SPREAD: Final = 0.45
_RANGE: Final = 0.30
"""Mean excess of a minute's high over its body, in sigmas of that minute."""
_CACHED_MARKETS: Final = 64


class CourseGenerator:
    """Draws courses; the same seed, symbol and day give the same course."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._market: Lru[tuple[date, int, int], Floats] = Lru(_CACHED_MARKETS)

    def course(
        self,
        symbol: str,
        character: Character,
        day: date,
        minutes: Ints,
        last_cash_minute: int,
        previous: float,
        close: float,
    ) -> Course:
        """The way from `previous` (yesterday's close) to `close` at the end of `last_cash_minute`.

        Minutes after that one move on freely. `minutes` must not be empty.
        """
        rng = generator(self._seed, "course", symbol, day)
        count = len(minutes)
        profile = _profile(_SIGMA_PROFILE, minutes)
        gap = 0.25 * float(np.log(close / previous)) + character.gap_sigma * float(rng.standard_normal())
        opening = previous * float(np.exp(gap))

        swings = _volatility(rng, count)
        shocks = rng.standard_t(7, size=count) * np.sqrt(5 / 7)
        sigma = character.minute_sigma * profile * swings
        returns = sigma * shocks
        if character.beta:
            returns = returns + character.beta * self._market_returns(day, minutes)
        cash = max(int(np.searchsorted(minutes, last_cash_minute, side="right")), 1)
        missing = float(np.log(close / opening) - returns[:cash].sum())
        variance = profile[:cash] ** 2
        returns[:cash] += missing * variance / variance.sum()

        closes = opening * np.exp(np.cumsum(returns))
        total = np.hypot(sigma, character.beta * MARKET_MINUTE_SIGMA * profile)
        opens = np.empty(count)
        opens[0] = opening
        opens[1:] = closes[:-1] * np.exp(0.12 * total[1:] * rng.standard_normal(count - 1))
        above, below = rng.standard_exponential(size=(2, count)) * _RANGE * total
        highs = np.maximum(opens, closes) * np.exp(above)
        lows = np.minimum(opens, closes) * np.exp(-below)

        bustle = np.exp(0.45 * rng.standard_normal(count)) * (0.6 + 0.5 * np.abs(shocks)) * swings**0.5
        activity = _profile(_VOLUME_PROFILE, minutes) * bustle
        activity = activity / activity[:cash].sum() * float(np.exp(0.3 * rng.standard_normal()))
        return Course(minutes, opens, highs, lows, closes, activity)

    def _market_returns(self, day: date, minutes: Ints) -> Floats:
        key = (day, int(minutes[0]), len(minutes))
        known = self._market.get(key)
        if known is None:
            rng = generator(self._seed, "market", day)
            count = len(minutes)
            swings = _volatility(rng, count)
            shocks = rng.standard_t(8, size=count) * np.sqrt(6 / 8)
            known = MARKET_MINUTE_SIGMA * _profile(_SIGMA_PROFILE, minutes) * swings * shocks
            self._market.put(key, known)
        return known


def _volatility(rng: np.random.Generator, count: int) -> Floats:
    """A slowly changing factor of mean square 1."""
    innovation = _VOLATILITY_SPREAD * (1 - _VOLATILITY_MEMORY**2) ** 0.5
    shocks = rng.standard_normal(count) * innovation
    shocks[0] = rng.standard_normal() * _VOLATILITY_SPREAD
    level: Floats = np.exp(autoregressive(shocks, _VOLATILITY_MEMORY) - _VOLATILITY_SPREAD**2)
    return level


def _profile(quarters: Floats, minutes: Ints) -> Floats:
    """A quarter-hour profile at each minute, with mean square 1 over an ordinary day.

    An ordinary day reads it by the clock; sessions much longer or shorter (MCX, Muhurat) stretch it over themselves.
    """
    since_open = (minutes - minutes[0]).astype(np.float64)
    if not 300 <= len(minutes) <= 400:
        since_open = np.linspace(0, _MINUTES - 1, len(minutes))
    centres = np.arange(_QUARTERS) * 15 + 7.0
    scaled = quarters / np.sqrt(np.mean(quarters**2))
    profile: Floats = np.interp(since_open, centres, scaled)
    return profile
