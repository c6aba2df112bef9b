"""Socket frames, compared field by field with the literal ones in the facts about the broker."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from breeze_simulator.domain import frames_out
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import ClosedBar, Snapshot
from breezeway.clock import IST

AT = datetime(2026, 8, 3, 10, 30, 1, tzinfo=IST)
EPOCH = 1_785_733_200  # 10:30:00 IST, the last trade of the fixture


@pytest.fixture
def of(market: Any) -> Callable[[str], Instrument]:
    def find(room: str) -> Instrument:
        found = market.universe.by_room(room)
        assert isinstance(found, Instrument)
        return found

    return find


def test_nse_cash_has_21_fields(of: Callable[[str], Instrument], snapshot: Callable[..., Snapshot]) -> None:
    frame = frames_out.quote_frame(of("4.1!2885"), snapshot(), AT)
    assert frame == [
        "4.1!2885", 885, 894.75, 896, 884, 0.93, 894.7, 15, 894.8, 561, 2, 891.46,
        786772, 280490, 296628, "70.14C", "", 797.85, 975.15, EPOCH, 886.5,
    ]  # fmt: skip


def test_whole_prices_are_integers_on_the_wire(
    of: Callable[[str], Instrument], snapshot: Callable[..., Snapshot]
) -> None:
    text = frames_out.event_text("stock", frames_out.quote_frame(of("1.1!500325"), snapshot(), AT))
    assert text.startswith('42["stock",["1.1!500325",885,894.75,896,884,')
    assert type(orjson.loads(text[2:])[1][1]) is int


def test_an_index_has_nulls_for_book_and_volume(
    of: Callable[[str], Instrument], snapshot: Callable[..., Snapshot]
) -> None:
    frame = frames_out.quote_frame(of("4.1!NIFTY 50"), snapshot(), AT)
    assert len(frame) == 21
    assert frame[6:16] == [None] * 10
    assert frame[16:] == ["+", None, None, EPOCH, 886.5]
    assert frames_out.quote_frame(of("4.1!NIFTY 50"), snapshot(last=800.0), AT)[16] == "-"


def test_nfo_has_23_fields_with_open_interest(
    of: Callable[[str], Instrument], snapshot: Callable[..., Snapshot]
) -> None:
    frame = frames_out.quote_frame(of("4.1!47869"), snapshot(), AT)
    assert len(frame) == 23
    assert frame[12:18] == [37_020, None, 786_772, 280_490, 296_628, "70.14C"]


def test_bfo_has_its_own_prefix_and_a_bare_notional(
    of: Callable[[str], Instrument], snapshot: Callable[..., Snapshot]
) -> None:
    frame = frames_out.quote_frame(of("8.1!844663"), snapshot(), AT)
    assert len(frame) == 23
    assert frame[0] == "8.1!844663"
    assert frame[12:14] == [37_020, 12_880]
    assert frame[17] == round(786_772 * (24_500 + 891.46) / 1e7, 2)


def test_before_the_first_trade_the_time_is_that_of_the_tick(
    of: Callable[[str], Instrument], snapshot: Callable[..., Snapshot]
) -> None:
    assert frames_out.quote_frame(of("4.1!2885"), snapshot(ltt=None), AT)[19] == EPOCH + 1


@pytest.mark.parametrize(
    ("room", "first"),
    [
        ("4.2!2885", [894.7, 15, 1, "", 894.8, 25, 2, ""]),
        ("1.2!500325", [894.7, 15, 894.8, 25]),
        ("8.2!844663", [894.7, 15, 1, 894.8, 25, 2]),
    ],
)
def test_depth_rows_differ_by_exchange(
    of: Callable[[str], Instrument], market: Any, room: str, first: list[object]
) -> None:
    instrument = of(room)
    name, epoch, rows = frames_out.depth_frame(instrument, market.depth(instrument))
    assert (name, epoch) == (room, EPOCH)
    assert isinstance(rows, list)
    assert len(rows) == 5
    assert rows[0] == first


def test_bars_are_low_high_open_close(of: Callable[[str], Instrument]) -> None:
    def bar(room: str, oi: int | None) -> ClosedBar:
        return ClosedBar(of(room), "1second", AT, 120.5, 121.0, 119.0, 120.0, 2500, oi)

    assert frames_out.bar_text(bar("4.1!2885", None), "start") == (
        "NSE,RELIND,119.0,121.0,120.5,120.0,2500,2026-08-03 10:30:01,1SEC"
    )
    assert frames_out.bar_text(bar("4.1!47869", 7_592_550), "start") == (
        "NFO,NIFTY,25-Aug-2026,24500.0,CE,119.0,121.0,120.5,120.0,2500,7592550,2026-08-03 10:30:01,1SEC"
    )
    assert frames_out.bar_text(bar("4.1!35001", 1), "end") == (
        "NFO,NIFTY,25-Aug-2026,119.0,121.0,120.5,120.0,2500,1,2026-08-03 10:30:02,1SEC"
    )


@pytest.mark.parametrize(("turnover", "text"), [(432_500.0, "4.33L"), (9_999_999.0, "100.00L"), (1e7, "1.00C")])
def test_traded_value_is_text(
    of: Callable[[str], Instrument], snapshot: Callable[..., Snapshot], turnover: float, text: str
) -> None:
    assert frames_out.quote_frame(of("4.1!2885"), snapshot(turnover=turnover), AT)[15] == text


def test_a_commodity_carries_its_book(of: Callable[[str], Instrument], market: Any) -> None:
    instrument = of("4.1!35001")
    frame = frames_out.commodity_frame(instrument, market.snapshot(instrument), market.depth(instrument), AT, scale=100)
    assert len(frame) == 27
    assert frame[1:4] == ["32", " ", " "]
    assert frame[5] == 89_475
    assert frame[7] == EPOCH
    assert frame[22] == [15, 89_470, 1, "", 25, 89_480, 2, ""]


def test_an_order_event_has_52_strings() -> None:
    frame = frames_out.order_frame("SIM00001", "202608031300000009", AT + timedelta(hours=1))
    assert len(frame) == 52
    assert frame[2] == "SIM00001"
    assert frame[11] == "6"
    assert frame[25:28] == ["E", "202608031300000009", "50"]
