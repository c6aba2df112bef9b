"""What the gateway is told by its environment."""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from breezeway.settings import ServiceSettings
from gateway_service.domain.rates import Rate
from gateway_service.domain.route_classes import DEFAULTS, Limits, Party, RouteClass

_OUTSIDE_PRODUCTION = 10


class GatewaySettings(ServiceSettings):
    """Adds to the common settings what faces users. An empty variable is one that is not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    allowed_origins: list[str] = Field(default_factory=list, validation_alias="BREEZEWAY_ALLOWED_ORIGINS")
    """Origins of web pages, other than our own, that may call the API and open the stream. JSON list; none by default.
    `*` is for development only, and cookies never travel across origins."""
    allowed_hosts: list[str] = Field(default_factory=list, validation_alias="BREEZEWAY_ALLOWED_HOSTS")
    """Host names that we answer to, `*.example.com` for all below one. JSON list. By default those of GATEWAY_URL and
    of the loopback in production, and any name elsewhere."""
    trusted_proxies: list[IPv4Network | IPv6Network] = Field(
        default_factory=list, validation_alias="BREEZEWAY_TRUSTED_PROXIES"
    )
    """CIDR ranges of the proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. JSON list; none by
    default."""
    limits: dict[RouteClass, dict[Party, str]] = Field(default_factory=dict, validation_alias="BREEZEWAY_LIMITS")
    """Changes to the request limits, as JSON: `{"read": {"user": "3000/60"}}` is 3,000 in 60 seconds. Classes and
    defaults are in the README of the gateway. Outside production the defaults are ten times as high: there one machine
    plays all the users."""
    web_root: Path | None = Field(None, validation_alias="BREEZEWAY_WEB_ROOT")
    """Folder of the built web app; a plain start page is served where there is none."""
    body_limit: int = Field(1_048_576, validation_alias="BREEZEWAY_BODY_LIMIT", ge=1024)
    """Bytes; a larger request body is refused."""
    stream_outbox_bytes: int = Field(1_048_576, validation_alias="BREEZEWAY_STREAM_OUTBOX_BYTES", ge=65_536)
    """Bytes that may wait for one stream client before it is closed as too slow."""
    stream_max_channels: int = Field(1_000, validation_alias="BREEZEWAY_STREAM_MAX_CHANNELS", ge=1)
    stream_max_connections_per_user: int = Field(10, validation_alias="BREEZEWAY_STREAM_MAX_CONNECTIONS", ge=1)
    stream_max_connections_per_ip: int | None = Field(
        None, validation_alias="BREEZEWAY_STREAM_MAX_CONNECTIONS_PER_IP", ge=1
    )
    """Open streams of one address to one process, whoever they belong to; by default 200, outside production 2,000."""

    @field_validator("limits")
    @classmethod
    def _check_limits(cls, given: Mapping[RouteClass, Mapping[Party, str]]) -> Mapping[RouteClass, Mapping[Party, str]]:
        for rates in given.values():
            for text in rates.values():
                Rate.parse(text)
        return given

    @model_validator(mode="after")
    def _check_origins(self) -> Self:
        for origin in self.allowed_origins:
            if origin == "*":
                if self.is_production:
                    raise ValueError("BREEZEWAY_ALLOWED_ORIGINS may not hold * in production; name the origins")
            elif origin != _origin_of(origin):
                raise ValueError(f"{origin[:80]!r} is no origin such as https://app.example.com")
        return self

    @property
    def hosts(self) -> list[str]:
        """The host names we answer to; any when empty."""
        if self.allowed_hosts or not self.is_production:
            return self.allowed_hosts
        return [urlsplit(self.gateway_url).hostname or "", "localhost", "127.0.0.1", "[::1]"]

    @property
    def request_limits(self) -> Limits:
        """The limits that hold."""
        factor = 1 if self.is_production else _OUTSIDE_PRODUCTION
        return {
            kind: {party: rate.times(factor) for party, rate in rates.items()}
            | {party: Rate.parse(text) for party, text in self.limits.get(kind, {}).items()}
            for kind, rates in DEFAULTS.items()
        }

    @property
    def connections_per_ip(self) -> int:
        """Open streams of one address to one process."""
        return self.stream_max_connections_per_ip or (200 if self.is_production else 200 * _OUTSIDE_PRODUCTION)


def _origin_of(text: str) -> str:
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""
