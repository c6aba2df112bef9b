"""Black-76: European options priced off the forward, vectorised.

Arguments broadcast as NumPy arrays do. Units: `forward`, `strike` and prices in rupees, `years` to expiry as a
fraction of a year, `vol` and `rate` as fractions a year (0.15 is 15 %). `call` is True for a call, False for a
put.

Edges: at expiry (`years <= 0`) or without volatility an option is worth its discounted intrinsic value; its
delta is then 0, ±1 discounted, or half of it exactly at the money, and gamma, theta and vega are 0. An implied
volatility is `nan` when no volatility explains the price: at or below the intrinsic value, at or above the
upper bound (forward for a call, strike for a put, discounted), at expiry, or for input that is not finite.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]

_DAYS_PER_YEAR = 365.0
_HIGHEST_VOL = 10.0
_BISECTIONS = 60
_INV_SQRT_2PI = 0.3989422804014327


@dataclass(frozen=True, slots=True, eq=False)
class Greeks:
    """Sensitivities: `delta` and `gamma` to the forward, `theta` a calendar day, `vega` a volatility point (0.01)."""

    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats


def price(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, call: ArrayLike, rate: ArrayLike = 0.0
) -> Floats:
    """The option's premium."""
    f, k, t, s, is_call, r = _broadcast(forward, strike, years, vol, call, rate)
    return _price(f, k, t, s, is_call, np.exp(-r * np.maximum(t, 0.0)))


def greeks(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, call: ArrayLike, rate: ArrayLike = 0.0
) -> Greeks:
    """Delta, gamma, theta a day and vega a volatility point."""
    f, k, t, s, is_call, r = _broadcast(forward, strike, years, vol, call, rate)
    time = np.maximum(t, 0.0)
    discount = np.exp(-r * time)
    spread = s * np.sqrt(time)
    alive = spread > 0
    d1, d2 = _d1_d2(f, k, spread)
    density = _INV_SQRT_2PI * np.exp(-0.5 * d1 * d1)
    sign = np.where(is_call, 1.0, -1.0)
    dead_delta = sign * discount * np.where(f == k, 0.5, np.where(sign * (f - k) > 0, 1.0, 0.0))
    delta = np.where(alive, sign * discount * _ndtr(sign * d1), dead_delta)
    safe = np.where(alive, spread, 1.0)
    gamma = np.where(alive, discount * density / (f * safe), 0.0)
    vega = np.where(alive, discount * f * density * np.sqrt(time), 0.0)
    decay = np.where(alive, discount * f * density * s / (2.0 * np.sqrt(np.where(alive, time, 1.0))), 0.0)
    carried = r * discount * sign * (f * _ndtr(sign * d1) - k * _ndtr(sign * d2))
    theta = np.where(alive, carried - decay, 0.0)
    return Greeks(delta, gamma, theta / _DAYS_PER_YEAR, vega * 0.01)


def implied_vol(
    premium: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, call: ArrayLike, rate: ArrayLike = 0.0
) -> Floats:
    """The volatility at which `price` gives `premium`, to about 1e-9; `nan` where there is none up to 1000 %."""
    p, f, k, t, is_call, r = _broadcast(premium, forward, strike, years, call, rate)
    discount = np.exp(-r * np.maximum(t, 0.0))
    sign = np.where(is_call, 1.0, -1.0)
    floor = discount * np.maximum(sign * (f - k), 0.0)
    # A price within rounding of the intrinsic value would be "explained" by noise.
    tolerance = 1e-12 * np.maximum(f, k)
    solvable = np.isfinite(p) & np.isfinite(f) & np.isfinite(k) & (f > 0) & (k > 0) & (t > 0) & (p > floor + tolerance)
    low = np.zeros_like(p)
    high = np.full_like(p, _HIGHEST_VOL)
    solvable &= _price(f, k, t, high, is_call, discount) >= p
    # Bisection: a bounded number of vector steps that cannot diverge, where Newton fails for deep options
    # without vega.
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        below = _price(f, k, t, middle, is_call, discount) < p
        low = np.where(below, middle, low)
        high = np.where(below, high, middle)
    return np.where(solvable, 0.5 * (low + high), np.nan)


def _price(f: Floats, k: Floats, t: Floats, s: Floats, is_call: NDArray[np.bool_], discount: Floats) -> Floats:
    spread = s * np.sqrt(np.maximum(t, 0.0))
    sign = np.where(is_call, 1.0, -1.0)
    d1, d2 = _d1_d2(f, k, spread)
    living = sign * (f * _ndtr(sign * d1) - k * _ndtr(sign * d2))
    intrinsic = np.maximum(sign * (f - k), 0.0)
    # Cancellation can leave a deep option a hair below its intrinsic value.
    value: Floats = discount * np.where(spread > 0, np.maximum(living, intrinsic), intrinsic)
    return value


def _d1_d2(f: Floats, k: Floats, spread: Floats) -> tuple[Floats, Floats]:
    safe = np.where(spread > 0, spread, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        d1 = np.log(f / k) / safe + 0.5 * safe
    return d1, d1 - safe


def _broadcast(
    a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike, call: ArrayLike, rate: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats, NDArray[np.bool_], Floats]:
    numbers = [np.asarray(value, dtype=np.float64) for value in (a, b, c, d, rate)]
    one, two, three, four, r, is_call = np.broadcast_arrays(*numbers, np.asarray(call, dtype=np.float64))
    return one, two, three, four, is_call > 0, r


def _ndtr(x: Floats) -> Floats:
    """The standard normal distribution."""
    # SciPy is 17 MB: the processes that only know of options (the feed owner, the workers) need not carry it.
    from scipy.special import ndtr

    return ndtr(x)
