"""Order groups: baskets, OCO, brackets and GTT triggers."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, status
from pydantic import BaseModel, ConfigDict, Field

from breezeway.contracts.trading import OrderView, plain
from breezeway.errors import InvalidInput
from breezeway.exchange.orders import OrderType, Product, Side, Validity
from breezeway.security.scopes import AccountReader, Trader
from trading_service.api.dependencies import (
    IdempotencyKey,
    Limit,
    Price,
    Quantity,
    TheGroups,
    TheLive,
    may_trade_live,
)
from trading_service.application.groups import GroupRequest, GroupStatus
from trading_service.application.live_placing import refuse_paper_key
from trading_service.application.requests import OrderRequest
from trading_service.application.views import order_view
from trading_service.domain.groups import GroupKind, GroupState
from trading_service.domain.gtt import GttStatus, LiveGtt

router = APIRouter(prefix="/api/v1/trading/order-groups", tags=["trading"])


class GroupOrder(BaseModel):
    """One order of a group. In an `oco`, a `bracket` and a `gtt` of two, roles say which is which."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["entry", "target", "stop", "leg"] = "leg"
    symbol: str = Field(min_length=1, max_length=96, examples=["NSE:RELIANCE"])
    side: Side
    quantity: Quantity
    order_type: OrderType
    price: Price | None = None
    trigger_price: Price | None = None
    product: Product
    validity: Validity = Validity.DAY
    tag: str | None = Field(None, max_length=64)

    def request(self, account_id: UUID) -> OrderRequest:
        values = {name: value for name, value in dict(self).items() if name != "role"}
        return OrderRequest(account_id=account_id, **values)


class GroupTrigger(BaseModel):
    """Fires when the last price is at or beyond `price`. It is looked at twice a second."""

    model_config = ConfigDict(extra="forbid")

    symbol: str = Field(min_length=1, max_length=96, examples=["NSE:RELIANCE"])
    price: Price
    above: bool = Field(description="True: at or above; false: at or below.")


class NewGroup(BaseModel):
    model_config = ConfigDict(extra="forbid")

    account_id: UUID
    kind: GroupKind = Field(examples=["bracket"])
    orders: Annotated[list[GroupOrder], Field(min_length=1, max_length=20)]
    trigger: GroupTrigger | None = None


class ChangedLeg(BaseModel):
    """Other prices of one leg. A target's trigger is its limit."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["target", "stop", "leg"] = "leg"
    trigger_price: Price | None = None
    price: Price


class GroupChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    legs: Annotated[list[ChangedLeg], Field(min_length=1, max_length=2)]


class GttLegView(BaseModel):
    """What one leg waits for, and the limit of the order that it becomes. `status` is the broker's word."""

    role: str
    trigger_price: str = Field(examples=["120.50"])
    price: str = Field(examples=["120.00"])
    status: str


class GttNote(BaseModel):
    """One line of a GTT's history."""

    at: datetime
    status: GttStatus
    code: str
    text: str


class GttView(BaseModel):
    """A GTT that the broker keeps. `asked` is what it is being asked, until its effect is seen in the broker's book."""

    status: GttStatus
    broker_gtt_id: str | None
    asked: Literal["place", "modify", "cancel"] | None
    legs: list[GttLegView]
    history: list[GttNote]

    @classmethod
    def of(cls, gtt: LiveGtt) -> "GttView":
        legs = [
            GttLegView(role=leg.role, trigger_price=plain(leg.trigger), price=plain(leg.limit), status=leg.status)
            for leg in gtt.legs
        ]
        return cls(
            status=gtt.status,
            broker_gtt_id=gtt.broker_gtt_id,
            asked=None if gtt.wish is None else gtt.wish.kind,
            legs=legs,
            history=[
                GttNote(at=note.at, status=GttStatus(note.status), code=note.code, text=note.text)
                for note in gtt.history
            ],
        )


class GroupView(BaseModel):
    id: UUID
    account_id: UUID
    kind: GroupKind
    state: GroupState = Field(description="waiting, working, done, cancelled or failed.")
    text: str | None = Field(description="Why it ended.")
    orders: list[OrderView] = Field(description="Those that have been placed.")
    created_at: datetime
    gtt: GttView | None = Field(None, description="Of a live account: what the broker keeps.")

    @classmethod
    def of(cls, found: GroupStatus) -> "GroupView":
        group = found.group
        return cls(
            id=group.id,
            account_id=group.account_id,
            kind=group.kind,
            state=group.state,
            text=group.text,
            orders=[order_view(each) for each in found.orders],
            created_at=group.created_at,
            gtt=None if found.gtt is None else GttView.of(found.gtt),
        )


class GroupPage(BaseModel):
    items: list[GroupView]
    next: UUID | None


@router.post("", name="add_order_group", summary="Place a group of orders", status_code=status.HTTP_201_CREATED)
async def add(user: Trader, groups: TheGroups, live: TheLive, body: NewGroup, key: IdempotencyKey = None) -> GroupView:
    """`basket`: placed together. `oco`: target and stop of one position; what one fills is taken off the other.
    `bracket`: an entry, then its exits for what it filled. `gtt`: waits for a price, over days.

    Live accounts take baskets and, for futures and options, GTT that the broker keeps: a limit order behind a trigger
    of its own instrument, or, without a trigger, a target (`limit`) and a stop (`sl`) of which each waits for its own
    price."""
    if not may_trade_live(user):
        await refuse_paper_key(live, user.user_id, account_id=body.account_id)
    trigger = None
    if body.trigger is not None:
        trigger = {"symbol": body.trigger.symbol, "price": str(body.trigger.price), "above": body.trigger.above}
    orders = [(each.role, each.request(body.account_id)) for each in body.orders]
    request = GroupRequest(body.account_id, body.kind, orders, trigger)
    return GroupView.of(await groups.add(user.user_id, request, key))


@router.get("", name="list_order_groups", summary="The caller's order groups")
async def listing(
    user: AccountReader, groups: TheGroups, cursor: Annotated[UUID | None, Query()] = None, limit: Limit = 50
) -> GroupPage:
    """Newest first."""
    found, following = await groups.of(user.user_id, cursor, limit)
    return GroupPage(items=[GroupView.of(each) for each in found], next=following)


@router.get("/{group_id}", name="get_order_group", summary="One order group")
async def one(user: AccountReader, groups: TheGroups, group_id: UUID) -> GroupView:
    """With the orders that it has placed."""
    return GroupView.of(await groups.one(user.user_id, group_id))


@router.patch("/{group_id}", name="modify_order_group", summary="Change a GTT that the broker keeps")
async def modify(user: Trader, groups: TheGroups, live: TheLive, group_id: UUID, body: GroupChange) -> GroupView:
    """Other triggers and limits, of live accounts' GTT only. They hold when the broker's book shows them."""
    if not may_trade_live(user):
        account_id = (await groups.one(user.user_id, group_id)).group.account_id
        await refuse_paper_key(live, user.user_id, account_id=account_id)
    changes: dict[str, tuple[Decimal | None, Decimal]] = {}
    changes |= {each.role: (each.trigger_price, each.price) for each in body.legs}
    if len(changes) < len(body.legs):
        raise InvalidInput("Each leg can be named once.", code="invalid_group")
    return GroupView.of(await groups.modify(user.user_id, group_id, changes))


@router.delete("/{group_id}", name="cancel_order_group", summary="Cancel a group")
async def cancel(user: Trader, groups: TheGroups, live: TheLive, group_id: UUID) -> GroupView:
    """Its working orders are cancelled, what waits is forgotten. The broker is asked to cancel a GTT that it keeps."""
    if not may_trade_live(user):
        account_id = (await groups.one(user.user_id, group_id)).group.account_id
        await refuse_paper_key(live, user.user_id, account_id=account_id)
    return GroupView.of(await groups.cancel(user.user_id, group_id))
