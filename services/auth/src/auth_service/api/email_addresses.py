"""Confirming an e-mail address."""

from fastapi import APIRouter
from pydantic import ConfigDict

from auth_service.api.dependencies import TheOrigin, TheServices
from auth_service.api.fields import Body, Email, OpaqueToken
from auth_service.api.limits import limit_mailing
from breezeway.http.problem import Problem

router = APIRouter(prefix="/api/v1/auth/email", tags=["auth"])


class VerifyBody(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": "pXq0v4k3Jr2yQm8uWz1nB7cT5eL9sD6aFhGiKoNjRtU"}]}
    )

    token: OpaqueToken


class AddressBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "asha@example.com"}]})

    email: Email


@router.post(
    "/verify",
    status_code=204,
    summary="Confirm the e-mail address",
    responses={400: {"model": Problem, "description": "`invalid_token`: used, older than 24 hours, or replaced."}},
)
async def verify_email(body: VerifyBody, services: TheServices, origin: TheOrigin) -> None:
    """Confirm an address with the token that was mailed to it."""
    await limit_mailing(services, origin)
    await services.addresses.verify(body.token.get_secret_value(), origin)


@router.post("/verification", status_code=202, summary="Ask for another link to confirm the address")
async def resend_verification(body: AddressBody, services: TheServices, origin: TheOrigin) -> None:
    """Whoever has this address and has not confirmed it gets a mail with a link. The answer is the same, after the same
    time, for everybody."""
    await limit_mailing(services, origin)
    await services.addresses.ask_for_verification(body.email)
