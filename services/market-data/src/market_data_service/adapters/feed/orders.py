"""Order events of the broker, on their way into the user's durable channel."""

from dataclasses import asdict
from decimal import Decimal
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway.breeze.events import OrderUpdate
from breezeway.bus.durable import DurableChannels
from breezeway.contracts.stream import BrokerOrderMessage, ChannelKind
from breezeway.errors import UpstreamUnavailable


class DurableOrderEvents:
    """Implements `feed_ports.OrderEvents`: messages of type `broker_order` in the channel `orders`.

    They are the broker's own word on orders of every origin, ours or not, and keep the broker's number of the order;
    account numbers stay out.
    """

    def __init__(self, redis: "Redis") -> None:
        self._channels = DurableChannels(redis)

    async def append(self, user_id: UUID, order: OrderUpdate) -> None:
        try:
            await self._channels.append(user_id, ChannelKind.ORDERS.value, asdict(message_of(order)))
        except (RedisError, OSError) as error:
            raise UpstreamUnavailable(
                f"Redis does not answer: {type(error).__name__}.", code="redis_unavailable"
            ) from error


def message_of(order: OrderUpdate) -> BrokerOrderMessage:
    """What clients read."""
    return BrokerOrderMessage(
        broker_order_id=order.reference,
        at=order.at_ms,
        exchange=order.exchange,
        broker_code=order.broker_code,
        expiry=None if order.expiry is None else order.expiry.isoformat(),
        right=order.right,
        side=order.action.lower(),
        order_type=order.order_type.lower(),
        validity=order.validity.lower(),
        product=order.product.lower(),
        status=order.status.lower(),
        price=_text(order.limit_price),
        trigger_price=_text(order.stop_loss_price),
        average_price=_text(order.average_price),
        strike=_text(order.strike),
        quantity=order.quantity,
        filled_quantity=order.executed_quantity,
        cancelled_quantity=order.cancelled_quantity,
        expired_quantity=order.expired_quantity,
        placed_by=order.channel,
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
