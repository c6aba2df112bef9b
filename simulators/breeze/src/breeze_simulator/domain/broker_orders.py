"""An order as the broker keeps it: what the exchange's engine says of it, in the broker's words."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from breeze_simulator.domain.instruments import Instrument
from breezeway.exchange.orders import TERMINAL, EventKind, Order, OrderEvent, OrderRecord, OrderState

FREEZE: Final = "freeze_quantity"
"""The code of a rejection that the broker shows as `Freezed`."""


class Status(StrEnum):
    """The broker's vocabulary."""

    REQUESTED = "Requested"
    ORDERED = "Ordered"
    PARTIALLY_EXECUTED = "Partially Executed"
    EXECUTED = "Executed"
    REJECTED = "Rejected"
    EXPIRED = "Expired"
    PARTIALLY_EXECUTED_AND_EXPIRED = "Partially Executed And Expired"
    PARTIALLY_EXECUTED_AND_CANCELLED = "Partially Executed And Cancelled"
    FREEZED = "Freezed"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True)
class BrokerTrade:
    """One execution, as the exchange numbers it."""

    trade_id: str
    exchange_trade_id: str
    quantity: int
    price: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """`record` is the fold of the engine's events; the rest is what only the broker knows.

    Args:
        product: `Cash`, `Futures`, `Options`, `BTST` or `MTF`.
        validity: `Day`, `IoC` or `VTC`.
    """

    order_id: str
    user_id: str
    instrument: Instrument
    record: OrderRecord
    product: str
    validity: str
    user_remark: str
    placed_at: datetime
    validity_date: str = ""
    squares_off: bool = False
    modifications: int = 0
    trades: tuple[BrokerTrade, ...] = ()

    @property
    def order(self) -> Order:
        return self.record.order

    @property
    def is_working(self) -> bool:
        return self.record.state not in TERMINAL

    @property
    def status(self) -> Status:
        filled = self.record.filled > 0
        match self.record.state:
            case OrderState.FILLED:
                return Status.EXECUTED
            case OrderState.PARTIALLY_FILLED:
                return Status.PARTIALLY_EXECUTED
            case OrderState.CANCELLED:
                return Status.PARTIALLY_EXECUTED_AND_CANCELLED if filled else Status.CANCELLED
            case OrderState.EXPIRED:
                return Status.PARTIALLY_EXECUTED_AND_EXPIRED if filled else Status.EXPIRED
            case OrderState.REJECTED:
                return Status.FREEZED if self.record.code == FREEZE else Status.REJECTED
            case OrderState.OPEN | OrderState.TRIGGER_PENDING:
                return Status.ORDERED
            case _:
                return Status.REQUESTED

    @property
    def cancelled(self) -> int:
        """Units that ended unfilled because they were cancelled or refused."""
        gone = self.record.state in (OrderState.CANCELLED, OrderState.REJECTED)
        return self.record.remaining if gone else 0

    @property
    def expired(self) -> int:
        return self.record.remaining if self.record.state is OrderState.EXPIRED else 0

    @property
    def pending(self) -> int:
        """Units that may still fill."""
        return self.record.remaining if self.is_working else 0

    def after(self, event: OrderEvent, trade: BrokerTrade | None) -> "BrokerOrder":
        """The order after an event of the engine; `trade` goes with a fill."""
        return replace(
            self,
            record=self.record.apply(event),
            modifications=self.modifications + (event.kind is EventKind.MODIFY),
            trades=self.trades if trade is None else (*self.trades, trade),
        )
