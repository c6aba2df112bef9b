"""What the auth service is told by its environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from breezeway.settings import DatabaseSettings, Environment


class SigningSettings(BaseSettings):
    """Where the keys are that sign access tokens."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True)

    environment: Environment = Field(Environment.DEVELOPMENT, validation_alias="BREEZEWAY_ENVIRONMENT")
    home: Path = Field(Path(".breezeway"), validation_alias="BREEZEWAY_HOME")
    log_format: str = Field("console", validation_alias="LOG_FORMAT", pattern="^(console|json)$")
    signing_key_file: Path | None = Field(None, validation_alias="BREEZEWAY_SIGNING_KEY_FILE")
    """PEM file with the first P-256 key that signs access tokens. In development it is generated below `home` when
    absent."""
    signing_key_folder: Path | None = Field(None, validation_alias="BREEZEWAY_SIGNING_KEY_FOLDER")
    """Where its successors lie, which `breezeway keys rotate` makes; beside the first key when absent."""

    @property
    def is_production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @property
    def first_signing_key(self) -> Path:
        return self.signing_key_file or self.home / "secrets" / "signing.pem"


class AuthSettings(SigningSettings, DatabaseSettings):
    """Shared settings, and those that only auth reads."""

    # Compose passes on what is not set as an empty text.
    model_config = SettingsConfigDict(env_ignore_empty=True)

    vault_key: SecretStr | None = Field(None, validation_alias="BREEZEWAY_VAULT_KEY")
    """The KEK of the broker vault: base64 of 32 bytes, or `v1:<base64>,v2:<base64>` while rotating; the last one seals.
    In development a key is generated below `home` when this is absent."""
    shared_feed_user: str | None = Field(None, validation_alias="BREEZEWAY_SHARED_FEED_USER")
    """E-mail of the user whose broker session serves market data to everybody without one of their own."""
    password_memory_kib: int = Field(19_456, validation_alias="PASSWORD_MEMORY_KIB", ge=19_456, le=1_048_576)
    password_rounds: int = Field(2, validation_alias="PASSWORD_ROUNDS", ge=2, le=20)
    password_parallelism: int = Field(1, validation_alias="PASSWORD_PARALLELISM", ge=1, le=16)
    password_at_once: int = Field(2, validation_alias="PASSWORD_HASHES_AT_ONCE", ge=1, le=64)
    login_limit: int = Field(10, validation_alias="LOGIN_LIMIT_PER_MINUTE", ge=1)
    """Failed attempts per minute for one address from one IP."""
    login_ip_limit: int = Field(100, validation_alias="LOGIN_IP_LIMIT_PER_MINUTE", ge=1)
    """Failed attempts per minute from one IP, whatever the address."""
    login_account_limit: int = Field(50, validation_alias="LOGIN_ACCOUNT_LIMIT_PER_QUARTER_HOUR", ge=1)
    """Failed attempts for one address in fifteen minutes, from wherever; does not hold for devices that it knows."""
    login_global_limit: int = Field(1_000, validation_alias="LOGIN_GLOBAL_LIMIT_PER_MINUTE", ge=1)
    """Failed attempts per minute in the whole instance; does not hold for devices that an address knows."""
    mailing_limit: int = Field(20, validation_alias="MAIL_REQUEST_LIMIT_PER_MINUTE", ge=1)
    """Requests per minute from one IP that send a mail, or bring a token from one."""
    register_limit: int = Field(30, validation_alias="REGISTER_LIMIT_PER_MINUTE", ge=1)
    """Registrations per minute from one IP. Outside production these limits are ten times as high: there one machine
    plays all the users."""
    registration: Literal["open", "closed"] = Field("open", validation_alias="BREEZEWAY_REGISTRATION")
    """Closed, nobody but the first user of an instance can register."""
    admin_email: str | None = Field(None, validation_alias="BREEZEWAY_ADMIN_EMAIL")
    """Whoever confirms this address becomes administrator. Unset, the first user to register does."""
    login_needs_verified_email: bool = Field(False, validation_alias="BREEZEWAY_LOGIN_NEEDS_VERIFIED_EMAIL")
    """Whether users have to confirm their address before they can log in; administrators do not."""
    smtp_host: str | None = Field(None, validation_alias="SMTP_HOST")
    """The mail server. Unset, mails wait in production; elsewhere they end in the development mailbox."""
    smtp_port: int = Field(587, validation_alias="SMTP_PORT", ge=1, le=65_535)
    smtp_user: str | None = Field(None, validation_alias="SMTP_USER")
    smtp_password: SecretStr | None = Field(None, validation_alias="SMTP_PASSWORD")
    smtp_encryption: Literal["starttls", "tls", "none"] = Field("starttls", validation_alias="SMTP_TLS")
    """`starttls` (port 587), `tls` from the first byte (port 465), or `none`, for a server on the same machine."""
    mail_from: str = Field("Breezeway <breezeway@localhost>", validation_alias="MAIL_FROM")
    expiry_interval: float = Field(15, validation_alias="BROKER_EXPIRY_INTERVAL_SECONDS", gt=0)
    """Seconds between two looks for broker sessions that have ended."""
    reminder_minutes: float = Field(30, validation_alias="BROKER_REMINDER_MINUTES", ge=0, le=720)
    """How long before the end of a broker session its user is reminded; 0 for never."""

    @property
    def secrets_folder(self) -> Path:
        return self.home / "secrets"
