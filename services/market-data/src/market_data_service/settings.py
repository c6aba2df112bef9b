"""What the market-data processes are told by their environment."""

from pathlib import Path

from pydantic import Field

from breezeway.settings import DatabaseSettings


class FeedOwnerSettings(DatabaseSettings):
    """Of the feed owner."""

    feed_owner_host: str = Field("127.0.0.1", validation_alias="FEED_OWNER_HOST")
    feed_owner_port: int = Field(0, validation_alias="FEED_OWNER_PORT", ge=0, le=65_535)
    """For `/livez`, `/readyz` and `/metrics`; 0 takes a free one."""
    feed_lease_seconds: float = Field(2.0, validation_alias="FEED_LEASE_SECONDS", ge=0.5, le=60)
    """After how long without renewal a feed may be taken over."""
    feed_rooms_per_socket: int = Field(3_000, validation_alias="FEED_ROOMS_PER_SOCKET", ge=1)
    """Instruments' rooms that one socket of a broker session carries; those beyond open further sockets."""
    feed_bar_rooms: int = Field(40, validation_alias="FEED_BAR_ROOMS", ge=0)
    """Instruments whose own 1-second and 1-minute bars are asked of the broker; 0 never asks."""


class MarketDataSettings(DatabaseSettings):
    """Of the API and the backfill workers."""

    corporate_actions: Path | None = Field(None, validation_alias="BREEZEWAY_CORPORATE_ACTIONS")
    """CSV of splits, bonuses and dividends for `adjusted=true` (its form: market-data's README)."""
    calls_per_minute: int = Field(90, validation_alias="BREEZE_CALLS_PER_MINUTE", ge=1, le=10_000)
    calls_per_day: int = Field(5_000, validation_alias="BREEZE_CALLS_PER_DAY", ge=1)
    worker_concurrency: int = Field(4, validation_alias="BACKFILL_CONCURRENCY", ge=1, le=32)
    """Chunks that one worker process works on at the same time."""
