"""Frames become the bytes that clients receive: once, numbered, in the contract's words."""

import json

from breezeway.breeze.frames import decode_stock
from breezeway.intervals import Interval
from breezeway.market_calendar.calendar import MarketCalendar
from market_data_service.application.tick_desk import EPOCH_STRIDE, TickDesk

# Real frames of the vendor's own tests.
QUOTE = [
    *("4.1!10604", 885, 893.75, 894.75, 884, 0.94, 893.65, 15, 893.75, 561, 2, 891.46, 786772, 280490, 296628),
    *("70.14C", "", 796.9, 973.9, 1691559630, 885.4),
]
DEPTH = ["4.2!10604", 1690000000, [[14.6, 375, 1, "", 15.1, 376, 2, ""]] * 5]


def desk(fence: int = 3) -> TickDesk:
    made = TickDesk(fence, MarketCalendar.default())
    made.assign({"4.1!10604": "NSE:BHARTIARTL", "4.2!10604": "NSE:BHARTIARTL"})
    return made


def messages(of: TickDesk) -> list[tuple[str, dict[str, object], bool]]:
    return [(m.channel, json.loads(m.body), m.keep) for m in of.take_all()]


def test_a_quote_has_every_field_of_the_contract() -> None:
    made = desk()
    made.on_tick(decode_stock(QUOTE), 1_700_000_000_123)  # type: ignore[arg-type]
    [(channel, body, keep)] = messages(made)
    assert channel == "tick:NSE:BHARTIARTL"
    assert keep
    assert body == {
        "type": "tick",
        "symbol": "NSE:BHARTIARTL",
        "seq": 3 * EPOCH_STRIDE + 1,
        "ltp": 893.75,
        "ltq": 2,
        "ltt": 1691559630000,
        "bid": 893.65,
        "bid_qty": 15,
        "ask": 893.75,
        "ask_qty": 561,
        "open": 885.0,
        "high": 894.75,
        "low": 884.0,
        "prev_close": 885.4,
        "change_pct": 0.94,
        "volume": 786772,
        "avg_price": 891.46,
        "oi": None,
        "buy_qty": 280490,
        "sell_qty": 296628,
        "lower_band": 796.9,
        "upper_band": 973.9,
        "ts": 1_700_000_000_123,
    }


def test_what_has_not_traded_today_is_quoted_and_makes_no_bar() -> None:
    made = desk()
    made.bars.want({"NSE:BHARTIARTL": frozenset({Interval.MINUTE_1})})
    for last in (0, 893.75):
        made.on_tick(decode_stock([*QUOTE[:2], last, *QUOTE[3:]]), 1_700_000_000_123)  # type: ignore[arg-type]
        made.bars.tend(1691559630000)
    told = [(body["type"], body.get("ltp", body.get("o"))) for _, body, _ in messages(made)]
    assert told == [("tick", 0.0), ("tick", 893.75), ("candle", 893.75)]


def test_a_depth_has_five_levels_a_side() -> None:
    made = desk()
    made.on_tick(decode_stock(DEPTH), 5)  # type: ignore[arg-type]
    [(channel, body, _)] = messages(made)
    assert channel == "depth:NSE:BHARTIARTL"
    assert body["bids"] == [[14.6, 375, 1]] * 5
    assert body["asks"] == [[15.1, 376, 2]] * 5


def test_numbers_rise_by_one_per_channel_and_across_epochs() -> None:
    first, second = desk(3), desk(4)
    for made in (first, second):
        for _ in range(3):
            made.on_tick(decode_stock(QUOTE), 1)  # type: ignore[arg-type]
        made.on_tick(decode_stock(DEPTH), 1)  # type: ignore[arg-type]
    numbers = [body["seq"] for _, body, _ in messages(first)] + [body["seq"] for _, body, _ in messages(second)]
    assert numbers == [30_000_001, 30_000_002, 30_000_003, 30_000_001, 40_000_001, 40_000_002, 40_000_003, 40_000_001]


def test_a_room_that_nobody_asked_for_is_counted_and_dropped() -> None:
    made = desk()
    made.assign({})
    made.on_tick(decode_stock(QUOTE), 1)  # type: ignore[arg-type]
    assert (made.strangers, made.ticks, made.take_all()) == (1, 0, [])


def test_a_gap_reaches_every_channel_of_a_symbol_and_is_no_snapshot() -> None:
    made = desk()
    made.announce_gap({"NSE:A": ["tick:NSE:A", "candle:1m:NSE:A"]}, 10, 20, "takeover")
    assert messages(made) == [
        (channel, {"type": "gap", "symbol": "NSE:A", "from": 10, "to": 20, "reason": "takeover"}, False)
        for channel in ("tick:NSE:A", "candle:1m:NSE:A")
    ]


def test_batches_keep_the_order() -> None:
    made = desk()
    for _ in range(5):
        made.on_tick(decode_stock(QUOTE), 1)  # type: ignore[arg-type]
    sizes = [len(made.take(2)) for _ in range(4)]
    assert sizes == [2, 2, 1, 0]
