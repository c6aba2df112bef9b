"""The REST objects of what is stored."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from breezeway.contracts.trading import OrderView, PositionView, TradeView, plain
from breezeway.money import format_amount, to_paise
from trading_service.application.ports import HeldPosition, StoredOrder
from trading_service.domain.bookkeeping import Trade


def order_view(stored: StoredOrder) -> OrderView:
    """An order as users see it."""
    order = stored.order
    average = stored.filled_value / stored.filled if stored.filled else None
    return OrderView(
        id=stored.id,
        account_id=stored.account_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        quantity=str(order.quantity),
        order_type=order.order_type,
        product=order.product,
        validity=order.validity,
        price=_price(order.price),
        trigger_price=_price(order.trigger_price),
        disclosed_quantity=str(order.disclosed_quantity),
        tag=order.tag,
        state=stored.state,
        filled_quantity=str(stored.filled),
        average_price=_price(None if average is None else round(average, 4)),
        blocked=format_amount(stored.hold),
        code=stored.code,
        text=stored.text,
        group_id=stored.group_id,
        group_role=stored.group_role,
        placed_at=stored.placed_at,
        updated_at=stored.updated_at,
    )


def trade_view(trade: Trade) -> TradeView:
    """A trade as users see it."""
    return TradeView(
        id=trade.trade_id,
        order_id=trade.order_id,
        account_id=trade.account_id,
        symbol=trade.symbol,
        product=trade.product,
        side=trade.side,
        quantity=str(trade.quantity),
        price=plain(trade.price),
        value=money(trade.value),
        realised=money(trade.realised),
        maker=trade.maker,
        tag=trade.tag,
        at=trade.at,
        settles_on=trade.settles_on,
    )


def position_view(held: HeldPosition, last: Decimal | None) -> PositionView:
    """A position as users see it, valued at `last` where that is known."""
    position = held.position
    average = position.average_price
    return PositionView.model_validate(
        {
            "account_id": held.account_id,
            "symbol": held.symbol,
            "product": held.product,
            "quantity": str(position.quantity),
            "average_price": _price(None if average is None else round(average, 4)),
            "last_price": _price(last),
            "cost": money(position.cost),
            "value": None if last is None else money(last * position.quantity),
            "realised": money(position.realised),
            "unrealised": None if last is None else money(position.unrealised(last)),
            "bought_quantity": str(position.bought),
            "sold_quantity": str(position.sold),
            "updated_at": held.updated_at,
        }
    )


def message(kind: str, view: OrderView | TradeView | PositionView) -> Mapping[str, Any]:
    """A stream message: the REST object under its type."""
    return {"type": kind, **view.model_dump(mode="json")}


def money(value: Decimal) -> str:
    """An amount with two decimals."""
    return format_amount(to_paise(value))


def _price(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
