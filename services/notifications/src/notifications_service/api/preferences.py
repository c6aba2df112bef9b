"""Which channels tell the user of what, quiet hours, and the Telegram chat."""

from datetime import time
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field

from breezeway.contracts.events import EventKind
from breezeway.security.dependencies import CurrentUser
from breezeway.security.scopes import SignedIn
from notifications_service.api.dependencies import Body, TheServices
from notifications_service.application.receiving import Ways
from notifications_service.domain.model import TelegramLink
from notifications_service.domain.preferences import ChannelName, Preferences, QuietHours

router = APIRouter(prefix="/api/v1/notifications", tags=["notifications"])


@cache
def _zones() -> frozenset[str]:
    # It walks through hundreds of files.
    return frozenset(available_timezones())


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("this is no time zone of the IANA database, such as Asia/Kolkata")
    return name


def _plain_time(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError("this is a time of day without an offset; time_zone says where")
    return value


TimeZone = Annotated[str, Field(max_length=64, examples=["Asia/Kolkata"]), AfterValidator(_known_zone)]
TimeOfDay = Annotated[time, Field(examples=["22:30:00"]), AfterValidator(_plain_time)]


class QuietHoursBody(Body):
    """E-mail and Telegram wait until `end`, except what is critical. Over midnight when `end` is the earlier."""

    start: TimeOfDay
    end: TimeOfDay


class PreferencesBody(Body):
    """All of it: what is left out goes back to its default."""

    time_zone: TimeZone = "Asia/Kolkata"
    quiet_hours: QuietHoursBody | None = None
    channels: dict[EventKind, set[ChannelName]] = Field(
        default_factory=dict,
        description="By kind of event, the channels that tell of it. `web` always does.",
        examples=[{"order.filled": ["web", "email", "webhook"]}],
    )


class PreferencesView(BaseModel):
    time_zone: str = Field(examples=["Asia/Kolkata"])
    quiet_hours: QuietHoursBody | None
    channels: dict[str, list[ChannelName]] = Field(examples=[{"order.filled": ["telegram", "web", "webhook"]}])
    available: list[ChannelName] = Field(description="The channels that this deployment has.")


class TelegramBody(Body):
    """The bot must have been started in that chat."""

    chat_id: str = Field(pattern=r"^-?[0-9]{1,20}$", examples=["123456789"])


class CodeBody(Body):
    code: str = Field(pattern=r"^[0-9]{6}$", examples=["123456"])


class TelegramView(BaseModel):
    chat_id: str | None = Field(examples=["123456789"])
    confirmed: bool


@router.get("/preferences", summary="Get notification preferences")
async def get_notification_preferences(user: CurrentUser, services: TheServices) -> PreferencesView:
    """With every kind of event there is, and the channels that tell of it."""
    return _view(await services.preferences.get(user.user_id), services.ways)


@router.put("/preferences", summary="Set notification preferences")
async def put_notification_preferences(user: SignedIn, services: TheServices, body: PreferencesBody) -> PreferencesView:
    """Replaces all of them."""
    quiet = body.quiet_hours
    preferences = Preferences(
        time_zone=body.time_zone,
        quiet=QuietHours(quiet.start, quiet.end) if quiet else None,
        chosen={kind.value: frozenset(names) for kind, names in body.channels.items()},
    )
    await services.preferences.put(user.user_id, preferences)
    return _view(preferences, services.ways)


@router.get("/telegram", summary="Get the linked Telegram chat")
async def get_telegram_chat(user: CurrentUser, services: TheServices) -> TelegramView:
    """Both empty when there is none."""
    return _telegram(await services.telegram.get(user.user_id))


@router.put("/telegram", summary="Link a Telegram chat")
async def link_telegram_chat(user: SignedIn, services: TheServices, body: TelegramBody) -> TelegramView:
    """Sends a code to the chat; nothing else is sent there until it is confirmed. The chat before is unlinked."""
    return _telegram(await services.telegram.begin(user.user_id, body.chat_id))


@router.post("/telegram/confirm", summary="Confirm a Telegram chat")
async def confirm_telegram_chat(user: SignedIn, services: TheServices, body: CodeBody) -> TelegramView:
    """With the code that was sent there; five tries, ten minutes."""
    return _telegram(await services.telegram.confirm(user.user_id, body.code))


@router.delete("/telegram", status_code=204, summary="Unlink the Telegram chat")
async def unlink_telegram_chat(user: SignedIn, services: TheServices) -> None:
    """Nothing is sent there any more."""
    await services.telegram.remove(user.user_id)


def _view(preferences: Preferences, ways: Ways) -> PreferencesView:
    quiet = preferences.quiet
    here = {ChannelName.WEB: True, ChannelName.WEBHOOK: True}
    here |= {ChannelName.EMAIL: ways.email, ChannelName.TELEGRAM: ways.telegram}
    return PreferencesView(
        time_zone=preferences.time_zone,
        quiet_hours=QuietHoursBody(start=quiet.start, end=quiet.end) if quiet else None,
        channels={kind.value: sorted(preferences.channels(kind.value)) for kind in EventKind},
        available=[name for name in ChannelName if here[name]],
    )


def _telegram(link: TelegramLink | None) -> TelegramView:
    return TelegramView(chat_id=link.chat_id or None if link else None, confirmed=link.confirmed if link else False)
