"""From decoded frames to the messages that clients receive: each tick encoded once, numbered, and folded into bars."""

import asyncio
from collections.abc import Mapping
from typing import Final

from breezeway.breeze.events import DepthTick, QuoteTick
from breezeway.candles.folding import Bar
from breezeway.contracts.stream import CandleMessage, DepthMessage, GapMessage, TickMessage, encode
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from market_data_service.application.bar_builder import BarBuilder
from market_data_service.application.feed_ports import Outgoing

EPOCH_STRIDE: Final = 10_000_000
"""`seq` of the n-th message of an epoch is `fence * EPOCH_STRIDE + n`: it rises for ever, also across owners, and the
epoch can be read from it."""


class TickDesk:
    """Collects what is to be published for one feed.

    Args:
        fence: the lease's fence, which is the epoch of the sequence numbers.
    """

    def __init__(self, fence: int, calendar: MarketCalendar) -> None:
        self._first = fence * EPOCH_STRIDE
        self._symbols: Mapping[str, str] = {}
        self._sequence: dict[str, int] = {}
        self._waiting: list[Outgoing] = []
        self._ready = asyncio.Event()
        self.bars = BarBuilder(self._emit_bar, calendar)
        self.ticks = 0
        """Frames that became messages."""
        self.strangers = 0
        """Frames of rooms that nobody has asked for (any more)."""
        self.newest_event_ms: int | None = None
        """Exchange time of the newest tick."""
        self.newest_received_ms: int | None = None

    def assign(self, symbols: Mapping[str, str]) -> None:
        """Replace which symbol each room stands for."""
        self._symbols = symbols

    def on_tick(self, event: QuoteTick | DepthTick, received: int) -> None:
        """Take one decoded frame that arrived at wall time `received` (epoch milliseconds)."""
        symbol = self._symbols.get(event.room)
        if symbol is None:
            self.strangers += 1
            return
        self.ticks += 1
        self.newest_received_ms = received
        if isinstance(event, QuoteTick):
            self._quote(symbol, event, received)
        else:
            self._depth(symbol, event, received)

    def announce_gap(self, symbols_channels: Mapping[str, list[str]], start_ms: int, end_ms: int, reason: str) -> None:
        """Tell every listener of the symbols (symbol to its channels) that ticks may be missing."""
        for symbol, channels in symbols_channels.items():
            body = GapMessage(symbol, start_ms, end_ms, reason).encode()
            for channel in channels:
                self.post(Outgoing(channel, body, keep=False))

    def post(self, message: Outgoing) -> None:
        self._waiting.append(message)
        if not self._ready.is_set():
            self._ready.set()

    @property
    def waiting(self) -> int:
        """Messages that have not been taken."""
        return len(self._waiting)

    async def wait(self) -> None:
        """Return when something waits to be published."""
        await self._ready.wait()

    def take(self, most: int) -> list[Outgoing]:
        """Up to `most` messages, oldest first."""
        if len(self._waiting) <= most:
            batch, self._waiting = self._waiting, []
            self._ready.clear()
            return batch
        batch = self._waiting[:most]
        del self._waiting[:most]
        return batch

    def take_all(self) -> list[Outgoing]:
        return self.take(len(self._waiting))

    def drop(self) -> int:
        """Throw away what waits; how much it was."""
        dropped = len(self._waiting)
        self._waiting.clear()
        self._ready.clear()
        return dropped

    def _next(self, channel: str) -> int:
        number = self._sequence.get(channel, self._first) + 1
        self._sequence[channel] = number
        return number

    def _quote(self, symbol: str, q: QuoteTick, received: int) -> None:
        channel = "tick:" + symbol
        at_ms = q.at_ms if q.at_ms is not None else received
        message = TickMessage(
            symbol,
            self._next(channel),
            q.last,
            q.last_quantity,
            at_ms,
            q.bid,
            q.bid_quantity,
            q.ask,
            q.ask_quantity,
            q.open,
            q.high,
            q.low,
            q.previous_close,
            q.change_percent,
            q.volume,
            q.average_price,
            q.open_interest,
            q.total_buy_quantity,
            q.total_sell_quantity,
            q.lower_circuit,
            q.upper_circuit,
            received,
        )
        self.post(Outgoing(channel, encode(message)))
        if q.at_ms is not None:
            if self.newest_event_ms is None or q.at_ms > self.newest_event_ms:
                self.newest_event_ms = q.at_ms
            # 0 says that it has not traded today; no bar begins with that.
            if q.last:
                self.bars.add(symbol, q.at_ms, q.last, q.volume, q.open_interest)
        if q.depth is not None:
            self._depth(symbol, q.depth, received)

    def _depth(self, symbol: str, d: DepthTick, received: int) -> None:
        channel = "depth:" + symbol
        message = DepthMessage(
            symbol,
            self._next(channel),
            [(level.price, level.quantity, level.orders or 0) for level in d.bids],
            [(level.price, level.quantity, level.orders or 0) for level in d.asks],
            received,
        )
        self.post(Outgoing(channel, encode(message)))

    def _emit_bar(self, symbol: str, interval: Interval, bar: Bar) -> None:
        message = CandleMessage(symbol, interval.value, bar.t, bar.o, bar.h, bar.l, bar.c, bar.v, bar.oi, bar.closed)
        self.post(Outgoing(f"candle:{interval.value}:{symbol}", encode(message)))
