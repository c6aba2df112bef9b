"""A minute's prints give the minute back, whatever the minute looks like."""

from datetime import date
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from breeze_simulator.domain.day_bars import second_bars
from breeze_simulator.domain.day_path import DayPath
from breeze_simulator.domain.prints import BLOCK_ROWS, PrintBook, blocks_of

price = st.integers(1, 4_000).map(lambda ticks: round(ticks * 0.05, 2))
row = st.tuples(st.lists(price, min_size=4, max_size=4), st.integers(0, 50), st.integers(0, 2_000_000), st.booleans())


def path_of(rows: list[Any], lot: int, width: int) -> DayPath:
    """Rows with gaps between their minutes; a `still` row has one price only."""
    prices = [([max(each)] * 4 if still else each) for each, _, _, still in rows]
    opens, closes = np.array([each[0] for each in prices]), np.array([each[1] for each in prices])
    highs, lows = np.array([max(each) for each in prices]), np.array([min(each) for each in prices])
    minute = 555 + np.cumsum([gap + 1 for _, gap, _, _ in rows])
    volume = np.array([volume for _, _, volume, _ in rows], dtype=np.int64)
    oi = volume * 2 if lot > 1 else None
    return DayPath("X", date(2026, 3, 17), minute, opens, highs, lows, closes, volume, oi, 0.05, lot, width)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(row, min_size=1, max_size=40),
    lot=st.sampled_from([1, 65, 500]),
    width=st.sampled_from([4, 9, 24, 60]),
    seed=st.integers(0, 5),
)
def test_prints_fold_to_the_minutes_they_were_drawn_from(rows: list[Any], lot: int, width: int, seed: int) -> None:
    path = path_of(rows, lot, width)
    book = PrintBook(seed)
    before = 0
    for number in range(blocks_of(path)):
        block = book.block(path, number)
        assert (np.diff(block.time) >= 0).all()
        assert (np.diff(block.volume) >= 0).all()
        assert (block.quantity >= 0).all()
        assert (np.diff(block.turnover) >= -1e-6).all()
        for position in range(number * BLOCK_ROWS, min((number + 1) * BLOCK_ROWS, len(path))):
            inside = block.row == position
            prices = block.price[inside]
            assert prices[0] == path.open[position]
            assert prices[-1] == path.close[position]
            assert prices.max() == path.high[position]
            assert prices.min() == path.low[position]
            assert ((block.time[inside] - path.midnight) // 60 == path.minute[position]).all()
            assert block.quantity[inside].sum() == path.volume[position]
        before += int(path.volume[number * BLOCK_ROWS : (number + 1) * BLOCK_ROWS].sum())
        assert block.volume[-1] == before
        assert block.high[-1] == path.high[: (number + 1) * BLOCK_ROWS].max()
        assert block.low[-1] == path.low[: (number + 1) * BLOCK_ROWS].min()
        seconds = second_bars(path, block)
        assert len(seconds) == len(set(block.time.tolist()))
        assert seconds.volume.sum() == block.quantity.sum()


def test_blocks_do_not_depend_on_the_order_in_which_they_are_asked_for() -> None:
    rng = np.random.default_rng(1)
    rows = [([100.0, 101.0, 102.5, 99.0], 0, int(rng.integers(0, 9_000)), False) for _ in range(50)]
    path = path_of(rows, 1, 24)
    forward, backward = PrintBook(7), PrintBook(7)
    ascending = [forward.block(path, number) for number in range(blocks_of(path))]
    descending = [backward.block(path, number) for number in reversed(range(blocks_of(path)))]
    for one, other in zip(ascending, reversed(descending), strict=True):
        assert np.array_equal(one.time, other.time)
        assert np.array_equal(one.price, other.price)
        assert np.array_equal(one.volume, other.volume)
