"""What the gateway is told by its environment."""

from pathlib import Path

from pydantic import Field

from breezeway.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Adds to the common settings what faces users."""

    allowed_origins: list[str] = Field(default_factory=list, validation_alias="BREEZEWAY_ALLOWED_ORIGINS")
    """Origins of web pages, other than our own, that may call the API and open the stream. JSON list."""
    web_root: Path | None = Field(None, validation_alias="BREEZEWAY_WEB_ROOT")
    """Folder of the built web app; a plain start page is served where there is none."""
    body_limit: int = Field(1_048_576, validation_alias="BREEZEWAY_BODY_LIMIT", ge=1024)
    """Bytes; a larger request body is refused."""
    stream_outbox_bytes: int = Field(1_048_576, validation_alias="BREEZEWAY_STREAM_OUTBOX_BYTES", ge=65_536)
    """Bytes that may wait for one stream client before it is closed as too slow."""
    stream_max_channels: int = Field(1_000, validation_alias="BREEZEWAY_STREAM_MAX_CHANNELS", ge=1)
    stream_max_connections_per_user: int = Field(10, validation_alias="BREEZEWAY_STREAM_MAX_CONNECTIONS", ge=1)
