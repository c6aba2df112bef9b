"""What an owner decides about a live order where the broker's book does not tell."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from breezeway.contracts.trading import OrderView, plain
from breezeway.security.scopes import AccountReader, Trader
from trading_service.api.dependencies import TheLive, TheResolving, may_trade_live
from trading_service.application.live_placing import refuse_paper_key

router = APIRouter(prefix="/api/v1/trading/orders/{order_id}", tags=["trading"])

BrokerOrderId = Annotated[
    str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9-]+$", examples=["20250205N300001234"])
]


class CandidateView(BaseModel):
    """An order of the broker's book; words are the broker's own, in lower case."""

    broker_order_id: str = Field(examples=["20250205N300001234"])
    status: str = Field(examples=["ordered"])
    quantity: str = Field(examples=["10"])
    filled_quantity: str | None = Field(description="Null where the broker contradicts itself.", examples=["0"])
    average_price: str | None
    price: str | None = Field(examples=["1400.5"])
    trigger_price: str | None
    placed_at: datetime | None = Field(description="Exact to the minute.")
    tagged: bool = Field(description="Whether it bears the tag that we sent.")


class CandidatePage(BaseModel):
    """`seen_at` is when the broker's book was last seen to change."""

    order_id: UUID
    tag: str = Field(description="What we remarked on the order at the broker.", examples=["bw8f03a1c2d4e5f607"])
    price: str = Field(description="The limit that was sent.", examples=["1400.5"])
    sent_at: datetime | None = Field(description="Null once it is decided.")
    seen_at: datetime | None
    items: list[CandidateView]
    next: str | None = None


class Resolution(BaseModel):
    """`placed` names the broker's order that it is; `not_placed` says that it is none of them."""

    model_config = ConfigDict(extra="forbid")

    outcome: Literal["placed", "not_placed"] = Field(examples=["placed"])
    broker_order_id: BrokerOrderId | None = None

    @model_validator(mode="after")
    def _name_what_was_placed(self) -> Self:
        if (self.broker_order_id is not None) != (self.outcome == "placed"):
            raise ValueError("broker_order_id goes with the outcome placed, and with no other")
        return self


@router.get("/candidates", name="list_order_candidates", summary="Which of the broker's orders this could be")
async def candidates(user: AccountReader, resolving: TheResolving, order_id: UUID) -> CandidatePage:
    """For a live order with the alarm `ambiguous_order`; 409 `order_not_ambiguous` for any other."""
    found = await resolving.evidence(user.user_id, order_id)
    return CandidatePage(
        order_id=order_id,
        tag=found.tag,
        price=plain(found.price),
        sent_at=found.sent_at,
        seen_at=found.seen_at,
        items=[CandidateView.model_validate(each) for each in found.candidates],
    )


@router.post("/resolution", name="resolve_order", summary="Say which of the broker's orders this is, or none")
async def resolve(user: Trader, resolving: TheResolving, live: TheLive, order_id: UUID, body: Resolution) -> OrderView:
    """Look at the broker's own order book first. The decision is a line of the order's history with what it was made
    by, calls the broker for nothing, and does not make the account active again. Deciding the same again changes
    nothing; deciding otherwise answers 409 `order_not_ambiguous`."""
    if not may_trade_live(user):
        await refuse_paper_key(live, user.user_id, order_id=order_id)
    if body.broker_order_id is not None:
        return await resolving.link(user.user_id, order_id, body.broker_order_id)
    return await resolving.decline(user.user_id, order_id)
