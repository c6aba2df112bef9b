"""Price grids and bands: what may be quoted, and how far a market order may reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from types import MappingProxyType
from typing import Final

from breezeway.exchange.market import InstrumentKind, InstrumentRules


@dataclass(frozen=True, slots=True)
class Protection:
    """How far from the last price a market order may fill: a fraction of it, but at least `least` rupees."""

    fraction: Decimal
    least: Decimal


PROTECTION: Final[Mapping[InstrumentKind, Protection]] = MappingProxyType(
    {
        InstrumentKind.EQUITY: Protection(Decimal("0.03"), Decimal("0.05")),
        InstrumentKind.FUTURE: Protection(Decimal("0.015"), Decimal("0.05")),
        InstrumentKind.OPTION: Protection(Decimal("0.10"), Decimal(5)),
        InstrumentKind.INDEX: Protection(Decimal("0.03"), Decimal("0.05")),
    }
)
"""Breeze's aggressive limit; a service may give its engine other figures."""


def on_grid(price: Decimal, tick: Decimal) -> bool:
    """Whether `price` is a whole number of ticks."""
    return price % tick == 0


def floor_to(price: Decimal, tick: Decimal) -> Decimal:
    """The nearest price of the grid at or below `price`."""
    return (price / tick).to_integral_value(ROUND_FLOOR) * tick


def ceil_to(price: Decimal, tick: Decimal) -> Decimal:
    """The nearest price of the grid at or above `price`."""
    return (price / tick).to_integral_value(ROUND_CEILING) * tick


def protected_limit(
    last: Decimal,
    rules: InstrumentRules,
    *,
    buy: bool,
    lower: Decimal | None,
    upper: Decimal | None,
    protection: Mapping[InstrumentKind, Protection] = PROTECTION,
) -> Decimal:
    """The worst price at which a market order may fill: `last` moved by the protection, inside the bands, on the grid.

    Rounding goes towards `last`, so the protection is never exceeded by it.
    """
    terms = protection[rules.kind]
    reach = max(last * terms.fraction, terms.least)
    if buy:
        limit = last + reach if upper is None else min(last + reach, upper)
        return floor_to(limit, rules.tick_size)
    limit = max(last - reach, rules.tick_size)
    return ceil_to(limit if lower is None else max(limit, lower), rules.tick_size)
