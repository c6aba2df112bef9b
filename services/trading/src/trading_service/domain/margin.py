"""Margin by scenarios: what the open positions of an account could lose, in the open.

This is not SPAN, and says so: it is a transparent approximation with the parameters below.

- Shares intraday: `intraday_fraction` of the value (five times leverage). Shares for delivery are paid in full.
- Derivatives are margined by underlying, all expiries together. Every position is valued (Black-76, one volatility
  for all strikes) at `steps` prices on each side of the underlying's, up to the scan range, volatility unchanged, up
  and down. The worst value decides: what would have to be paid then is blocked. Premium paid counts as the value it
  bought, so an option that was bought needs its premium and nothing more, and neither does a spread of bought
  and sold options that can never be worth less than nothing.
- What is short and not covered by something long also bears the exposure margin, a fraction of the underlying's value.

Floats are used for option values only; the result is rupees, rounded up to the paisa.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from breezeway.money import ZERO, to_paise_up


@dataclass(frozen=True, slots=True)
class MarginRules:
    """What an operator may set. Fractions of a value; volatilities a year."""

    intraday_fraction: Decimal = Decimal("0.20")
    index_scan: float = 0.093
    stock_scan: float = 0.142
    index_exposure: float = 0.02
    stock_exposure: float = 0.035
    index_volatility: float = 0.15
    stock_volatility: float = 0.32
    volatility_shift: float = 0.25
    """Of the volatility itself: 0.15 is also tried at 0.1125 and 0.1875."""
    steps: int = 8


DEFAULT_RULES = MarginRules()


@dataclass(frozen=True, slots=True)
class Leg:
    """One open or intended position.

    Args:
        group: what it is margined with: the underlying of a derivative, the symbol of a share.
        quantity: signed units.
        price: the last price of the instrument itself; of an option it is not used.
        spot: the last price of the underlying; for a future its own price will do.
        strike, call, expiry: of an option; None otherwise.
        derivative: False for an intraday share.
    """

    group: str
    quantity: int
    price: Decimal
    spot: Decimal
    derivative: bool
    on_index: bool = False
    strike: Decimal | None = None
    call: bool | None = None
    expiry: date | None = None


def required_margin(legs: Iterable[Leg], today: date, rules: MarginRules = DEFAULT_RULES) -> Decimal:
    """What these positions block, in rupees."""
    groups: dict[tuple[str, bool], list[Leg]] = {}
    for leg in legs:
        if leg.quantity:
            groups.setdefault((leg.group, leg.derivative), []).append(leg)
    total = ZERO
    for (_, derivative), members in groups.items():
        total += _derivatives(members, today, rules) if derivative else _shares(members, rules)
    return total


def _shares(legs: list[Leg], rules: MarginRules) -> Decimal:
    quantity = sum(leg.quantity for leg in legs)
    return to_paise_up(abs(quantity) * legs[-1].price * rules.intraday_fraction)


def _derivatives(legs: list[Leg], today: date, rules: MarginRules) -> Decimal:
    on_index = legs[0].on_index
    spot = float(legs[-1].spot)
    worst = float(_worst_value(legs, spot, today, rules))
    bare = _uncovered(legs)
    exposure = bare * spot * (rules.index_exposure if on_index else rules.stock_exposure)
    return to_paise_up(Decimal(repr(round(max(0.0, -worst) + exposure, 4))))


def _worst_value(legs: list[Leg], spot: float, today: date, rules: MarginRules) -> float:
    # NumPy and SciPy weigh some 30 MB, which a process that margins no derivative need not carry.
    import numpy as np

    from breezeway.options import black76

    on_index = legs[0].on_index
    scan = rules.index_scan if on_index else rules.stock_scan
    moves = 1.0 + scan * np.linspace(-1.0, 1.0, 2 * rules.steps + 1)
    base = rules.index_volatility if on_index else rules.stock_volatility
    vols = base * np.array([1.0 - rules.volatility_shift, 1.0, 1.0 + rules.volatility_shift])
    prices = spot * moves
    value = np.zeros((len(vols), len(prices)))
    for leg in legs:
        if leg.strike is None or leg.call is None or leg.expiry is None:
            value += leg.quantity * float(leg.price) * (moves - 1.0)
            continue
        years = max((leg.expiry - today).days, 0) / 365.0
        value += leg.quantity * black76.price(prices[None, :], float(leg.strike), years, vols[:, None], leg.call)
    return float(value.min())


def _uncovered(legs: list[Leg]) -> int:
    """Units that are short without something long that covers them, on the worse side of the market.

    If the market rises, bought calls and futures cover sold ones; if it falls, bought puts and sold futures
    cover sold puts and bought futures.
    """
    futures = sum(leg.quantity for leg in legs if leg.strike is None)
    calls = sum(leg.quantity for leg in legs if leg.call is True)
    puts = sum(leg.quantity for leg in legs if leg.call is False)
    return max(0, -(calls + futures), -(puts - futures))
