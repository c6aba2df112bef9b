"""What the auth service is told by its environment."""

from pathlib import Path

from pydantic import Field, SecretStr

from breezeway.settings import DatabaseSettings


class AuthSettings(DatabaseSettings):
    """Shared settings, and those that only auth reads."""

    vault_key: SecretStr | None = Field(None, validation_alias="BREEZEWAY_VAULT_KEY")
    """The KEK of the broker vault: base64 of 32 bytes, or `v1:<base64>,v2:<base64>` while rotating; the last one seals.
    In development a key is generated below `home` when this is absent."""
    signing_key_file: Path | None = Field(None, validation_alias="BREEZEWAY_SIGNING_KEY_FILE")
    """PEM file with the first P-256 key that signs access tokens. In development it is generated below `home` when
    absent."""
    signing_key_folder: Path | None = Field(None, validation_alias="BREEZEWAY_SIGNING_KEY_FOLDER")
    """Where its successors lie, which `breezeway keys rotate` makes; beside the first key when absent."""
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
    register_limit: int = Field(30, validation_alias="REGISTER_LIMIT_PER_MINUTE", ge=1)
    """Registrations per minute from one IP. Outside production all three are ten times as high: there one machine plays
    all the users."""
    expiry_interval: float = Field(15, validation_alias="BROKER_EXPIRY_INTERVAL_SECONDS", gt=0)
    """Seconds between two looks for broker sessions that have ended."""

    @property
    def first_signing_key(self) -> Path:
        return self.signing_key_file or self.secrets_folder / "signing.pem"

    @property
    def secrets_folder(self) -> Path:
        return self.home / "secrets"
