"""Changing a password, and getting back in without one."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import ConfigDict

from auth_service.api.dependencies import TheOrigin, TheServices
from auth_service.api.fields import Body, Email, GivenPassword, NewPassword, OpaqueToken
from auth_service.api.limits import limit_mailing, limited_password_check
from breezeway.http.problem import Problem
from breezeway.security.scopes import SignedIn

router = APIRouter(prefix="/api/v1/auth/password", tags=["auth"])

_NEW = "correct horse battery staple"


class ChangeBody(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"current_password": "what it was so far", "new_password": _NEW}]}
    )

    current_password: GivenPassword
    new_password: NewPassword


class ForgotBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "asha@example.com"}]})

    email: Email


class ResetBody(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": "pXq0v4k3Jr2yQm8uWz1nB7cT5eL9sD6aFhGiKoNjRtU", "new_password": _NEW}]}
    )

    token: OpaqueToken
    new_password: NewPassword


@router.post(
    "/change",
    status_code=204,
    summary="Change the password",
    responses={422: {"model": Problem, "description": "`wrong_password`, `invalid_password`, `common_password`."}},
)
async def change_password(body: ChangeBody, user: SignedIn, services: TheServices, origin: TheOrigin) -> None:
    """Set a new password. Every other session of the caller ends, with its tokens; this one goes on. Links to reset the
    password stop working, and the owner gets a mail."""
    current, new = body.current_password.get_secret_value(), body.new_password.get_secret_value()
    async with limited_password_check(services, user.user_id):
        await services.passwords.change(user.user_id, UUID(user.session_id), current, new, origin)


@router.post("/forgot", status_code=202, summary="Ask for a link to reset the password")
async def forget_password(body: ForgotBody, services: TheServices, origin: TheOrigin) -> None:
    """Whoever has this address gets a mail with a link. The answer is the same, after the same time, when nobody
    does."""
    await limit_mailing(services, origin)
    await services.passwords.ask_for_reset(body.email)


@router.post(
    "/reset",
    status_code=204,
    summary="Reset the password",
    responses={
        400: {"model": Problem, "description": "`invalid_token`: used, older than 30 minutes, or replaced."},
        422: {"model": Problem, "description": "`invalid_password`, `common_password`. The token still works."},
    },
)
async def reset_password(body: ResetBody, services: TheServices, origin: TheOrigin) -> None:
    """Set a new password with the token from the mail, which works once. Every session of the user ends; two-factor
    sign-in stays on, and nobody is signed in by this."""
    await limit_mailing(services, origin)
    await services.passwords.reset(body.token.get_secret_value(), body.new_password.get_secret_value(), origin)
