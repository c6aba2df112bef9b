"""Turns a print into what a screen shows: quote, book, circuit limits.

Sizes and spreads come from a hash of the instrument and the second, so that the same moment of a replay looks the same.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from breeze_simulator.domain.day_path import DayPath
from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import Depth, Level, Snapshot
from breeze_simulator.domain.prints import BLOCK_ROWS, PrintBlock, PrintBook
from breeze_simulator.domain.rng import mix, stable_hash
from breezeway.clock import IST

_LEVELS: Final = 5
_BAND_WITH_DERIVATIVES: Final = 0.10
_BAND: Final = 0.20
_BAND_TRADE_TO_TRADE: Final = 0.05
TRADE_TO_TRADE: Final = frozenset({"BE", "BZ", "ST"})
"""Series that are delivered trade by trade."""


@dataclass(frozen=True, slots=True, eq=False)
class DayFacts:
    """What stays the same for an instrument through a day. `first_minute` and `last_minute` bound its session."""

    path: DayPath
    prev_close: float
    prev_oi: int
    lower_circuit: float
    upper_circuit: float
    has_book: bool
    usual_size: int
    salt: int
    first_minute: int
    last_minute: int


@dataclass(frozen=True, slots=True)
class Position:
    """A print of a day: its block and its place in there."""

    number: int
    block: PrintBlock
    index: int


def day_facts(
    instrument: Instrument,
    path: DayPath,
    prev_close: float,
    prev_oi: int,
    spot: float,
    has_derivatives: bool,
    session: tuple[int, int],
) -> DayFacts:
    """Gather the constants of a day. `spot` is the underlying's previous level, which bands of options depend on."""
    lower = upper = 0.0
    if instrument.kind == "option":
        lower, upper = max(prev_close - 0.1 * spot, path.tick_size), prev_close + 0.1 * spot
    elif instrument.kind != "index":
        band = _BAND_WITH_DERIVATIVES if has_derivatives or instrument.kind == "future" else _BAND
        if instrument.series in TRADE_TO_TRADE:
            band = _BAND_TRADE_TO_TRADE
        lower, upper = prev_close * (1 - band), prev_close * (1 + band)
    if upper and len(path):
        # A real band is flexed when the market runs into it; ours has been flexed in advance.
        lower, upper = min(lower, float(path.low.min())), max(upper, float(path.high.max()))
    tick = path.tick_size
    usual = int(path.volume.sum()) // max(len(path), 1) // path.lot
    return DayFacts(
        path=path,
        prev_close=prev_close,
        prev_oi=prev_oi,
        lower_circuit=round(round(lower / tick) * tick, 2),
        upper_circuit=round(round(upper / tick) * tick, 2),
        has_book=instrument.kind != "index",
        usual_size=max(usual, 2),
        salt=stable_hash(instrument.key, path.day),
        first_minute=session[0],
        last_minute=session[1],
    )


def locate(book: PrintBook, path: DayPath, second: int) -> Position | None:
    """The newest print at or before `second` (epoch); `None` before the day's first."""
    minute = (second - path.midnight) // 60
    row = int(path.minute.searchsorted(minute, side="right")) - 1
    if row < 0:
        return None
    number = row // BLOCK_ROWS
    block = book.block(path, number)
    index = int(block.time.searchsorted(second, side="right")) - 1
    if index >= 0:
        return Position(number, block, index)
    if number == 0:
        return None
    block = book.block(path, number - 1)
    return Position(number - 1, block, len(block) - 1)


def snapshot_at(facts: DayFacts, position: Position | None, second: int, spot: float, turn: int = 0) -> Snapshot:
    """The quote at `second`, after the print at `position`. `turn` tells quote updates of one second apart."""
    path = facts.path
    hashed = mix(facts.salt ^ (second * 64 + turn))
    if position is None:
        last, traded = facts.prev_close, None
        opened = high = low = average = turnover = 0.0
        quantity = volume = 0
        oi = facts.prev_oi if path.oi is not None else None
    else:
        block, index = position.block, position.index
        last, traded = block.price.item(index), block.time.item(index)
        quantity, volume, turnover = block.quantity.item(index), block.volume.item(index), block.turnover.item(index)
        opened, high, low = path.open.item(0), block.high.item(index), block.low.item(index)
        average = round(turnover / volume, 2) if volume else 0.0
        oi = int(path.oi[block.row[index]]) if path.oi is not None else None
    bid, bid_qty, ask, ask_qty = _touch(facts, last, hashed)
    breadth = facts.usual_size * path.lot * 40
    minute_hash = mix(facts.salt + second // 60)
    return Snapshot(
        last=last,
        open=opened,
        high=high,
        low=low,
        prev_close=facts.prev_close,
        ltq=quantity,
        volume=volume,
        avg_price=average,
        turnover=turnover,
        bid=bid,
        bid_qty=bid_qty,
        ask=ask,
        ask_qty=ask_qty,
        total_buy_qty=_lots(breadth * (60 + minute_hash % 80) // 100 + bid_qty, path.lot) if facts.has_book else 0,
        total_sell_qty=_lots(breadth * (60 + (minute_hash >> 16) % 80) // 100 + ask_qty, path.lot)
        if facts.has_book
        else 0,
        oi=oi,
        chg_oi=None if oi is None else oi - facts.prev_oi,
        lower_circuit=facts.lower_circuit,
        upper_circuit=facts.upper_circuit,
        ltt=None if traded is None else datetime.fromtimestamp(traded, IST),
        spot=spot,
    )


def depth_at(facts: DayFacts, quote: Snapshot, at: datetime) -> Depth:
    """Five levels a side around the quote, its best bid and offer first; none for an index."""
    if not facts.has_book:
        return Depth(at, (), ())
    hashed = mix(facts.salt ^ int(at.timestamp()))
    return Depth(
        at,
        _side(facts, quote.bid, quote.bid_qty, -1, hashed),
        _side(facts, quote.ask, quote.ask_qty, 1, hashed >> 7),
    )


def _touch(facts: DayFacts, last: float, hashed: int) -> tuple[float, int, float, int]:
    if not facts.has_book:
        return 0.0, 0, 0.0, 0
    path = facts.path
    tick = path.tick_size
    # About three hundredths of a percent wide, a tick at least, a few ticks more where little trades.
    wide = max(round(last * 3e-4 / tick), 1) + (hashed % 3 if facts.usual_size < 20 else hashed % 2)
    below = (hashed >> 8) % (wide + 1)
    bid = max(round(last - below * tick, 4), min(last, facts.lower_circuit))
    ask = min(round(bid + wide * tick, 4), facts.upper_circuit)
    if ask <= bid:
        ask = round(bid + tick, 4)
    size = facts.usual_size
    return bid, (1 + (hashed >> 16) % size) * path.lot, ask, (1 + (hashed >> 32) % size) * path.lot


def _side(facts: DayFacts, best: float, quantity: int, step: int, hashed: int) -> tuple[Level, ...]:
    tick, lot = facts.path.tick_size, facts.path.lot
    levels = []
    price = best
    for _ in range(_LEVELS):
        if price < tick:
            break
        levels.append(Level(price, quantity, 1 + hashed % 9))
        hashed = mix(hashed)
        price = round(price + step * tick * (1 + hashed % 4 // 3), 4)
        quantity = (1 + (hashed >> 16) % (2 * facts.usual_size)) * lot
    return tuple(levels)


def _lots(quantity: int, lot: int) -> int:
    return quantity // lot * lot
