"""What the trading service is told by its environment."""

from decimal import Decimal

from pydantic import Field, SecretStr

from breezeway.settings import DatabaseSettings


class TradingSettings(DatabaseSettings):
    """Adds the limits of accounts and the key of bank account numbers."""

    order_rate: int = Field(10, validation_alias="BREEZEWAY_ORDER_RATE", ge=1, le=100_000)
    """Order requests of one account in a calendar second."""
    stale_seconds: float = Field(15.0, validation_alias="BREEZEWAY_STALE_SECONDS", gt=0, le=600)
    """A market that said nothing for longer fills nothing."""
    matching_seed: int = Field(0, validation_alias="BREEZEWAY_MATCHING_SEED", ge=0)
    deposit_limit: Decimal = Field(Decimal(10_000_000), validation_alias="BREEZEWAY_DEPOSIT_LIMIT", gt=0)
    """Rupees that a user may pay in on one Indian day."""
    withdrawal_limit: Decimal = Field(Decimal(10_000_000), validation_alias="BREEZEWAY_WITHDRAWAL_LIMIT", gt=0)
    bank_key: SecretStr | None = Field(None, validation_alias="BREEZEWAY_BANK_KEY")
    """Encrypts bank account numbers (32 bytes, base64); without one, no bank account can be linked."""


class WorkerSettings(TradingSettings):
    """For the worker, which serves its own health routes."""

    worker_host: str = Field("127.0.0.1", validation_alias="TRADING_WORKER_HOST")
    worker_port: int = Field(0, validation_alias="TRADING_WORKER_PORT", ge=0, le=65535)
    """A free port when 0."""
