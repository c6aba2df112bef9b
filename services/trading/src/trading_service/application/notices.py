"""What users are notified of. Times are the exchange's, as everywhere in trading."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from breezeway.contracts.events import Event, EventKind, Severity
from breezeway.contracts.trading import plain
from breezeway.exchange.orders import Side
from trading_service.application.ports import StoredOrder
from trading_service.domain.accounts import TradingAccount
from trading_service.domain.bookkeeping import Trade

_DONE: Final = {Side.BUY: "Bought", Side.SELL: "Sold"}


def filled(stored: StoredOrder, trade: Trade, at: datetime) -> Event:
    """A part of an order, or all of it, has been executed."""
    price = plain(trade.price)
    left = stored.remaining
    return Event(
        user_id=stored.user_id,
        kind=EventKind.ORDER_FILLED,
        title=f"{_DONE[trade.side]} {trade.quantity} {trade.symbol} at {price}",
        text=f"{left} of the order remain." if left else "The order is complete.",
        at=at,
        data={**_names(stored), "trade_id": trade.trade_id, "quantity": str(trade.quantity), "price": price},
    )


def rejected(stored: StoredOrder, at: datetime) -> Event:
    """The exchange or the broker took an order and then refused it."""
    order = stored.order
    return Event(
        user_id=stored.user_id,
        kind=EventKind.ORDER_REJECTED,
        severity=Severity.WARNING,
        title=f"Rejected: {order.side} {order.quantity} {order.symbol}",
        text=stored.text or "",
        at=at,
        data={**_names(stored), "code": stored.code or ""},
    )


def margin_short(account: TradingAccount, missing: Decimal, at: datetime) -> Event:
    """The positions of an account need more than there is cash for."""
    return Event(
        user_id=account.user_id,
        kind=EventKind.MARGIN_SHORT,
        severity=Severity.WARNING,
        title=f"{account.name} lacks margin",
        text=f"Its positions need {missing:.2f} rupees more than it has. Pay in, or close something.",
        at=at,
        data={"account_id": str(account.id), "missing": f"{missing:.2f}"},
    )


def _names(stored: StoredOrder) -> dict[str, str]:
    return {"order_id": str(stored.id), "account_id": str(stored.account_id), "symbol": stored.order.symbol}
