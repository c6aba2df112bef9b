"""Open positions as FIFO lots: what was opened first is closed first.

Quantities are units and signed (negative is short); prices are rupees a unit. Profit is realised when a lot is closed,
before charges. A position is the fold of its trades, so it can always be recomputed from them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from breezeway.money import ZERO


@dataclass(frozen=True, slots=True)
class Lot:
    """A part of a position that was opened by one trade. `settles_on` is when bought shares arrive."""

    quantity: int
    price: Decimal
    opened_at: datetime
    settles_on: date


@dataclass(frozen=True, slots=True)
class Closed:
    """A part of a position that was closed: `quantity` positive, `short` when it had been sold first."""

    quantity: int
    opened_price: Decimal
    closed_price: Decimal
    opened_at: datetime
    closed_at: datetime
    short: bool

    @property
    def profit(self) -> Decimal:
        difference = self.closed_price - self.opened_price
        return (-difference if self.short else difference) * self.quantity

    @property
    def cost(self) -> Decimal:
        """What the lot stood at: signed as the position was."""
        return self.opened_price * (-self.quantity if self.short else self.quantity)


@dataclass(frozen=True, slots=True)
class Position:
    """One instrument in one product of one account."""

    lots: tuple[Lot, ...] = ()
    realised: Decimal = ZERO
    bought: int = 0
    bought_value: Decimal = ZERO
    sold: int = 0
    sold_value: Decimal = ZERO
    closed: tuple[Closed, ...] = field(default=(), compare=False)
    """What the last `traded` closed; not part of the position."""

    @property
    def quantity(self) -> int:
        return sum(lot.quantity for lot in self.lots)

    @property
    def cost(self) -> Decimal:
        return sum((lot.price * lot.quantity for lot in self.lots), ZERO)

    @property
    def average_price(self) -> Decimal | None:
        quantity = self.quantity
        return self.cost / quantity if quantity else None

    def unrealised(self, price: Decimal) -> Decimal:
        return price * self.quantity - self.cost

    def traded(self, signed: int, price: Decimal, at: datetime, settles_on: date) -> "Position":
        """The position after a trade of `signed` units; what it closed is in `closed`."""
        left, lots, closed = signed, list(self.lots), []
        while left and lots and (lots[0].quantity > 0) != (left > 0):
            lot = lots[0]
            part = min(abs(left), abs(lot.quantity))
            step = part if left > 0 else -part
            closed.append(Closed(part, lot.price, price, lot.opened_at, at, short=lot.quantity < 0))
            left -= step
            if lot.quantity + step:
                lots[0] = replace(lot, quantity=lot.quantity + step)
            else:
                lots.pop(0)
        if left:
            lots.append(Lot(left, price, at, settles_on))
        value = price * abs(signed)
        return Position(
            lots=tuple(lots),
            realised=self.realised + sum((each.profit for each in closed), ZERO),
            bought=self.bought + max(0, signed),
            bought_value=self.bought_value + (value if signed > 0 else ZERO),
            sold=self.sold + max(0, -signed),
            sold_value=self.sold_value + (value if signed < 0 else ZERO),
            closed=tuple(closed),
        )

    def marked(self, price: Decimal, at: datetime) -> "Position":
        """The position with every lot restated at `price`; the difference is realised (daily mark to market)."""
        profit = self.unrealised(price)
        lots = tuple(replace(lot, price=price) for lot in self.lots)
        return replace(self, lots=lots, realised=self.realised + profit, closed=())


@dataclass(frozen=True, slots=True)
class SignedTrade:
    """A trade as the fold of a position sees it."""

    quantity: int
    price: Decimal
    at: datetime
    settles_on: date


def position_of(trades: Iterable[SignedTrade]) -> Position:
    """The position that these trades make, in their order."""
    position = Position()
    for trade in trades:
        position = position.traded(trade.quantity, trade.price, trade.at, trade.settles_on)
    return position
