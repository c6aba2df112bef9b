"""The market: one state behind REST, quotes and candles."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Protocol

from breeze_simulator.domain.clock import SimClock
from breeze_simulator.domain.instruments import Instrument, Product, Universe
from breeze_simulator.domain.market_types import BarInterval, Bars, ClosedBar, Depth, Snapshot, Tick

EmitTicks = Callable[[Sequence[Tick]], Awaitable[None]]
EmitBars = Callable[[Sequence[ClosedBar]], Awaitable[None]]


class MasterSource(Protocol):
    """Where the security master of a day comes from."""

    def zip_bytes(self, day: date) -> bytes: ...

    def universe(self, day: date) -> Universe: ...


class Market:
    """Signatures only for now; see the module's history."""

    clock: SimClock
    tick_rate: float

    @property
    def universe(self) -> Universe:
        """The instruments of the clock's day."""
        raise NotImplementedError

    def master_zip(self) -> bytes:
        """SecurityMaster.zip of the clock's day."""
        raise NotImplementedError

    def contract(
        self,
        exchange: str,
        stock_code: str,
        product: Product,
        expiry: date | None = None,
        strike: float | None = None,
        right: str | None = None,
    ) -> Instrument | None:
        """Like `Universe.by_contract`, but expired contracts are found too: history serves them."""
        raise NotImplementedError

    def snapshot(self, i: Instrument) -> Snapshot:
        raise NotImplementedError

    def depth(self, i: Instrument) -> Depth:
        raise NotImplementedError

    def bars(self, i: Instrument, interval: BarInterval, start: datetime, end: datetime) -> Bars:
        """Closed bars that start in [start, end], ascending. A naive bound is IST wall time."""
        raise NotImplementedError

    def truth(self, i: Instrument, interval: BarInterval, start: datetime, end: datetime) -> Bars:
        """As `bars`, but today's future too."""
        raise NotImplementedError

    def watch(self, i: Instrument) -> None:
        raise NotImplementedError

    def unwatch(self, i: Instrument) -> None:
        raise NotImplementedError

    def watch_bars(self, i: Instrument, interval: BarInterval) -> None:
        """Count a listener of an OHLC channel (1second, 1minute, 5minute or 30minute)."""
        raise NotImplementedError

    def unwatch_bars(self, i: Instrument, interval: BarInterval) -> None:
        raise NotImplementedError

    async def run(self, emit: EmitTicks, emit_bars: EmitBars | None = None) -> None:
        """Emit due ticks about every 50 ms of wall time, then the watched bars that closed, until cancelled."""
        raise NotImplementedError
