"""What the caller's feed carries also while nobody listens."""

from datetime import datetime
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from breezeway.security.dependencies import BearerToken
from breezeway.security.scopes import DataUser, Reader
from market_data_service.application.subscriptions import MAX_SUBSCRIPTIONS, Subscription, Subscriptions

router = APIRouter(prefix="/api/v1/subscriptions", tags=["feed"])

Mode = Literal["tick", "depth"]


class SubscriptionView(BaseModel):
    symbol: str = Field(examples=["NSE:RELIANCE"])
    modes: list[Mode] = Field(examples=[["tick"]])
    created_at: datetime


class SubscriptionList(BaseModel):
    """Never more than fits into one page."""

    items: list[SubscriptionView]
    next: str | None = None


class NewSubscriptions(BaseModel):
    """Instruments to add; one that is there already gets the new modes."""

    model_config = ConfigDict(extra="forbid")

    symbols: list[Annotated[str, Field(min_length=1, max_length=96)]] = Field(
        min_length=1, max_length=MAX_SUBSCRIPTIONS, examples=[["NSE:RELIANCE", "NSE_INDEX:NIFTY"]]
    )
    modes: list[Mode] = Field(["tick"], min_length=1, max_length=2)


async def _subscriptions(request: Request) -> Subscriptions:
    return cast(Subscriptions, request.app.state.subscriptions)


TheSubscriptions = Annotated[Subscriptions, Depends(_subscriptions)]


@router.get("")
async def list_subscriptions(user: Reader, subscriptions: TheSubscriptions) -> SubscriptionList:
    """All of the caller's subscriptions, by symbol."""
    return _view(await subscriptions.of(user.user_id))


@router.post("", status_code=201)
async def add_subscriptions(
    body: NewSubscriptions, user: DataUser, bearer: BearerToken, subscriptions: TheSubscriptions
) -> SubscriptionList:
    """Keep the feed of these instruments running; the answer is the whole list."""
    return _view(await subscriptions.add(user.user_id, bearer, body.symbols, body.modes))


@router.delete("/{symbol}", status_code=204)
async def remove_subscription(
    symbol: str, user: DataUser, bearer: BearerToken, subscriptions: TheSubscriptions
) -> Response:
    """Stop carrying an instrument; clients that listen to it keep it alive as long as they do."""
    await subscriptions.remove(user.user_id, bearer, symbol)
    return Response(status_code=204)


def _view(found: list[Subscription]) -> SubscriptionList:
    items = [SubscriptionView.model_validate(each, from_attributes=True) for each in found]
    return SubscriptionList(items=items)
