"""Orders, trades and positions as users and the stream see them. Money, prices and quantities are strings."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from breezeway.exchange.orders import OrderState, OrderType, Product, Side, Validity


def plain(value: Decimal) -> str:
    """A price or average without exponent and without needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class OrderView(BaseModel):
    """The REST object of an order, also sent on the `orders` channel as `{"type": "order", …}`."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    account_id: UUID
    client_order_id: str | None = Field(examples=["my-order-1"])
    symbol: str = Field(examples=["NSE:RELIANCE"])
    side: Side
    quantity: str = Field(description="Units, not lots.", examples=["10"])
    order_type: OrderType
    product: Product
    validity: Validity
    price: str | None = Field(examples=["1400.5"])
    trigger_price: str | None
    disclosed_quantity: str
    tag: str | None
    state: OrderState
    filled_quantity: str = Field(examples=["4"])
    average_price: str | None = Field(description="Of what has filled.", examples=["1400.35"])
    blocked: str = Field(description="Rupees blocked for what has not filled.", examples=["8406.00"])
    code: str | None = Field(description="Why it is in this state, as a machine word.", examples=["accepted"])
    text: str | None = Field(description="The same for a person.")
    group_id: UUID | None = None
    group_role: str | None = None
    placed_at: datetime = Field(description="Exchange time.")
    updated_at: datetime = Field(description="Exchange time.")


class TradeView(BaseModel):
    """One execution, also sent on the `orders` channel as `{"type": "trade", …}`."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["9f2c5ad1b04e77c8f1a0b3d2"])
    order_id: UUID
    account_id: UUID
    symbol: str = Field(examples=["NSE:RELIANCE"])
    product: Product
    side: Side
    quantity: str = Field(examples=["4"])
    price: str = Field(examples=["1400.35"])
    value: str = Field(examples=["5601.40"])
    realised: str = Field(description="Profit that it realised, before charges.", examples=["0.00"])
    maker: bool = Field(description="Whether the order was resting when it filled.")
    tag: str | None
    at: datetime = Field(description="Exchange time.")
    settles_on: date


class PositionView(BaseModel):
    """A position, also sent on the `orders` channel as `{"type": "position", …}`. Values at the last price known."""

    model_config = ConfigDict(frozen=True)

    account_id: UUID
    symbol: str = Field(examples=["NFO:NIFTY24NOV26FUT"])
    product: Product
    quantity: str = Field(description="Negative when short.", examples=["-65"])
    average_price: str | None = Field(examples=["26010.4"])
    last_price: str | None
    cost: str
    value: str | None
    realised: str = Field(description="Since the account was opened or reset; before charges.")
    unrealised: str | None
    bought_quantity: str
    sold_quantity: str
    updated_at: datetime
