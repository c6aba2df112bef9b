"""How well an account has done. Pure; values are rupees, returns fractions (0.1 is 10 %), times aware.

- Time-weighted return: each stretch between points counts for itself and what was paid in or out in it does not.
- Money-weighted return (XIRR): the yearly rate at which all payments are worth what the account is worth.
- Sharpe and Sortino: of daily returns, yearly (252 trading days), against no risk-free rate.
- Draw-down: from the highest time-weighted value so far. Calmar: yearly return by the deepest one.

Ratios are floats: they are statistics, not money.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final

from breezeway.clock import IST

_DAYS: Final = 365.0
_TRADING_DAYS: Final = 252.0
_FEWEST_DAYS: Final = 2


@dataclass(frozen=True, slots=True)
class Point:
    """The account at an instant. `flow` is all that had been paid in by then, less what had been paid out."""

    at: datetime
    equity: Decimal
    flow: Decimal


@dataclass(frozen=True, slots=True)
class DrawDown:
    """The deepest fall: `depth` as a positive fraction; `recovered` is None while the account is still below."""

    depth: float
    peak: date | None
    trough: date | None
    recovered: date | None


@dataclass(frozen=True, slots=True)
class Performance:
    """None where there is not enough history to say."""

    twr: float | None
    xirr: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    draw_down: DrawDown
    days: int


@dataclass(frozen=True, slots=True)
class Score:
    """What a set of closing orders made."""

    trades: int
    wins: int
    losses: int
    profit: Decimal
    loss: Decimal
    """Positive."""

    @property
    def net(self) -> Decimal:
        return self.profit - self.loss

    @property
    def win_rate(self) -> float | None:
        return self.wins / self.trades if self.trades else None

    @property
    def profit_factor(self) -> float | None:
        """Won by lost; None when nothing was lost."""
        return float(self.profit / self.loss) if self.loss else None


def _indian_day(at: datetime) -> date:
    return at.astimezone(IST).date()


def performance(points: Sequence[Point], day_of: Callable[[datetime], date] = _indian_day) -> Performance:
    """Of points in the order of time.

    Args:
        day_of: the day that a point counts for. A day of its own for each that had no trading would be a return of
            nothing, and every ratio of daily returns the worse for it.
    """
    growth = _growth(points)
    daily = _daily(points, growth, day_of)
    returns = [after / before - 1.0 if before else 0.0 for (_, before), (_, after) in pairwise(daily)]
    down = _draw_down(daily)
    twr = growth[-1] - 1.0 if len(growth) > 1 else None
    days = (points[-1].at - points[0].at).days if points else 0
    yearly = growth[-1] ** (_DAYS / days) - 1.0 if twr is not None and days >= _FEWEST_DAYS and growth[-1] > 0 else None
    calmar = yearly / down.depth if yearly is not None and down.depth > 0 else None
    return Performance(twr, _xirr_of(points), _sharpe(returns), _sortino(returns), calmar, down, len(daily))


def score(profits: Iterable[Decimal]) -> Score:
    """Wins, losses and what they come to; what broke even is neither."""
    wins = losses = trades = 0
    profit = loss = Decimal(0)
    for each in profits:
        trades += 1
        if each > 0:
            wins, profit = wins + 1, profit + each
        elif each < 0:
            losses, loss = losses + 1, loss - each
    return Score(trades, wins, losses, profit, loss)


def xirr(flows: Sequence[tuple[date, float]]) -> float | None:
    """The yearly rate at which these payments (from the owner's view: paid negative) are worth nothing together.

    None when no rate from -99.99 % to a million per cent does that, or all fall on one day.
    """
    if not flows or len({day for day, _ in flows}) < 2:
        return None
    first = min(day for day, _ in flows)
    terms = [((day - first).days / _DAYS, value) for day, value in flows]

    def worth(rate: float) -> float:
        return math.fsum(value / math.pow(1.0 + rate, years) for years, value in terms)

    low, high = -0.9999, 1e4
    at_low, at_high = worth(low), worth(high)
    if at_low == 0.0:
        return low
    if at_low * at_high > 0:
        return None
    for _ in range(200):
        middle = (low + high) / 2
        at_middle = worth(middle)
        if at_middle * at_low > 0:
            low, at_low = middle, at_middle
        else:
            high = middle
    return (low + high) / 2


def _growth(points: Sequence[Point]) -> list[float]:
    growth = [1.0] if points else []
    for before, after in pairwise(points):
        paid = after.flow - before.flow
        # What was paid in counts from the beginning of its stretch, so that it earns no return by itself.
        base = before.equity + max(paid, Decimal(0))
        worth = after.equity - min(paid, Decimal(0))
        # Who owes money has lost everything; what happens after that is no return on anything.
        growth.append(growth[-1] * (max(0.0, float(worth / base)) if base > 0 else 1.0))
    return growth


def _daily(
    points: Sequence[Point], growth: Sequence[float], day_of: Callable[[datetime], date]
) -> list[tuple[date, float]]:
    last: dict[date, float] = {}
    for point, value in zip(points, growth, strict=True):
        last[day_of(point.at)] = value
    return list(last.items())


def _draw_down(daily: Sequence[tuple[date, float]]) -> DrawDown:
    peak_value, peak_day = 0.0, None
    worst = DrawDown(0.0, None, None, None)
    for day, value in daily:
        if value >= peak_value:
            if worst.depth and worst.recovered is None and worst.peak == peak_day:
                worst = DrawDown(worst.depth, worst.peak, worst.trough, day)
            peak_value, peak_day = value, day
        elif (depth := 1.0 - value / peak_value) > worst.depth:
            worst = DrawDown(depth, peak_day, day, None)
    return worst


def _sharpe(returns: Sequence[float]) -> float | None:
    if len(returns) < _FEWEST_DAYS:
        return None
    mean = sum(returns) / len(returns)
    spread = math.sqrt(sum((each - mean) ** 2 for each in returns) / (len(returns) - 1))
    return mean / spread * math.sqrt(_TRADING_DAYS) if spread > 1e-12 else None


def _sortino(returns: Sequence[float]) -> float | None:
    if len(returns) < _FEWEST_DAYS:
        return None
    mean = sum(returns) / len(returns)
    below = math.sqrt(sum(min(each, 0.0) ** 2 for each in returns) / len(returns))
    return mean / below * math.sqrt(_TRADING_DAYS) if below > 1e-12 else None


def _xirr_of(points: Sequence[Point]) -> float | None:
    if len(points) < 2:
        return None
    flows: list[tuple[date, float]] = []
    before = Decimal(0)
    for index, point in enumerate(points):
        # What the account had made before the first point is part of what it began with.
        paid = point.equity if index == 0 else point.flow - before
        if paid:
            flows.append((point.at.astimezone(IST).date(), -float(paid)))
        before = point.flow
    flows.append((points[-1].at.astimezone(IST).date(), float(points[-1].equity)))
    return xirr(flows)
