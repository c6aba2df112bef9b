"""Preferences: JSON documents that front ends keep for the signed-in user."""

import json
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Header, Path, Response
from fastapi import Body as RequestBody
from pydantic import BaseModel, Field, JsonValue

from auth_service.api.dependencies import TheServices
from auth_service.api.paging import Page
from auth_service.application.preferences import Conditions
from auth_service.domain.preferences import KEY_PATTERN, Preference
from breezeway.errors import FieldFault, InvalidInput
from breezeway.security.dependencies import CurrentUser
from breezeway.security.scopes import SignedIn

router = APIRouter(prefix="/api/v1/users/me/preferences", tags=["preferences"])

Key = Annotated[
    str,
    Path(
        pattern=KEY_PATTERN,
        description="Letters, digits, `.`, `_`, `:` and `-`; at most 100.",
        examples=["layout.main"],
    ),
]
_IfMatch = Annotated[
    str | None,
    Header(max_length=1_000, description="The `ETag` you read: refused with 412 when it has been changed since."),
]
_IfNoneMatch = Annotated[str | None, Header(max_length=1_000, description="`*` stores only what is not there yet.")]
_VALUE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The document, with its `ETag`.",
        "content": {"application/json": {"schema": {}, "example": {"charts": [{"symbol": "NSE:RELIANCE"}]}}},
    }
}


class PreferenceView(BaseModel):
    """A preference without its value."""

    key: str = Field(examples=["layout.main"])
    etag: str = Field(description="For `If-Match`.", examples=['"5f2b0c7e9d1a4e38b6c1f0d2a7e94c11"'])
    bytes: int = Field(examples=[412])
    updated_at: datetime

    @classmethod
    def of(cls, preference: Preference) -> Self:
        return cls(
            key=preference.key,
            etag=preference.etag,
            bytes=len(preference.text.encode()),
            updated_at=preference.updated_at,
        )


@router.get("", summary="List preferences")
async def list_preferences(user: CurrentUser, services: TheServices) -> Page[PreferenceView]:
    """Which preferences the caller has, by key, without their values. There are few enough for one page."""
    return Page(items=[PreferenceView.of(each) for each in await services.preferences.all_of(user.user_id)])


@router.get("/{key}", summary="Get a preference", response_class=Response, responses=_VALUE)
async def get_preference(key: Key, user: CurrentUser, services: TheServices) -> Response:
    """The document as it was stored."""
    preference = await services.preferences.get(user.user_id, key)
    headers = {"ETag": preference.etag, "Cache-Control": "private, no-cache"}
    return Response(preference.text, media_type="application/json", headers=headers)


@router.put("/{key}", summary="Store a preference")
async def put_preference(
    key: Key,
    value: Annotated[
        JsonValue, RequestBody(examples=[{"charts": [{"symbol": "NSE:RELIANCE", "interval": "15m"}], "dark": True}])
    ],
    user: SignedIn,
    response: Response,
    services: TheServices,
    if_match: _IfMatch = None,
    if_none_match: _IfNoneMatch = None,
) -> PreferenceView:
    """Any JSON of at most 64 kB except a bare null. Send the `ETag` that you read as `If-Match`, and two tabs cannot
    silently overwrite one another."""
    conditions = Conditions(if_match, if_none_match)
    stored = await services.preferences.put(user.user_id, key, _text(value), conditions)
    response.headers["ETag"] = stored.etag
    return PreferenceView.of(stored)


@router.delete("/{key}", status_code=204, summary="Delete a preference")
async def delete_preference(key: Key, user: SignedIn, services: TheServices, if_match: _IfMatch = None) -> None:
    """Forget one preference."""
    await services.preferences.delete(user.user_id, key, Conditions(if_match))


def _text(value: JsonValue) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except (ValueError, RecursionError) as error:
        # NaN, Infinity and halves of surrogate pairs: Python reads them, JSON's other readers do not.
        message = "This is not JSON that every program can read."
        raise InvalidInput(message, code="bad_preference", faults=[FieldFault("body", message)]) from error
    return text
