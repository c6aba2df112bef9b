"""Managing webhooks."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from breezeway.clock import Clock
from breezeway.contracts.events import Event
from breezeway.errors import Conflict, NotFound
from breezeway.ids import new_id
from notifications_service.application.ports import UrlRules, WorkFactory
from notifications_service.application.ways import TEST_KIND, WEBHOOK
from notifications_service.domain.model import Attempt, Delivery, DeliveryState, Webhook
from notifications_service.domain.preferences import ChannelName
from notifications_service.domain.signatures import SecretKey

MOST: Final = 10
_NONCE_BYTES: Final = 16
_MOST_WAITING: Final = 100


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What stays is None."""

    url: str | None = None
    kinds: Collection[str] | None = None
    note: str | None = None
    active: bool | None = None


class Webhooks:
    """Somebody else's webhook is one that does not exist."""

    def __init__(self, work: WorkFactory, key: SecretKey, rules: UrlRules, clock: Clock) -> None:
        self._work = work
        self._key = key
        self._rules = rules
        self._clock = clock

    async def all_of(self, user_id: UUID) -> Sequence[Webhook]:
        async with self._work() as work:
            return await work.webhooks(user_id)

    async def get(self, user_id: UUID, webhook_id: UUID) -> Webhook:
        """Raises NotFound: `webhook_not_found`."""
        async with self._work() as work:
            return _owned(await work.webhook(webhook_id), user_id)

    async def add(self, user_id: UUID, url: str, kinds: Collection[str], note: str) -> tuple[Webhook, str]:
        """The webhook and its secret, which is shown only now.

        Raises:
            InvalidInput: `webhook_url_refused`. Conflict: `too_many_webhooks`.
        """
        self._rules.check(url)
        webhook = Webhook(
            id=new_id(),
            user_id=user_id,
            url=url,
            kinds=frozenset(kinds),
            nonce=secrets.token_bytes(_NONCE_BYTES),
            note=note,
            active=True,
            created_at=self._clock.now(),
        )
        async with self._work() as work:
            await work.hold_user(user_id)
            if len(await work.webhooks(user_id)) >= MOST:
                raise Conflict(f"A user may have {MOST} webhooks; delete one first.", code="too_many_webhooks")
            await work.save_webhook(webhook)
            await work.commit()
        return webhook, self._secret(webhook)

    async def change(self, user_id: UUID, webhook_id: UUID, change: WebhookChange) -> Webhook:
        """Raises NotFound (`webhook_not_found`), InvalidInput (`webhook_url_refused`)."""
        if change.url is not None:
            self._rules.check(change.url)
        async with self._work() as work:
            before = _owned(await work.webhook(webhook_id, lock=True), user_id)
            active = before.active if change.active is None else change.active
            after = replace(
                before,
                url=change.url if change.url is not None else before.url,
                kinds=frozenset(change.kinds) if change.kinds is not None else before.kinds,
                note=change.note if change.note is not None else before.note,
                active=active,
                # Whoever switches it on again says that it works.
                failing_since=None if change.active else before.failing_since,
                disabled_reason=None if active else before.disabled_reason,
            )
            await work.save_webhook(after)
            await work.commit()
        return after

    async def new_secret(self, user_id: UUID, webhook_id: UUID) -> tuple[Webhook, str]:
        """Replace the secret; the old one signs nothing from now on. Raises NotFound."""
        async with self._work() as work:
            before = _owned(await work.webhook(webhook_id, lock=True), user_id)
            after = replace(before, nonce=secrets.token_bytes(_NONCE_BYTES))
            await work.save_webhook(after)
            await work.commit()
        return after, self._secret(after)

    async def remove(self, user_id: UUID, webhook_id: UUID) -> None:
        """Raises NotFound: `webhook_not_found`."""
        async with self._work() as work:
            if not await work.remove_webhook(user_id, webhook_id):
                raise _missing()
            await work.fail_waiting(str(webhook_id), "webhook_off", self._clock.now())
            await work.commit()

    async def log(
        self, user_id: UUID, webhook_id: UUID, *, before: int | None, limit: int
    ) -> Sequence[tuple[int, Delivery]]:
        """Newest first, one more than the limit when there are more. Raises NotFound."""
        async with self._work() as work:
            _owned(await work.webhook(webhook_id), user_id)
            return await work.deliveries_to(user_id, str(webhook_id), before=before, limit=limit + 1)

    async def attempts(self, user_id: UUID, webhook_id: UUID, delivery_id: UUID) -> tuple[Delivery, Sequence[Attempt]]:
        """Raises NotFound: `webhook_not_found`, `delivery_not_found`."""
        async with self._work() as work:
            _owned(await work.webhook(webhook_id), user_id)
            delivery = _of(await work.delivery(user_id, delivery_id), webhook_id)
            return delivery, await work.attempts_of(delivery_id)

    async def replay(self, user_id: UUID, webhook_id: UUID, delivery_id: UUID) -> Delivery:
        """Send what was sent before once more, as a delivery of its own.

        Raises:
            NotFound: `webhook_not_found`, `delivery_not_found`. Conflict: `webhook_off`, `too_many_waiting`.
        """
        async with self._work() as work:
            _owned(await work.webhook(webhook_id), user_id)
            first = _of(await work.delivery(user_id, delivery_id), webhook_id)
        return await self._send(user_id, webhook_id, first.event, first.replay_of or first.id)

    async def test(self, user_id: UUID, webhook_id: UUID) -> Delivery:
        """Send a message that says it is a test. Raises as `replay` does."""
        event = Event(
            user_id=user_id,
            kind=TEST_KIND,
            title="A test",
            text="Somebody pressed the test button of this webhook.",
            at=self._clock.now(),
            data={"webhook_id": str(webhook_id)},
        )
        return await self._send(user_id, webhook_id, event, event.id)

    async def _send(self, user_id: UUID, webhook_id: UUID, event: Event, replay_of: UUID) -> Delivery:
        now = self._clock.now()
        delivery = Delivery(
            id=new_id(),
            user_id=user_id,
            channel=ChannelName.WEBHOOK,
            target=str(webhook_id),
            event=event,
            state=DeliveryState.WAITING,
            attempts=0,
            created_at=now,
            due_at=now,
            replay_of=replay_of,
        )
        async with self._work() as work:
            webhook = _owned(await work.webhook(webhook_id, lock=True), user_id)
            if not webhook.active:
                raise Conflict("The webhook is switched off.", code="webhook_off")
            newest = await work.deliveries_to(user_id, str(webhook_id), before=None, limit=_MOST_WAITING)
            if sum(each.state is DeliveryState.WAITING for _, each in newest) >= _MOST_WAITING:
                raise Conflict("Too many deliveries wait for this webhook already.", code="too_many_waiting")
            await work.add_delivery(delivery)
            await work.commit()
        return delivery

    def _secret(self, webhook: Webhook) -> str:
        return self._key.secret(WEBHOOK, webhook.id, webhook.nonce)


def _owned(webhook: Webhook | None, user_id: UUID) -> Webhook:
    if webhook is None or webhook.user_id != user_id:
        raise _missing()
    return webhook


def _of(delivery: Delivery | None, webhook_id: UUID) -> Delivery:
    if delivery is None or delivery.target != str(webhook_id):
        raise NotFound("There is no such delivery.", code="delivery_not_found")
    return delivery


def _missing() -> NotFound:
    return NotFound("There is no such webhook.", code="webhook_not_found")
