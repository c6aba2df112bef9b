"""For our own services only; not in the public documents, and refused by the gateway."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from auth_service.api.dependencies import TheServices
from auth_service.api.fields import Body
from auth_service.application.service_access import check_trusted
from auth_service.domain.broker_sessions import Event
from auth_service.domain.users import Role
from breezeway.contracts.broker import BrokerCredentials, BrokerSession
from breezeway.errors import NotFound
from breezeway.security.dependencies import CallingService

router = APIRouter(prefix="/internal", include_in_schema=False)


class SessionReport(Body):
    """A service was refused by the broker."""

    version: int
    outcome: Literal["expired", "rejected"]
    detail: Annotated[str, Field(max_length=500)] = ""


class KnownUser(BaseModel):
    """What our services may know of a user."""

    id: UUID
    email: str
    full_name: str | None
    role: Role
    active: bool
    email_verified: bool


_OUTCOMES = {"expired": Event.EXPIRE, "rejected": Event.REJECT}


@router.get("/broker-sessions")
async def list_active_broker_sessions(_service: CallingService, services: TheServices) -> list[BrokerSession]:
    """Every active session."""
    return [record.announcement() for record in await services.access.active_sessions()]


@router.get("/broker-accounts/{account_id}/credentials")
async def reveal_broker_credentials(
    account_id: UUID, service: CallingService, services: TheServices, response: Response
) -> BrokerCredentials:
    """Keys and session of an account; 409 `broker_session_inactive` unless it is connected."""
    response.headers["Cache-Control"] = "no-store"
    return await services.access.credentials(account_id, service)


@router.get("/users/{user_id}/broker-session")
async def find_broker_session(user_id: UUID, _service: CallingService, services: TheServices) -> BrokerSession:
    """The session that serves a user: their own, else the shared one, else 404 `no_broker_session`."""
    return (await services.access.session_for(user_id)).announcement()


@router.post("/broker-accounts/{account_id}/session-report")
async def report_broker_session(
    account_id: UUID, body: SessionReport, service: CallingService, services: TheServices
) -> BrokerSession:
    """Tell that the broker refuses a session; ignored when the version is not the active one. Answers what is
    true now.
    """
    check_trusted(service)
    record = await services.connections.report(
        account_id, body.version, _OUTCOMES[body.outcome], body.detail or "The broker refused the session.", service
    )
    if record is None:
        raise NotFound("There is no such broker account.", code="broker_account_not_found")
    return record.announcement()


@router.get("/users/{user_id}")
async def get_known_user(user_id: UUID, _service: CallingService, services: TheServices) -> KnownUser:
    """The basics of a user."""
    user = await services.profiles.of(user_id)
    return KnownUser(
        id=user.id,
        email=user.email,
        full_name=user.full_name,
        role=user.role,
        active=user.is_active,
        email_verified=user.email_verified_at is not None,
    )
