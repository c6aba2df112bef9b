"""Settings that every service reads the same way. A service's own settings class adds what only it needs.

Only entrypoints and `bootstrap` read settings; everything below takes plain values.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, UrlConstraints, model_validator
from pydantic_core import Url
from pydantic_settings import BaseSettings, SettingsConfigDict

_QUIET_LEVELS: Final = frozenset({"INFO", "WARNING", "ERROR", "CRITICAL"})
_DISTINCT: Final = 10
# Long enough that 32 random bytes do not spell one by chance.
_SAMPLE_WORDS: Final = (
    "change",
    "example",
    "sample",
    "secret",
    "default",
    "password",
    "replace",
    "insecure",
    "test-int",
)
_SAMPLE_PASSWORDS: Final = frozenset(
    {"postgres", "breezeway", "redis", "valkey", "admin", "root", "pass", "test", "dev", "123456", "12345678", "qwerty"}
)

HttpUrl = Annotated[Url, UrlConstraints(allowed_schemes=["http", "https"])]


class Environment(StrEnum):
    """Where the process runs. Outside `development` and `test`, sample or missing secrets refuse to start."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class ServiceSettings(BaseSettings):
    """What every process of the suite is told by its environment."""

    # A wrong value is named but never shown: it may be a secret in the wrong variable.
    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True, hide_input_in_errors=True)

    environment: Environment = Field(Environment.DEVELOPMENT, validation_alias="BREEZEWAY_ENVIRONMENT")
    home: Path = Field(Path(".breezeway"), validation_alias="BREEZEWAY_HOME")
    log_format: str = Field("console", validation_alias="LOG_FORMAT", pattern="^(console|json)$")
    log_level: str = Field("INFO", validation_alias="LOG_LEVEL")
    metrics_host: str = Field("127.0.0.1", validation_alias="BREEZEWAY_METRICS_HOST")
    metrics_port: int = Field(0, validation_alias="BREEZEWAY_METRICS_PORT", ge=0, le=65_535)
    """Where a worker that serves no HTTP otherwise answers `/metrics`; 0 takes a free port."""
    internal_key: SecretStr = Field(validation_alias="BREEZEWAY_INTERNAL_KEY", min_length=32)
    """Signs the short-lived tokens by which services know each other. The same for all of them."""
    redis_url: str = Field(validation_alias="REDIS_URL", repr=False)
    auth_url: str = Field("http://127.0.0.1:8001", validation_alias="AUTH_URL")
    instruments_url: str = Field("http://127.0.0.1:8002", validation_alias="INSTRUMENTS_URL")
    market_data_url: str = Field("http://127.0.0.1:8003", validation_alias="MARKET_DATA_URL")
    trading_url: str = Field("http://127.0.0.1:8004", validation_alias="TRADING_URL")
    notifications_url: str = Field("http://127.0.0.1:8005", validation_alias="NOTIFICATIONS_URL")
    gateway_url: str = Field("http://127.0.0.1:8000", validation_alias="GATEWAY_URL")
    """The public address, as users type it."""
    simulator_url: str | None = Field(None, validation_alias="BREEZE_SIMULATOR_URL")
    """The Breeze simulator's origin; None where only live accounts are allowed."""
    calendar_folder: Path | None = Field(None, validation_alias="BREEZEWAY_CALENDAR_DIR")
    """YAML files that extend or correct the market calendar without a release."""

    @property
    def is_production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @model_validator(mode="after")
    def _refuse_what_is_unsafe(self) -> Self:
        if self.is_production:
            refuse_sample("BREEZEWAY_INTERNAL_KEY", self.internal_key.get_secret_value())
            refuse_sample_password("REDIS_URL", self.redis_url)
            if self.log_level.upper() not in _QUIET_LEVELS:
                raise ValueError("LOG_LEVEL is for development when it is lower than INFO: it writes down too much")
        return self


class DatabaseSettings(ServiceSettings):
    """For the processes that own tables. `DATABASE_URL` names the service's own database."""

    database_url: SecretStr = Field(validation_alias="DATABASE_URL")
    database_pool_size: int = Field(5, validation_alias="DATABASE_POOL_SIZE", ge=1, le=100)

    @model_validator(mode="after")
    def _refuse_a_sample_password(self) -> Self:
        if self.is_production:
            refuse_sample_password("DATABASE_URL", self.database_url.get_secret_value())
        return self


def refuse_sample(name: str, value: str) -> None:
    """Raise ValueError when `value` is plainly not random: out of an example, or a letter held down."""
    if len(set(value)) < _DISTINCT or any(word in value.lower() for word in _SAMPLE_WORDS):
        raise ValueError(f"{name} is a sample, not a secret; make one with: openssl rand -base64 32")


def refuse_sample_password(name: str, url: str) -> None:
    """Raise ValueError when the password in `url` is one that everybody tries first. None at all is the server's call:
    it may know us by other means."""
    password = unquote(urlsplit(url).password or "")
    if password and (password.lower() in _SAMPLE_PASSWORDS or any(word in password.lower() for word in _SAMPLE_WORDS)):
        raise ValueError(f"the password in {name} is a sample; make one with: openssl rand -hex 24")
