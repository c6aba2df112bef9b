"""Price steps and bands of the exchange (effective-dated rules of MARKET.md; options are 0.05 throughout)."""

from typing import Final

_CASH_STEPS: Final = ((250.0, 0.01), (1000.0, 0.05), (5000.0, 0.10), (10_000.0, 0.50), (20_000.0, 1.0))


def cash_tick(price: float) -> float:
    """The tick of a share or stock future that closed at `price` rupees, by the table of April 2025."""
    for limit, tick in _CASH_STEPS:
        if price <= limit:
            return tick
    return 5.0


def round_to_tick(price: float, tick: float) -> float:
    """The nearest multiple of `tick`, never below one tick."""
    return round(max(round(price / tick), 1) * tick, 4)
