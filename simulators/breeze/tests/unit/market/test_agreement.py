"""History and the live channels are the same market: bars folded from every tick equal what history answers."""

import gzip
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from breeze_simulator.adapters.candle_files import CandleFolder
from breeze_simulator.application.live import LiveLoop
from breeze_simulator.application.market import Market
from breeze_simulator.domain.day_bars import fold as fold_bars
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import BarInterval, Bars, ClosedBar, Tick
from breeze_simulator.domain.underlyings import NoSource, PriceSource
from breezeway.candles.folding import Bar, fold
from breezeway.clock import IST, epoch_ms

DAY = date(2026, 11, 20)


def write_candles(folder: Path) -> Path:
    """A day of RELIANCE and NIFTY with holes, still minutes, odd lots and a first bar without volume."""
    rng = np.random.default_rng(3)
    lines = ["symbol,datetime,open,high,low,close,volume"]
    for symbol, price, traded in (("RELIANCE", 1480.0, True), ("NIFTY", 25_800.0, False)):
        for minute in range(555, 930):
            if minute % 41 == 7:
                continue
            o = round(price + 0.05 * int(rng.integers(-3, 4)), 2)
            c = round(o + 0.05 * int(rng.integers(-30, 31)), 2) if minute % 29 else o
            h = round(max(o, c) + 0.05 * int(rng.integers(0, 20)) * (minute % 29 > 0), 2)
            low = round(min(o, c) - 0.05 * int(rng.integers(0, 20)) * (minute % 29 > 0), 2)
            volume = int(rng.integers(0, 5000)) if traded and minute > 555 else 0
            at = f"{DAY} {minute // 60:02}:{minute % 60:02}:00"
            lines.append(f"{symbol},{at},{o},{h},{low},{c},{volume}")
            price = c
    folder.mkdir(exist_ok=True)
    (folder / "day.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return folder


@pytest.fixture(params=["generated", "files"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> PriceSource:
    return NoSource() if request.param == "generated" else CandleFolder(write_candles(tmp_path / "candles"))


def chosen(market: Market) -> list[Instrument]:
    """A share on both exchanges, an index, futures of both and options near the money and far from it."""
    universe = market.universe
    index = universe.by_contract("NSE", "NIFTY", "cash")
    share = universe.by_contract("NSE", "RELIND", "cash")
    twin = universe.by_contract("BSE", "RELIND", "cash")
    quiet = next(i for i in universe.cash("NSE") if i.kind == "equity" and not universe.has_derivatives(i))
    expiry = universe.expiries("NFO", "NIFTY", "option")[0]
    future = universe.by_contract("NFO", "NIFTY", "futures", universe.expiries("NFO", "NIFTY", "future")[0])
    share_future = universe.by_contract("NFO", "RELIND", "futures", universe.expiries("NFO", "RELIND", "future")[0])
    assert index is not None
    spot = market.snapshot(index).prev_close
    chain = sorted(universe.chain("NFO", "NIFTY", expiry), key=lambda option: abs((option.strike or 0) - spot))
    found = [index, share, twin, quiet, future, share_future, chain[0], chain[1], chain[30]]
    return [instrument for instrument in found if instrument is not None]


def live_through(
    market: Market,
    wall: Any,
    instruments: Sequence[Instrument],
    *,
    rate: float,
    beat: float,
    seconds: int,
    intervals: Sequence[BarInterval] = (),
) -> tuple[dict[str, list[Tick]], list[ClosedBar]]:
    """Run the loop for `seconds` of exchange time and keep everything it emits."""
    loop = LiveLoop(market.clock, market, rate)
    for instrument in instruments:
        loop.watch(instrument)
        for interval in intervals:
            loop.watch_bars(instrument, interval)
    ticks: dict[str, list[Tick]] = {instrument.key: [] for instrument in instruments}
    bars: list[ClosedBar] = []
    steps = round(seconds / (beat * market.clock.speed))
    for number in range(steps + 1):
        found, closed = loop.step(beat)
        for tick in found:
            ticks[tick.instrument.key].append(tick)
        bars.extend(closed)
        if number < steps:
            wall.pass_seconds(beat)
    return ticks, bars


INTERVALS: tuple[BarInterval, ...] = ("1second", "1minute", "5minute", "30minute")
COARSE: dict[BarInterval, int] = {"5minute": 300, "30minute": 1800}


def folded(ticks: Sequence[Tick], seconds: Literal[1, 60]) -> list[tuple[Any, ...]]:
    """Bars by event time, as the market-data service folds them."""
    trades = [
        (epoch_ms(tick.quote.ltt), tick.quote.last, tick.quote.volume, tick.quote.oi)
        for tick in ticks
        if tick.quote.ltt is not None
    ]
    return [plain(bar) for bar in fold(trades, seconds, day_start_volume=0)]


def plain(bar: Bar) -> tuple[Any, ...]:
    return (bar.t, bar.o, bar.h, bar.l, bar.c, bar.v, bar.oi)


def rows(bars: Bars) -> list[tuple[Any, ...]]:
    interest = [None] * len(bars) if bars.oi is None else bars.oi.tolist()
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return list(zip(*(column.tolist() for column in columns), interest, strict=True))


@pytest.mark.parametrize(("rate", "beat", "speed"), [(0.0, 0.5, 10.0), (60.0, 0.5, 2.0)])
def test_an_hour_of_ticks_folds_to_what_history_answers(
    make_market: Callable[..., Market], wall: Any, source: PriceSource, rate: float, beat: float, speed: float
) -> None:
    market = make_market(source=source, speed=speed)
    instruments = chosen(market)

    ticks, _ = live_through(market, wall, instruments, rate=rate, beat=beat, seconds=3600)

    start, end = datetime.combine(DAY, time(9, 15)), datetime.combine(DAY, time(10, 14, 59))
    assert market.clock.now() == datetime.combine(DAY, time(10, 15), tzinfo=IST)
    for instrument in instruments:
        received = [
            tick for tick in ticks[instrument.key] if epoch_ms(tick.quote.ltt or tick.at) < epoch_ms(market.clock.now())
        ]
        assert folded(received, 1) == rows(market.bars(instrument, "1second", start, end)), instrument.key
        minutes = market.bars(instrument, "1minute", start, end)
        assert len(minutes) > 0 or instrument.kind in ("option", "equity")
        assert folded(received, 60) == rows(minutes), instrument.key
        anchor = int(datetime.combine(DAY, time(9, 15), tzinfo=IST).timestamp())
        for interval, seconds in COARSE.items():
            coarse = fold_bars(minutes, anchor + (minutes.time - anchor) // seconds * seconds)
            assert rows(market.bars(instrument, interval, start, end)) == rows(coarse), (instrument.key, interval)
    if rate:
        assert sum(map(len, ticks.values())) >= 0.98 * rate * 3600 / speed


def test_the_tick_rate_adds_quote_updates_but_no_trades(make_market: Callable[..., Market], wall: Any) -> None:
    market = make_market()
    share = market.universe.by_contract("NSE", "RELIND", "cash")
    assert share is not None
    ticks, _ = live_through(market, wall, [share], rate=50.0, beat=0.05, seconds=60)
    assert len(ticks[share.key]) > 2500

    trades = {(tick.quote.ltt, tick.quote.volume) for tick in ticks[share.key]}
    assert 4 <= len(trades) <= 30
    volumes = [tick.quote.volume for tick in ticks[share.key]]
    assert volumes == sorted(volumes)
    assert len({(tick.quote.bid_qty, tick.quote.ask_qty) for tick in ticks[share.key]}) > 500


def test_ohlc_channels_give_every_closed_bar_once(
    make_market: Callable[..., Market], wall: Any, source: PriceSource
) -> None:
    market = make_market(source=source, speed=20.0)
    instruments = chosen(market)
    _, closed = live_through(market, wall, instruments, rate=0.0, beat=0.5, seconds=3600, intervals=INTERVALS)
    start, end = datetime.combine(DAY, time(9, 15)), datetime.combine(DAY, time(10, 15))
    for instrument in instruments:
        for interval in INTERVALS:
            emitted = [
                (int(bar.start.timestamp()), bar.open, bar.high, bar.low, bar.close, bar.volume, bar.oi)
                for bar in closed
                if bar.instrument == instrument and bar.interval == interval
            ]
            assert emitted == rows(market.bars(instrument, interval, start, end)), (instrument.key, interval)


def test_history_never_shows_the_future_but_truth_does(make_market: Callable[..., Market]) -> None:
    market = make_market(at=time(11, 0, 30))
    share = market.universe.by_contract("NSE", "RELIND", "cash")
    assert share is not None
    start, end = datetime.combine(DAY, time(9, 15)), datetime.combine(DAY, time(15, 30))
    minutes = market.bars(share, "1minute", start, end)
    assert datetime.fromtimestamp(int(minutes.time[-1]), IST).time() == time(10, 59)
    assert len(market.bars(share, "1day", start, end)) == 0
    whole = market.truth(share, "1minute", start, end)
    assert datetime.fromtimestamp(int(whole.time[-1]), IST).time() == time(15, 14)
    assert rows(whole)[: len(minutes)] == rows(minutes)


def test_a_day_is_the_same_whichever_day_it_is_asked_on(make_market: Callable[..., Market]) -> None:
    before = date(2026, 11, 19)
    earlier, later = make_market(day=before, at=time(15, 39, 59)), make_market(day=DAY, at=time(10, 0))
    start, end = datetime.combine(before, time(9, 15)), datetime.combine(before, time(15, 38))
    for instrument in chosen(later):
        assert rows(earlier.bars(instrument, "1minute", start, end)) == rows(
            later.bars(instrument, "1minute", start, end)
        )
