"""Rows of history: read all at once when they are plain, one by one when they are not, with the same outcome."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.breeze import _wire as wire
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
    together = wire._plain_history(raw, interval)
    assert (together or []) == [wire._history_row(each, interval) for each in raw]
    page = wire.history_page(raw, START, END, interval)
    assert (page.refused, page.truncated) == (0, False)
    assert [each.at for each in page.rows] == sorted({each.at for each in page.rows})


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
    assert (len(page.rows), page.refused) == (2, 1)


def test_numbers_in_text_are_numbers() -> None:
    text = {name: str(value) for name, value in row(1).items() if name not in ("open_interest",)}
    page = wire.history_page([text, row(2)], START, END, "1m")
    assert [(each.open, each.volume) for each in page.rows] == [(10.5, 1), (10.5, 2)]
