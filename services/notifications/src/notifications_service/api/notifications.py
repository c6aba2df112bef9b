"""The inbox."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from breezeway.contracts.events import NotificationView
from breezeway.security.scopes import AccountReader
from notifications_service.api.dependencies import Body, Kind, Limit, NumberCursor, TheServices
from notifications_service.application.inbox import InboxFilter
from notifications_service.application.ways import view_of
from notifications_service.domain.model import Notification

router = APIRouter(prefix="/api/v1/notifications", tags=["notifications"])


class NotificationPage(BaseModel):
    items: list[NotificationView]
    next: str | None = Field(description="Send it back as `cursor` for the next page; null on the last one.")
    unread: int = Field(description="In the whole inbox.", examples=[3])


class UnreadCount(BaseModel):
    unread: int = Field(examples=[3])


class ReadAll(Body):
    """Without `until`, everything."""

    until: UUID | None = Field(None, description="The newest notification that the user has seen.")


class ReadCount(BaseModel):
    read: int = Field(description="How many were unread until now.", examples=[3])


def _view(notification: Notification) -> NotificationView:
    return view_of(notification.event).model_copy(update={"read_at": notification.read_at})


@router.get("", summary="List notifications")
async def list_notifications(
    user: AccountReader,
    services: TheServices,
    cursor: NumberCursor,
    unread: Annotated[bool, Query(description="Only those that were not read.")] = False,
    kind: Annotated[Kind | None, Query()] = None,
    limit: Limit = 50,
) -> NotificationPage:
    """Newest first. The same objects come live on the stream's `notifications` channel."""
    wanted = InboxFilter(unread=unread, kind=kind, before=cursor, limit=limit)
    found, count = await services.inbox.page(user.user_id, wanted)
    following = str(found[limit - 1].seq) if len(found) > limit else None
    return NotificationPage(items=[_view(each) for each in found[:limit]], next=following, unread=count)


@router.get("/unread-count", summary="Count unread notifications")
async def count_unread_notifications(user: AccountReader, services: TheServices) -> UnreadCount:
    """For a bell."""
    return UnreadCount(unread=await services.inbox.unread(user.user_id))


@router.post("/read-all", summary="Mark all notifications as read")
async def read_all_notifications(user: AccountReader, services: TheServices, body: ReadAll | None = None) -> ReadCount:
    """Up to `until`, so that one which has just come is not marked unseen."""
    until = body.until if body else None
    return ReadCount(read=await services.inbox.read_all(user.user_id, until))


@router.get("/{notification_id}", summary="Get a notification")
async def get_notification(notification_id: UUID, user: AccountReader, services: TheServices) -> NotificationView:
    """404 `notification_not_found` for one that is not the caller's."""
    return _view(await services.inbox.get(user.user_id, notification_id))


@router.post("/{notification_id}/read", summary="Mark a notification as read")
async def read_notification(notification_id: UUID, user: AccountReader, services: TheServices) -> NotificationView:
    """Read again, it keeps the time at which it was read first."""
    return _view(await services.inbox.read(user.user_id, notification_id))


@router.delete("/{notification_id}", status_code=204, summary="Delete a notification")
async def delete_notification(notification_id: UUID, user: AccountReader, services: TheServices) -> None:
    """From the inbox; what is on its way by other channels still arrives."""
    await services.inbox.remove(user.user_id, notification_id)
