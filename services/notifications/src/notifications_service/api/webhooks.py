"""Outgoing webhooks."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, status
from pydantic import BaseModel, Field

from breezeway.contracts.events import EventKind
from breezeway.security.dependencies import CurrentUser
from breezeway.security.scopes import SignedIn
from notifications_service.api.dependencies import Body, Limit, Line, NumberCursor, TheServices
from notifications_service.application.webhooks import WebhookChange
from notifications_service.domain.model import Attempt, Delivery, DeliveryState, Webhook

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])

Url = Annotated[str, Field(min_length=8, max_length=2_000, examples=["https://bot.example.com/breezeway"])]
Kinds = Annotated[set[EventKind], Field(description="Empty for all.", examples=[["order.filled", "alert.fired"]])]


class WebhookBody(Body):
    """HTTPS, and an address of the public internet, unless the operator allows others."""

    url: Url
    kinds: Kinds = Field(default_factory=set)
    note: Line = ""


class WebhookPatch(Body):
    """What is left out stays."""

    url: Url | None = None
    kinds: Kinds | None = None
    note: Line | None = None
    active: bool | None = None


class WebhookView(BaseModel):
    """The REST object of a webhook."""

    id: UUID
    url: str
    kinds: list[str]
    note: str
    active: bool
    failing_since: datetime | None = Field(description="Nothing has been delivered since then.")
    disabled_reason: str | None = Field(description="Why it was switched off: `failing`, `gone`.")
    created_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        return cls(
            id=webhook.id,
            url=webhook.url,
            kinds=sorted(webhook.kinds),
            note=webhook.note,
            active=webhook.active,
            failing_since=webhook.failing_since,
            disabled_reason=webhook.disabled_reason,
            created_at=webhook.created_at,
        )


class WebhookWithSecret(BaseModel):
    """The only answer that shows the secret."""

    webhook: WebhookView
    secret: str = Field(description="Verifies the signatures. It is not shown again.", examples=["bwh_..."])


class WebhookList(BaseModel):
    items: list[WebhookView]
    next: str | None = None


class DeliveryView(BaseModel):
    """One message to one webhook."""

    id: UUID = Field(description="The header `Breezeway-Delivery`.")
    event_id: UUID = Field(description="The header `Breezeway-Event`: the same for every try and every replay.")
    kind: str = Field(examples=["order.filled"])
    state: DeliveryState
    attempts: int
    last_status: int | None = Field(examples=[200])
    last_error: str | None = Field(examples=["timeout"])
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    replay_of: UUID | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(
            id=delivery.id,
            event_id=delivery.event.id,
            kind=delivery.event.kind,
            state=delivery.state,
            attempts=delivery.attempts,
            last_status=delivery.last_status,
            last_error=delivery.last_error,
            created_at=delivery.created_at,
            next_attempt_at=delivery.due_at if delivery.state is DeliveryState.WAITING else None,
            finished_at=delivery.finished_at,
            replay_of=delivery.replay_of,
        )


class DeliveryPage(BaseModel):
    items: list[DeliveryView]
    next: str | None


class AttemptView(BaseModel):
    """One try. What the receiver said is not kept, only its status."""

    at: datetime
    status: int | None = Field(examples=[503])
    error: str | None = Field(examples=["status_503"])
    milliseconds: int

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        return cls(at=attempt.at, status=attempt.status, error=attempt.error, milliseconds=attempt.milliseconds)


class DeliveryDetails(BaseModel):
    delivery: DeliveryView
    attempts: list[AttemptView]


@router.get("", summary="List webhooks")
async def list_webhooks(user: CurrentUser, services: TheServices) -> WebhookList:
    """There are few enough for one page."""
    return WebhookList(items=[WebhookView.of(each) for each in await services.webhooks.all_of(user.user_id)])


@router.post("", summary="Add a webhook", status_code=status.HTTP_201_CREATED)
async def create_webhook(user: SignedIn, services: TheServices, body: WebhookBody) -> WebhookWithSecret:
    """422 `webhook_url_refused` for an address that it may not call."""
    webhook, secret = await services.webhooks.add(user.user_id, body.url, body.kinds, body.note)
    return WebhookWithSecret(webhook=WebhookView.of(webhook), secret=secret)


@router.get("/{webhook_id}", summary="Get a webhook")
async def get_webhook(webhook_id: UUID, user: CurrentUser, services: TheServices) -> WebhookView:
    """404 `webhook_not_found` for one that is not the caller's."""
    return WebhookView.of(await services.webhooks.get(user.user_id, webhook_id))


@router.patch("/{webhook_id}", summary="Change a webhook")
async def change_webhook(webhook_id: UUID, user: SignedIn, services: TheServices, body: WebhookPatch) -> WebhookView:
    """`active` true switches one on again that was switched off because it failed."""
    change = WebhookChange(body.url, body.kinds, body.note, body.active)
    return WebhookView.of(await services.webhooks.change(user.user_id, webhook_id, change))


@router.delete("/{webhook_id}", status_code=204, summary="Delete a webhook")
async def delete_webhook(webhook_id: UUID, user: SignedIn, services: TheServices) -> None:
    """What waits for it is given up."""
    await services.webhooks.remove(user.user_id, webhook_id)


@router.post("/{webhook_id}/secret", summary="Replace a webhook's secret")
async def replace_webhook_secret(webhook_id: UUID, user: SignedIn, services: TheServices) -> WebhookWithSecret:
    """The old one signs nothing any more, retries included."""
    webhook, secret = await services.webhooks.new_secret(user.user_id, webhook_id)
    return WebhookWithSecret(webhook=WebhookView.of(webhook), secret=secret)


@router.post("/{webhook_id}/test", summary="Test a webhook", status_code=status.HTTP_202_ACCEPTED)
async def test_webhook(webhook_id: UUID, user: SignedIn, services: TheServices) -> DeliveryView:
    """Sends an event of kind `webhook.test`; how it went is in the delivery log."""
    return DeliveryView.of(await services.webhooks.test(user.user_id, webhook_id))


@router.get("/{webhook_id}/deliveries", summary="A webhook's delivery log")
async def list_webhook_deliveries(
    webhook_id: UUID, user: CurrentUser, services: TheServices, cursor: NumberCursor, limit: Limit = 50
) -> DeliveryPage:
    """Newest first."""
    found = await services.webhooks.log(user.user_id, webhook_id, before=cursor, limit=limit)
    following = str(found[limit - 1][0]) if len(found) > limit else None
    return DeliveryPage(items=[DeliveryView.of(each) for _, each in found[:limit]], next=following)


@router.get("/{webhook_id}/deliveries/{delivery_id}", summary="One delivery with its attempts")
async def get_webhook_delivery(
    webhook_id: UUID, delivery_id: UUID, user: CurrentUser, services: TheServices
) -> DeliveryDetails:
    """Every try that was made."""
    delivery, attempts = await services.webhooks.attempts(user.user_id, webhook_id, delivery_id)
    return DeliveryDetails(delivery=DeliveryView.of(delivery), attempts=[AttemptView.of(each) for each in attempts])


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/replay",
    summary="Send a delivery again",
    status_code=status.HTTP_202_ACCEPTED,
)
async def replay_webhook_delivery(
    webhook_id: UUID, delivery_id: UUID, user: SignedIn, services: TheServices
) -> DeliveryView:
    """The same event, as a delivery of its own."""
    return DeliveryView.of(await services.webhooks.replay(user.user_id, webhook_id, delivery_id))
