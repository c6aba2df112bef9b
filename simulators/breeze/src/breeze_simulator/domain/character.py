"""What a share, index or commodity is like: how it moves with the market, how wildly, how much of it trades.

Pure functions of the seed and the name. The numbers sit where fifty real shares of 2021 do (see the statistics test).
"""

from dataclasses import dataclass
from math import exp
from typing import Final

from breeze_simulator.domain.rng import generator
from breeze_simulator.domain.well_known import COMMODITIES, INDICES, known_stocks

MARKET_MINUTE_SIGMA: Final = 3.0e-4
"""Standard deviation of the market factor's one-minute return."""

MARKET_DAY_SIGMA: Final = 0.0080
STOCK_MINUTE_SIGMA: Final = 8.4e-4


@dataclass(frozen=True, slots=True)
class Character:
    """How one underlying behaves. Sigmas are of log returns; `day_rupees` is a usual day's turnover."""

    kind: str
    beta: float
    minute_sigma: float
    day_sigma: float
    gap_sigma: float
    day_rupees: float

    @property
    def annual_volatility(self) -> float:
        """The volatility from which its options are priced."""
        total = (self.beta * MARKET_DAY_SIGMA) ** 2 + self.day_sigma**2
        return float((252 * total) ** 0.5) * 1.1


def character_of(seed: int, symbol: str, *, is_index: bool = False) -> Character:
    """The character of an exchange symbol."""
    rng = generator(seed, "character", symbol)
    first, second, third = rng.normal(size=3)
    if is_index or symbol in _INDEX_BETAS:
        beta, own = _INDEX_BETAS.get(symbol, (1.0 + 0.1 * first, 1.5e-4))
        return Character("index", beta, own, own * 10, 0.0015, 0.0)
    if symbol in _COMMODITIES:
        return Character("commodity", 0.0, 6.5e-4, 0.012, 0.004, 4e9 * exp(0.8 * first))
    beta = min(max(1.0 + 0.2 * first, 0.5), 1.6)
    scale = exp(0.13 * second)
    own = (max((STOCK_MINUTE_SIGMA * scale) ** 2 - (beta * MARKET_MINUTE_SIGMA) ** 2, 1e-8)) ** 0.5
    known = known_stocks().get(symbol)
    rupees = (4e9 if known is not None and known.lot else 2.5e7) * exp((0.7 if known is not None else 1.8) * third)
    return Character("share", beta, own, 0.0145 * scale, 0.006, rupees)


_SPECIAL_INDICES: Final = {
    "NIFTY": (1.0, 0.5e-4),
    "SENSEX": (1.0, 0.7e-4),
    "NIFTY100": (1.0, 0.6e-4),
    "NIFTYTOTALMKT": (1.0, 0.8e-4),
    "BANKNIFTY": (1.15, 1.8e-4),
    "BANKEX": (1.15, 1.9e-4),
    "FINNIFTY": (1.1, 1.6e-4),
    "MIDCPNIFTY": (1.05, 2.0e-4),
    "NIFTYNXT50": (1.05, 1.8e-4),
    "NIFTYIT": (0.8, 3.0e-4),
    "FOCIT": (0.8, 3.0e-4),
}
_INDEX_BETAS: Final = {index.symbol: _SPECIAL_INDICES.get(index.symbol, (1.0, 1.5e-4)) for index in INDICES}
_COMMODITIES: Final = {commodity.symbol for commodity in COMMODITIES}
