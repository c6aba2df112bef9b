"""The use cases, as routes ask for them, and the types of parameters."""

from dataclasses import dataclass
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from breezeway.errors import FieldFault, InvalidInput
from breezeway.security.scopes import require_scope
from breezeway.security.tokens import Principal
from notifications_service.application.alerts import Alerts
from notifications_service.application.hooks import Hooks
from notifications_service.application.inbox import Inbox
from notifications_service.application.preferences import PreferenceBook
from notifications_service.application.receiving import Receiving, Ways
from notifications_service.application.telegram import TelegramLinks
from notifications_service.application.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case."""

    receiving: Receiving
    inbox: Inbox
    alerts: Alerts
    webhooks: Webhooks
    hooks: Hooks
    preferences: PreferenceBook
    telegram: TelegramLinks
    ways: Ways


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


TheServices = Annotated[Services, Depends(_services)]

AlertUser = Annotated[Principal, Depends(require_scope("trade", "data"))]
"""Whoever may set alerts: they start a feed, as downloading data does."""


class Body(BaseModel):
    """Parent of request bodies: what we do not know is refused, so that a misspelt field does not pass silently."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _whole(value: str) -> str:
    # JSON can spell half a surrogate pair, which no encoding of text has.
    if not value.isprintable():
        raise ValueError("this holds characters that are no text")
    return value


Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(_whole)]
"""One line of text, perhaps empty."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True), AfterValidator(_whole)]

Kind = Annotated[str, Field(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}$", examples=["order.filled"])]

Limit = Annotated[int, Query(ge=1, le=200)]

_CursorText = Annotated[str | None, Query(alias="cursor", max_length=64, description="The `next` of the page before.")]


async def _number(cursor: _CursorText = None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise _bad_cursor()
    return int(cursor)


async def _id(cursor: _CursorText = None) -> UUID | None:
    try:
        return None if cursor is None else UUID(cursor)
    except ValueError as error:
        raise _bad_cursor() from error


NumberCursor = Annotated[int | None, Depends(_number)]
IdCursor = Annotated[UUID | None, Depends(_id)]


def _bad_cursor() -> InvalidInput:
    message = "This is not a cursor of this list."
    return InvalidInput(message, code="bad_cursor", faults=[FieldFault("query.cursor", message)])
