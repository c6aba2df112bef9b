"""What trading must know of an instrument, kept with the orders: neither a restart nor settlement asks for it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from breezeway.charges.model import TradeKind
from breezeway.contracts.instruments import Instrument, InstrumentType, Right
from breezeway.errors import InvalidInput
from breezeway.exchange.market import InstrumentKind, InstrumentRules
from breezeway.exchange.orders import Product
from breezeway.market_calendar.model import Segment

_KINDS: Final = {
    InstrumentType.EQUITY: InstrumentKind.EQUITY,
    InstrumentType.FUTURE: InstrumentKind.FUTURE,
    InstrumentType.OPTION: InstrumentKind.OPTION,
    InstrumentType.INDEX: InstrumentKind.INDEX,
}
_CASH: Final = frozenset({"NSE", "BSE"})


@dataclass(frozen=True, slots=True)
class Contract:
    """One tradable instrument: its exchange rules, and what settlement and margin need."""

    rules: InstrumentRules
    lot_size: int
    underlying: str = ""
    """The underlying's own symbol (`NSE_INDEX:NIFTY`, `NSE:RELIANCE`); empty for shares."""
    expiry: date | None = None
    strike: Decimal | None = None
    call: bool | None = None

    @property
    def symbol(self) -> str:
        return self.rules.symbol

    @property
    def exchange(self) -> str:
        return self.rules.segment.value

    @property
    def is_option(self) -> bool:
        return self.rules.kind is InstrumentKind.OPTION

    @property
    def is_future(self) -> bool:
        return self.rules.kind is InstrumentKind.FUTURE

    @property
    def on_index(self) -> bool:
        return "_INDEX:" in self.underlying

    def trade_kind(self, product: Product) -> TradeKind:
        """How the tax sees a trade in it."""
        if self.is_option:
            return TradeKind.OPTION
        if self.is_future:
            return TradeKind.FUTURE
        return TradeKind.DELIVERY if product is Product.CNC else TradeKind.INTRADAY


def contract_of(instrument: Instrument, *, index_names: frozenset[str]) -> Contract:
    """The contract of an instrument of the master.

    Args:
        index_names: codes that are indices when they are an underlying (`NIFTY`).

    Raises:
        InvalidInput: `not_tradable`, for what has no order book here (indices, funds).
    """
    kind = _KINDS.get(instrument.type)
    if kind is None or kind is InstrumentKind.INDEX or instrument.exchange not in Segment.__members__:
        raise InvalidInput(f"{instrument.symbol} is quoted here but cannot be traded.", code="not_tradable")
    cash = instrument.exchange in _CASH
    underlying = ""
    if not cash and instrument.underlying is not None:
        home = {"NFO": "NSE", "BFO": "BSE"}.get(instrument.exchange, instrument.exchange)
        suffix = "_INDEX" if instrument.underlying in index_names else ""
        underlying = f"{home}{suffix}:{instrument.underlying}"
    return Contract(
        rules=InstrumentRules(
            symbol=instrument.symbol,
            segment=Segment(instrument.exchange),
            kind=kind,
            tick_size=instrument.tick_size,
            # An order counts units; shares trade one by one whatever their board lot.
            lot_size=1 if cash else instrument.lot_size,
            freeze_quantity=instrument.freeze_quantity,
            lower_band=instrument.lower_band,
            upper_band=instrument.upper_band,
            trade_to_trade=instrument.series in ("BE", "BZ", "T", "Z"),
            underlying=instrument.underlying,
        ),
        lot_size=instrument.lot_size,
        underlying=underlying,
        expiry=instrument.expiry,
        strike=instrument.strike,
        call=None if instrument.right is None else instrument.right is Right.CALL,
    )


INDEX_NAMES: Final = frozenset(
    {"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "SENSEX", "BANKEX", "SENSEX50"}
)
"""Indices with derivatives. A master spells an underlying without its market, so their names have to be known."""
