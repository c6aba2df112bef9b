"""Connecting a broker account, watching the connection, ending it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from auth_service.api.dependencies import Services, TheOrigin, TheServices
from auth_service.api.fields import Body
from auth_service.domain.broker_accounts import LOGIN_PATIENCE
from auth_service.domain.broker_sessions import BrokerSessionRecord
from breezeway.contracts.broker import BrokerSessionState
from breezeway.errors import UpstreamUnavailable
from breezeway.security.scopes import AccountReader, SignedIn

router = APIRouter(prefix="/api/v1/broker-accounts", tags=["broker accounts"])

CALLBACK_PATH = "/api/v1/broker-accounts/callback"
LOGIN_COOKIE = "bw_broker_login"


class ApiSessionBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"api_session": "12345678"}]})

    api_session: Annotated[SecretStr, Field(min_length=1, max_length=200)] = Field(
        description="The value of `apisession` in the address that the broker sent the browser back to."
    )


class LoginUrlView(BaseModel):
    url: str = Field(examples=["http://127.0.0.1:9000/apiuser/login?api_key=sim%2Bkey%3D1&state=…"])


class BrokerSessionView(BaseModel):
    """How a broker account is connected."""

    account_id: UUID
    state: BrokerSessionState
    detail: str | None = Field(description="Why the state is what it is, where there is something to say.")
    connected_at: datetime | None
    expires_at: datetime | None = Field(description="Sessions end at midnight in India.")
    user_name: str | None = Field(description="The customer's name, as the broker writes it.")
    calls_left_minute: int | None = Field(
        description="Calls left in the rolling minute; null while the limiter does not answer.", examples=[89]
    )
    calls_left_today: int | None = Field(description="Calls left until midnight in India.", examples=[4_990])
    calls_used_today: int | None = Field(
        description="Calls made since midnight in India; null while the account is paused.", examples=[10]
    )


async def session_view(services: Services, record: BrokerSessionRecord) -> BrokerSessionView:
    """The session with what is left of the account's calls."""
    try:
        left = await services.budget.left(record.account_id)
    except UpstreamUnavailable:
        # The state is true whether or not the limiter answers, and a session just opened must not read as a failure.
        left = None
    return BrokerSessionView(
        account_id=record.account_id,
        state=record.state,
        detail=record.detail,
        connected_at=record.connected_at,
        expires_at=record.expires_at if record.state is BrokerSessionState.ACTIVE else None,
        user_name=record.user_name,
        calls_left_minute=left.minute if left else None,
        calls_left_today=left.today if left else None,
        calls_used_today=left.used_today if left else None,
    )


@router.get("/{account_id}/login-url", summary="Get the broker's login page")
async def get_broker_login_url(
    account_id: UUID, response: Response, user: SignedIn, services: TheServices, origin: TheOrigin
) -> LoginUrlView:
    """Where to log in at the broker. Follow it in the same browser within ten minutes: a cookie set here tells the
    callback that the redirect is yours. Register `<this server>/api/v1/broker-accounts/callback` as the redirect URL of
    the app at the broker."""
    started = await services.logins.start(user.user_id, account_id, origin)
    response.set_cookie(
        LOGIN_COOKIE,
        started.nonce,
        max_age=int(LOGIN_PATIENCE.total_seconds()),
        path=CALLBACK_PATH,
        httponly=True,
        # Lax, not Strict: the broker's redirect is a navigation from another site, and must carry it.
        samesite="lax",
        secure=services.secure_cookies,
    )
    response.headers["Cache-Control"] = "no-store"
    return LoginUrlView(url=started.url)


@router.post("/{account_id}/session", summary="Connect by hand")
async def open_broker_session(
    account_id: UUID, body: ApiSessionBody, user: SignedIn, services: TheServices, origin: TheOrigin
) -> BrokerSessionView:
    """Connect with the `apisession` of a login that ended somewhere else."""
    record = await services.connections.connect(user.user_id, account_id, body.api_session.get_secret_value(), origin)
    return await session_view(services, record)


@router.get("/{account_id}/session", summary="Get the broker session")
async def get_broker_session(account_id: UUID, user: AccountReader, services: TheServices) -> BrokerSessionView:
    """Whether the account is connected, until when, and how many calls are left."""
    return await session_view(services, await services.connections.status(user.user_id, account_id))


@router.delete("/{account_id}/session", status_code=204, summary="Disconnect")
async def close_broker_session(account_id: UUID, user: SignedIn, services: TheServices, origin: TheOrigin) -> None:
    """Forget the session. The broker itself ends it at midnight in India."""
    await services.connections.disconnect(user.user_id, account_id, origin)
