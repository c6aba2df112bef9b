"""What the market shows: bars, quotes, the book and ticks. Prices are rupees, quantities units, times aware."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from breeze_simulator.domain.instruments import Instrument

BarInterval = Literal["1second", "1minute", "5minute", "30minute", "1day"]

INTERVAL_SECONDS: Final[dict[str, int]] = {
    "1second": 1,
    "1minute": 60,
    "5minute": 300,
    "30minute": 1800,
    "1day": 86_400,
}


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Bars in columns, ascending, labelled by start.

    `time` holds epoch seconds UTC of the bar's start (a day bar: midnight IST). `oi` is `None` for what has no open
    interest.
    """

    time: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.int64]
    oi: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.time)

    def slice(self, start: int, stop: int) -> "Bars":
        """The bars of positions [start, stop)."""
        part = np.s_[start:stop]
        return Bars(
            self.time[part],
            self.open[part],
            self.high[part],
            self.low[part],
            self.close[part],
            self.volume[part],
            None if self.oi is None else self.oi[part],
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One instrument's quote at a moment of exchange time.

    `volume` and `turnover` are cumulative for the day. Before the first print of the day `ltt` is `None`, the day's
    open, high and low are 0 and `last` is the previous close.
    """

    last: float
    open: float
    high: float
    low: float
    prev_close: float
    ltq: int
    volume: int
    avg_price: float
    turnover: float
    bid: float
    bid_qty: int
    ask: float
    ask_qty: int
    total_buy_qty: int
    total_sell_qty: int
    oi: int | None
    chg_oi: int | None
    lower_circuit: float
    upper_circuit: float
    ltt: datetime | None
    spot: float

    @property
    def change_percent(self) -> float:
        return (self.last / self.prev_close - 1.0) * 100.0 if self.prev_close else 0.0


@dataclass(frozen=True, slots=True)
class Level:
    price: float
    qty: int
    orders: int


@dataclass(frozen=True, slots=True)
class Depth:
    """Five levels a side, best first."""

    at: datetime
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A quote update. `at` is the exchange time of the event; the last trade's own time is `quote.ltt`."""

    instrument: Instrument
    at: datetime
    quote: Snapshot


@dataclass(frozen=True, slots=True)
class ClosedBar:
    """One bar of the OHLC channels, given once its last second has passed."""

    instrument: Instrument
    interval: BarInterval
    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int
    oi: int | None


@dataclass(frozen=True, slots=True)
class SessionDay:
    """One trading day of a product: the wall times (minutes after IST midnight) between which it trades."""

    day: date
    open_minute: int
    close_minute: int
