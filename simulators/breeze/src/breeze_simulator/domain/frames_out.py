"""The broker's Socket.IO frames, field by field as they travel.

Prices that are whole numbers go out as integers (`885`, not `885.0`): the broker's server is JavaScript, and a decoder
that only ever saw floats would not be tested.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Final, Literal

import orjson

from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import INTERVAL_SECONDS, BarInterval, ClosedBar, Depth, Level, Snapshot
from breezeway.clock import IST

Frame = list[object]

CHANNEL_OF: Final[Mapping[BarInterval, str]] = {
    "1second": "1SEC",
    "1minute": "1MIN",
    "5minute": "5MIN",
    "30minute": "30MIN",
}
BarLabel = Literal["start", "end"]

_CRORE: Final = 10_000_000
_LAKH: Final = 100_000
_NO_LEVEL: Final = Level(0.0, 0, 0)


def event_text(event: str, payload: object) -> str:
    """A Socket.IO event of the default namespace in an Engine.IO message, ready for the WebSocket."""
    return "42" + orjson.dumps([event, payload]).decode()


def quote_frame(instrument: Instrument, quote: Snapshot, at: datetime) -> Frame:
    """The `stock` payload of a quote room: 21 fields for cash and indices, 23 for derivatives.

    `at` stands in for the last trade's time while nothing traded, since the field is always an epoch.
    """
    digits = 4 if instrument.exchange == "NDX" else 2
    epoch = int((quote.ltt or at).timestamp())
    head: Frame = [
        instrument.quote_room,
        number(quote.open, digits),
        number(quote.last, digits),
        number(quote.high, digits),
        number(quote.low, digits),
        number(quote.change_percent, 2),
    ]
    if instrument.kind == "index":
        trend = "+" if quote.last >= quote.prev_close else "-"
        return [*head, *[None] * 10, trend, None, None, epoch, number(quote.prev_close, digits)]
    head += [
        number(quote.bid, digits),
        quote.bid_qty,
        number(quote.ask, digits),
        quote.ask_qty,
        quote.ltq,
        number(quote.avg_price, digits),
    ]
    if instrument.is_derivative:
        head += _open_interest(instrument, quote)
    return [
        *head,
        quote.volume,
        quote.total_buy_qty,
        quote.total_sell_qty,
        _traded_value(instrument, quote),
        "",
        number(quote.lower_circuit, digits),
        number(quote.upper_circuit, digits),
        epoch,
        number(quote.prev_close, digits),
    ]


def depth_frame(instrument: Instrument, depth: Depth) -> Frame:
    """The `stock` payload of a depth room: five levels, whose width depends on the exchange."""
    digits = 4 if instrument.exchange == "NDX" else 2
    rows: list[Frame] = []
    for buy, sell in _levels(depth):
        bid, ask = number(buy.price, digits), number(sell.price, digits)
        match instrument.exchange:
            case "BSE":
                rows.append([bid, buy.qty, ask, sell.qty])
            case "BFO":
                rows.append([bid, buy.qty, buy.orders, ask, sell.qty, sell.orders])
            case _:
                rows.append([bid, buy.qty, buy.orders, "", ask, sell.qty, sell.orders, ""])
    return [instrument.depth_room, int(depth.at.timestamp()), rows]


def commodity_frame(instrument: Instrument, quote: Snapshot, depth: Depth, at: datetime, scale: int) -> Frame:
    """The `stock` payload of an MCX room, where quote and book travel together. Prices are rupees times `scale`."""

    def price(value: float) -> int | float:
        return number(value * scale)

    levels = [
        [buy.qty, price(buy.price), buy.orders, "", sell.qty, price(sell.price), sell.orders, ""]
        for buy, sell in _levels(depth)
    ]
    return [
        instrument.quote_room,
        "32",
        " ",
        " ",
        quote.volume,
        price(quote.last),
        quote.ltq,
        int((quote.ltt or at).timestamp()),
        price(quote.avg_price),
        quote.total_buy_qty,
        quote.total_sell_qty,
        "",
        price(quote.prev_close),
        price(quote.open),
        price(quote.high),
        price(quote.low),
        0,
        quote.oi or 0,
        quote.volume // max(1, instrument.lot_size),
        price(max(quote.high, quote.prev_close)),
        price(min(quote.low or quote.prev_close, quote.prev_close)),
        number(quote.turnover),
        *levels,
    ]


def bar_text(bar: ClosedBar, label: BarLabel) -> str:
    """The CSV of an OHLC channel. Its order is low, high, open, close; the time is naive Indian wall time."""
    i = bar.instrument
    moment = bar.start
    if label == "end":
        moment += timedelta(seconds=INTERVAL_SECONDS[bar.interval])
    fields: list[str] = [i.exchange, i.stock_code]
    if i.is_derivative and i.expiry is not None:
        fields.append(i.expiry.strftime("%d-%b-%Y"))
        if i.kind == "option":
            fields += [str(float(i.strike or 0.0)), "CE" if i.right == "call" else "PE"]
    fields += [str(round(price, 4)) for price in (bar.low, bar.high, bar.open, bar.close)]
    fields.append(str(bar.volume))
    if i.is_derivative:
        fields.append(str(bar.oi or 0))
    fields += [moment.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S"), CHANNEL_OF[bar.interval]]
    return ",".join(fields)


def order_frame(user_id: str, reference: str, moment: datetime) -> Frame:
    """An `order` payload of the F&O form (52 strings): a NIFTY call bought and executed, for tests of listeners.

    Strike and limit rate are in paise. Frames of orders that were placed are made in `order_frames`.
    """
    local = moment.astimezone(IST)
    day = local.strftime("%d-%b-%Y")
    head = ["1", "*", user_id, "*", "\x19230", "5", f"{local:%Y%m%d}00000518", f"{local:%d-%m-%Y}", f"{local:%H:%M:%S}"]
    contract = ["Intraday Calls", "N", "6", "8509000000", "NFO", "NIFTY", "O", "C", "E", "2000000", day, day]
    order = ["B", "L", "T", "30000", "E", reference, "50", "50", "0", "0", "0", "N", "13", "WEB", "Y", day]
    tail = ["*", "*", "0.000000", "300.000000", *["N"] * 6, "0.000000", "66", "", "", "G\x1a"]
    return [*head, *contract, *order, *tail]


def number(value: float, digits: int = 2) -> int | float:
    """`value` rounded, as JavaScript would print it."""
    rounded = round(value, digits)
    whole = int(rounded)
    return whole if whole == rounded else rounded


def _open_interest(instrument: Instrument, quote: Snapshot) -> Frame:
    match instrument.exchange:
        case "BFO":
            return [quote.oi or 0, quote.chg_oi or 0]
        case "NDX":
            return ["", ""]
        case _:
            return [quote.oi or 0, None]


def _traded_value(instrument: Instrument, quote: Snapshot) -> str | float:
    if instrument.exchange == "BFO":
        # A bare number here, and the notional in crores: the strike counts as if it were paid.
        return number(quote.volume * ((instrument.strike or 0.0) + quote.avg_price) / _CRORE)
    if quote.turnover >= _CRORE:
        return f"{quote.turnover / _CRORE:.2f}C"
    return f"{quote.turnover / _LAKH:.2f}L"


def _levels(depth: Depth) -> Sequence[tuple[Level, Level]]:
    return tuple(zip_longest(depth.bids[:5], depth.asks[:5], fillvalue=_NO_LEVEL))
