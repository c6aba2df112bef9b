"""How a message leaves by each channel."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import orjson

from breezeway.clock import IST, Clock
from breezeway.contracts.events import Event, EventKind, NotificationView, Severity
from breezeway.ids import new_id
from breezeway.mail.message import Mail
from notifications_service.application.courier import BadStatus, Undeliverable
from notifications_service.application.ports import (
    Contacts,
    Mailer,
    Telegram,
    WebChannel,
    WebhookSender,
    Work,
    WorkFactory,
)
from notifications_service.application.receiving import Receiving
from notifications_service.domain.model import Delivery, DeliveryState, Webhook
from notifications_service.domain.signatures import SecretKey, header

TEST_KIND: Final = "webhook.test"
WEBHOOK: Final = "webhook"
_GONE: Final = 410


class Way:
    """What most channels have in common: nothing is left to do once the outcome is written."""

    async def settled(self, delivery: Delivery) -> None:
        return None


class ByWeb(Way):
    def __init__(self, channel: WebChannel) -> None:
        self._channel = channel

    async def deliver(self, delivery: Delivery) -> int | None:
        await self._channel.show(delivery.user_id, view_of(delivery.event))
        return None


class ByMail(Way):
    def __init__(self, mailer: Mailer, contacts: Contacts, public_url: str) -> None:
        self._mailer = mailer
        self._contacts = contacts
        self._public_url = public_url.rstrip("/")

    async def deliver(self, delivery: Delivery) -> int | None:
        address = await self._contacts.address_of(delivery.user_id)
        if address is None:
            raise Undeliverable("The user has no confirmed address.", code="no_confirmed_address")
        event = delivery.event
        when = f"{event.at.astimezone(IST):%d %b %Y, %H:%M:%S} IST"
        body = f"{event.title}\n\n{event.text}\n\nWhen: {when}\n\nBreezeway, {self._public_url}\n"
        # Titles hold names that users chose, and a header is one line.
        subject = " ".join(f"Breezeway: {event.title}".split())
        await self._mailer.send(Mail(address, subject, body, id=delivery.id))
        return None


class ByTelegram(Way):
    def __init__(self, telegram: Telegram, work: WorkFactory) -> None:
        self._telegram = telegram
        self._work = work

    async def deliver(self, delivery: Delivery) -> int | None:
        async with self._work() as work:
            link = await work.telegram(delivery.user_id)
        if link is None or not link.confirmed:
            raise Undeliverable("The user has no Telegram chat any more.", code="no_chat")
        await self._telegram.send(link.chat_id, f"{delivery.event.title}\n{delivery.event.text}".strip())
        return None


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """When a webhook that keeps failing is switched off."""

    disable_after: timedelta = timedelta(days=3)


class ByWebhook:
    """Signs and posts; switches a webhook off that has failed for days, and tells its owner."""

    def __init__(
        self,
        sender: WebhookSender,
        key: SecretKey,
        work: WorkFactory,
        receiving: Receiving,
        clock: Clock,
        rules: WebhookRules,
    ) -> None:
        self._sender = sender
        self._key = key
        self._work = work
        self._receiving = receiving
        self._clock = clock
        self._rules = rules

    async def deliver(self, delivery: Delivery) -> int | None:
        async with self._work() as work:
            webhook = await work.webhook(UUID(delivery.target))
        if webhook is None or not webhook.active:
            raise Undeliverable("The webhook is gone or switched off.", code="webhook_off")
        body = webhook_body(delivery.event)
        timestamp = int(self._clock.now().timestamp())
        secret = self._key.secret(WEBHOOK, webhook.id, webhook.nonce)
        status = await self._sender.post(
            webhook.url,
            body,
            {
                "Content-Type": "application/json",
                "Breezeway-Event": str(delivery.event.id),
                "Breezeway-Delivery": str(delivery.id),
                "Breezeway-Timestamp": str(timestamp),
                "Breezeway-Signature": header(secret, timestamp, body),
            },
        )
        if not 200 <= status < 300:
            raise BadStatus(status)
        return status

    async def settled(self, delivery: Delivery) -> None:
        """Keep count of how long the receiver has been failing. A test, or what it never got, counts for nothing."""
        failed = delivery.state is not DeliveryState.DELIVERED
        if failed and delivery.event.kind == TEST_KIND:
            return
        async with self._work() as work:
            webhook = await work.webhook(UUID(delivery.target), lock=True)
            if webhook is None or not webhook.active:
                return
            now = self._clock.now()
            if not failed:
                changed = replace(webhook, failing_since=None)
            elif delivery.last_status == _GONE:
                changed = await self._switch_off(work, webhook, "gone", "It answered 410 Gone.")
            elif webhook.failing_since is None:
                changed = replace(webhook, failing_since=now)
            elif now - webhook.failing_since > self._rules.disable_after:
                changed = await self._switch_off(work, webhook, "failing", f"It has failed since {_day(webhook)}.")
            else:
                return
            if changed != webhook:
                await work.save_webhook(changed)
                await work.commit()

    async def _switch_off(self, work: Work, webhook: Webhook, reason: str, text: str) -> Webhook:
        now = self._clock.now()
        await work.fail_waiting(str(webhook.id), "webhook_off", now)
        changed = replace(webhook, active=False, disabled_reason=reason)
        # Saved first: the webhook must not be told that it is told nothing any more.
        await work.save_webhook(changed)
        event = Event(
            id=new_id(),
            user_id=webhook.user_id,
            kind=EventKind.WEBHOOK_DISABLED,
            severity=Severity.WARNING,
            title="A webhook was switched off",
            text=f"{text} Switch it on again when its receiver works.",
            at=now,
            data={"webhook_id": str(webhook.id), "reason": reason},
        )
        await self._receiving.take(work, event)
        return changed


def view_of(event: Event) -> NotificationView:
    """What users see of an event."""
    return NotificationView(
        id=event.id,
        kind=event.kind,
        severity=event.severity,
        title=event.title,
        text=event.text,
        at=event.at,
        data=event.data,
    )


def webhook_body(event: Event) -> bytes:
    """What a webhook is sent: the same bytes for the same event."""
    notification = view_of(event).model_dump(mode="json", exclude={"read_at"})
    return orjson.dumps({"id": str(event.id), "type": event.kind, "notification": notification})


def _day(webhook: Webhook) -> str:
    return f"{webhook.failing_since:%d %b %Y}"
