"""Bars from ticks: what is published, what is stored, and what is left out."""

from datetime import date, datetime, time

from breezeway.candles.folding import Bar
from breezeway.clock import epoch_ms, ist_datetime
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from market_data_service.application.bar_builder import BarBuilder

DAY = date(2026, 11, 18)
SYMBOL = "NSE:RELIANCE"


def at(hour: int, minute: int, second: int = 0) -> int:
    return epoch_ms(ist_datetime(DAY, time(hour, minute, second)))


class Bench:
    def __init__(self, *intervals: Interval) -> None:
        self.out: list[tuple[Interval, Bar]] = []
        self.builder = BarBuilder(
            lambda _symbol, interval, bar: self.out.append((interval, bar)), MarketCalendar.default()
        )
        if intervals:
            self.builder.want({SYMBOL: frozenset(intervals)})
        self.volume = 1_000

    def _take(self, _symbol: str, interval: Interval, bar: Bar) -> None:
        self.out.append((interval, bar))

    def tick(self, moment: int, price: float, traded: int = 10) -> None:
        self.volume += traded
        self.builder.add(SYMBOL, moment, price, self.volume, None)

    def minutes(self, hour: int, first: int, count: int, price: float = 100.0) -> None:
        """Two ticks in each of `count` minutes."""
        for n in range(count):
            self.tick(at(hour, first + n, 5), price + n)
            self.tick(at(hour, first + n, 50), price + n + 0.5)

    def closed(self, interval: Interval) -> list[Bar]:
        return [bar for i, bar in self.out if i is interval and bar.closed]

    def forming(self, interval: Interval) -> list[Bar]:
        return [bar for i, bar in self.out if i is interval and not bar.closed]


def test_a_closed_minute_is_published_once_and_stored_only_if_it_was_seen_whole() -> None:
    bench = Bench()
    bench.minutes(10, 0, 4)
    assert [bar.t for bar in bench.closed(Interval.MINUTE_1)] == [at(10, n) // 1000 for n in range(3)]
    finished = bench.builder.take_finished()
    # 10:00 was joined in its middle, so history has to supply it.
    assert [bar.t for bar in finished[SYMBOL]] == [at(10, 1) // 1000, at(10, 2) // 1000]
    assert [bar.v for bar in finished[SYMBOL]] == [20, 20]
    assert bench.builder.take_finished() == {}


def test_a_silent_minute_is_closed_by_the_exchange_clock_after_a_grace() -> None:
    bench = Bench()
    bench.minutes(10, 0, 1)
    bench.builder.tend(at(10, 1, 1))
    assert bench.closed(Interval.MINUTE_1) == []
    bench.builder.tend(at(10, 1, 3))
    assert len(bench.closed(Interval.MINUTE_1)) == 1


def test_forming_bars_are_published_only_when_somebody_listens_and_something_changed() -> None:
    bench = Bench(Interval.MINUTE_1)
    bench.tick(at(10, 0, 5), 100)
    bench.builder.tend(at(10, 0, 6))
    bench.builder.tend(at(10, 0, 7))
    assert [bar.c for bar in bench.forming(Interval.MINUTE_1)] == [100]
    bench.builder.want({})
    bench.tick(at(10, 0, 8), 101)
    bench.builder.tend(at(10, 0, 9))
    assert len(bench.forming(Interval.MINUTE_1)) == 1


def test_derived_bars_are_anchored_at_the_open_and_fold_minutes() -> None:
    bench = Bench(Interval.MINUTE_15)
    bench.minutes(9, 15, 16)
    [bar] = bench.closed(Interval.MINUTE_15)
    assert bar.t == at(9, 15) // 1000
    assert (bar.o, bar.h, bar.l, bar.c) == (100.0, 114.5, 100.0, 114.5)
    # The very first tick only sets the mark of the cumulative volume.
    assert bar.v == 29 * 10


def test_a_forming_derived_bar_has_what_was_traded_before_it_was_asked_for() -> None:
    bench = Bench()
    bench.minutes(9, 20, 2)
    assert bench.builder.want({SYMBOL: frozenset({Interval.MINUTE_15})}) == [(SYMBOL, Interval.MINUTE_15)]
    earlier = [Bar(at(9, 15 + n) // 1000, 90, 120, 80, 95, 50, None, closed=True) for n in range(6)]
    bench.builder.seed(SYMBOL, Interval.MINUTE_15, earlier, at(9, 22) // 1000)
    bench.tick(at(9, 22, 1), 101)
    bench.builder.tend(at(9, 22, 2))
    bar = bench.forming(Interval.MINUTE_15)[-1]
    assert (bar.t, bar.o, bar.h, bar.l, bar.c) == (at(9, 15) // 1000, 90, 120, 80, 101)
    assert bar.v > 300


def test_the_day_bar_is_labelled_at_midnight() -> None:
    bench = Bench(Interval.DAY_1)
    bench.minutes(10, 0, 2)
    bench.builder.tend(at(10, 2))
    assert bench.forming(Interval.DAY_1)[-1].t == epoch_ms(ist_datetime(DAY, time(0))) // 1000


def test_five_second_bars_come_from_seconds() -> None:
    bench = Bench(Interval.SECOND_5)
    for second in range(12):
        bench.tick(at(10, 0, second), 100 + second)
    closed = [(bar.t, bar.o, bar.c) for bar in bench.closed(Interval.SECOND_5)]
    assert closed == [(at(10, 0, 0) // 1000, 100, 104), (at(10, 0, 5) // 1000, 105, 109)]
    assert bench.closed(Interval.SECOND_1) == []


def test_ticks_outside_of_continuous_trading_make_no_bar() -> None:
    bench = Bench()
    for moment in (at(9, 8), at(15, 45), epoch_ms(datetime.fromisoformat("2026-11-22T10:00:00+05:30"))):
        bench.tick(moment, 100)
        bench.tick(moment + 61_000, 100)
    assert bench.out == []


def test_farm_produce_ends_before_the_other_commodities() -> None:
    """Cotton trades until 21:00, crude oil until close to midnight."""
    bench = Bench()
    for symbol in ("MCX:COTTON30NOV26FUT", "MCX:CRUDEOIL19NOV26FUT"):
        for minute in (58, 59, 60, 61, 62):
            bench.builder.add(symbol, at(20, 0) + minute * 60_000, 100.0, 1_000 + minute, 5)
    finished = bench.builder.take_finished()
    assert [bar.t for bar in finished["MCX:CRUDEOIL19NOV26FUT"]] == [
        at(20, 59) // 1000,
        at(21, 0) // 1000,
        at(21, 1) // 1000,
    ]
    bench.builder.tend(at(21, 10))
    assert [bar.t for bar in bench.builder.take_finished()["MCX:COTTON30NOV26FUT"]] == [at(20, 59) // 1000]


def test_after_a_gap_the_broken_bar_is_not_stored_and_volume_does_not_jump() -> None:
    bench = Bench()
    bench.minutes(10, 0, 3)
    bench.builder.take_finished()
    bench.builder.break_off()
    bench.volume += 1_000_000
    bench.minutes(10, 5, 4)
    stored = bench.builder.take_finished()[SYMBOL]
    assert [bar.t for bar in stored] == [at(10, 6) // 1000, at(10, 7) // 1000]
    assert max(bar.v for bar in stored) == 20


def test_a_replay_that_begins_again_begins_new_bars() -> None:
    bench = Bench()
    bench.minutes(15, 10, 3)
    bench.volume = 1_000
    bench.minutes(9, 15, 3)
    assert bench.closed(Interval.MINUTE_1)[-1].t == at(9, 16) // 1000


def test_bars_that_could_not_be_stored_are_offered_again_before_newer_ones() -> None:
    bench = Bench()
    bench.minutes(10, 0, 3)
    failed = bench.builder.take_finished()
    bench.builder.give_back(failed)
    bench.minutes(10, 3, 2)
    assert [bar.t for bar in bench.builder.take_finished()[SYMBOL]] == [at(10, n) // 1000 for n in (1, 2, 3)]


def test_f_17_a_late_tick_corrects_the_bar_just_closed_and_an_older_one_is_left_to_history() -> None:
    """F-17: ticks out of order. The last closed bar is corrected and published again; what is later still is dropped,
    and history mends it."""
    bench = Bench(Interval.MINUTE_1)
    bench.minutes(10, 0, 3)
    bench.out.clear()
    bench.builder.take_finished()
    bench.builder.add(SYMBOL, at(10, 1, 55), 90.0, bench.volume, None)
    corrected = bench.closed(Interval.MINUTE_1)
    assert [(bar.t, bar.l, bar.c, bar.correction) for bar in corrected] == [(at(10, 1) // 1000, 90.0, 90.0, True)]
    assert bench.builder.take_finished()[SYMBOL] == corrected
    bench.out.clear()
    bench.builder.add(SYMBOL, at(10, 0, 55), 80.0, bench.volume, None)
    assert bench.closed(Interval.MINUTE_1) == []
    assert bench.builder.take_finished() == {}
