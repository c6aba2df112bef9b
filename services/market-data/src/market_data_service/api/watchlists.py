"""The caller's watchlists."""

from datetime import datetime
from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from breezeway.security.dependencies import BearerToken
from breezeway.security.scopes import DataUser, Reader
from market_data_service.application.watchlists import MAX_SYMBOLS, Watchlist, Watchlists

router = APIRouter(prefix="/api/v1/watchlists", tags=["watchlists"])

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Symbols = Annotated[list[Annotated[str, Field(min_length=1, max_length=96)]], Field(max_length=MAX_SYMBOLS)]


class NewWatchlist(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Banks"])
    symbols: Symbols = Field(default_factory=list, examples=[["NSE:HDFCBANK", "NSE:ICICIBANK"]])


class WatchlistChange(BaseModel):
    """What is left out stays. `symbols` replaces the whole list, in the order given."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    symbols: Symbols | None = None


class WatchlistView(BaseModel):
    id: UUID
    name: str
    symbols: list[str]
    created_at: datetime
    updated_at: datetime


class WatchlistPage(BaseModel):
    """Never more than fits into one page."""

    items: list[WatchlistView]
    next: str | None = None


async def _watchlists(request: Request) -> Watchlists:
    return cast(Watchlists, request.app.state.watchlists)


TheWatchlists = Annotated[Watchlists, Depends(_watchlists)]


@router.get("")
async def list_watchlists(user: Reader, watchlists: TheWatchlists) -> WatchlistPage:
    """All of the caller's watchlists, oldest first."""
    return WatchlistPage(items=[_view(each) for each in await watchlists.of(user.user_id)])


@router.post("", status_code=201)
async def add_watchlist(
    body: NewWatchlist, user: DataUser, bearer: BearerToken, watchlists: TheWatchlists
) -> WatchlistView:
    """Make a watchlist. 409 when the caller has one of this name."""
    return _view(await watchlists.add(user.user_id, bearer, body.name, body.symbols))


@router.get("/{watchlist_id}")
async def read_watchlist(watchlist_id: UUID, user: Reader, watchlists: TheWatchlists) -> WatchlistView:
    """One watchlist."""
    return _view(await watchlists.get(user.user_id, watchlist_id))


@router.patch("/{watchlist_id}")
async def change_watchlist(
    watchlist_id: UUID, body: WatchlistChange, user: DataUser, bearer: BearerToken, watchlists: TheWatchlists
) -> WatchlistView:
    """Rename a watchlist, or replace its symbols."""
    return _view(await watchlists.change(user.user_id, bearer, watchlist_id, body.name, body.symbols))


@router.delete("/{watchlist_id}", status_code=204)
async def remove_watchlist(watchlist_id: UUID, user: DataUser, watchlists: TheWatchlists) -> Response:
    """Delete a watchlist."""
    await watchlists.remove(user.user_id, watchlist_id)
    return Response(status_code=204)


def _view(watchlist: Watchlist) -> WatchlistView:
    return WatchlistView.model_validate(watchlist, from_attributes=True)
