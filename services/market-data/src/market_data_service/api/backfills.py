"""Backfills: fetch history from the broker in the background."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from breezeway.contracts.backfills import BackfillView
from breezeway.errors import InvalidInput
from breezeway.intervals import parse_interval
from breezeway.security.dependencies import BearerToken
from breezeway.security.scopes import DataUser, Reader
from market_data_service.api.dependencies import TheBackfills
from market_data_service.application.backfills import MAX_SYMBOLS
from market_data_service.domain.backfill import BackfillAction
from market_data_service.domain.times import parse_time

router = APIRouter(prefix="/api/v1/backfills", tags=["backfills"])


class NewBackfillBody(BaseModel):
    """What to fetch. Only days that are lacking are asked of the broker."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    symbols: list[Annotated[str, Field(min_length=1, max_length=96)]] = Field(
        min_length=1, max_length=MAX_SYMBOLS, examples=[["NSE:RELIANCE", "NSE_INDEX:NIFTY"]]
    )
    interval: str = Field(
        max_length=8, description="1s, 1m, 5m, 30m or 1d; others are computed from these.", examples=["1m"]
    )
    start: str = Field(
        alias="from", max_length=40, description="Inclusive; whole Indian days are fetched.", examples=["2026-10-01"]
    )
    end: str = Field(alias="to", max_length=40, description="Exclusive.", examples=["2026-11-21"])


class BackfillPage(BaseModel):
    items: list[BackfillView]
    next: str | None


@router.post("", status_code=202)
async def start_backfill(
    body: NewBackfillBody, user: DataUser, bearer: BearerToken, backfills: TheBackfills
) -> BackfillView:
    """Plan a backfill and hand it to the workers. Its progress is also sent on the stream's `backfills` channel."""
    return await backfills.start(
        user.user_id,
        bearer,
        body.symbols,
        parse_interval(body.interval),
        parse_time(body.start, "body.from"),
        parse_time(body.end, "body.to"),
    )


@router.get("")
async def list_backfills(
    user: Reader,
    backfills: TheBackfills,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=40)] = None,
) -> BackfillPage:
    """The caller's backfills, newest first."""
    items = await backfills.page(user.user_id, _cursor(cursor), limit + 1)
    more = len(items) > limit
    return BackfillPage(items=items[:limit], next=str(items[limit - 1].id) if more else None)


@router.get("/{backfill_id}")
async def read_backfill(backfill_id: UUID, user: Reader, backfills: TheBackfills) -> BackfillView:
    """One backfill with its progress and what went wrong."""
    return await backfills.get(user.user_id, backfill_id)


@router.post("/{backfill_id}/pause")
async def pause_backfill(backfill_id: UUID, user: DataUser, backfills: TheBackfills) -> BackfillView:
    """Take no further chunk until resumed; the one under way is finished. 409 when its state does not allow it."""
    return await backfills.act(user.user_id, backfill_id, BackfillAction.PAUSE)


@router.post("/{backfill_id}/resume")
async def resume_backfill(backfill_id: UUID, user: DataUser, backfills: TheBackfills) -> BackfillView:
    """Go on after a pause. 409 when its state does not allow it."""
    return await backfills.act(user.user_id, backfill_id, BackfillAction.RESUME)


@router.post("/{backfill_id}/cancel")
async def cancel_backfill(backfill_id: UUID, user: DataUser, backfills: TheBackfills) -> BackfillView:
    """Stop for good; what was stored stays. 409 when its state does not allow it."""
    return await backfills.act(user.user_id, backfill_id, BackfillAction.CANCEL)


@router.post("/{backfill_id}/retry")
async def retry_backfill(backfill_id: UUID, user: DataUser, backfills: TheBackfills) -> BackfillView:
    """Try the chunks again that were given up. 409 when its state does not allow it."""
    return await backfills.act(user.user_id, backfill_id, BackfillAction.RETRY)


def _cursor(text: str | None) -> UUID | None:
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput("cursor: not one that we gave.", code="invalid_cursor") from error
