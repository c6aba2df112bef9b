"""Broker accounts and sessions, as auth tells the services that act on them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer


class BrokerEnvironment(StrEnum):
    SIMULATOR = "simulator"
    LIVE = "live"


class BrokerSessionState(StrEnum):
    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    ACTIVE = "active"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REVOKED = "revoked"


class BrokerSession(BaseModel):
    """An account's open session: no secret, for lists and events."""

    model_config = ConfigDict(frozen=True)

    account_id: UUID
    user_id: UUID
    environment: BrokerEnvironment
    state: BrokerSessionState
    version: int = Field(
        description="Rises with every new session of the account, so that a reader sees that it changed."
    )
    expires_at: datetime | None = None


class BrokerCredentials(BaseModel):
    """What is needed to call Breeze in an account's name.

    Travels only between our services; never in a log or an answer to a user.
    """

    model_config = ConfigDict(frozen=True)

    account_id: UUID
    user_id: UUID
    environment: BrokerEnvironment
    version: int
    api_key: SecretStr
    api_secret: SecretStr
    broker_user_id: str
    session_key: SecretStr
    expires_at: datetime

    @field_serializer("api_key", "api_secret", "session_key", when_used="json")
    def _reveal(self, value: SecretStr) -> str:
        # Serialising to JSON happens only on the internal route; `repr` and logs still show stars.
        return value.get_secret_value()
