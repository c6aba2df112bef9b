"""How the caller's live feed is doing."""

from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from breezeway.security.scopes import Reader
from market_data_service.application.feed_view import FeedStatus, ReadFeed

router = APIRouter(prefix="/api/v1/feed", tags=["feed"])


class FeedGapView(BaseModel):
    """Ticks between two exchange times may be missing; bars are refilled from history."""

    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    reason: str = Field(examples=["takeover"])


class FeedView(BaseModel):
    """The feed that serves the caller: their own broker session's, or the shared one."""

    feed: str | None = Field(description="Id of the broker account whose socket it is.")
    state: str = Field(
        description="connecting, live, stalled, degraded, session_expired, waiting or no_session.", examples=["live"]
    )
    reason: str | None = None
    owner: str | None = Field(description="The process that holds the socket.", examples=["4711#1"])
    fence: int | None = Field(description="Rises with every owner.", examples=[7])
    since: datetime | None = Field(description="When the state was entered.")
    connected_at: datetime | None
    subscriptions: int = Field(description="Channels that somebody listens to.", examples=[40])
    rooms: int = Field(description="Rooms of the broker that the socket is in.", examples=[38])
    ticks_per_second: float = Field(examples=[21.5])
    age_ms: int | None = Field(description="Age of the newest tick.", examples=[120])
    last_gap: FeedGapView | None


async def _read_feed(request: Request) -> ReadFeed:
    return cast(ReadFeed, request.app.state.read_feed)


@router.get("")
async def read_feed(user: Reader, feeds: Annotated[ReadFeed, Depends(_read_feed)]) -> FeedView:
    """Owner, state and rate of the caller's live feed."""
    return _view(await feeds.of(user.user_id))


def _view(status: FeedStatus) -> FeedView:
    gap = status.last_gap
    return FeedView(
        feed=status.feed,
        state=status.state,
        reason=status.reason,
        owner=status.owner,
        fence=status.fence,
        since=_time(status.since_ms),
        connected_at=_time(status.connected_ms),
        subscriptions=status.subscriptions,
        rooms=status.rooms,
        ticks_per_second=status.ticks_per_second,
        age_ms=status.age_ms,
        last_gap=None
        if gap is None
        else FeedGapView.model_validate({"from": _time(gap.start_ms), "to": _time(gap.end_ms), "reason": gap.reason}),
    )


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
