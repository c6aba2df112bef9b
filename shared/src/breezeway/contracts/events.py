"""What the services tell the notifications service: something happened that a user should learn."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from breezeway.ids import new_id


class EventKind(StrEnum):
    """What an event is about. Users choose channels by these."""

    ORDER_FILLED = "order.filled"
    ORDER_REJECTED = "order.rejected"
    MARGIN_SHORT = "margin.short"
    SESSION_EXPIRING = "broker_session.expiring"
    SESSION_EXPIRED = "broker_session.expired"
    SESSION_REJECTED = "broker_session.rejected"
    FEED_DOWN = "feed.down"
    FEED_BACK = "feed.back"
    BACKFILL_DONE = "backfill.done"
    BACKFILL_FAILED = "backfill.failed"
    ALERT_FIRED = "alert.fired"
    HOOK_ORDER = "hook.order"
    HOOK_REFUSED = "hook.refused"
    WEBHOOK_DISABLED = "webhook.disabled"
    SECURITY = "security.changed"


USER_DELETED: Final = "user.deleted"
"""The kind of an event that is told to nobody: whatever is kept of its user is deleted."""


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    """Passes quiet hours."""


TITLE_LENGTH: Final = 200
TEXT_LENGTH: Final = 2_000


def _storable(length: int) -> AfterValidator:
    # Mended and not refused: an order must not fail because a broker's sentence about it is long or broken.
    return AfterValidator(lambda text: text.replace("\0", "").encode(errors="replace").decode()[:length])


Title = Annotated[str, _storable(TITLE_LENGTH)]
Text = Annotated[str, _storable(TEXT_LENGTH)]


class Event(BaseModel):
    """One thing that happened to one user. Whoever receives it twice knows it by its id."""

    model_config = ConfigDict(frozen=True)

    id: UUID = Field(default_factory=new_id)
    user_id: UUID
    # A text and not an EventKind: a producer may be newer than who receives it.
    kind: str = Field(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}$")
    severity: Severity = Severity.INFO
    title: Title
    text: Text = ""
    at: AwareDatetime
    data: dict[str, Text] = Field(default_factory=dict, description="What a program needs to act; never a secret.")
    traceparent: str | None = Field(default=None, max_length=128, description="Of what made it, where that is traced.")


class EventBatch(BaseModel):
    """The body of `POST /internal/events`, oldest first."""

    events: list[Event] = Field(max_length=500)


class NotificationView(BaseModel):
    """The REST object of a notification, also sent on the `notifications` channel and to webhooks."""

    model_config = ConfigDict(frozen=True)

    id: UUID = Field(examples=["0192f0c1-2b7c-7c3e-9d2a-5f6b7c8d9e0f"])
    kind: str = Field(examples=["order.filled"])
    severity: Severity = Field(examples=["info"])
    title: str = Field(examples=["Bought 10 NSE:RELIANCE at 1400.35"])
    text: str
    at: datetime = Field(description="When it happened.")
    data: dict[str, str] = Field(examples=[{"order_id": "0192f0c1-2b7c-7c3e-9d2a-5f6b7c8d9e0f"}])
    read_at: datetime | None = None
