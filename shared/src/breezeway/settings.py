"""Settings that every service reads the same way. A service's own settings class adds what only it needs.

Only entrypoints and `bootstrap` read settings; everything below takes plain values.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, UrlConstraints
from pydantic_core import Url
from pydantic_settings import BaseSettings, SettingsConfigDict

HttpUrl = Annotated[Url, UrlConstraints(allowed_schemes=["http", "https"])]


class Environment(StrEnum):
    """Where the process runs. Outside `development` and `test`, sample or missing secrets refuse to start."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class ServiceSettings(BaseSettings):
    """What every process of the suite is told by its environment."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True)

    environment: Environment = Field(Environment.DEVELOPMENT, validation_alias="BREEZEWAY_ENVIRONMENT")
    home: Path = Field(Path(".breezeway"), validation_alias="BREEZEWAY_HOME")
    log_format: str = Field("console", validation_alias="LOG_FORMAT", pattern="^(console|json)$")
    log_level: str = Field("INFO", validation_alias="LOG_LEVEL")
    internal_key: SecretStr = Field(validation_alias="BREEZEWAY_INTERNAL_KEY", min_length=32)
    """Signs the short-lived tokens by which services know each other. The same for all of them."""
    redis_url: str = Field(validation_alias="REDIS_URL")
    auth_url: str = Field("http://127.0.0.1:8001", validation_alias="AUTH_URL")
    instruments_url: str = Field("http://127.0.0.1:8002", validation_alias="INSTRUMENTS_URL")
    market_data_url: str = Field("http://127.0.0.1:8003", validation_alias="MARKET_DATA_URL")
    trading_url: str = Field("http://127.0.0.1:8004", validation_alias="TRADING_URL")
    gateway_url: str = Field("http://127.0.0.1:8000", validation_alias="GATEWAY_URL")
    """The public address, as users type it."""
    simulator_url: str | None = Field(None, validation_alias="BREEZE_SIMULATOR_URL")
    """The Breeze simulator's origin; None where only live accounts are allowed."""

    @property
    def is_production(self) -> bool:
        return self.environment is Environment.PRODUCTION


class DatabaseSettings(ServiceSettings):
    """For the processes that own tables. `DATABASE_URL` names the service's own database."""

    database_url: SecretStr = Field(validation_alias="DATABASE_URL")
    database_pool_size: int = Field(5, validation_alias="DATABASE_POOL_SIZE", ge=1, le=100)
