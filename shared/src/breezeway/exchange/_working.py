"""A working order as the engine keeps it, its frozen image, and when its life ends."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from breezeway.clock import IST
from breezeway.exchange.breakers import Halt
from breezeway.exchange.market import Depth, InstrumentRules, MarketTick
from breezeway.exchange.orders import EventKind, Order
from breezeway.market_calendar.calendar import MarketCalendar
from breezeway.market_calendar.model import TRADING_KINDS, SessionKind


@dataclass(slots=True, eq=False)
class Working:
    """Only the engine mutates it. `price` is None until a market order meets a price to be protected from."""

    order: Order
    buy: bool
    price: Decimal | None
    remaining: int
    seq: int
    since: datetime
    ends_at: datetime
    ends_by: EventKind
    armed: bool
    """A stop that waits for its trigger."""
    passive: bool = False
    """It has rested without crossing the book, so whoever meets it now does so at its price."""
    ahead: int | None = None
    """Displayed quantity in front of it at its price; None while that price is out of sight."""
    fills: int = 0

    def frozen(self) -> "WorkingState":
        return WorkingState(*(getattr(self, name) for name in WorkingState.__slots__))

    @property
    def key(self) -> tuple[Decimal, int]:
        """Sorts by price, best first, then by time."""
        price = self.price or Decimal(0)
        return (-price if self.buy else price, self.seq)


@dataclass(frozen=True, slots=True)
class WorkingState:
    """The image of a working order in a snapshot."""

    order: Order
    buy: bool
    price: Decimal | None
    remaining: int
    seq: int
    since: datetime
    ends_at: datetime
    ends_by: EventKind
    armed: bool
    passive: bool
    ahead: int | None
    fills: int

    def thawed(self) -> Working:
        return Working(*(getattr(self, name) for name in WorkingState.__slots__))


@dataclass(frozen=True, slots=True)
class BookState:
    """All that a book must remember to go on exactly where it was."""

    symbol: str
    seed: int
    sequence: int
    rules: InstrumentRules
    tick: MarketTick | None
    depth: Depth | None
    market_at: datetime
    phase_until: datetime
    matching: bool
    auction: bool
    opening: bool
    halt: Halt | None
    lost: bool
    consumed: tuple[tuple[tuple[str, bool, Decimal], int], ...]
    working: tuple[WorkingState, ...]


def end_of_life(
    order: Order, armed: bool, at: datetime, rules: InstrumentRules, calendar: MarketCalendar
) -> tuple[datetime, EventKind] | None:
    """When a DAY order of `at` ends, and how; None when the day's last session is over already.

    A limit order is carried into the closing auction. A stop that has not triggered and an order that hides quantity
    are not: the exchange cancels them as it begins.
    """
    day = at.astimezone(IST).date()
    sessions = calendar.sessions(rules.hours(calendar), day, cas_eligible=rules.cas_eligible)
    ends = [s.end for s in sessions if s.kind in TRADING_KINDS or s.kind is SessionKind.CLOSING_AUCTION]
    if not ends or at >= ends[-1]:
        return None
    auctions = [s.start for s in sessions if s.kind is SessionKind.CLOSING_AUCTION]
    if auctions and (armed or order.disclosed_quantity):
        return auctions[0], EventKind.CANCEL
    return ends[-1], EventKind.EXPIRE
