"""What a chain's prices mean together: forward, implied volatilities, Greeks, put-call ratio, max pain. Pure.

Options are priced by Black-76 on the forward that put-call parity implies, not on the spot: the market's own view of
carry and dividends is in it, and a missing or stale spot does no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from breezeway.candles.columns import Floats
from breezeway.options import black76

_NEAREST = 5
"""How many strikes around the money the forward is the median of."""


@dataclass(frozen=True, slots=True)
class LegQuote:
    """What is known of one option; None where the source does not say. `oi_change` is since yesterday's close."""

    ltp: float | None = None
    bid: float | None = None
    ask: float | None = None
    volume: int | None = None
    oi: int | None = None
    oi_change: int | None = None
    prev_close: float | None = None

    @property
    def price(self) -> float | None:
        """The middle of bid and ask where both are there and sensible, else the last trade."""
        if self.bid and self.ask and self.ask >= self.bid and (self.ask - self.bid) <= 0.5 * self.ask:
            return (self.bid + self.ask) / 2
        return self.ltp or None


@dataclass(frozen=True, slots=True)
class LegValues:
    """`iv` is a fraction a year. Greeks as in `breezeway.options.black76`; all None without a price that has one."""

    iv: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None


@dataclass(frozen=True, slots=True)
class ChainFigures:
    """What concerns the chain as a whole. Ratios are puts over calls."""

    forward: float | None
    atm: float | None
    pcr: float | None
    pcr_volume: float | None
    max_pain: float | None


def figures(
    strikes: Sequence[float],
    calls: Sequence[LegQuote],
    puts: Sequence[LegQuote],
    years: float,
    rate: float,
    spot: float | None,
) -> ChainFigures:
    """Of ascending `strikes` with a call and a put each (an empty quote where there is none)."""
    forward = parity_forward(strikes, calls, puts, years, rate)
    money = forward if forward is not None else spot
    return ChainFigures(
        forward,
        None if money is None or not strikes else min(strikes, key=lambda strike: abs(strike - money)),
        _over(sum(put.oi or 0 for put in puts), sum(call.oi or 0 for call in calls)),
        _over(sum(put.volume or 0 for put in puts), sum(call.volume or 0 for call in calls)),
        max_pain(strikes, [call.oi or 0 for call in calls], [put.oi or 0 for put in puts]),
    )


def parity_forward(
    strikes: Sequence[float], calls: Sequence[LegQuote], puts: Sequence[LegQuote], years: float, rate: float
) -> float | None:
    """The median of `strike + (call - put) * e^(rate * years)` over the strikes where call and put are closest."""
    growth = float(np.exp(rate * max(years, 0.0)))
    found = []
    for strike, call, put in zip(strikes, calls, puts, strict=True):
        if call.price is not None and put.price is not None:
            found.append((abs(call.price - put.price), strike + (call.price - put.price) * growth))
    if not found:
        return None
    return float(median(forward for _, forward in sorted(found)[:_NEAREST]))


def max_pain(strikes: Sequence[float], call_interest: Sequence[int], put_interest: Sequence[int]) -> float | None:
    """The strike at which option writers would pay least at expiry; None without open interest."""
    if not any(call_interest) and not any(put_interest):
        return None
    k = np.asarray(strikes, np.float64)
    apart = k[:, None] - k[None, :]
    paid = np.maximum(apart, 0) @ np.asarray(call_interest, np.float64)
    paid += np.maximum(-apart, 0) @ np.asarray(put_interest, np.float64)
    return float(k[int(np.argmin(paid))])


def values(
    strikes: Sequence[float],
    quotes: Sequence[LegQuote],
    forward: float | None,
    years: float,
    rate: float,
    *,
    call: bool,
) -> list[LegValues]:
    """Implied volatility and Greeks of one side of the chain."""
    if forward is None or not strikes:
        return [LegValues() for _ in strikes]
    k = np.asarray(strikes, np.float64)
    premium = np.array([quote.price if quote.price is not None else np.nan for quote in quotes])
    vol = black76.implied_vol(premium, forward, k, years, call, rate)
    found = black76.greeks(forward, k, years, np.nan_to_num(vol), call, rate)
    columns: Sequence[Floats] = (vol, found.delta, found.gamma, found.theta, found.vega)
    return [
        LegValues() if np.isnan(vol[i]) else LegValues(*(float(column[i]) for column in columns))
        for i in range(len(strikes))
    ]


def around(strikes: Sequence[float], atm: float | None, each_side: int) -> slice:
    """The part of the chain that has at most `each_side` strikes on each side of `atm`; of the middle without one."""
    centre = strikes.index(atm) if atm is not None else len(strikes) // 2
    return slice(max(0, centre - each_side), centre + each_side + 1)


def _over(above: int, below: int) -> float | None:
    return above / below if below else None
