"""Lists: `{"items": […], "next": cursor | null}`. The cursor is the last item's id, wrapped so that nobody
builds on it.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from breezeway.errors import FieldFault, InvalidInput

Item = TypeVar("Item")
Shown = TypeVar("Shown", bound=BaseModel)

_Text = Annotated[str | None, Query(max_length=100, description="The `next` of the page before.")]


class Page(BaseModel, Generic[Shown]):
    """One page of a list."""

    items: list[Shown]
    next: str | None = Field(None, description="Send it back as `cursor` for the next page; null on the last one.")


async def _cursor(cursor: _Text = None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (binascii.Error, ValueError) as error:
        message = "This is not a cursor of this list."
        raise InvalidInput(message, code="bad_cursor", faults=[FieldFault("query.cursor", message)]) from error


Cursor = Annotated[UUID | None, Depends(_cursor)]
"""The id after which the page begins."""


def page_of(
    found: Sequence[Item], limit: int, show: Callable[[Item], Shown], id_of: Callable[[Item], UUID]
) -> Page[Shown]:
    """The page of at most `limit` items; `found` holds one more when there is a next page."""
    items = found[:limit]
    following = _wrap(id_of(items[-1])) if len(found) > limit else None
    return Page(items=[show(item) for item in items], next=following)


def _wrap(item_id: UUID) -> str:
    return base64.urlsafe_b64encode(item_id.bytes).rstrip(b"=").decode()
