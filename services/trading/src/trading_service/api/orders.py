"""Orders."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, status
from pydantic import BaseModel, ConfigDict, Field

from breezeway.contracts.trading import OrderView, plain
from breezeway.exchange.orders import Amendment, OrderState, OrderType, Product, Side, Validity
from breezeway.security.scopes import AccountReader, Trader
from trading_service.api.dependencies import (
    Cursor,
    IdempotencyKey,
    Limit,
    Price,
    Quantity,
    TheCancelling,
    TheLive,
    TheModifying,
    ThePlacing,
    TheReading,
    Units,
    may_trade_live,
)
from trading_service.application.live_placing import refuse_paper_key
from trading_service.application.ports import OrderFilter
from trading_service.application.requests import OrderRequest
from trading_service.application.views import money

router = APIRouter(prefix="/api/v1/trading/orders", tags=["trading"])

ClientOrderId = Annotated[
    str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._:@+-]+$", examples=["my-order-1"])
]


class NewOrder(BaseModel):
    """A limit and an `sl` order have a price; an `sl` and an `sl_m` order have a trigger price."""

    model_config = ConfigDict(extra="forbid")

    account_id: UUID
    client_order_id: ClientOrderId | None = None
    symbol: str = Field(min_length=1, max_length=96, examples=["NSE:RELIANCE"])
    side: Side = Field(examples=["buy"])
    quantity: Quantity
    order_type: OrderType = Field(examples=["limit"])
    price: Price | None = None
    trigger_price: Price | None = None
    product: Product = Field(examples=["cnc"])
    validity: Validity = Validity.DAY
    disclosed_quantity: Units | None = None
    tag: str | None = Field(None, max_length=64, examples=["breakout"])

    def request(self) -> OrderRequest:
        return OrderRequest(**dict(self) | {"disclosed_quantity": self.disclosed_quantity or 0})


class OrderChange(BaseModel):
    """What is left out stays. `quantity` is the new total, with what has filled."""

    model_config = ConfigDict(extra="forbid")

    quantity: Quantity | None = None
    price: Price | None = None
    trigger_price: Price | None = None


class OrderPage(BaseModel):
    items: list[OrderView]
    next: str | None


class OrderEventView(BaseModel):
    """One thing that happened to an order. `details` tells what the matching engine saw."""

    kind: str = Field(examples=["accept"])
    state: str = Field(description="After it.", examples=["open"])
    code: str = Field(examples=["accepted"])
    text: str = Field(examples=["The exchange accepted the order."])
    at: datetime = Field(description="Exchange time.")
    recorded_at: datetime | None = Field(description="Our own time.")
    details: dict[str, Any]


class OrderEvents(BaseModel):
    items: list[OrderEventView]
    next: str | None = None


class FailureView(BaseModel):
    code: str = Field(examples=["insufficient_funds"])
    text: str
    field: str = Field(examples=["account_id"])


class PreviewView(BaseModel):
    """What the order would need. Charges are those of filling it completely at `worst_price`."""

    worst_price: str = Field(examples=["1442.4"])
    premium: str = Field(description="Paid in full: shares for delivery and bought options.", examples=["14424.00"])
    margin: str = Field(description="Blocked: intraday, futures and sold options.", examples=["0.00"])
    charges: dict[str, str] = Field(examples=[{"brokerage": "36.06", "stt": "14.00"}])
    charges_total: str = Field(examples=["68.30"])
    blocked: str = Field(description="What placing it would block.", examples=["14493.30"])
    available: str = Field(examples=["100000.00"])
    ok: bool
    failures: list[FailureView]


@router.post("", name="place_order", summary="Place an order", status_code=status.HTTP_201_CREATED)
async def place(
    user: Trader, placing: ThePlacing, live: TheLive, body: NewOrder, key: IdempotencyKey = None
) -> OrderView:
    """Checked, its money blocked, and on its way to the exchange: the answer says `new`. What the exchange makes of it
    comes on the `orders` channel. A refused order leaves no trace; the problem's `failures` lists every reason."""
    if not may_trade_live(user):
        await refuse_paper_key(live, user.user_id, account_id=body.account_id)
    return await placing(user.user_id, body.request(), key)


@router.post("/preview", name="preview_order", summary="Margin, charges and checks of an order")
async def preview(user: AccountReader, placing: ThePlacing, body: NewOrder) -> PreviewView:
    """Nothing is placed or blocked."""
    found = await placing.preview(user.user_id, body.request())
    needs = found.requirement
    return PreviewView(
        worst_price=plain(found.worst_price),
        premium=money(needs.premium),
        margin=money(needs.margin),
        charges={charge.value: money(value) for charge, value in needs.note.lines.items()},
        charges_total=money(needs.note.charges),
        blocked=money(needs.blocked),
        available=money(found.available),
        ok=not found.failures,
        failures=[FailureView(code=each.code, text=each.text, field=each.field) for each in found.failures],
    )


@router.get("", name="list_orders", summary="The caller's orders")
async def listing(
    user: AccountReader,
    read: TheReading,
    account_id: UUID | None = None,
    symbol: Annotated[str | None, Query(max_length=96, description="Canonical symbol.")] = None,
    state: Annotated[list[OrderState] | None, Query(description="Repeat for several.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> OrderPage:
    """Newest first."""
    items, following = await read.orders(user.user_id, OrderFilter(account_id, symbol, state or ()), cursor, limit)
    return OrderPage(items=items, next=following)


@router.get("/by-client-id/{client_order_id}", name="get_order_by_client_id", summary="One order by your own id")
async def by_client_id(
    user: AccountReader,
    read: TheReading,
    client_order_id: Annotated[str, Path(min_length=1, max_length=128)],
    account_id: UUID | None = None,
) -> OrderView:
    """The newest of them when several accounts have used the id and none is named."""
    return await read.by_client_id(user.user_id, account_id, client_order_id)


@router.get("/{order_id}", name="get_order", summary="One order")
async def one(user: AccountReader, read: TheReading, order_id: UUID) -> OrderView:
    """As it is now."""
    return await read.order(user.user_id, order_id)


@router.patch("/{order_id}", name="modify_order", summary="Change a working order")
async def modify(user: Trader, modifying: TheModifying, live: TheLive, order_id: UUID, body: OrderChange) -> OrderView:
    """The answer shows the order as it is; the exchange's word comes as an event (`modify` or `modify_reject`)."""
    if not may_trade_live(user):
        await refuse_paper_key(live, user.user_id, order_id=order_id)
    return await modifying(user.user_id, order_id, Amendment(body.quantity, body.price, body.trigger_price))


@router.delete(
    "/{order_id}", name="cancel_order", summary="Cancel a working order", status_code=status.HTTP_202_ACCEPTED
)
async def cancel(user: Trader, cancelling: TheCancelling, live: TheLive, order_id: UUID) -> OrderView:
    """The order may still fill until the exchange has cancelled it."""
    if not may_trade_live(user):
        await refuse_paper_key(live, user.user_id, order_id=order_id)
    return await cancelling(user.user_id, order_id)


@router.get("/{order_id}/events", name="list_order_events", summary="Why an order did or did not fill")
async def events(user: AccountReader, read: TheReading, order_id: UUID) -> OrderEvents:
    """Oldest first, each with the rule that decided and the market as the engine saw it."""
    return OrderEvents(
        items=[
            OrderEventView(
                kind=each.kind,
                state=each.state,
                code=each.code,
                text=each.text,
                at=each.at,
                recorded_at=each.recorded_at,
                details=dict(each.details),
            )
            for each in await read.events(user.user_id, order_id)
        ]
    )
