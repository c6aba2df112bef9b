"""The market's own clock and phase."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from breezeway.clock import IST
from breezeway.security.scopes import Reader
from market_data_service.api.dependencies import TheMarket

router = APIRouter(prefix="/api/v1/market", tags=["market"])


class SegmentView(BaseModel):
    segment: str = Field(examples=["NSE"])
    phase: str = Field(examples=["continuous"])
    session: str | None = Field(description="The part of the phase.", examples=["order_entry"])
    is_trading_day: bool
    day_name: str | None = Field(description="Name of the holiday or special session.", examples=["Muhurat"])
    next_open: datetime
    next_close: datetime


class MarketStatusView(BaseModel):
    exchange_time: datetime = Field(description="What the exchange's clock shows; differs from ours in a replay.")
    replay: bool
    speed: float
    calendar_version: str
    segments: list[SegmentView]


@router.get("/status")
async def read_market_status(_user: Reader, market: TheMarket) -> MarketStatusView:
    """Session phase of every segment, next open and close, and whether the simulator is replaying a day."""
    status = await market.status()
    return MarketStatusView(
        exchange_time=status.exchange_time.astimezone(IST),
        replay=status.replay,
        speed=status.speed,
        calendar_version=status.calendar_version,
        segments=[
            SegmentView(
                segment=each.segment,
                phase=each.phase,
                session=each.session,
                is_trading_day=each.is_trading_day,
                day_name=each.day_name,
                next_open=each.next_open,
                next_close=each.next_close,
            )
            for each in status.segments
        ],
    )
