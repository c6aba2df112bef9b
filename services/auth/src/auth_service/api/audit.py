"""The audit log, as its owner reads it."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from auth_service.api.dependencies import Limit, TheServices
from auth_service.api.paging import Cursor, Page, page_of
from auth_service.application.audit_log import AuditFilter
from auth_service.domain.audit import AuditEntry
from breezeway.errors import Forbidden
from breezeway.http.fields import Moment
from breezeway.security.scopes import require_scope
from breezeway.security.tokens import Principal

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

_Kind = Annotated[
    str | None,
    Query(
        pattern=r"^[a-z_]{1,40}(\.[a-z_]{1,40})?$",
        description="An event, such as `sign_in.failed`, or a family of them, such as `sign_in`.",
        examples=["sign_in"],
    ),
]
_From = Annotated[Moment | None, Query(alias="from", description="Inclusive.")]
_To = Annotated[Moment | None, Query(alias="to", description="Exclusive.")]
_Of = Annotated[UUID | None, Query(description="Somebody else's events; for administrators.")]
_Everyone = Annotated[bool, Query(description="Everybody's events, and those of nobody known; for administrators.")]


class AuditEventView(BaseModel):
    """Something that happened to an account."""

    id: UUID
    at: datetime
    event: str = Field(examples=["sign_in.succeeded"])
    user_id: UUID | None
    ip: str | None = Field(description="Where it came from.", examples=["203.0.113.7"])
    detail: dict[str, str] = Field(examples=[{"sign_in": "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"}])

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        return cls(
            id=entry.id,
            at=entry.at,
            event=entry.event,
            user_id=entry.user_id,
            ip=entry.ip,
            detail=dict(entry.detail),
        )


@router.get("", summary="List security events")
async def list_audit_events(
    user: Annotated[Principal, Depends(require_scope("read", "admin"))],
    services: TheServices,
    cursor: Cursor,
    kind: _Kind = None,
    since: _From = None,
    until: _To = None,
    user_id: _Of = None,
    everyone: _Everyone = False,
    limit: Limit = 50,
) -> Page[AuditEventView]:
    """The caller's security events, newest first: sign-ins that worked or did not, and what changed of passwords, keys
    and broker accounts. `docs/accounts.md` says what each event means."""
    if (everyone or user_id not in (None, user.user_id)) and not user.is_admin:
        raise Forbidden("Only an administrator may read other people's events.", code="admin_only")
    of = user_id or (None if everyone else user.user_id)
    found = await services.audit_log.page(AuditFilter(of, kind, since, until), cursor, limit + 1)
    return page_of(found, limit, AuditEventView.of, lambda entry: entry.id)
