"""What the use cases need from outside."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import UUID

from breezeway.contracts.events import Event, NotificationView
from breezeway.mail.message import Mail
from notifications_service.domain.alerts import Alert, AlertState
from notifications_service.domain.model import (
    Attempt,
    CallState,
    Delivery,
    Hook,
    HookCall,
    Notification,
    TelegramLink,
    Webhook,
)
from notifications_service.domain.preferences import ChannelName, Preferences


class Work(Protocol):
    """One transaction. Leaving without `commit` rolls back. Raises UpstreamUnavailable when the database is away."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def commit(self) -> None: ...

    # --- the inbox

    async def add_notification(self, event: Event) -> bool:
        """False when it is there already, or was."""
        ...

    async def notifications(
        self, user_id: UUID, *, unread: bool, kind: str | None, before: int | None, limit: int
    ) -> Sequence[Notification]:
        """Newest first."""
        ...

    async def notification(self, user_id: UUID, notification_id: UUID) -> Notification | None: ...

    async def unread_count(self, user_id: UUID) -> int: ...

    async def mark_read(self, user_id: UUID, notification_id: UUID, at: datetime) -> bool: ...

    async def mark_all_read(self, user_id: UUID, at: datetime, until: UUID | None) -> int: ...

    async def remove_notification(self, user_id: UUID, notification_id: UUID, at: datetime) -> bool: ...

    async def forget_user(self, event: Event) -> None:
        """Delete all that is kept of the event's user, but for its id: what still comes for them is `forget_gone`'s."""
        ...

    async def forget_gone(self) -> int:
        """Delete what came after all for users who had been forgotten; how many rows."""
        ...

    async def forget_before(self, at: datetime) -> int:
        """Delete notifications, finished deliveries and hook calls from before that moment."""
        ...

    # --- deliveries

    async def add_delivery(self, delivery: Delivery) -> None:
        """Without effect when the event has one on that channel to that target."""
        ...

    async def claim_deliveries(
        self, channel: ChannelName, now: datetime, lease: timedelta, limit: int, busy: Collection[UUID]
    ) -> Sequence[Delivery]:
        """Take what is due, oldest first, but nothing of the users in `busy`; it is due again after the lease."""
        ...

    async def settle_delivery(self, delivery: Delivery, attempt: Attempt) -> None:
        """Write how an attempt ended. Ignored when the delivery has ended meanwhile."""
        ...

    async def fail_waiting(self, target: str, error: str, at: datetime) -> None:
        """Give up what waits for a target."""
        ...

    async def deliveries_to(
        self, user_id: UUID, target: str, *, before: int | None, limit: int
    ) -> Sequence[tuple[int, Delivery]]:
        """Newest first, each with its place in the list."""
        ...

    async def delivery(self, user_id: UUID, delivery_id: UUID) -> Delivery | None: ...

    async def attempts_of(self, delivery_id: UUID) -> Sequence[Attempt]: ...

    # --- preferences and webhooks

    async def preferences(self, user_id: UUID) -> Preferences: ...

    async def save_preferences(self, user_id: UUID, preferences: Preferences) -> None: ...

    async def telegram(self, user_id: UUID, *, lock: bool = False) -> TelegramLink | None: ...

    async def save_telegram(self, link: TelegramLink) -> None: ...

    async def remove_telegram(self, user_id: UUID) -> bool: ...

    async def webhooks(self, user_id: UUID, *, lock: bool = False) -> Sequence[Webhook]: ...

    async def webhook(self, webhook_id: UUID, *, lock: bool = False) -> Webhook | None: ...

    async def save_webhook(self, webhook: Webhook) -> None:
        """Add or replace."""
        ...

    async def remove_webhook(self, user_id: UUID, webhook_id: UUID) -> bool: ...

    async def hold_user(self, user_id: UUID) -> None:
        """Keep others from changing what the user has until this transaction ends, so that counts stay true."""
        ...

    # --- alerts

    async def alerts(
        self, user_id: UUID, *, state: AlertState | None, symbol: str | None, after: UUID | None, limit: int
    ) -> Sequence[Alert]: ...

    async def alert(self, user_id: UUID, alert_id: UUID) -> Alert | None: ...

    async def count_alerts(self, user_id: UUID) -> int: ...

    async def add_alert(self, alert: Alert) -> None: ...

    async def replace_alert(self, alert: Alert, version: int) -> bool:
        """Store `alert` unless its row has another version than `version`."""
        ...

    async def remove_alert(self, user_id: UUID, alert_id: UUID) -> bool: ...

    async def active_alerts(self) -> Sequence[Alert]: ...

    # --- hooks

    async def hooks(self, user_id: UUID) -> Sequence[Hook]: ...

    async def hook(self, hook_id: UUID, *, lock: bool = False) -> Hook | None: ...

    async def save_hook(self, hook: Hook) -> None:
        """Add or replace."""
        ...

    async def remove_hook(self, user_id: UUID, hook_id: UUID) -> bool: ...

    async def hook_call(self, hook_id: UUID, key: str, since: datetime) -> HookCall | None: ...

    async def count_hook_calls(self, hook_id: UUID, since: datetime) -> int: ...

    async def add_hook_call(self, call: HookCall) -> None: ...

    async def settle_hook_call(
        self, call_id: UUID, state: CallState, *, order_id: UUID | None, code: str | None, detail: str | None
    ) -> None: ...

    async def hook_calls(self, hook_id: UUID, *, after: UUID | None, limit: int) -> Sequence[HookCall]: ...


WorkFactory = Callable[[], Work]


class WebChannel(Protocol):
    async def show(self, user_id: UUID, notification: NotificationView) -> None:
        """Append to the user's stream; once, however often it is called. Returns when it would survive the stream's
        server. Raises UpstreamUnavailable.
        """
        ...


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Raises a BreezewayError when it was not taken."""
        ...


class Telegram(Protocol):
    async def send(self, chat_id: str, text: str) -> None:
        """Raises Rejected when the chat cannot be written to, Retryable otherwise."""
        ...


class WebhookSender(Protocol):
    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status that was answered; redirects are not followed.

        Raises:
            Forbidden: `address_refused`: the name leads to an address that users may not call.
            Retryable: no answer came.
        """
        ...


class UrlRules(Protocol):
    def check(self, url: str) -> None:
        """Raises InvalidInput: `webhook_url_refused`."""
        ...


class Contacts(Protocol):
    async def address_of(self, user_id: UUID) -> str | None:
        """The mail address that the user has proved to be theirs; None without one. Raises Retryable."""
        ...


class Feeds(Protocol):
    async def feed_of(self, user_id: UUID) -> str | None:
        """The feed that serves the user. Raises Retryable."""
        ...


class Symbols(Protocol):
    async def canonical(self, symbol: str) -> str:
        """Raises NotFound: `instrument_not_found`."""
        ...


class Orders(Protocol):
    """The trading service, as far as hooks need it."""

    async def check_account(self, bearer: str, account_id: UUID) -> None:
        """Raises NotFound for an account that is not the caller's, Forbidden for a live one."""
        ...

    async def place(self, user_id: UUID, order: Mapping[str, Any], key: str) -> UUID:
        """The order's id; the same key and order place nothing twice. Raises as the trading service answers."""
        ...


class LatestTicks(Protocol):
    async def latest(self, feed: str, symbols: Sequence[str]) -> Sequence[bytes]:
        """The newest tick of each symbol that has one. Raises Retryable."""
        ...


class LivePrices(LatestTicks, Protocol):
    """The feeds' ticks."""

    async def want(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """Hear the ticks of these symbols, by feed. Raises Retryable."""
        ...


class Bell(Protocol):
    async def ring(self) -> None:
        """Ask the worker to look at the alerts now. Never raises: it looks by itself soon."""
        ...
