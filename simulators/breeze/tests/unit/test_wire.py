"""Rows of history and quotes: literal member names, order and types."""

from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

import numpy as np
import pytest

from breeze_simulator.domain import wire
from breeze_simulator.domain.instruments import Universe
from breeze_simulator.domain.market_types import Bars, Snapshot
from breezeway.clock import IST


@pytest.fixture
def universe(market: Any) -> Universe:
    found = market.universe
    assert isinstance(found, Universe)
    return found


def one_bar(at: datetime, *, oi: int | None = None) -> Bars:
    return Bars(
        time=np.array([int(at.timestamp())], dtype=np.int64),
        open=np.array([200.45]),
        high=np.array([203.9]),
        low=np.array([195.5]),
        close=np.array([197.0]),
        volume=np.array([342_450], dtype=np.int64),
        oi=None if oi is None else np.array([oi], dtype=np.int64),
    )


AT = datetime(2026, 8, 3, 9, 21, tzinfo=IST)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-08-03T09:20:00.000Z", datetime(2026, 8, 3, 9, 20, tzinfo=IST)),
        ("2026-08-03 09:20:00", datetime(2026, 8, 3, 9, 20, tzinfo=IST)),
        ("2026-08-03", datetime(2026, 8, 3, tzinfo=IST)),
        # Whoever converts to another offset gets what the digits say, as with the broker.
        ("2026-08-03T03:50:00.000+00:00", datetime(2026, 8, 3, 3, 50, tzinfo=IST)),
        ("yesterday", None),
        ("", None),
    ],
)
def test_request_times_are_indian_wall_time(text: str, expected: datetime | None) -> None:
    assert wire.parse_moment(text) == expected


@pytest.mark.parametrize("text", ["2026-08-25T06:00:00.000Z", "2026-08-25", "25-Aug-2026", "25-AUG-26"])
def test_expiries_have_many_spellings(text: str) -> None:
    assert wire.parse_expiry(text) == date(2026, 8, 25)


def test_an_expiry_that_is_none() -> None:
    assert wire.parse_expiry("") is None
    assert wire.parse_expiry("31-Feb-2026") is None


def test_history_v1_of_an_equity(universe: Universe) -> None:
    instrument = universe.by_room("4.1!2885")
    assert instrument is not None
    assert wire.history_rows_v1(instrument, one_bar(AT), "1minute", time(12)) == [
        {
            "datetime": "2026-08-03 09:21:00",
            "stock_code": "RELIND",
            "exchange_code": "NSE",
            "product_type": None,
            "expiry_date": None,
            "right": None,
            "strike_price": None,
            "open": "200.45",
            "high": "203.9",
            "low": "195.5",
            "close": "197",
            "volume": "342450",
            "open_interest": None,
            "count": 7,
        }
    ]


def test_history_v1_of_a_future_and_an_option(universe: Universe) -> None:
    future, option = universe.by_room("4.1!35001"), universe.by_room("4.1!47869")
    assert future is not None
    assert option is not None
    (row,) = wire.history_rows_v1(future, one_bar(AT, oi=17_543_475), "1minute", time(12))
    assert (row["product_type"], row["expiry_date"], row["right"], row["strike_price"]) == (
        "Futures",
        "25-AUG-26",
        "Others",
        "0",
    )
    assert (row["open_interest"], row["count"]) == ("17543475", 6)
    (row,) = wire.history_rows_v1(option, one_bar(AT, oi=1), "1minute", time(12))
    assert (row["product_type"], row["right"], row["strike_price"]) == ("Options", "Call", "24500")


def test_history_v1_labels_days_at_noon(universe: Universe) -> None:
    instrument = universe.by_room("4.1!2885")
    assert instrument is not None
    midnight = datetime(2026, 8, 3, tzinfo=IST)
    (row,) = wire.history_rows_v1(instrument, one_bar(midnight), "1day", time(12))
    assert row["datetime"] == "2026-08-03 12:00:00"


@pytest.mark.parametrize(
    ("room", "members"),
    [
        ("4.1!2885", "close datetime exchange_code high low open stock_code volume"),
        (
            "4.1!35001",
            "close datetime exchange_code expiry_date high low open open_interest product_type stock_code volume",
        ),
        (
            "4.1!47869",
            "close datetime exchange_code expiry_date high low open open_interest product_type right stock_code"
            " strike_price volume",
        ),
    ],
)
def test_history_v2_has_only_what_applies_in_alphabetical_order(universe: Universe, room: str, members: str) -> None:
    instrument = universe.by_room(room)
    assert instrument is not None
    (row,) = wire.history_rows_v2(instrument, one_bar(AT, oi=5 if instrument.is_derivative else None))
    assert list(row) == members.split()
    assert (row["open"], row["close"], row["volume"]) == (200.45, 197.0, 342_450)
    assert row["datetime"] == "2026-08-03 09:21:00"
    if instrument.is_derivative:
        assert row["expiry_date"] == "25-AUG-2026"


def test_a_quote_row_mixes_numbers_and_strings(universe: Universe, snapshot: Callable[..., Snapshot]) -> None:
    future = universe.by_room("4.1!35001")
    assert future is not None
    assert wire.quote_row(future, snapshot()) == {
        "exchange_code": "NFO",
        "product_type": "Future",
        "stock_code": "NIFTY",
        "expiry_date": "25-Aug-2026",
        "right": "*",
        "strike_price": 0.0,
        "ltp": 894.75,
        "ltt": "03-Aug-2026 10:30:00",
        "best_bid_price": 894.7,
        "best_bid_quantity": "15",
        "best_offer_price": 894.8,
        "best_offer_quantity": "561",
        "open": 885.0,
        "high": 896.0,
        "low": 884.0,
        "previous_close": 886.5,
        "ltp_percent_change": 0.93,
        "upper_circuit": 975.15,
        "lower_circuit": 797.85,
        "total_quantity_traded": "786772",
        "spot_price": "24510.2",
    }


def test_an_untraded_option_shows_zero_and_no_time(universe: Universe, snapshot: Callable[..., Snapshot]) -> None:
    option = universe.by_room("4.1!47869")
    assert option is not None
    row = wire.chain_row(option, snapshot(ltt=None, last=12.5, oi=None, chg_oi=None))
    assert (row["ltp"], row["ltt"], row["open_interest"], row["ltp_percent_change"]) == (0.0, "", 0.0, 0.0)
    assert list(row)[-6:] == [
        "spot_price",
        "ltq",
        "open_interest",
        "chnge_oi",
        "total_buy_qty",
        "total_sell_qty",
    ]
