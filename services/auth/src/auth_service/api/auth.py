"""Registering, signing in and out, and the keys that tokens are verified with."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from auth_service.api.dependencies import Limit, Services, TheOrigin, TheServices
from auth_service.api.fields import Body, Email, GivenPassword, Label, NewPassword, OneTimeCode, OpaqueToken
from auth_service.api.limits import Attempt, limit_registration, limited_login
from auth_service.api.paging import Cursor, Page, page_of
from auth_service.api.session_cookie import WebClient, forget_session, remember_device, remember_session
from auth_service.api.users import UserView
from auth_service.application.sessions import SessionTokens
from auth_service.application.signing_in import Credentials
from auth_service.domain.audit import Origin
from auth_service.domain.sign_ins import SignIn
from breezeway.errors import Unauthenticated
from breezeway.http.problem import Problem
from breezeway.security.scopes import SignedIn

router = APIRouter(tags=["auth"])


class RegisterBody(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"email": "asha@example.com", "password": "correct horse battery staple", "full_name": "Asha Rao"}
            ]
        }
    )

    email: Email
    password: NewPassword
    full_name: Label | None = None


class LoginBody(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"email": "asha@example.com", "password": "correct horse battery staple"},
                {"email": "asha@example.com", "password": "correct horse battery staple", "otp": "492039"},
                {"email": "asha@example.com", "password": "correct horse battery staple", "cookie": True},
            ]
        }
    )

    # Not checked as an address: what cannot be registered simply fits no account.
    email: Annotated[str, Field(min_length=1, max_length=254)]
    password: GivenPassword
    otp: OneTimeCode | None = Field(
        None, description="The code of the authenticator app, or a recovery code, where two-factor sign-in is on."
    )
    cookie: StrictBool = Field(
        False,
        description="For web pages of this origin: the refresh token comes in an HttpOnly cookie, and the answer's is "
        "null.",
    )


class RefreshBody(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"refresh_token": "pXq0v4k3Jr2yQm8uWz1nB7cT5eL9sD6aFhGiKoNjRtU"}]}
    )

    refresh_token: OpaqueToken | None = Field(None, description="Left out, the session cookie counts.")


class TokenView(BaseModel):
    """A new pair of tokens. Both are shown this once; the refresh token works once."""

    access_token: str = Field(examples=["eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.…"])
    refresh_token: str | None = Field(
        description="Null when it is in the session cookie.", examples=["pXq0v4k3Jr2yQm8uWz1nB7cT5eL9sD6aFhGiKoNjRtU"]
    )
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])
    user: UserView


class SessionView(BaseModel):
    """One sign-in of the user."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ip: str | None
    user_agent: str | None
    current: bool = Field(description="Whether it is the session of the token that asks.")


def _tokens(session: SessionTokens, response: Response, services: Services, *, cookie: bool = False) -> TokenView:
    response.headers["Cache-Control"] = "no-store"
    if cookie:
        remember_session(response, services.web_session, session.refresh_token)
    return TokenView(
        access_token=session.access.token,
        refresh_token=None if cookie else session.refresh_token,
        expires_in=session.access.expires_in,
        user=UserView.of(session.user),
    )


TheWebClient = Annotated[WebClient, Depends(WebClient)]

_LOGIN_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {
        "model": Problem,
        "description": "`invalid_credentials`; `otp_required`: the password is right, a code missing; `invalid_otp`.",
    },
    403: {"model": Problem, "description": "`user_disabled`, told to who knows the password."},
    429: {"model": Problem, "description": "`too_many_attempts`, `too_many_codes`; see `Retry-After`."},
}
_SESSION_RESPONSES: dict[int | str, dict[str, Any]] = {
    403: {"model": Problem, "description": "`origin_not_allowed`: a page of another site used the session cookie."},
}


@router.post(
    "/api/v1/auth/register",
    status_code=201,
    summary="Register",
    responses={
        403: {"model": Problem, "description": "`registration_closed`."},
        422: {"model": Problem, "description": "`invalid_input`, `invalid_password`, `common_password`."},
    },
)
async def register_user(body: RegisterBody, services: TheServices, origin: TheOrigin) -> UserView:
    """Create an account. The first one of an instance becomes its administrator.

    An address that has an account already gets the same answer, and its owner a mail, so that nobody can find out who
    has an account here. The account that you see exists if you can log in to it.
    """
    await limit_registration(services, origin)
    user = await services.registration.register(body.email, body.password.get_secret_value(), body.full_name, origin)
    return UserView.of(user)


@router.post("/api/v1/auth/login", summary="Log in", responses=_LOGIN_RESPONSES)
async def log_in(
    body: LoginBody, response: Response, services: TheServices, origin: TheOrigin, client: TheWebClient
) -> TokenView:
    """Get an access token for fifteen minutes, and a refresh token to get the next one with.

    Where two-factor sign-in is on, the right password alone is answered with 401 `otp_required`; send it again with
    `otp`.
    """
    otp = body.otp.get_secret_value() if body.otp else None
    given = Credentials(body.email, body.password.get_secret_value(), otp)
    session = await _sign_in(given, response, services, origin, client)
    return _tokens(session, response, services, cookie=body.cookie)


@router.post("/api/v1/auth/token", summary="Log in with an OAuth2 password form", responses=_LOGIN_RESPONSES)
async def issue_token(
    response: Response,
    services: TheServices,
    origin: TheOrigin,
    client: TheWebClient,
    username: Annotated[str, Form(min_length=1, max_length=254, description="The e-mail address.")],
    password: Annotated[str, Form(min_length=1, max_length=256, json_schema_extra={"format": "password"})],
    grant_type: Annotated[Literal["password"], Form()] = "password",
    scope: Annotated[str, Form(max_length=200)] = "",
    client_id: Annotated[str | None, Form(max_length=200)] = None,
    client_secret: Annotated[
        str | None, Form(max_length=200, description="The code, from clients whose form has no field `otp`.")
    ] = None,
    otp: Annotated[
        str | None, Form(max_length=64, description="The code, where two-factor sign-in is on.", examples=["492039"])
    ] = None,
) -> TokenView:
    """The same as `login`, in the form that OAuth2 clients and the Authorize button of the documentation speak. There,
    choose `Request body` and put the code of your authenticator app into `client_secret`."""
    given = Credentials(username, password, otp or client_secret or None)
    session = await _sign_in(given, response, services, origin, client)
    return _tokens(session, response, services)


async def _sign_in(
    given: Credentials, response: Response, services: Services, origin: Origin, client: WebClient
) -> SessionTokens:
    async with limited_login(services, Attempt(given.email, origin, client.mark)):
        session = await services.signing_in.sign_in(given, origin)
    remember_device(response, services.web_session, services.device_marks.make(session.user.email))
    return session


@router.post(
    "/api/v1/auth/refresh",
    summary="Refresh",
    responses=_SESSION_RESPONSES
    | {401: {"model": Problem, "description": "`invalid_refresh_token`, `refresh_token_missing`: log in again."}},
)
async def refresh_session(
    response: Response, services: TheServices, origin: TheOrigin, client: TheWebClient, body: RefreshBody | None = None
) -> TokenView:
    """Exchange a refresh token for a new pair. It works once: using it again ends the whole session, so refresh from
    one place at a time. Without a token in the body, the one in the session cookie counts, for pages of this origin."""
    given = body.refresh_token if body else None
    if given is not None:
        return _tokens(await services.refreshing.refresh(given.get_secret_value(), origin), response, services)
    kept = client.refresh_token()
    if kept is None:
        raise Unauthenticated("Send `refresh_token`, or log in with `cookie`.", code="refresh_token_missing")
    # A refusal does not take the cookie away: another tab may have replaced it a moment ago.
    return _tokens(await services.refreshing.refresh(kept, origin), response, services, cookie=True)


@router.post("/api/v1/auth/logout", status_code=204, summary="Log out", responses=_SESSION_RESPONSES)
async def log_out(
    response: Response, services: TheServices, origin: TheOrigin, client: TheWebClient, body: RefreshBody | None = None
) -> None:
    """End the session that a refresh token, or the session cookie, belongs to. Logging out twice is fine."""
    given = body.refresh_token.get_secret_value() if body and body.refresh_token else None
    token = given or client.refresh_token()
    if token is not None:
        await services.sign_ins.log_out(token, origin)
    if given is None:
        forget_session(response, services.web_session)


@router.post("/api/v1/auth/logout-all", status_code=204, summary="Log out everywhere")
async def log_out_everywhere(user: SignedIn, response: Response, services: TheServices, origin: TheOrigin) -> None:
    """End every session of the caller."""
    await services.sign_ins.log_out_everywhere(user.user_id, origin)
    forget_session(response, services.web_session)


@router.get("/api/v1/auth/sessions", summary="List sessions")
async def list_sessions(user: SignedIn, services: TheServices, cursor: Cursor, limit: Limit = 50) -> Page[SessionView]:
    """Where the caller is signed in."""

    def show(sign_in: SignIn) -> SessionView:
        return SessionView(
            id=sign_in.id,
            created_at=sign_in.created_at,
            last_used_at=sign_in.last_used_at,
            expires_at=sign_in.expires_at,
            ip=sign_in.ip,
            user_agent=sign_in.user_agent,
            current=str(sign_in.id) == user.session_id,
        )

    found = await services.sign_ins.page(user.user_id, cursor, limit + 1)
    return page_of(found, limit, show, lambda sign_in: sign_in.id)


@router.delete("/api/v1/auth/sessions/{session_id}", status_code=204, summary="End a session")
async def end_session(session_id: UUID, user: SignedIn, services: TheServices, origin: TheOrigin) -> None:
    """Sign one device out."""
    await services.sign_ins.end(user.user_id, session_id, origin)


@router.get("/.well-known/jwks.json", summary="Get the token keys")
async def get_token_keys(response: Response, services: TheServices) -> dict[str, Any]:
    """The public keys that access tokens are verified with."""
    response.headers["Cache-Control"] = "public, max-age=30"
    return dict(services.jwks())
