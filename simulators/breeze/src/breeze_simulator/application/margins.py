"""What orders and positions block: the price of what is bought, and a scan of what a derivative portfolio can lose.

The scan moves the underlying in seven steps over its range and values everything there; the margin is the worst
liability. A hedged short so needs less than a naked one, and a spread that was paid for needs nothing beyond its price.
Ranges and volatilities are round figures: the broker's own SPAN files are not public.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from breeze_simulator.domain.contract_rules import INDEX_CODES
from breeze_simulator.domain.instruments import Instrument
from breezeway.money import ZERO, to_paise
from breezeway.options import black76

_INDEX_RANGE: Final = 0.10
_SHARE_RANGE: Final = 0.18
_INDEX_VOLATILITY: Final = 0.16
_SHARE_VOLATILITY: Final = 0.32
_STEPS: Final = np.array([-1.0, -2 / 3, -1 / 3, 0.0, 1 / 3, 2 / 3, 1.0])


@dataclass(frozen=True, slots=True)
class Leg:
    """`quantity` units, negative when short. `price` is what a future was dealt at; `spot` the underlying's level."""

    instrument: Instrument
    quantity: int
    price: Decimal
    spot: float


def span_margin(legs: Iterable[Leg], day: date) -> Decimal:
    """Rupees that a portfolio of derivatives must leave untouched; hedges count within one underlying."""
    by_underlying: dict[tuple[str, str], list[Leg]] = defaultdict(list)
    for leg in legs:
        by_underlying[leg.instrument.exchange, leg.instrument.stock_code].append(leg)
    return sum((_worst(group, day) for group in by_underlying.values()), ZERO)


def premium(legs: Iterable[Leg]) -> Decimal:
    """Rupees paid for options, less what was received for those that were written."""
    return sum((leg.price * leg.quantity for leg in legs if leg.instrument.kind == "option"), ZERO)


def _worst(legs: list[Leg], day: date) -> Decimal:
    is_index = legs[0].instrument.stock_code in INDEX_CODES
    moves = 1.0 + _STEPS * (_INDEX_RANGE if is_index else _SHARE_RANGE)
    worth = np.zeros(len(moves))
    for leg in legs:
        contract = leg.instrument
        if contract.kind == "option":
            years = max((contract.expiry - day).days if contract.expiry else 0, 1) / 365
            volatility = _INDEX_VOLATILITY if is_index else _SHARE_VOLATILITY
            strike = contract.strike or 0.0
            value = black76.price(leg.spot * moves, strike, years, volatility, contract.right == "call")
        else:
            value = float(leg.price) * (moves - 1.0)
        worth += leg.quantity * value
    return to_paise(Decimal(str(round(max(0.0, -float(worth.min())), 2))))
