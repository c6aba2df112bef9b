"""Order events of the broker, on their way into the user's durable channel."""

import asyncio
from dataclasses import asdict
from decimal import Decimal
from typing import Final
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from breezeway import cancellation
from breezeway.breeze.events import OrderUpdate
from breezeway.bus.durable import Append
from breezeway.bus.safe_writer import SafeWriter
from breezeway.contracts.stream import BrokerOrderMessage, ChannelKind
from breezeway.errors import UpstreamUnavailable

_SPACING_SECONDS: Final = 0.1
_PAUSE_SECONDS: Final = 0.5

_log = structlog.get_logger()


class DurableOrderEvents:
    """Implements `feed_ports.OrderEvents`: messages of type `broker_order` in the channel `orders`.

    They are the broker's own word on orders of every origin, ours or not, and keep the broker's number of the order;
    account numbers stay out. Run `run()` in a task, or what Valkey forgets when it is killed is not told again.
    """

    def __init__(self, redis: "Redis") -> None:
        self._writer = SafeWriter(redis)
        self._appended = asyncio.Event()

    async def append(self, user_id: UUID, order: OrderUpdate, name: UUID) -> None:
        message = Append(user_id, ChannelKind.ORDERS, asdict(message_of(order)), once=name)
        try:
            await self._writer.offer([message])
        except (RedisError, OSError) as error:
            raise UpstreamUnavailable(
                f"Redis does not answer: {type(error).__name__}.", code="redis_unavailable"
            ) from error
        self._appended.set()

    async def run(self) -> None:
        """Learn what is safe, and tell again what was not, until cancelled."""
        while True:
            cancellation.heed()
            await self._appended.wait()
            self._appended.clear()
            while self._writer.unsafe:
                cancellation.heed()
                try:
                    await self._writer.confirm()
                except (RedisError, OSError) as error:
                    _log.warning("order_events_not_safe", error=type(error).__name__)
                    await asyncio.sleep(_PAUSE_SECONDS)
                else:
                    await asyncio.sleep(_SPACING_SECONDS)


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
