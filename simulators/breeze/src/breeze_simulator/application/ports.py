"""What the use cases need of the market, so that tests can give them a small one."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Protocol

from breeze_simulator.domain.instruments import Instrument, Kind, Product
from breeze_simulator.domain.market_types import BarInterval, Bars, ClosedBar, Depth, Snapshot, Tick

EmitTicks = Callable[[Sequence[Tick]], Awaitable[None]]
EmitBars = Callable[[Sequence[ClosedBar]], Awaitable[None]]


class Directory(Protocol):
    """Finds the instruments of the exchange's current day."""

    def by_contract(
        self,
        exchange: str,
        stock_code: str,
        product: Product,
        expiry: date | None = None,
        strike: float | None = None,
        right: str | None = None,
    ) -> Instrument | None: ...

    def by_room(self, room: str) -> Instrument | None: ...

    def by_symbol(self, exchange: str, symbol: str) -> Instrument | None: ...

    def chain(self, exchange: str, stock_code: str, expiry: date) -> Sequence[Instrument]: ...

    def expiries(self, exchange: str, stock_code: str, kind: Kind) -> Sequence[date]: ...

    def has_derivatives(self, instrument: Instrument) -> bool: ...


class MarketView(Protocol):
    """The market as REST sees it."""

    @property
    def universe(self) -> Directory: ...

    def contract(
        self,
        exchange: str,
        stock_code: str,
        product: Product,
        expiry: date | None = None,
        strike: float | None = None,
        right: str | None = None,
    ) -> Instrument | None: ...

    def snapshot(self, i: Instrument) -> Snapshot: ...

    def depth(self, i: Instrument) -> Depth: ...

    def bars(self, i: Instrument, interval: BarInterval, start: datetime, end: datetime) -> Bars: ...

    def truth(self, i: Instrument, interval: BarInterval, start: datetime, end: datetime) -> Bars: ...


class LiveMarket(MarketView, Protocol):
    """The market as the sockets see it: only what is watched moves. Watching twice needs unwatching twice."""

    tick_rate: float

    def master_zip(self) -> bytes: ...

    def watch(self, i: Instrument) -> None: ...

    def unwatch(self, i: Instrument) -> None: ...

    def watch_bars(self, i: Instrument, interval: BarInterval) -> None: ...

    def unwatch_bars(self, i: Instrument, interval: BarInterval) -> None: ...

    async def run(self, emit: EmitTicks, emit_bars: EmitBars | None = None) -> None: ...
