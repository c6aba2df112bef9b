"""What the engine sees of the market: ticks, depth, the book they make; and the rules of one instrument."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from breezeway.errors import InvalidInput
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import Segment


class InstrumentKind(StrEnum):
    EQUITY = "equity"
    FUTURE = "future"
    OPTION = "option"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class InstrumentRules:
    """What the exchange says of one instrument on one day. Prices are rupees, quantities units."""

    symbol: str
    segment: Segment
    kind: InstrumentKind
    tick_size: Decimal
    lot_size: int = 1
    freeze_quantity: int | None = None
    """The largest quantity of one order."""
    lower_band: Decimal | None = None
    upper_band: Decimal | None = None
    cas_eligible: bool = False
    trade_to_trade: bool = False
    """Delivery only: no intraday product."""
    underlying: str | None = None
    """The exchange symbol of a derivative's underlying: farm produce closes earlier than its exchange."""

    def __post_init__(self) -> None:
        if self.tick_size <= 0 or self.lot_size <= 0:
            raise InvalidInput(f"{self.symbol} needs a positive tick and lot.", code="invalid_instrument")

    def hours(self, calendar: MarketCalendar) -> Segment:
        """The segment whose hours it keeps, which for some commodities are not those of `segment`."""
        return calendar.segment_of(self.segment, self.underlying) if self.segment is Segment.MCX else self.segment


@dataclass(frozen=True, slots=True)
class Level:
    """One price of a book and the quantity displayed at it."""

    price: Decimal
    quantity: int


@dataclass(frozen=True, slots=True)
class MarketTick:
    """The newest trade and touch of an instrument, at exchange time.

    `volume` is cumulative for the day. A touch of None is not stated (the depth last seen stands); a quantity of 0 says
    that the side is empty, as at a circuit limit.
    """

    at: datetime
    ltp: Decimal
    volume: int | None = None
    last_quantity: int | None = None
    bid: Decimal | None = None
    bid_quantity: int | None = None
    ask: Decimal | None = None
    ask_quantity: int | None = None
    lower_band: Decimal | None = None
    upper_band: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """Both sides as displayed, best first, up to five levels. Without us: nobody sees a paper order."""

    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


@dataclass(frozen=True, slots=True)
class Depth:
    """The book at an instant of exchange time; it replaces the one before."""

    at: datetime
    book: Book


EMPTY_BOOK = Book()


def quoted_price(value: float | str | Decimal) -> Decimal:
    """A market price as a feed spells it, a float included, exact to a hundredth of a paisa.

    This is the one place where a float becomes a price: a feed's JSON has no other numbers.
    """
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return number.quantize(_FINEST).normalize() + 0 if number else _ZERO


_FINEST = Decimal("0.0001")
_ZERO = Decimal(0)


def touch(price: Decimal | None, quantity: int | None, known: tuple[Level, ...], *, buy: bool) -> tuple[Level, ...]:
    """One side of the book after a tick restated its best level; deeper levels that are worse than it stand."""
    if quantity == 0:
        return ()
    if price is None or quantity is None:
        return known
    deeper = tuple(level for level in known if (level.price < price if buy else level.price > price))
    return (Level(price, quantity), *deeper[:4])


def displayed(levels: tuple[Level, ...], price: Decimal, *, buy: bool) -> int | None:
    """What one side of a book shows at `price`; 0 in a gap or before the best, None beyond the last level in sight."""
    for level in levels:
        if level.price == price:
            return level.quantity
        if level.price < price if buy else level.price > price:
            return 0
    return None if levels else 0
