"""When contracts expire: Tuesdays on NSE and Thursdays on BSE since September 2025, or the trading day before."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final

IsTradingDay = Callable[[date], bool]

_MOVED: Final = date(2025, 9, 1)
_TUESDAY, _THURSDAY, _FRIDAY = 1, 3, 4


def expiry_weekday(exchange: str, day: date) -> int:
    """Weekday (Monday 0) of the expiries around `day`; both exchanges changed theirs on 2025-09-01."""
    if exchange == "BFO":
        return _THURSDAY if day >= _MOVED else _FRIDAY
    return _TUESDAY if day >= _MOVED else _THURSDAY


def weekly_expiries(exchange: str, day: date, count: int, is_trading_day: IsTradingDay) -> list[date]:
    """The next `count` weekly expiries from `day` on, itself included."""
    found: list[date] = []
    probe = day
    while len(found) < count:
        if probe.weekday() == expiry_weekday(exchange, probe):
            expiry = _previous_trading_day(probe, is_trading_day)
            if expiry >= day:
                found.append(expiry)
        probe += timedelta(days=1)
    return found


def monthly_expiries(exchange: str, day: date, count: int, is_trading_day: IsTradingDay) -> list[date]:
    """The next `count` monthly expiries (last expiry weekday of a month) from `day` on."""
    found: list[date] = []
    year, month = day.year, day.month
    while len(found) < count:
        expiry = _month_end_expiry(exchange, year, month, is_trading_day)
        if expiry >= day:
            found.append(expiry)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found


def quarterly_expiries(exchange: str, after: date, count: int, is_trading_day: IsTradingDay) -> list[date]:
    """The next `count` expiries of March, June, September and December after `after`."""
    months = monthly_expiries(exchange, after + timedelta(days=1), 3 * count + 3, is_trading_day)
    return [expiry for expiry in months if expiry.month % 3 == 0][:count]


def cycle_names(expiries: Sequence[date], monthly: Sequence[date]) -> dict[date, str]:
    """The master's names of NSE expiries: `1-Wek` to `4-Wek`, `1-Mon` to `3-Mon`, empty beyond."""
    names: dict[date, str] = {}
    week = month = 0
    for expiry in sorted(expiries):
        if expiry in monthly:
            month += 1
            names[expiry] = f"{month}-Mon" if month <= 3 else ""
        else:
            week += 1
            names[expiry] = f"{week}-Wek" if week <= 4 else ""
    return names


def is_expiry(exchange: str, day: date, is_trading_day: IsTradingDay) -> bool:
    """Whether contracts of `exchange` could ever have expired on `day`."""
    if not is_trading_day(day):
        return False
    return any(
        probe.weekday() == expiry_weekday(exchange, probe) and _previous_trading_day(probe, is_trading_day) == day
        for probe in (day + timedelta(days=ahead) for ahead in range(6))
    )


def _month_end_expiry(exchange: str, year: int, month: int, is_trading_day: IsTradingDay) -> date:
    first_of_next = date(year + month // 12, month % 12 + 1, 1)
    last = first_of_next - timedelta(days=1)
    wanted = expiry_weekday(exchange, last)
    return _previous_trading_day(last - timedelta(days=(last.weekday() - wanted) % 7), is_trading_day)


def _previous_trading_day(day: date, is_trading_day: IsTradingDay) -> date:
    for back in range(8):
        candidate = day - timedelta(days=back)
        if is_trading_day(candidate):
            return candidate
    return day
