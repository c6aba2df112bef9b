"""Pure decoder of the broker's socket frames: `stock` arrays, the CSV text of the OHLC channels, `order` arrays.

Takes what Socket.IO delivered, returns one frozen value of `events`, raises `MalformedFrame` and nothing else.
No I/O, no clock, no state. What the broker does not document (the price scale of MCX and of F&O orders) is in
`FrameRules`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from breezeway.breeze import _fields as f
from breezeway.breeze._advice import decode_advice
from breezeway.breeze._orders import decode_order_frame
from breezeway.breeze.events import (
    Advice,
    BreezeEvent,
    DepthLevel,
    DepthTick,
    MalformedFrame,
    OhlcBar,
    OrderUpdate,
    QuoteTick,
    Right,
)

__all__ = [
    "OHLC_CHANNELS",
    "Advice",
    "BreezeEvent",
    "DepthLevel",
    "DepthTick",
    "FrameRules",
    "MalformedFrame",
    "OhlcBar",
    "OrderUpdate",
    "QuoteTick",
    "decode",
    "decode_ohlc",
    "decode_order",
    "decode_stock",
]

OHLC_CHANNELS: Final[Mapping[str, str]] = {"1SEC": "1s", "1MIN": "1m", "5MIN": "5m", "30MIN": "30m"}
"""Channel (Socket.IO event) of the OHLC stream to our name of the interval."""

_EQUITY_EXCHANGES: Final = {"1": "BSE", "4": "NSE"}
_DERIVATIVE_EXCHANGES: Final = {"4": "NFO", "8": "BFO", "2": "BFO", "13": "CDS"}
_OHLC_EXCHANGES: Final = {"BFO": "BFO", "NFO": "NFO", "NDX": "CDS", "MCX": "MCX"}
_RIGHTS: Final[Mapping[str, Right]] = {"CE": "CE", "PE": "PE", "Call": "CE", "Put": "PE"}


@dataclass(frozen=True, slots=True)
class FrameRules:
    """What the broker leaves undocumented.

    `mcx_price_scale` and `fno_order_scale` turn wire prices into rupees (both look like paise);
    `fno_average_scale` is separate, because no frame with a filled F&O order has been published.
    """

    mcx_price_scale: float = 0.01
    fno_order_scale: Decimal = Decimal("0.01")
    fno_average_scale: Decimal = Decimal(1)


_DEFAULT_RULES: Final = FrameRules()


def decode(channel: str, payload: object, rules: FrameRules = _DEFAULT_RULES) -> BreezeEvent:
    """Decode what arrived under the Socket.IO event `channel`. Raises MalformedFrame."""
    if channel == "stock":
        return decode_stock(payload, rules)
    if channel == "order":
        return decode_order(payload, rules)
    if channel in OHLC_CHANNELS:
        return decode_ohlc(payload)
    raise MalformedFrame("unknown channel")


def decode_stock(frame: object, rules: FrameRules = _DEFAULT_RULES) -> QuoteTick | DepthTick | Advice:
    """A frame of the `stock` event. Raises MalformedFrame."""
    if type(frame) is not list or not frame:
        raise MalformedFrame("not an array")
    room = frame[0]
    if type(room) is not str or len(room) > f.MAX_TEXT:
        raise MalformedFrame("no room")
    head, bang, token = room.partition("!")
    if not bang:
        return decode_advice(frame)
    prefix, _, kind = head.partition(".")
    if not token:
        raise MalformedFrame("no token")
    size = len(frame)
    if prefix == "3":
        return _gift(frame, room, token)
    if prefix == "6" and size > 22:
        return _mcx(frame, room, token, rules)
    if kind == "1":
        if size == 21:
            return _cash_quote(frame, room, token, prefix)
        if size == 23:
            return _derivative_quote(frame, room, token, prefix)
        raise MalformedFrame("quote of unknown length")
    if kind == "2" and size >= 3:
        return _depth(frame, room, token, prefix)
    raise MalformedFrame("unknown room kind")


def decode_order(frame: object, rules: FrameRules = _DEFAULT_RULES) -> OrderUpdate:
    """A frame of the `order` event. Raises MalformedFrame."""
    if type(frame) is not list:
        raise MalformedFrame("not an array")
    return decode_order_frame(frame, rules.fno_order_scale, rules.fno_average_scale)


def decode_ohlc(line: object) -> OhlcBar:
    """The CSV text of an OHLC channel; prices are in the order low, high, open, close. Raises MalformedFrame."""
    if type(line) is not str or len(line) > 4 * f.MAX_TEXT:
        raise MalformedFrame("not a short text")
    parts = line.split(",")
    exchange, size = parts[0], len(parts)
    expiry: date | None = None
    strike: Decimal | None = None
    right: Right | None = None
    if exchange in ("NSE", "BSE"):
        if size != 9:
            raise MalformedFrame("equity bar of unknown length")
        prices, tail = 2, 6
    elif exchange in _OHLC_EXCHANGES:
        if size not in (11, 13):
            raise MalformedFrame("derivative bar of unknown length")
        exchange = _OHLC_EXCHANGES[exchange]
        expiry = f.day(parts[2], "expiry")
        if expiry is None:
            raise MalformedFrame("expiry is missing")
        prices, tail = (3, 7) if size == 11 else (5, 9)
        if size == 13:
            strike = f.decimal(parts[3], "strike")
            right = _RIGHTS.get(parts[4])
            if strike is None or strike < 0 or right is None:
                raise MalformedFrame("strike or right is missing")
    else:
        raise MalformedFrame("unknown exchange")
    if not parts[1]:
        raise MalformedFrame("stock code is missing")
    low, high, open_, close = (f.needed_price(parts[prices + i], "price") for i in range(4))
    if not low <= min(open_, close) <= max(open_, close) <= high:
        raise MalformedFrame("prices contradict each other")
    has_interest = tail > 6
    at, interval = parts[-2], OHLC_CHANNELS.get(parts[-1])
    if interval is None:
        raise MalformedFrame("unknown interval")
    return OhlcBar(
        exchange=exchange,
        broker_code=parts[1],
        interval=interval,
        at_ms=f.ist_text_ms(at, "%Y-%m-%d %H:%M:%S", "time"),
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=f.needed_quantity(parts[tail], "volume"),
        open_interest=f.quantity(parts[tail + 1], "open interest") if has_interest else None,
        expiry=expiry,
        strike=strike,
        right=right,
    )


def _cash_quote(x: list[object], room: str, token: str, prefix: str) -> QuoteTick:
    exchange = _EQUITY_EXCHANGES.get(prefix)
    if exchange is None:
        raise MalformedFrame("unknown exchange")
    price, quantity = f.price, f.quantity
    return QuoteTick(
        room,
        token,
        exchange,
        f.needed_price(x[2], "last"),
        f.epoch_ms(x[19], "time"),
        price(x[1], "open"),
        price(x[3], "high"),
        price(x[4], "low"),
        price(x[20], "close"),
        f.signed(x[5], "change"),
        price(x[6], "bid"),
        quantity(x[7], "bid quantity"),
        price(x[8], "ask"),
        quantity(x[9], "ask quantity"),
        quantity(x[10], "last quantity"),
        price(x[11], "average price"),
        quantity(x[12], "volume"),
        quantity(x[13], "buy quantity"),
        quantity(x[14], "sell quantity"),
        f.turnover(x[15], "turnover"),
        _trend(x[16]),
        price(x[17], "lower circuit"),
        price(x[18], "upper circuit"),
        None,
        None,
    )


def _derivative_quote(x: list[object], room: str, token: str, prefix: str) -> QuoteTick:
    exchange = _DERIVATIVE_EXCHANGES.get(prefix)
    if exchange is None:
        raise MalformedFrame("unknown exchange")
    price, quantity = f.price, f.quantity
    return QuoteTick(
        room,
        token,
        exchange,
        f.needed_price(x[2], "last"),
        f.epoch_ms(x[21], "time"),
        price(x[1], "open"),
        price(x[3], "high"),
        price(x[4], "low"),
        price(x[22], "close"),
        f.signed(x[5], "change"),
        price(x[6], "bid"),
        quantity(x[7], "bid quantity"),
        price(x[8], "ask"),
        quantity(x[9], "ask quantity"),
        quantity(x[10], "last quantity"),
        price(x[11], "average price"),
        quantity(x[14], "volume"),
        quantity(x[15], "buy quantity"),
        quantity(x[16], "sell quantity"),
        f.turnover(x[17], "turnover"),
        _trend(x[18]),
        price(x[19], "lower circuit"),
        price(x[20], "upper circuit"),
        quantity(x[12], "open interest"),
        f.signed_quantity(x[13], "open interest change"),
    )


def _trend(value: object) -> str | None:
    if value is None or value == "":
        return None
    return f.text(value, "trend")


def _gift(x: list[object], room: str, token: str) -> QuoteTick:
    if len(x) not in (17, 18):
        raise MalformedFrame("GIFT quote of unknown length")
    return QuoteTick(
        room=room,
        token=token,
        exchange="GIFT",
        last=f.needed_price(x[5], "last"),
        at_ms=_gift_time(x[7]),
        open=f.price(x[1], "open"),
        high=f.price(x[2], "high"),
        low=f.price(x[3], "low"),
        previous_close=f.price(x[4], "close"),
        change_percent=f.signed(x[9], "change"),
        bid=f.price(x[12], "bid"),
        bid_quantity=f.quantity(x[13], "bid quantity"),
        ask=f.price(x[14], "ask"),
        ask_quantity=f.quantity(x[15], "ask quantity"),
        last_quantity=f.quantity(x[6], "last quantity"),
        average_price=f.price(x[11], "average price"),
        volume=f.quantity(x[8], "volume"),
        total_buy_quantity=None,
        total_sell_quantity=None,
        turnover=None,
        trend=None,
        lower_circuit=None,
        upper_circuit=None,
        open_interest=f.quantity(x[16], "open interest"),
        open_interest_change=None,
    )


def _gift_time(value: object) -> int | None:
    """The SDK passes this field on untouched, so nobody says what it holds: only an epoch is read."""
    if value is None or (type(value) is str and not value.strip().isdigit()):
        f.text(value or "", "time")
        return None
    return f.epoch_ms(value, "time")


def _mcx(x: list[object], room: str, token: str, rules: FrameRules) -> QuoteTick:
    scale = rules.mcx_price_scale
    at_ms = f.epoch_ms(x[7], "time")
    levels = [_mcx_level(level, scale) for level in x[22:]]
    depth = DepthTick(room, token, at_ms, tuple(bid for bid, _ in levels), tuple(ask for _, ask in levels))
    bid, ask = levels[0]

    def rupees(index: int, name: str) -> float | None:
        wire = f.price(x[index], name)
        return None if wire is None else round(wire * scale, 6)

    last, close = rupees(5, "last"), rupees(12, "close")
    if last is None:
        raise MalformedFrame("last is missing")
    return QuoteTick(
        room=room,
        token=token,
        exchange="MCX",
        last=last,
        at_ms=at_ms,
        open=rupees(13, "open"),
        high=rupees(14, "high"),
        low=rupees(15, "low"),
        previous_close=close,
        change_percent=round((last - close) / close * 100, 2) if close else None,
        bid=bid.price or None,
        bid_quantity=bid.quantity,
        ask=ask.price or None,
        ask_quantity=ask.quantity,
        last_quantity=f.quantity(x[6], "last quantity"),
        average_price=rupees(8, "average price"),
        volume=f.quantity(x[4], "volume"),
        total_buy_quantity=f.quantity(x[9], "buy quantity"),
        total_sell_quantity=f.quantity(x[10], "sell quantity"),
        turnover=None,
        trend=None,
        lower_circuit=None,
        upper_circuit=None,
        open_interest=f.quantity(x[17], "open interest"),
        open_interest_change=None,
        depth=depth,
    )


def _mcx_level(level: object, scale: float) -> tuple[DepthLevel, DepthLevel]:
    if type(level) is not list or len(level) != 8:
        raise MalformedFrame("depth level of unknown form")
    bid = DepthLevel(
        round(f.needed_price(level[1], "bid") * scale, 6),
        f.needed_quantity(level[0], "bid quantity"),
        f.quantity(level[2], "orders"),
    )
    ask = DepthLevel(
        round(f.needed_price(level[5], "ask") * scale, 6),
        f.needed_quantity(level[4], "ask quantity"),
        f.quantity(level[6], "orders"),
    )
    return bid, ask


# Per room prefix: width of a level, then where it holds the bid's price, quantity, orders and the ask's; -1 is absent.
_DEPTH_FORMS: Final = {
    "1": (4, 0, 1, -1, 2, 3, -1),
    "8": (6, 0, 1, 2, 3, 4, 5),
    "4": (8, 0, 1, 2, 4, 5, 6),
    "13": (8, 0, 1, 2, 4, 5, 6),
}
_MAX_LEVELS: Final = 50


def _depth(x: list[object], room: str, token: str, prefix: str) -> DepthTick:
    form = _DEPTH_FORMS.get(prefix)
    levels = x[2]
    if form is None:
        raise MalformedFrame("unknown exchange")
    if type(levels) is not list or len(levels) > _MAX_LEVELS:
        raise MalformedFrame("no depth levels")
    width, bid, bid_quantity, bid_orders, ask, ask_quantity, ask_orders = form
    bids: list[DepthLevel] = []
    asks: list[DepthLevel] = []
    for level in levels:
        if type(level) is not list or len(level) != width:
            raise MalformedFrame("depth level of unknown form")
        bids.append(
            DepthLevel(
                f.needed_price(level[bid], "bid"),
                f.needed_quantity(level[bid_quantity], "bid quantity"),
                None if bid_orders < 0 else f.quantity(level[bid_orders], "orders"),
            )
        )
        asks.append(
            DepthLevel(
                f.needed_price(level[ask], "ask"),
                f.needed_quantity(level[ask_quantity], "ask quantity"),
                None if ask_orders < 0 else f.quantity(level[ask_orders], "orders"),
            )
        )
    return DepthTick(room, token, f.epoch_ms(x[1], "time"), tuple(bids), tuple(asks))
