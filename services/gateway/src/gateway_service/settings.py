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
