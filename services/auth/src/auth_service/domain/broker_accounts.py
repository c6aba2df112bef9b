"""Broker accounts: whose key it is, never the key itself."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from breezeway.contracts.broker import BrokerEnvironment

LOGIN_PATIENCE = timedelta(minutes=10)
"""How long a login page may stay open before its redirect counts for nothing."""

MAX_ACCOUNTS_PER_USER = 20


@dataclass(frozen=True, slots=True)
class BrokerAccount:
    """An app registered at the broker, as its owner sees it. `api_key_hint` is the end of the key."""

    id: UUID
    user_id: UUID
    label: str
    environment: BrokerEnvironment
    api_key_hint: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AppKeys:
    """Key and secret of a broker app, in the clear: in memory only, and only for as long as a call takes."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What the broker gives for a session value, and that value: the broker asks for it again with the profile."""

    broker_user_id: str
    session_key: str = field(repr=False)
    api_session: str = field(repr=False)
    user_name: str | None


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A user who has been sent to the broker's login page and is expected back."""

    id: UUID
    user_id: UUID
    account_id: UUID
    environment: BrokerEnvironment
    expires_at: datetime


def key_hint(api_key: str) -> str:
    """The last characters of a key: enough to tell two apart, too little to use."""
    return api_key[-4:] if len(api_key) >= 12 else ""
