"""What TradingView's UDF calls things: resolutions, bar times, price steps, sessions."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from breezeway.clock import IST_OFFSET_SECONDS
from breezeway.contracts.instruments import InstrumentType
from breezeway.errors import InvalidInput
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment

RESOLUTIONS: Mapping[str, Interval] = MappingProxyType(
    {
        "1S": Interval.SECOND_1,
        "5S": Interval.SECOND_5,
        "1": Interval.MINUTE_1,
        "3": Interval.MINUTE_3,
        "5": Interval.MINUTE_5,
        "10": Interval.MINUTE_10,
        "15": Interval.MINUTE_15,
        "30": Interval.MINUTE_30,
        "60": Interval.HOUR_1,
        "120": Interval.HOUR_2,
        "240": Interval.HOUR_4,
        "1D": Interval.DAY_1,
        "1W": Interval.WEEK_1,
        "1M": Interval.MONTH_1,
    }
)
_SHORT = MappingProxyType({"S": "1S", "D": "1D", "W": "1W", "M": "1M"})

TYPES: Mapping[InstrumentType, str] = MappingProxyType(
    {
        InstrumentType.EQUITY: "stock",
        InstrumentType.INDEX: "index",
        InstrumentType.FUTURE: "futures",
        InstrumentType.OPTION: "option",
        InstrumentType.CURRENCY: "forex",
        InstrumentType.MUTUAL_FUND: "fund",
    }
)


def interval_of(resolution: str) -> Interval:
    """Raises:
    InvalidInput: `unsupported_interval`.
    """
    found = RESOLUTIONS.get(_SHORT.get(resolution, resolution))
    if found is None:
        raise InvalidInput(f"There is no resolution '{resolution[:8]}'.", code="unsupported_interval")
    return found


def shift_of(interval: Interval) -> int:
    """Seconds from our label to UDF's: it puts bars of a day and longer at midnight UTC, we at midnight in India."""
    return 0 if interval.is_intraday else IST_OFFSET_SECONDS


def price_step(tick: Decimal) -> tuple[int, int]:
    """`minmov` and `pricescale`: the tick is minmov / pricescale, with two decimals at least."""
    if tick <= 0:
        return 1, 100
    exponent = tick.normalize().as_tuple().exponent
    scale = 10 ** max(2, -exponent if isinstance(exponent, int) else 2)
    return int(tick * scale), scale


def session_of(calendar: MarketCalendar, segment: Segment, today: date) -> str:
    """The hours of an ordinary day from `today` on: `0915-1530`."""
    day = today
    for _ in range(30):
        if calendar.is_trading_day(segment, day) and calendar.day_name(segment, day) is None:
            return hours(calendar.continuous(segment, day))
        day += timedelta(days=1)
    return "0915-1530"


def hours(stretches: Sequence[tuple[datetime, datetime]]) -> str:
    return ",".join(f"{opens:%H%M}-{closes:%H%M}" for opens, closes in stretches)


def exceptions(calendar: MarketCalendar, segment: Segment, first: date, last: date) -> tuple[str, str]:
    """Holidays (`20261110,…`) and special days' hours (`1800-1900:20261108;…`) from `first` to `last`."""
    holidays, corrections = [], []
    day = first
    while day <= last:
        if calendar.day_name(segment, day) is not None:
            stretches = calendar.continuous(segment, day)
            if stretches:
                corrections.append(f"{hours(stretches)}:{day:%Y%m%d}")
            elif day.weekday() < 5:
                holidays.append(f"{day:%Y%m%d}")
        day += timedelta(days=1)
    return ",".join(holidays), ";".join(corrections)
