"""Whether a user can pay for an order, and what is blocked for those that work and for what was traded."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from breeze_simulator.application.accounts import Accounts
from breeze_simulator.application.margins import Leg, premium, span_margin
from breeze_simulator.application.order_desk import OrderDesk, OrderRefused
from breeze_simulator.application.ports import MarketView
from breeze_simulator.application.positions import Positions
from breeze_simulator.domain.broker_orders import BrokerOrder
from breeze_simulator.domain.instruments import Instrument
from breezeway.clock import IST, Clock
from breezeway.exchange.orders import Side
from breezeway.money import ZERO

SEGMENT_OF: Final = {
    "NSE": "equity",
    "BSE": "equity",
    "NFO": "fno",
    "BFO": "fno",
    "MCX": "commodity",
    "NDX": "currency",
}


class Money:
    """Keeps the blocked amounts of `Accounts` true. The portfolio that a user starts with blocks nothing."""

    def __init__(
        self, desk: OrderDesk, market: MarketView, accounts: Accounts, positions: Positions, exchange_clock: Clock
    ) -> None:
        self._desk = desk
        self._market = market
        self._accounts = accounts
        self._positions = positions
        self._clock = exchange_clock

    def require(self, user_id: str, instrument: Instrument, side: Side, quantity: int, price: Decimal) -> None:
        """Raises OrderRefused when the segment has too little left for one more order."""
        segment = SEGMENT_OF[instrument.exchange]
        funds = self._accounts.funds(user_id)
        before = self._blocked(user_id, segment, ())
        signed = quantity if side is Side.BUY else -quantity
        needed = self._blocked(user_id, segment, ((instrument, signed, price),))
        # What reduces a position is let through, whatever the account looks like.
        if needed > before and needed > funds.allocated[segment]:
            raise OrderRefused("Insufficient limit to place this order.")

    def refresh(self, order: BrokerOrder) -> None:
        """Bring the blocked amount of an order's segment up to date after a change of the order."""
        segment = SEGMENT_OF[order.instrument.exchange]
        self._accounts.block(order.user_id, segment, self._blocked(order.user_id, segment, ()))

    def leg(self, instrument: Instrument, quantity: int, price: Decimal) -> Leg:
        """One line of a margin scan at the market's present level."""
        return Leg(instrument, quantity, price, self._market.snapshot(instrument).spot)

    def _blocked(self, user_id: str, segment: str, more: tuple[tuple[Instrument, int, Decimal], ...]) -> Decimal:
        working = [*self._working(user_id, segment), *more]
        held = [p for p in self._positions.of(user_id) if SEGMENT_OF[p.instrument.exchange] == segment]
        if segment == "equity":
            buys = sum((quantity * price for _, quantity, price in working if quantity > 0), ZERO)
            return max(ZERO, buys + sum((position.spent for position in held), ZERO))
        legs = [self.leg(p.instrument, p.quantity, p.average) for p in held if p.quantity]
        legs += [self.leg(*line) for line in working]
        paid = sum((p.spent for p in held if p.instrument.kind == "option"), ZERO)
        offered = premium(self.leg(*line) for line in working if line[1] > 0)
        return span_margin(legs, self._clock.now().astimezone(IST).date()) + max(ZERO, paid + offered)

    def _working(self, user_id: str, segment: str) -> Iterator[tuple[Instrument, int, Decimal]]:
        for order in self._desk.working(user_id):
            if SEGMENT_OF[order.instrument.exchange] == segment:
                signed = order.pending if order.order.is_buy else -order.pending
                yield order.instrument, signed, order.order.price or ZERO
