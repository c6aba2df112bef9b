"""Rows of history: read all at once when they are plain, one by one when they are not, with the same outcome."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.breeze import _wire as wire
from breezeway.candles.columns import Candles
from breezeway.clock import IST

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def row(minute: int, **changed: Any) -> dict[str, Any]:
    at = datetime.fromtimestamp(START.timestamp() + 60 * minute, IST)
    plain = {"open": 10.5, "high": 12, "low": 9.05, "close": 11.25, "volume": minute, "open_interest": None}
    return {"datetime": at.strftime("%Y-%m-%d %H:%M:%S"), **plain, **changed}


@given(
    minutes=st.lists(st.integers(-5, 50_000), max_size=30),
    interest=st.sampled_from([None, "", 7]),
    interval=st.sampled_from(["1m", "1d"]),
)
def test_plain_rows_read_together_are_the_rows_read_one_by_one(
    minutes: list[int], interest: object, interval: str
) -> None:
    raw = [row(max(0, minute), open_interest=interest) for minute in minutes]
    together = wire._plain_history(raw, interval) or Candles.empty()
    apart = wire._columns([wire._history_row(each, interval) for each in raw])
    assert together.equals(apart)
    page = wire.history_page(raw, START, END, interval)
    assert (page.refused, page.truncated) == (0, False)
    assert page.candles.t.tolist() == sorted(set(page.candles.t.tolist()))


@pytest.mark.parametrize("odd", [{}, {"volume": "3"}], ids=["plain", "not plain"])
def test_of_two_rows_for_one_bar_the_later_counts(odd: dict[str, Any]) -> None:
    raw = [row(2, **odd), row(1), row(2, close=12), row(1, close=9.5), row(4)]
    bars = wire.history_page(raw, START, END, "1m").candles
    assert np.diff(bars.t).tolist() == [60, 120]
    assert bars.c.tolist() == [9.5, 12, 11.25]


def test_open_interest_is_of_all_bars_or_of_none() -> None:
    whole = wire.history_page([row(1, open_interest=5), row(2, open_interest="6")], START, END, "1m").candles
    assert whole.oi is not None
    assert whole.oi.tolist() == [5, 6]
    assert wire.history_page([row(1, open_interest=5), row(2)], START, END, "1m").candles.oi is None


@pytest.mark.parametrize(
    "changed",
    [
        {"high": 1.0},
        {"low": 0},
        {"close": float("nan")},
        {"open": None},
        {"open": True, "high": "x"},
        {"volume": -1},
        {"volume": 1.5},
        {"open_interest": -3},
        {"datetime": "2026-01-01T09:15:00"},
        {"datetime": "2026-13-01 09:15:00"},
        {"datetime": None},
        {"volume": 10**18},
    ],
)
def test_a_row_that_makes_no_sense_is_refused_and_its_neighbours_are_kept(changed: dict[str, Any]) -> None:
    page = wire.history_page([row(1), row(2, **changed), row(3)], START, END, "1m")
    assert (len(page.candles), page.refused) == (2, 1)


def test_numbers_in_text_are_numbers() -> None:
    text = {name: str(value) for name, value in row(1).items() if name not in ("open_interest",)}
    page = wire.history_page([text, row(2)], START, END, "1m")
    assert (page.candles.o.tolist(), page.candles.v.tolist()) == ([10.5, 10.5], [1, 2])
