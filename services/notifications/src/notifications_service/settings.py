"""What the notifications service is told by its environment."""

from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from breezeway.settings import DatabaseSettings


class NotificationsSettings(DatabaseSettings):
    """Adds the ways out and what users' webhooks may reach. An empty variable is one that is not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    webhook_key: SecretStr | None = Field(None, validation_alias="BREEZEWAY_WEBHOOK_KEY", min_length=32)
    """The secrets of webhooks and hooks are derived from it; the internal key when unset. Another one, and every
    webhook's owner has to fetch a new secret."""
    webhook_allow_http: bool = Field(False, validation_alias="BREEZEWAY_WEBHOOK_ALLOW_HTTP")
    """Whether webhooks may be called without TLS."""
    webhook_allow_networks: list[IPv4Network | IPv6Network] = Field(
        default_factory=list, validation_alias="BREEZEWAY_WEBHOOK_ALLOW_NETWORKS"
    )
    """JSON list of private networks that users' webhooks may call all the same."""
    webhook_disable_days: float = Field(3.0, validation_alias="BREEZEWAY_WEBHOOK_DISABLE_DAYS", gt=0, le=30)
    """Days of nothing but failures after which a webhook is switched off."""
    telegram_token: SecretStr | None = Field(None, validation_alias="TELEGRAM_BOT_TOKEN")
    """The bot that writes to users; without one there is no Telegram channel."""
    telegram_url: str = Field("https://api.telegram.org", validation_alias="TELEGRAM_API_URL")
    smtp_host: str | None = Field(None, validation_alias="SMTP_HOST")
    """The mail server, the same as auth's; without one there is no e-mail channel."""
    smtp_port: int = Field(587, validation_alias="SMTP_PORT", ge=1, le=65_535)
    smtp_user: str | None = Field(None, validation_alias="SMTP_USER")
    smtp_password: SecretStr | None = Field(None, validation_alias="SMTP_PASSWORD")
    smtp_encryption: Literal["starttls", "tls", "none"] = Field("starttls", validation_alias="SMTP_TLS")
    mail_from: str = Field("Breezeway <breezeway@localhost>", validation_alias="MAIL_FROM")
    retry_seconds: float = Field(5.0, validation_alias="NOTIFY_RETRY_SECONDS", gt=0, le=600)
    """Rest after the first failed delivery; each further one is three times as long, up to two hours."""
    lease_seconds: float = Field(45.0, validation_alias="NOTIFY_LEASE_SECONDS", ge=1, le=600)
    """After how long what a dead process was delivering is delivered by another; longer than any delivery takes."""


class WorkerSettings(NotificationsSettings):
    """For the worker, which serves its own health routes."""

    worker_host: str = Field("127.0.0.1", validation_alias="NOTIFICATIONS_WORKER_HOST")
    worker_port: int = Field(0, validation_alias="NOTIFICATIONS_WORKER_PORT", ge=0, le=65535)
    """A free port when 0."""
