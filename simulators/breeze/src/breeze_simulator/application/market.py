"""The market: one state behind REST, quotes, candles and the live channels.

What history answers and what ticks show are the same paths. A bar is answered once it is closed: when its last second,
or the session's, has passed on the exchange clock; the forming bar is not answered at all.
"""

from datetime import date, datetime, timedelta
from typing import Protocol

import numpy as np

from breeze_simulator.application.live import EmitBars, EmitTicks, LiveLoop
from breeze_simulator.application.underlying_directory import UnderlyingDirectory
from breeze_simulator.domain.clock import SimClock
from breeze_simulator.domain.day_bars import concat, minute_bars, second_bars, session_bars
from breeze_simulator.domain.day_path import DayPath, midnight_of
from breeze_simulator.domain.expiries import is_expiry
from breeze_simulator.domain.instruments import Instrument, Product, Universe, parse_right
from breeze_simulator.domain.lru import Lru
from breeze_simulator.domain.market_types import INTERVAL_SECONDS, BarInterval, Bars, Depth, Snapshot
from breeze_simulator.domain.path_book import PathBook
from breeze_simulator.domain.prints import BLOCK_ROWS, PrintBook, blocks_of
from breeze_simulator.domain.quoting import DayFacts, Position, day_facts, depth_at, locate, snapshot_at
from breeze_simulator.domain.sessions import Sessions
from breeze_simulator.domain.underlyings import PriceSource
from breezeway.clock import IST

_FIRST_DAY = date(2015, 1, 1)
"""History begins here; files may reach further back."""

_CASH_OF = {"NFO": "NSE", "BFO": "BSE"}


class MasterSource(Protocol):
    """Where the security master of a day comes from; `is_real` means that its prices are the market's own."""

    @property
    def is_real(self) -> bool: ...

    def zip_bytes(self, day: date) -> bytes: ...

    def universe(self, day: date) -> Universe: ...


class Market:
    """Not thread-safe: build it anywhere, then use it from one event loop.

    Args:
        tick_rate: total ticks a second over all watched instruments; what the trades themselves do not fill is filled
            with quote updates, which repeat the last trade.
    """

    def __init__(
        self,
        clock: SimClock,
        master: MasterSource,
        sessions: Sessions,
        source: PriceSource,
        *,
        seed: int,
        tick_rate: float = 0.0,
    ) -> None:
        self.clock = clock
        self._master = master
        self._sessions = sessions
        self._source = source
        self._seed = seed
        self._paths = PathBook(seed, sessions, source)
        self._prints = PrintBook(seed)
        self._facts: Lru[tuple[str, date], DayFacts] = Lru(2048)
        self._universe: Universe | None = None
        self._universe_day: date | None = None
        self._live = LiveLoop(clock, self, tick_rate)

    def prepare(self) -> None:
        """Do now what the first request would otherwise wait for: read files, make the master."""
        self._source.symbols()
        _ = self.universe

    @property
    def tick_rate(self) -> float:
        return self._live.tick_rate

    @tick_rate.setter
    def tick_rate(self, rate: float) -> None:
        self._live.tick_rate = rate

    @property
    def universe(self) -> Universe:
        """The instruments of the clock's day."""
        day = self.clock.today()
        if self._universe is None or day != self._universe_day:
            universe = self._master.universe(day)
            if universe is not self._universe:
                self._universe = universe
                self._underlyings = UnderlyingDirectory(self._seed, universe, from_master=self._master.is_real)
            self._universe_day = day
            return universe
        return self._universe

    def master_zip(self) -> bytes:
        """SecurityMaster.zip of the clock's day."""
        return self._master.zip_bytes(self.clock.today())

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
        universe = self.universe
        found = universe.by_contract(exchange, stock_code, product, expiry, strike, right)
        if found is not None or expiry is None or product == "cash" or expiry >= self.clock.today():
            return found
        kind = "option" if product == "options" else "future"
        live = universe.expiries(exchange, stock_code, "future")
        sibling = universe.by_contract(exchange, stock_code, "futures", live[0]) if live else None
        if sibling is None or not is_expiry(exchange, expiry, self._sessions.is_trading_day):
            return None
        side = parse_right(right)
        if kind == "option" and (side is None or strike is None or strike <= 0):
            return None
        return Instrument(
            exchange=exchange,
            stock_code=stock_code,
            exchange_symbol=sibling.exchange_symbol,
            token="",
            kind="option" if kind == "option" else "future",
            name=sibling.name,
            series="OPTION" if kind == "option" else "FUTURE",
            isin="",
            lot_size=sibling.lot_size,
            tick_size=0.05 if kind == "option" else sibling.tick_size,
            expiry=expiry,
            strike=strike if kind == "option" else None,
            strike_text=f"{strike:g}" if kind == "option" else "0",
            right=side if kind == "option" else None,
            underlying=sibling.underlying,
        )

    def snapshot(self, i: Instrument) -> Snapshot:
        """The quote now; on a day without trading, the last one of the session before."""
        now = self.clock.now()
        second, day = int(now.timestamp()), now.date()
        if not self._sessions.is_trading_day(day):
            day = self._sessions.previous_day(day)
        facts = self.facts(i, day)
        return self.quote(i, facts, locate(self._prints, facts.path, second), second)

    def depth(self, i: Instrument) -> Depth:
        """The book now."""
        now = self.clock.now()
        return depth_at(self.facts(i, now.date()), self.snapshot(i), now)

    def bars(self, i: Instrument, interval: BarInterval, start: datetime, end: datetime) -> Bars:
        """Closed bars that start in [start, end], ascending. A naive bound is IST wall time."""
        return self._bars(i, interval, _epoch(start), _epoch(end), int(self.clock.now().timestamp()))

    def truth(self, i: Instrument, interval: BarInterval, start: datetime, end: datetime) -> Bars:
        """As `bars`, but without regard to the clock: bars that are still to come, too."""
        return self._bars(i, interval, _epoch(start), _epoch(end), None)

    def watch(self, i: Instrument) -> None:
        """Let the instrument tick; each call needs an `unwatch`."""
        self._live.watch(i)

    def unwatch(self, i: Instrument) -> None:
        self._live.unwatch(i)

    def watch_bars(self, i: Instrument, interval: BarInterval) -> None:
        """Count a listener of an OHLC channel (1second, 1minute, 5minute or 30minute)."""
        self._live.watch_bars(i, interval)

    def unwatch_bars(self, i: Instrument, interval: BarInterval) -> None:
        self._live.unwatch_bars(i, interval)

    async def run(self, emit: EmitTicks, emit_bars: EmitBars | None = None) -> None:
        """Emit due ticks about every 50 ms of wall time, then the watched bars that closed, until cancelled."""
        await self._live.run(emit, emit_bars)

    def facts(self, i: Instrument, day: date) -> DayFacts:
        """The constants of an instrument's day."""
        key = (i.key, day)
        known = self._facts.get(key)
        if known is None:
            known = self._make_facts(i, day)
            self._facts.put(key, known)
        return known

    def quote(self, i: Instrument, facts: DayFacts, position: Position | None, second: int, turn: int = 0) -> Snapshot:
        """The quote after a print; `turn` tells quote updates of one second apart."""
        return snapshot_at(facts, position, second, self._spot(i, facts, position, second), turn)

    def position(self, facts: DayFacts, second: int) -> Position | None:
        """The newest print at or before `second`."""
        return locate(self._prints, facts.path, second)

    def after(self, path: DayPath, position: Position | None) -> Position | None:
        """The print that follows; `None` at the end of the day."""
        if position is None:
            return Position(0, self._prints.block(path, 0), 0) if len(path) else None
        if position.index + 1 < len(position.block):
            return Position(position.number, position.block, position.index + 1)
        if position.number + 1 >= blocks_of(path):
            return None
        return Position(position.number + 1, self._prints.block(path, position.number + 1), 0)

    def day_bars(self, i: Instrument, interval: BarInterval, day: date, start: int, end: int) -> Bars:
        """Bars of one day that start in [start, end], whether closed or not."""
        path = self._path(i, day)
        if not len(path):
            return minute_bars(path)
        if interval == "1second":
            first = int(path.minute.searchsorted((start - path.midnight) // 60)) // BLOCK_ROWS
            last = int(path.minute.searchsorted((end - path.midnight) // 60, side="right") - 1) // BLOCK_ROWS
            numbers = range(max(first, 0), min(last + 1, blocks_of(path)))
            bars = concat([second_bars(path, self._prints.block(path, number)) for number in numbers])
        elif interval == "1minute":
            bars = minute_bars(path)
        else:
            bars = session_bars(path, interval, self._session(i, day), self._auction(i, day))
        low, high = np.searchsorted(bars.time, [start, end + 1])
        return bars.slice(int(low), int(high))

    def closing_times(self, i: Instrument, interval: BarInterval, day: date, bars: Bars) -> np.ndarray:
        """When each bar of `day` is closed: at its end, but no later than the session's."""
        session = self._session(i, day)
        path = self._path(i, day)
        last = max(int(session[-1]) if len(session) else 0, int(path.minute[-1]) if len(path) else 0)
        return np.minimum(bars.time + INTERVAL_SECONDS[interval], midnight_of(day) + (last + 1) * 60)

    def _bars(self, i: Instrument, interval: BarInterval, start: int, end: int, now: int | None) -> Bars:
        parts = []
        day = max(datetime.fromtimestamp(start, IST).date(), min(_FIRST_DAY, self._first_real_day(i)))
        last = datetime.fromtimestamp(end, IST).date()
        if now is not None:
            last = min(last, datetime.fromtimestamp(now, IST).date())
        while day <= last:
            if self._may_trade(i, day):
                bars = self.day_bars(i, interval, day, start, end)
                if now is not None and day == last and len(bars):
                    closed = int((self.closing_times(i, interval, day, bars) <= now).sum())
                    bars = bars.slice(0, closed)
                parts.append(bars)
            day += timedelta(days=1)
        return concat(parts)

    def _may_trade(self, i: Instrument, day: date) -> bool:
        if i.expiry is not None and day > i.expiry:
            return False
        if len(self._sessions.minutes(i.exchange, day, commodity=i.commodity)):
            return True
        return not i.is_derivative and self._source.day(i.exchange_symbol, day) is not None

    def _first_real_day(self, i: Instrument) -> date:
        anchor = self._source.anchor(i.exchange_symbol, date.min) if not i.is_derivative else None
        return anchor[0] if anchor is not None else _FIRST_DAY

    def _path(self, i: Instrument, day: date) -> DayPath:
        if self._universe is None:
            _ = self.universe
        return self._paths.path(i, self._underlyings.of(i), day)

    def _session(self, i: Instrument, day: date) -> np.ndarray:
        takes_part = not i.is_derivative and self._underlyings.of(i).cas
        return self._sessions.minutes(i.exchange, day, cas_eligible=takes_part, commodity=i.commodity)

    def _auction(self, i: Instrument, day: date) -> np.ndarray:
        takes_part = i.kind == "equity" and self._underlyings.of(i).cas
        return self._sessions.auction_minutes(i.exchange, day) if takes_part else np.zeros(0, dtype=np.int64)

    def _make_facts(self, i: Instrument, day: date) -> DayFacts:
        path = self._path(i, day)
        underlying = self._underlyings.of(i)
        before = self._path(i, self._sessions.previous_day(day))
        prev_oi = int(before.oi[-1]) if before.oi is not None and len(before) else 0
        if not prev_oi and path.oi is not None and len(path):
            prev_oi = int(path.oi[0])
        session = self._session(i, day)
        return day_facts(
            i,
            path,
            self._paths.previous_close(i, underlying, day),
            prev_oi,
            self._paths.courses.previous_level(underlying, day),
            underlying.cas,
            (int(session[0]), int(session[-1])) if len(session) else (0, -1),
        )

    def _spot(self, i: Instrument, facts: DayFacts, position: Position | None, second: int) -> float:
        if not i.is_derivative:
            return facts.prev_close if position is None else position.block.price.item(position.index)
        # Not the property, which asks the clock: this runs for every tick.
        universe = self._universe or self.universe
        cash = universe.underlying_of(i)
        if cash is not None:
            below = self.facts(cash, facts.path.day)
            found = locate(self._prints, below.path, second)
            return below.prev_close if found is None else found.block.price.item(found.index)
        underlying = self._underlyings.of(i)
        course = self._paths.courses.course(underlying, facts.path.day)
        if course is None:
            return round(self._paths.courses.previous_level(underlying, facts.path.day), 2)
        row = int(course.minute.searchsorted((second - facts.path.midnight) // 60, side="right")) - 1
        return round(float(course.close[row] if row >= 0 else course.open[0]), 2)


def _epoch(moment: datetime) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=IST)
    return int(aware.timestamp())
