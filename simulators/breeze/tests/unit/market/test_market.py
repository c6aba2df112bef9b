"""Quotes, the book, contracts, and the loop that emits."""

import asyncio
import time as stopwatch
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest

from breeze_simulator.application.live import LiveLoop
from breeze_simulator.application.market import Market
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import BarInterval, Bars, ClosedBar, Tick
from breezeway.clock import IST
from breezeway.options import black76

DAY = date(2026, 11, 20)


def share_of(market: Market, code: str = "RELIND") -> Instrument:
    found = market.universe.by_contract("NSE", code, "cash")
    assert found is not None
    return found


def near_options(market: Market, count: int = 40) -> list[Instrument]:
    universe = market.universe
    spot = market.snapshot(share_of(market, "NIFTY")).last
    chain = universe.chain("NFO", "NIFTY", universe.expiries("NFO", "NIFTY", "option")[1])
    return sorted(chain, key=lambda option: abs((option.strike or 0) - spot))[:count]


def test_a_quote_is_consistent_with_the_bars_so_far(make_market: Callable[..., Market]) -> None:
    market = make_market(at=time(12, 0))
    for instrument in (share_of(market), share_of(market, "NIFTY"), *near_options(market, 4)):
        quote = market.snapshot(instrument)
        bars = market.bars(
            instrument, "1minute", datetime.combine(DAY, time(9, 15)), datetime.combine(DAY, time(11, 59))
        )
        assert quote.open == bars.open[0]
        assert quote.high >= bars.high.max()
        assert quote.low <= bars.low.min()
        assert quote.volume >= bars.volume.sum()
        before = datetime.combine(date(2026, 11, 19), time(0))
        yesterday = market.bars(instrument, "1day", before, before)
        assert quote.prev_close == yesterday.close[-1]
        assert quote.ltt is not None
        assert quote.ltt <= market.clock.now()


def test_prices_are_whole_ticks_inside_their_circuits(make_market: Callable[..., Market]) -> None:
    market = make_market(at=time(12, 0))
    for instrument in [*islice(market.universe.cash("NSE"), 0, 400, 7), *near_options(market)]:
        quote = market.snapshot(instrument)
        bars = market.truth(instrument, "1minute", datetime.combine(DAY, time(9)), datetime.combine(DAY, time(16)))
        if instrument.kind == "index" or not len(bars):
            continue
        tick = 0.05 if instrument.kind == "option" else instrument.tick_size
        for column in (bars.open, bars.high, bars.low, bars.close):
            assert np.allclose(column / tick, np.round(column / tick), atol=1e-4), instrument.key
        assert quote.lower_circuit <= bars.low.min()
        assert bars.high.max() <= quote.upper_circuit
        assert quote.bid < quote.ask
        assert quote.bid <= quote.last <= quote.ask


def test_the_book_has_five_levels_around_the_quote(make_market: Callable[..., Market]) -> None:
    market = make_market(at=time(12, 0))
    depth, quote = market.depth(share_of(market)), market.snapshot(share_of(market))
    assert len(depth.bids) == len(depth.asks) == 5
    assert (depth.bids[0].price, depth.asks[0].price) == (quote.bid, quote.ask)
    assert [level.price for level in depth.bids] == sorted({level.price for level in depth.bids}, reverse=True)
    assert [level.price for level in depth.asks] == sorted({level.price for level in depth.asks})
    assert all(level.qty > 0 and level.orders > 0 for level in (*depth.bids, *depth.asks))
    assert market.depth(share_of(market, "NIFTY")).bids == ()


def test_options_are_priced_off_their_underlying(make_market: Callable[..., Market]) -> None:
    market = make_market(at=time(12, 0))
    options = near_options(market)
    quotes = {(option.strike, option.right): market.snapshot(option) for option in options}
    volatilities = []
    for option in options:
        assert option.expiry is not None
        quote = quotes[option.strike, option.right]
        years = ((option.expiry - DAY).days + 3.5 / 24) / 365
        forward = quote.spot * np.exp(0.065 * (option.expiry - DAY).days / 365)
        volatilities.append(
            float(black76.implied_vol(quote.last, forward, option.strike, years, option.right == "call"))
        )
        other = quotes.get((option.strike, "put" if option.right == "call" else "call"))
        if other is not None and option.right == "call":
            assert quote.last - other.last == pytest.approx(forward - (option.strike or 0), abs=12)
    assert 0.07 < np.median(volatilities) < 0.35
    assert np.ptp(volatilities) < 0.08
    calls = sorted((strike, quote.last) for (strike, right), quote in quotes.items() if right == "call")
    assert all(lower[1] >= higher[1] for lower, higher in pairwise(calls))


def test_expired_contracts_have_a_history_but_are_not_listed(make_market: Callable[..., Market]) -> None:
    market = make_market(at=time(12, 0))
    expired = date(2026, 10, 27)
    assert market.universe.by_contract("NFO", "NIFTY", "options", expired, 26_000.0, "call") is None
    contract = market.contract("NFO", "NIFTY", "options", expired, 26_000.0, "call")
    assert contract is not None
    bars = market.bars(contract, "1minute", datetime(2026, 10, 26), datetime(2026, 10, 30))  # noqa: DTZ001
    assert len(bars) > 300
    last = datetime.fromtimestamp(int(bars.time[-1]), IST)
    assert last.date() == expired
    assert market.contract("NFO", "NIFTY", "options", date(2026, 10, 28), 26_000.0, "call") is None
    assert market.contract("NFO", "NIFTY", "futures", expired) is not None
    assert market.contract("NFO", "NOSUCH", "futures", expired) is None


def test_any_day_since_2015_is_answered(make_market: Callable[..., Market]) -> None:
    market = make_market()
    share = share_of(market)
    market.bars(share, "1day", datetime(2020, 1, 1), datetime(2020, 1, 10))  # noqa: DTZ001
    began = stopwatch.process_time()
    bars = market.bars(share, "1minute", datetime(2015, 3, 2), datetime(2015, 3, 2, 23))  # noqa: DTZ001
    # Ten times what it takes: all the years between would be minutes.
    assert stopwatch.process_time() - began < 2
    assert len(bars) == 375
    holiday = market.bars(share, "1minute", datetime(2026, 1, 26), datetime(2026, 1, 26, 23))  # noqa: DTZ001
    assert len(holiday) == 0
    years = market.bars(share, "1day", datetime(2015, 1, 1), datetime(2026, 11, 19, 23))  # noqa: DTZ001
    assert len(years) > 2900
    assert np.abs(np.diff(np.log(years.close))).max() < 0.15


def test_a_closed_market_shows_its_last_session(make_market: Callable[..., Market], wall: Any) -> None:
    market = make_market(at=time(15, 36))
    share = share_of(market)
    before = market.snapshot(share)
    market.clock.set(mode="wall")
    assert market.clock.now().strftime("%A") == "Saturday"
    shown = market.snapshot(share)
    assert (shown.last, shown.volume, shown.ltt) == (before.last, before.volume, before.ltt)


def test_closing_hours_follow_the_calendar(make_market: Callable[..., Market]) -> None:
    market = make_market()
    universe = market.universe
    future = universe.by_contract("NFO", "RELIND", "futures", universe.expiries("NFO", "RELIND", "future")[0])
    plain = next(each for each in universe.cash("NSE") if each.kind == "equity" and not universe.has_derivatives(each))
    assert future is not None
    whole = (datetime.combine(DAY, time(9)), datetime.combine(DAY, time(23)))
    last = {
        instrument.key: datetime.fromtimestamp(int(market.truth(instrument, "1minute", *whole).time[-1]), IST).time()
        for instrument in (share_of(market), share_of(market, "NIFTY"), future, plain)
    }
    assert time(15, 30) <= last[share_of(market).key] < time(15, 35)  # the print of the closing auction
    assert last[share_of(market, "NIFTY").key] == time(15, 29)
    assert last[future.key] >= time(15, 35)
    assert time(15, 14) < last[plain.key] <= time(15, 29)


def test_farm_produce_closes_before_its_exchange(make_market: Callable[..., Market]) -> None:
    market = make_market(at=time(23, 55))
    universe = market.universe
    whole = (datetime.combine(DAY, time(9)), datetime.combine(DAY, time(23, 59)))
    last = {}
    for code in ("GOLD", "COTTON"):
        future = universe.by_contract("MCX", code, "futures", universe.expiries("MCX", code, "future")[0])
        assert future is not None
        bars = market.truth(future, "1minute", *whole)
        last[code] = datetime.fromtimestamp(int(bars.time[-1]), IST).time()
    assert last["GOLD"] > time(23, 30)
    assert time(20, 30) < last["COTTON"] < time(21, 0)


def test_the_closing_auction_prints_once_and_makes_the_close(make_market: Callable[..., Market]) -> None:
    market = make_market()
    share = share_of(market)

    def of(day: date, interval: BarInterval) -> Bars:
        return market.truth(share, interval, datetime.combine(day, time(0)), datetime.combine(day, time(23)))

    before = of(date(2026, 7, 31), "1minute")
    assert len(before) == 375
    minutes = of(DAY, "1minute")
    assert len(minutes) == 361
    printed = minutes.slice(360, 361)
    gap = (int(printed.time[0]) - int(minutes.time[359])) // 60
    assert 16 <= gap < 21
    assert printed.open[0] == printed.high[0] == printed.low[0] == printed.close[0]
    assert abs(printed.close[0] / minutes.close[359] - 1) <= 0.031
    assert 0.01 < printed.volume[0] / minutes.volume.sum() < 0.2
    seconds = of(DAY, "1second")
    assert (seconds.time[-1] // 60 * 60, seconds.volume[-1]) == (printed.time[0], printed.volume[0])
    daily = of(DAY, "1day")
    assert (daily.close[0], daily.volume[0]) == (printed.close[0], minutes.volume.sum())
    fives = of(DAY, "5minute")
    assert (fives.close[-1], len(fives)) == (printed.close[0], 73)
    market.clock.set(day=DAY, at=time(15, 29))
    assert len(market.bars(share, "1day", datetime.combine(DAY, time(0)), datetime.combine(DAY, time(23)))) == 0
    market.clock.set(day=DAY, at=time(15, 36))
    assert market.snapshot(share).last == printed.close[0]


async def test_run_emits_while_watched_and_ends_when_cancelled(make_market: Callable[..., Market], wall: Any) -> None:
    market = make_market(speed=1.0)
    market.tick_rate = 100.0
    share = share_of(market)
    ticks: list[Tick] = []
    bars: list[ClosedBar] = []

    async def keep(found: Sequence[Tick]) -> None:
        ticks.extend(found)

    async def keep_bars(found: Sequence[ClosedBar]) -> None:
        bars.extend(found)

    market.watch(share)
    market.watch(share)
    market.watch_bars(share, "1minute")
    running = asyncio.create_task(market.run(keep, keep_bars))
    await asyncio.sleep(0.1)
    wall.pass_seconds(59)
    await asyncio.sleep(0.2)
    # A minute in one step is longer than the loop catches up on, so the quiet of a slept machine is not replayed.
    wall.pass_seconds(2)
    await asyncio.sleep(0.3)
    assert ticks
    assert [bar.start.time() for bar in bars] == [time(9, 15)]

    market.unwatch(share)
    await asyncio.sleep(0.1)
    seen = len(ticks)
    await asyncio.sleep(0.2)
    assert len(ticks) > seen, "one listener is left"
    market.unwatch(share)
    await asyncio.sleep(0.1)
    seen = len(ticks)
    await asyncio.sleep(0.2)
    assert len(ticks) == seen
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_a_replay_that_starts_over_repeats_itself(make_market: Callable[..., Market], wall: Any) -> None:
    market = make_market(at=time(15, 38), speed=1.0)
    share = share_of(market, "NIFTY")
    loop = LiveLoop(market.clock, market, 0.0)
    loop.watch(share)
    first = make_market(at=time(9, 15))
    reference = LiveLoop(first.clock, first, 0.0)
    reference.watch(share)

    def collect(source: LiveLoop, seconds: int) -> list[Tick]:
        found: list[Tick] = []
        for _ in range(seconds):
            found.extend(source.step(1.0)[0])
            wall.pass_seconds(1)
        return found

    opening = collect(reference, 60)
    collect(loop, 60)  # 15:39
    again = [tick for tick in collect(loop, 90) if tick.at.time() < time(9, 16)]
    assert [(tick.at, tick.quote.last) for tick in again][:25] == [(tick.at, tick.quote.last) for tick in opening][:25]


def test_one_instrument_alone_can_carry_the_whole_rate(make_market: Callable[..., Market], wall: Any) -> None:
    market = make_market(at=time(10, 0))
    loop = LiveLoop(market.clock, market, 500.0)
    loop.watch(share_of(market))
    loop.step(0.0)
    ticks = 0
    for _ in range(100):
        wall.pass_seconds(0.05)
        ticks += len(loop.step(0.05)[0])
    assert ticks == pytest.approx(2500, abs=30)


def test_five_hundred_ticks_a_second_take_a_fraction_of_a_core(make_market: Callable[..., Market], wall: Any) -> None:
    market = make_market(at=time(10, 0))
    watched = [each for each in islice(market.universe.cash("NSE"), 150)] + near_options(market, 50)
    loop = LiveLoop(market.clock, market, 500.0)
    for instrument in watched:
        loop.watch(instrument)
    loop.step(0.0)
    began, ticks = stopwatch.process_time(), 0
    for _ in range(20 * 30):
        wall.pass_seconds(0.05)
        ticks += len(loop.step(0.05)[0])
    spent = stopwatch.process_time() - began
    assert ticks >= 0.95 * 500 * 30
    # A tenth of a core where it is quiet; a busy machine may be five times slower.
    assert spent / 30 < 0.75
