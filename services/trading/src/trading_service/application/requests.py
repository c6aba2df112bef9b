"""What users ask of an order desk."""

from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

import orjson

from breezeway.exchange.orders import Order, OrderType, Product, Side, Validity


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a user asks for. Quantities are units; `auto_square_off` marks what the broker's rules closed."""

    account_id: UUID
    symbol: str
    side: Side
    quantity: int
    order_type: OrderType
    product: Product
    validity: Validity = Validity.DAY
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    disclosed_quantity: int = 0
    client_order_id: str | None = None
    tag: str | None = None
    auto_square_off: bool = False
    group_id: UUID | None = None
    group_role: str | None = None
    closes: bool = False
    """Whether it was asked to close a position, for which brokers have a call of their own."""

    def order(self, order_id: UUID, symbol: str) -> Order:
        """Raises InvalidInput `invalid_order`, as `Order` does."""
        return Order(
            order_id=str(order_id),
            account_id=str(self.account_id),
            symbol=symbol,
            side=self.side,
            quantity=self.quantity,
            order_type=self.order_type,
            product=self.product,
            validity=self.validity,
            price=self.price,
            trigger_price=self.trigger_price,
            disclosed_quantity=self.disclosed_quantity,
            client_order_id=self.client_order_id,
            tag=self.tag,
        )

    @property
    def fingerprint(self) -> str:
        """The same for the same request."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return sha256(orjson.dumps(values, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(frozen=True, slots=True)
class OnceOnly:
    """An idempotency key, and the request that it stands for."""

    route: str
    key: str
    fingerprint: str
