"""Our decoder beside the official one, on frames of every form.

Known faults of the SDK 1.0.69, which we do not copy:
- MCX: its own MCX dictionary is overwritten by the plain quote's, so `open` is the text "32" and most fields are lost;
- orders: field 37 is read twice, so its names slip by one from `stopLossOrderReference` on;
- times become text in the host's time zone.
"""

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breezeway.breeze import frames
from breezeway.breeze.endpoints import BreezeEndpoints
from breezeway.breeze.frames import DepthTick, OhlcBar, OrderUpdate, QuoteTick
from breezeway.breeze.sdk import load_sdk
from breezeway.clock import IST


class NoNetwork:
    def send(self, *_args: object, **_kwargs: object) -> Any:
        raise AssertionError("decoding must not call anyone")


@pytest.fixture(scope="module")
def official() -> Any:
    sdk: ModuleType = load_sdk(BreezeEndpoints.single_origin("http://127.0.0.1:1"), NoNetwork())
    return sdk.BreezeConnect("key")


def money(most: float = 200_000) -> st.SearchStrategy[float]:
    return st.integers(0, int(most * 100)).map(lambda paise: paise / 100) | st.integers(0, int(most))


counts = st.integers(0, 10**12)
seconds = st.integers(946_684_800, 2_000_000_000)
changes = st.floats(-100, 100, allow_nan=False).map(lambda value: round(value, 2))
tokens = st.integers(1, 10**7).map(str)
turnovers = st.builds(lambda n, unit: f"{n / 100:.2f}{unit}", st.integers(0, 10**9), st.sampled_from("CL"))
optional_counts = counts | st.just("") | st.none()


@st.composite
def equity_quotes(draw: st.DrawFn) -> list[Any]:
    prefix = draw(st.sampled_from(["4.1!", "1.1!"]))
    p, q = money(), counts
    head = [prefix + draw(tokens), *(draw(p) for _ in range(4)), draw(changes)]
    book = [draw(p), draw(q), draw(p), draw(q), draw(q), draw(p), draw(q), draw(q), draw(q)]
    return [
        *head,
        *book,
        draw(turnovers | st.just("")),
        draw(st.sampled_from(["", "+", "-"])),
        draw(p),
        draw(p),
        draw(seconds),
        draw(p),
    ]


@st.composite
def index_quotes(draw: st.DrawFn) -> list[Any]:
    p = money()
    room = draw(st.sampled_from(["4.1!NIFTY 50", "4.1!NIFTY BANK", "1.1!SENSEX"]))
    return [room, *(draw(p) for _ in range(4)), draw(changes), *[None] * 10, "+", None, None, draw(seconds), draw(p)]


@st.composite
def derivative_quotes(draw: st.DrawFn) -> list[Any]:
    prefix = draw(st.sampled_from(["4.1!", "8.1!", "13.1!"]))
    p, q = money(), counts
    head = [prefix + draw(tokens), *(draw(p) for _ in range(4)), draw(changes)]
    book = [draw(p), draw(q), draw(p), draw(q), draw(q), draw(p)]
    interest = [draw(optional_counts), draw(optional_counts | st.integers(-(10**9), 0))]
    tail = [draw(q), draw(q), draw(q), draw(turnovers | money()), "", draw(p), draw(p), draw(seconds), draw(p)]
    return [*head, *book, *interest, *tail]


@st.composite
def gift_quotes(draw: st.DrawFn) -> list[Any]:
    p, q = money(), counts
    row = [
        "3.1!NIFTY",
        *(draw(p) for _ in range(5)),
        draw(q),
        draw(seconds),
        draw(q),
        draw(changes),
        draw(changes),
        draw(p),
    ]
    return [*row, draw(p), draw(q), draw(p), draw(q), draw(q), *draw(st.sampled_from([[], ["26-Jun-2025"]]))]


@st.composite
def depths(draw: st.DrawFn) -> list[Any]:
    prefix, width, prices = draw(
        st.sampled_from([("4", 8, (0, 4)), ("13", 8, (0, 4)), ("1", 4, (0, 2)), ("8", 6, (0, 3))])
    )
    flags = (3, 7) if width == 8 else ()
    levels = [
        [draw(money()) if i in prices else "" if i in flags else draw(counts) for i in range(width)]
        for _ in range(draw(st.integers(0, 5)))
    ]
    return [f"{prefix}.2!{draw(tokens)}", draw(seconds), levels]


def test_the_sdk_still_loses_commodity_quotes(official: Any) -> None:
    """When this fails, the SDK has been mended, and the MCX form can join the comparison above."""
    frame = json.loads((Path(__file__).parent / "payloads" / "frames.json").read_text())["mcx"]
    theirs, ours = official.parse_data(frame), frames.decode_stock(frame)
    assert isinstance(ours, QuoteTick)
    assert (theirs["open"], theirs["last"], "OpenPrice" in theirs) == ("32", " ", False)
    assert (ours.open, ours.last) == (2682.0, 2691.0)


codes = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=6)
days = st.dates(datetime(2020, 1, 1, tzinfo=UTC).date(), datetime(2032, 1, 1, tzinfo=UTC).date())
stamps = st.integers(1_600_000_000, 1_900_000_000).map(
    lambda s: datetime.fromtimestamp(s, IST).strftime("%Y-%m-%d %H:%M:%S")
)


@st.composite
def ohlc_lines(draw: st.DrawFn) -> str:
    low, open_, close, high = sorted(draw(st.lists(money(), min_size=4, max_size=4)))
    prices = [str(value) for value in (low, high, open_, close)]
    tail = [draw(stamps), draw(st.sampled_from(["1SEC", "1MIN", "5MIN", "30MIN"]))]
    form = draw(st.sampled_from(["equity", "future", "option"]))
    if form == "equity":
        return ",".join([draw(st.sampled_from(["NSE", "BSE"])), draw(codes), *prices, str(draw(counts)), *tail])
    expiry = draw(days).strftime("%d-%b-%Y")
    contract = [str(draw(money())), draw(st.sampled_from(["CE", "PE"]))] if form == "option" else []
    exchange = draw(st.sampled_from(["NFO", "BFO", "NDX", "MCX"]))
    return ",".join([exchange, draw(codes), expiry, *contract, *prices, str(draw(counts)), str(draw(counts)), *tail])


def same(ours: float | None, theirs: object) -> bool:
    if theirs in (None, ""):
        return ours is None
    return ours is not None and math.isclose(ours, float(str(theirs)), rel_tol=1e-12)


def host_text(at_ms: int | None) -> str:
    assert at_ms is not None
    return datetime.fromtimestamp(at_ms / 1000).strftime("%c")  # noqa: DTZ006  # the SDK renders the host's zone


QUOTE_FIELDS = {
    "open": "open",
    "last": "last",
    "high": "high",
    "low": "low",
    "previous_close": "close",
    "change_percent": "change",
    "bid": "bPrice",
    "bid_quantity": "bQty",
    "ask": "sPrice",
    "ask_quantity": "sQty",
    "last_quantity": "ltq",
    "average_price": "avgPrice",
    "volume": "ttq",
    "total_buy_quantity": "totalBuyQt",
    "total_sell_quantity": "totalSellQ",
    "lower_circuit": "lowerCktLm",
    "upper_circuit": "upperCktLm",
}
EXCHANGES = {"NSE": "NSE Equity", "BSE": "BSE", "NFO": "NSE Futures & Options", "CDS": "NSE Currency"}


@given(frame=equity_quotes() | index_quotes() | derivative_quotes())
def test_quotes(official: Any, frame: list[Any]) -> None:
    theirs, ours = official.parse_data(frame), frames.decode_stock(frame)
    assert isinstance(ours, QuoteTick)
    assert (ours.room, host_text(ours.at_ms)) == (theirs["symbol"], theirs["ltt"])
    assert {
        name: getattr(ours, name) for name, key in QUOTE_FIELDS.items() if not same(getattr(ours, name), theirs[key])
    } == {}
    assert same(ours.open_interest, theirs.get("OI"))
    assert same(ours.open_interest_change, theirs.get("CHNGOI"))
    assert (ours.trend or "") == (theirs["trend"] or "")
    assert EXCHANGES.get(ours.exchange) == theirs.get("exchange")  # the SDK names no exchange for BFO
    wire = theirs["ttv"]
    if isinstance(wire, str) and wire:
        assert ours.turnover == pytest.approx(float(Decimal(wire[:-1]) * {"C": 10**7, "L": 10**5}[wire[-1]]))
    else:
        assert ours.turnover is None


@given(frame=gift_quotes())
def test_gift_quotes(official: Any, frame: list[Any]) -> None:
    theirs, ours = official.parse_data(frame), frames.decode_stock(frame)
    assert isinstance(ours, QuoteTick)
    pairs = [
        (ours.open, "open"),
        (ours.high, "high"),
        (ours.low, "low"),
        (ours.previous_close, "previous_close"),
        (ours.last, "last_trade_price"),
        (ours.last_quantity, "last_trade_quantity"),
        (ours.volume, "total_traded_volume"),
        (ours.change_percent, "percentage_change"),
        (ours.average_price, "weighted_average"),
        (ours.bid, "bid_price"),
        (ours.bid_quantity, "bid_quantity"),
        (ours.ask, "offer_price"),
        (ours.ask_quantity, "offer_quantity"),
        (ours.open_interest, "open_interest_value"),
    ]
    assert ours.room == theirs["stock_code"]
    assert ours.at_ms == theirs["last_traded_time"] * 1000
    assert {key for value, key in pairs if not same(value, theirs[key])} == set()


@given(frame=depths())
def test_depth(official: Any, frame: list[Any]) -> None:
    theirs, ours = official.parse_data(frame), frames.decode_stock(frame)
    assert isinstance(ours, DepthTick)
    assert (ours.room, host_text(ours.at_ms)) == (theirs["symbol"], theirs["time"])
    assert len(ours.bids) == len(ours.asks) == len(theirs["depth"])
    for number, (bid, ask, level) in enumerate(zip(ours.bids, ours.asks, theirs["depth"], strict=True), start=1):
        assert (bid.price, bid.quantity) == (level[f"BestBuyRate-{number}"], level[f"BestBuyQty-{number}"])
        assert (ask.price, ask.quantity) == (level[f"BestSellRate-{number}"], level[f"BestSellQty-{number}"])
        assert bid.orders == level.get(f"BuyNoOfOrders-{number}")
        assert ask.orders == level.get(f"SellNoOfOrders-{number}")


@given(line=ohlc_lines())
def test_bars(official: Any, line: str) -> None:
    theirs, ours = official.parse_ohlc_data(line), frames.decode_ohlc(line)
    assert isinstance(ours, OhlcBar)
    assert {"1s": "1second", "1m": "1minute", "5m": "5minute", "30m": "30minute"}[ours.interval] == theirs["interval"]
    assert ours.exchange == theirs["exchange_code"].replace("NDX", "CDS")
    assert ours.broker_code == theirs["stock_code"]
    for name in ("open", "high", "low", "close", "volume"):
        assert same(getattr(ours, name), theirs[name]), name
    assert same(ours.open_interest, theirs.get("oi"))
    assert datetime.fromtimestamp(ours.at_ms / 1000, IST).strftime("%Y-%m-%d %H:%M:%S") == theirs["datetime"]
    assert (ours.expiry.strftime("%d-%b-%Y") if ours.expiry else None) == theirs.get("expiry_date")
    assert (str(ours.strike) if ours.strike is not None else None) == theirs.get("strike_price")
    assert ours.right == theirs.get("right_type")


letters = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
number_text = st.integers(0, 10**9).map(str)


@st.composite
def orders(draw: st.DrawFn) -> list[str]:
    cash = draw(st.booleans())
    size = 47 if cash else draw(st.sampled_from([47, 51, 52]))
    row = [draw(number_text) for _ in range(size)]
    row[7], row[8] = draw(days).strftime("%d-%m-%Y"), "11:49:55"
    row[11] = draw(st.sampled_from("45" if cash else "67"))
    row[12:15] = ["ACCT", draw(st.sampled_from(["NSE", "NFO"])), draw(codes)]
    dated, lettered = ((21, 22, 40), (15, 16, 17, 19, 20)) if cash else ((19, 20, 36), (15, 16, 21, 22, 23, 25))
    for index in dated:
        row[index] = draw(days).strftime("%d-%b-%Y")
    for index in lettered:
        row[index] = draw(letters)
    return row


CASH = {
    "limit_price": "orderLimitRate",
    "stop_loss_price": "orderStopLossTrigger",
    "blocked_amount": "orderAmountBlocked",
    "average_price": "averageExecutedRate",
    "quantity": "orderQuantity",
    "open_quantity": "openQuantity",
    "executed_quantity": "orderExecutedQuantity",
    "cancelled_quantity": "cancelledQuantity",
    "expired_quantity": "expiredQuantity",
    "disclosed_quantity": "orderDisclosedQuantity",
}
# After the slip, the SDK's `cancelFlag` holds the average rate and `averageExecutedRate` the blocked amount.
FNO = {
    "average_price": "cancelFlag",
    "blocked_amount": "averageExecutedRate",
    "stop_loss_reference": "totalAmountBlocked",
    "acknowledgement": "acknowledgeNumber",
    "quantity": "orderTotalQuantity",
    "executed_quantity": "executedQuantity",
    "cancelled_quantity": "cancelledQuantity",
    "expired_quantity": "expiredQuantity",
}


@given(frame=orders())
def test_orders(official: Any, frame: list[str]) -> None:
    theirs, ours = official.parse_data(frame), frames.decode_order(frame)
    assert isinstance(ours, OrderUpdate)
    assert (ours.user_id, ours.account, ours.sequence) == (
        (theirs["userId"], theirs["orderMatchAccount"], theirs["messageSequence"])
    )
    assert (ours.exchange, ours.broker_code) == (theirs["orderExchangeCode"], theirs["stockCode"])
    for name, key in {"action": "orderFlow", "order_type": "limitMarketFlag", "validity": "orderType"}.items():
        assert getattr(ours, name) == theirs[key]
    assert (ours.product, ours.status) == (theirs["productType"], theirs["orderStatus"])
    assert (ours.reference, ours.channel) == (theirs["orderReference"], theirs["channel"])
    for name, key in (CASH if ours.segment == "cash" else FNO).items():
        assert Decimal(str(getattr(ours, name))) == Decimal(theirs[key]), name
    if ours.segment == "fno":
        assert ours.limit_price == Decimal(theirs["limitRate"]) / 100
        assert ours.stop_loss_price == Decimal(theirs["stopLossTrigger"]) / 100
        assert ours.right == {"Call": "CE", "Put": "PE"}.get(theirs["optionType"])
        assert ours.strike == (Decimal(theirs["strikePrice"]) / 100 if ours.right else None)
        assert ours.expiry is not None
        assert ours.expiry.strftime("%d-%b-%Y") == theirs["expiryDate"]
