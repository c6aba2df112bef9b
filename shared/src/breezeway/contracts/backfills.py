"""A backfill as users and the stream see it."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class BackfillErrorView(BaseModel):
    """A part of a backfill that does not get on, or was given up."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    symbol: str = Field(examples=["NSE:RELIANCE"])
    start: datetime = Field(alias="from", serialization_alias="from")
    end: datetime = Field(alias="to", serialization_alias="to")
    code: str = Field(examples=["upstream_timeout"])
    detail: str
    attempts: int
    final: bool = Field(description="True when it will not be tried again without `retry`.")


class BackfillView(BaseModel):
    """The REST object of a backfill, also sent on the `backfills` channel."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    id: UUID
    symbols: Sequence[str] = Field(examples=[["NSE:RELIANCE"]])
    interval: str = Field(examples=["1m"])
    from_day: date = Field(alias="from", serialization_alias="from", description="First Indian day, inclusive.")
    to_day: date = Field(alias="to", serialization_alias="to", description="First Indian day after it: exclusive.")
    state: str = Field(examples=["running"])
    chunks_total: int
    chunks_done: int
    chunks_failed: int
    candles_written: int
    calls_estimated: int = Field(description="Broker calls that it was planned to take.")
    calls_used: int
    eta_seconds: int | None = Field(description="None while it is paused.")
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    errors: Sequence[BackfillErrorView] = ()
