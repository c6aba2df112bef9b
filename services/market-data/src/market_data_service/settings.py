"""What the market-data processes are told by their environment."""

from pydantic import Field

from breezeway.settings import DatabaseSettings


class FeedOwnerSettings(DatabaseSettings):
    """Of the feed owner."""

    feed_owner_host: str = Field("127.0.0.1", validation_alias="FEED_OWNER_HOST")
    feed_owner_port: int = Field(0, validation_alias="FEED_OWNER_PORT", ge=0, le=65_535)
    """For `/livez`, `/readyz` and `/metrics`; 0 takes a free one."""
    feed_lease_seconds: float = Field(2.0, validation_alias="FEED_LEASE_SECONDS", ge=0.5, le=60)
    """After how long without renewal a feed may be taken over."""
