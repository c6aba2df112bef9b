"""What the service keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from breezeway.contracts.events import Event
from notifications_service.domain.preferences import ChannelName


@dataclass(frozen=True, slots=True)
class Notification:
    """An event in a user's inbox. `seq` orders the inbox: events arrive later than they happen."""

    seq: int
    event: Event
    read_at: datetime | None


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way by one channel. `target` names the webhook; it is empty elsewhere."""

    id: UUID
    user_id: UUID
    channel: ChannelName
    target: str
    event: Event
    state: DeliveryState
    attempts: int
    created_at: datetime
    due_at: datetime
    finished_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None
    replay_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver. `error` is a word of ours, never what the other side said."""

    at: datetime
    status: int | None
    error: str | None
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a user's program is told. No kinds means all of them."""

    id: UUID
    user_id: UUID
    url: str
    kinds: frozenset[str]
    nonce: bytes
    note: str
    active: bool
    created_at: datetime
    failing_since: datetime | None = None
    disabled_reason: str | None = None

    def wants(self, kind: str) -> bool:
        return self.active and (not self.kinds or kind in self.kinds)


@dataclass(frozen=True, slots=True)
class TelegramLink:
    """A Telegram chat that a user has named, and whether they have proved that they read it."""

    user_id: UUID
    chat_id: str
    confirmed: bool
    code_hash: bytes
    code_until: datetime
    tries: int
    asked: int
    asked_since: datetime


@dataclass(frozen=True, slots=True)
class Hook:
    """Where somebody else's alerts come in, and what they become."""

    id: UUID
    user_id: UUID
    account_id: UUID
    name: str
    template: Mapping[str, str]
    nonce: bytes
    active: bool
    created_at: datetime
    calls_per_minute: int = 30


class CallState(StrEnum):
    RECEIVED = "received"
    """On its way to trading; when it stays so, nobody knows whether the order was placed."""
    PLACED = "placed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class HookCall:
    """One alert that came in with the right secret. `body` is what was sent, without the secret."""

    id: UUID
    hook_id: UUID
    key: str
    received_at: datetime
    state: CallState
    body: Mapping[str, Any]
    order_id: UUID | None = None
    code: str | None = None
    detail: str | None = None
