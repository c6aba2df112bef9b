"""Folding ticks into bars: volume, duplicates, lateness, days."""

import random
from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from breezeway.candles.folding import Bar, BarFolder, fold

MINUTE = 60_000
OPEN = 1_763_955_900_000  # 2025-11-24T09:15:00+05:30
NEXT_DAY = OPEN + 86_400_000


def test_bars_carry_the_growth_of_the_cumulative_volume() -> None:
    folder = BarFolder(60, day_start_volume=0)
    assert folder.add(OPEN + 100, 100.0, 50, 7) == []
    assert folder.add(OPEN + 30_000, 101.0, 80, 8) == []
    closed = folder.add(OPEN + MINUTE + 5, 99.0, 100, 9)
    assert closed == [Bar(OPEN // 1000, 100.0, 101.0, 100.0, 101.0, 80, 8, closed=True)]
    assert folder.forming == Bar(OPEN // 1000 + 60, 99.0, 99.0, 99.0, 99.0, 20, 9, closed=False)


def test_volume_traded_before_we_listened_is_not_ours() -> None:
    bars = fold([(OPEN, 10.0, 5_000, None), (OPEN + 1, 10.0, 5_010, None)], 60)
    assert [bar.v for bar in bars] == [10]


def test_a_new_day_counts_from_zero() -> None:
    ticks = [(OPEN, 10.0, 5_000, None), (OPEN + 1, 10.0, 5_010, None), (NEXT_DAY, 11.0, 30, None)]
    assert [bar.v for bar in fold(ticks, 60)] == [10, 30]


def test_an_index_has_no_volume() -> None:
    assert [bar.v for bar in fold([(OPEN, 10.0, None, None), (OPEN + MINUTE, 11.0, None, None)], 60)] == [0, 0]


def test_a_duplicate_changes_nothing() -> None:
    folder = BarFolder(1, day_start_volume=0)
    folder.add(OPEN, 10.0, 5, None)
    before = folder.forming
    assert folder.add(OPEN, 10.0, 5, None) == []
    assert folder.forming == before
    assert folder.duplicates == 1


def test_a_late_tick_of_the_bar_just_closed_corrects_it() -> None:
    folder = BarFolder(60, day_start_volume=0)
    folder.add(OPEN, 10.0, 5, None)
    folder.add(OPEN + MINUTE, 11.0, 9, None)
    corrected = folder.add(OPEN + 59_000, 9.0, 7, None)
    assert corrected == [Bar(OPEN // 1000, 10.0, 10.0, 9.0, 9.0, 5, None, closed=True, correction=True)]
    # The same once more changes nothing, so nothing is announced.
    assert folder.add(OPEN + 59_000, 9.0, 7, None) == []
    # An older price inside the bar widens it without becoming its close.
    assert folder.add(OPEN + 30_000, 12.0, 6, None)[0].c == 9.0
    assert folder.forming is not None
    assert folder.forming.v == 4


def test_a_tick_older_than_the_last_closed_bar_is_dropped() -> None:
    folder = BarFolder(60, day_start_volume=0)
    for minute in range(3):
        folder.add(OPEN + minute * MINUTE, 10.0 + minute, minute, None)
    assert folder.add(OPEN + 1, 50.0, 3, None) == []
    assert folder.dropped == 1


def test_a_late_tick_after_an_explicit_close_corrects_and_does_not_reopen() -> None:
    folder = BarFolder(60, day_start_volume=0)
    folder.add(OPEN, 10.0, 5, None)
    assert folder.close_until(OPEN + MINUTE - 1) == []
    assert len(folder.close_until(OPEN + MINUTE)) == 1
    assert folder.forming is None
    assert folder.close_until(OPEN + MINUTE) == []
    assert folder.add(OPEN + 5, 12.0, 6, None)[0].correction
    assert folder.forming is None


def test_an_older_tick_inside_the_forming_bar_may_become_its_open() -> None:
    folder = BarFolder(60, day_start_volume=0)
    folder.add(OPEN + 2_000, 10.0, 5, None)
    folder.add(OPEN + 1_000, 9.0, 4, None)
    assert folder.forming is not None
    assert (folder.forming.o, folder.forming.c, folder.forming.l) == (9.0, 10.0, 9.0)


prints = st.lists(
    st.tuples(st.integers(0, 20 * 60), st.integers(1, 1000), st.integers(0, 50)), min_size=1, max_size=200
)


@given(prints=prints, seconds=st.sampled_from([1, 60]))
def test_ordered_ticks_fold_to_the_reference(prints: list[tuple[int, int, int]], seconds: int) -> None:
    ordered = sorted(prints, key=lambda each: each[0])
    volumes = np.cumsum([each[2] for each in ordered])
    ticks = [
        (OPEN + at * 1000, float(price), int(volume), None)
        for (at, price, _), volume in zip(ordered, volumes, strict=True)
    ]
    reference: dict[int, list[tuple[float, int]]] = defaultdict(list)
    before = 0
    for at, price, volume, _ in ticks:
        reference[at // (seconds * 1000) * seconds].append((price, volume - before))
        before = volume
    bars = fold(ticks, 60 if seconds == 60 else 1, day_start_volume=0)
    assert {bar.t for bar in bars} == set(reference)
    for bar in bars:
        prices = [price for price, _ in reference[bar.t]]
        assert (bar.o, bar.h, bar.l, bar.c) == (prices[0], max(prices), min(prices), prices[-1])
        assert bar.v == sum(volume for _, volume in reference[bar.t])


@given(prints=prints, order=st.randoms(use_true_random=False))
def test_no_order_of_arrival_loses_volume_or_raises(prints: list[tuple[int, int, int]], order: random.Random) -> None:
    ordered = sorted(prints, key=lambda each: each[0])
    volumes = np.cumsum([each[2] for each in ordered])
    ticks = [
        (OPEN + at * 1000, float(price), int(volume), None)
        for (at, price, _), volume in zip(ordered, volumes, strict=True)
    ]
    order.shuffle(ticks)
    bars = fold(ticks, 60, day_start_volume=0)
    assert sum(bar.v for bar in bars) <= int(volumes[-1])
    assert [bar.t for bar in bars] == sorted({bar.t for bar in bars})
    assert all(bar.l <= min(bar.o, bar.c) <= max(bar.o, bar.c) <= bar.h for bar in bars)
