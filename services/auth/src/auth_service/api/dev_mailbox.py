"""The development mailbox: every mail of the instance, for whoever develops on it.

A link to reset a password gives an account away, so this exists in development only, without a mail server only, and
answers nobody but the machine itself and administrators. Everywhere else it does not exist.
"""

import ipaddress
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from auth_service.api.dependencies import Limit, TheOrigin, TheServices
from auth_service.api.paging import Cursor, Page, page_of
from auth_service.application.credential_ports import Mailbox, ReceivedMail
from auth_service.domain.users import normalise_email
from breezeway.errors import NotFound
from breezeway.security.dependencies import CallerIfAny

router = APIRouter(prefix="/api/v1/dev/mailbox", tags=["development"])


class ReceivedMailView(BaseModel):
    """A mail as it would have arrived."""

    id: UUID
    to: str = Field(examples=["asha@example.com"])
    subject: str = Field(examples=["Breezeway: Confirm your e-mail address"])
    text: str = Field(examples=["Hello Asha Rao,\n\nWelcome to Breezeway. …"])
    sent_at: datetime

    @classmethod
    def of(cls, received: ReceivedMail) -> Self:
        mail = received.mail
        return cls(id=received.id, to=mail.recipient, subject=mail.subject, text=mail.body, sent_at=received.sent_at)


async def _mailbox(services: TheServices, origin: TheOrigin, caller: CallerIfAny, response: Response) -> Mailbox:
    response.headers["Cache-Control"] = "no-store"
    if services.mailbox is None or not (_is_loopback(origin.ip) or (caller is not None and caller.is_admin)):
        raise NotFound("There is no mailbox here.", code="route_not_found")
    return services.mailbox


def _is_loopback(ip: str | None) -> bool:
    try:
        return ip is not None and ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False


TheMailbox = Annotated[Mailbox, Depends(_mailbox)]


@router.get("", summary="List mails (development)")
async def list_mails(
    mailbox: TheMailbox,
    cursor: Cursor,
    limit: Limit = 50,
    to: Annotated[str | None, Query(max_length=254, description="Only mails to this address.")] = None,
) -> Page[ReceivedMailView]:
    """The newest 500 mails, newest first. In development only, for the machine itself and for administrators."""
    found = await mailbox.page(normalise_email(to) if to else None, cursor, limit + 1)
    return page_of(found, limit, ReceivedMailView.of, lambda received: received.id)


@router.get("/{mail_id}", summary="Get a mail (development)")
async def get_mail(mail_id: UUID, mailbox: TheMailbox) -> ReceivedMailView:
    """One mail. In development only, for the machine itself and for administrators."""
    received = await mailbox.get(mail_id)
    if received is None:
        raise NotFound("There is no such mail.", code="mail_not_found")
    return ReceivedMailView.of(received)
