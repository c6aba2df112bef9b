"""Live bars beside stored ones: who wins, and what is left out."""

from breezeway.candles.columns import Candles
from breezeway.candles.folding import Bar
from market_data_service.adapters.redis.live_bars import bars_of
from market_data_service.domain.live_bars import merge_live

OPEN = 1_795_146_300  # 2026-11-20 09:15 IST


def bar(t: int, *, closed: bool = True, oi: int | None = None) -> Bar:
    return Bar(t, 2.0, 2.0, 2.0, 2.0, 5, oi, closed)


def stored(*times: int) -> Candles:
    ones = [1.0] * len(times)
    return Candles.of(times, ones, ones, ones, ones, [1] * len(times))


def test_later_bars_are_added_and_stored_ones_stay() -> None:
    merged = merge_live(stored(OPEN, OPEN + 60), [bar(OPEN + 60), bar(OPEN + 120, closed=False, oi=9)], OPEN + 130)
    assert merged.t.tolist() == [OPEN, OPEN + 60, OPEN + 120]
    assert merged.c.tolist() == [1.0, 1.0, 2.0]
    assert merged.oi is not None


def test_an_unfinished_bar_of_a_past_minute_and_another_days_bars_are_left_out() -> None:
    assert len(merge_live(stored(OPEN), [bar(OPEN + 60, closed=False)], OPEN + 600)) == 1
    assert len(merge_live(stored(OPEN), [bar(OPEN + 60)], OPEN + 86_400)) == 1
    assert len(merge_live(stored(), [bar(OPEN)], OPEN - 60)) == 0


def test_a_tick_after_the_published_bar_opens_the_next_minute() -> None:
    candle = {"t": OPEN, "o": 1.0, "h": 3.0, "l": 1.0, "c": 2.0, "v": 4, "oi": None, "closed": True}
    tick = {"ltt": (OPEN + 61) * 1000, "ltp": 2.5, "oi": None}
    assert [(each.t, each.closed) for each in bars_of(candle, tick)] == [(OPEN, True), (OPEN + 60, False)]
    assert [each.t for each in bars_of(candle, {**tick, "ltt": (OPEN + 59) * 1000})] == [OPEN]
    assert bars_of(None, None) == []


def test_a_tick_from_before_the_first_trade_of_the_day_opens_no_bar() -> None:
    assert bars_of(None, {"ltt": (OPEN + 61) * 1000, "ltp": 0.0, "oi": None}) == []
