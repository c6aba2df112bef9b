"""What the trading service is told by its environment."""

from decimal import Decimal
from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, model_validator

from breezeway.settings import DatabaseSettings


class LiveTradingMode(StrEnum):
    """Where orders of live accounts may go: nowhere, to the Breeze simulator, to the broker with real money."""

    OFF = "off"
    SIMULATOR = "simulator"
    REAL = "real"


class TradingSettings(DatabaseSettings):
    """Adds the limits of accounts, the key of bank account numbers, and whether there are live accounts."""

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
    live_trading: LiveTradingMode = Field(LiveTradingMode.OFF, validation_alias="BREEZEWAY_LIVE_TRADING")
    live_order_value: Decimal = Field(Decimal(500_000), validation_alias="BREEZEWAY_LIVE_ORDER_VALUE", gt=0)
    """The most that one live order may be worth, rupees."""
    live_order_rate: int = Field(10, validation_alias="BREEZEWAY_LIVE_ORDER_RATE", ge=1, le=10)
    """Placing, changing and cancelling of one broker customer in a second; more makes an algorithm that must be
    registered with the exchange."""
    live_seconds: float = Field(30.0, validation_alias="BREEZEWAY_LIVE_SECONDS", ge=1, le=300)
    """How old a wish may be when it is sent to the broker."""

    @model_validator(mode="after")
    def _refuse_unsafe_live_trading(self) -> Self:
        if self.live_trading is LiveTradingMode.SIMULATOR and not self.simulator_url:
            raise ValueError("BREEZEWAY_LIVE_TRADING=simulator needs BREEZE_SIMULATOR_URL")
        if self.live_trading is not LiveTradingMode.REAL:
            return self
        if not self.is_production:
            raise ValueError(
                "BREEZEWAY_LIVE_TRADING=real needs BREEZEWAY_ENVIRONMENT=production: real money needs its checks"
            )
        if self.simulator_url:
            raise ValueError(
                "BREEZEWAY_LIVE_TRADING=real refuses BREEZE_SIMULATOR_URL: prices and time could be made up"
            )
        if not self.gateway_url.startswith("https://"):
            raise ValueError("BREEZEWAY_LIVE_TRADING=real needs an https GATEWAY_URL: tokens would travel in the clear")
        return self


class WorkerSettings(TradingSettings):
    """For the worker, which serves its own health routes."""

    worker_host: str = Field("127.0.0.1", validation_alias="TRADING_WORKER_HOST")
    worker_port: int = Field(0, validation_alias="TRADING_WORKER_PORT", ge=0, le=65535)
    """A free port when 0."""
