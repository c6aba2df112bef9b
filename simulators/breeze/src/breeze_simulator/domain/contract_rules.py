"""What the exchange lets be ordered of an instrument: tick, lot, freeze quantity, bands."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from breeze_simulator.domain.instruments import Instrument
from breeze_simulator.domain.market_types import Depth, Snapshot
from breeze_simulator.domain.quoting import TRADE_TO_TRADE
from breeze_simulator.domain.sessions import SEGMENTS
from breeze_simulator.domain.tick_sizes import cash_tick
from breezeway.exchange.market import Book, InstrumentKind, InstrumentRules, Level, MarketTick, quoted_price
from breezeway.exchange.market import Depth as EngineDepth

INDEX_CODES: Final = frozenset({"NIFTY", "CNXBAN", "NIFSEL", "NIFFIN", "NIFNEX", "BSESEN", "BANKEX"})

_FREEZE: Final = {
    "NIFTY": 1800,
    "CNXBAN": 600,
    "NIFFIN": 1800,
    "NIFSEL": 2800,
    "NIFNEX": 600,
    "BSESEN": 1000,
    "BANKEX": 900,
}


def rules_of(instrument: Instrument, quote: Snapshot, *, has_derivatives: bool) -> InstrumentRules:
    """The rules of the quote's day."""
    return InstrumentRules(
        symbol=instrument.key,
        segment=SEGMENTS[instrument.exchange],
        kind=InstrumentKind(instrument.kind),
        tick_size=Decimal(str(_tick(instrument, quote))),
        lot_size=max(instrument.lot_size, 1),
        freeze_quantity=_FREEZE.get(instrument.stock_code) if instrument.is_derivative else None,
        lower_band=_band(quote.lower_circuit),
        upper_band=_band(quote.upper_circuit),
        cas_eligible=has_derivatives and not instrument.is_derivative,
        trade_to_trade=instrument.series in TRADE_TO_TRADE,
        underlying=instrument.commodity,
    )


def market_tick(quote: Snapshot, at: datetime) -> MarketTick:
    """What the matching engine hears of a quote."""
    return MarketTick(
        at=at,
        ltp=quoted_price(quote.last),
        volume=quote.volume,
        last_quantity=quote.ltq,
        bid=quoted_price(quote.bid) if quote.bid_qty else None,
        bid_quantity=quote.bid_qty,
        ask=quoted_price(quote.ask) if quote.ask_qty else None,
        ask_quantity=quote.ask_qty,
        lower_band=_band(quote.lower_circuit),
        upper_band=_band(quote.upper_circuit),
    )


def market_depth(depth: Depth, at: datetime) -> EngineDepth:
    """What the matching engine hears of a book."""
    bids = tuple(Level(quoted_price(level.price), level.qty) for level in depth.bids)
    asks = tuple(Level(quoted_price(level.price), level.qty) for level in depth.asks)
    return EngineDepth(at, Book(bids, asks))


def _tick(instrument: Instrument, quote: Snapshot) -> float:
    if instrument.exchange in ("MCX", "NDX"):
        return instrument.tick_size
    if instrument.kind == "option":
        return 0.05
    if instrument.exchange in ("BSE", "BFO"):
        return 0.05 if quote.last > 100 else 0.01
    if instrument.is_derivative and instrument.stock_code in INDEX_CODES:
        return 0.05 if quote.last < 15_000 else 0.10 if quote.last < 30_000 else 0.20
    # The exchange resets ticks monthly; clients go by the last price. Whoever is between two steps may use the finer.
    return min(cash_tick(quote.prev_close), cash_tick(quote.last))


def _band(price: float) -> Decimal | None:
    return quoted_price(price) if price else None
