"""Two-factor sign-in with an authenticator app."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from auth_service.api.dependencies import TheOrigin, TheServices
from auth_service.api.fields import Body, GivenPassword, OneTimeCode
from breezeway.http.problem import Problem
from breezeway.security.scopes import SignedIn

router = APIRouter(prefix="/api/v1/auth/mfa", tags=["two-factor sign-in"])

_WRONG = {"model": Problem, "description": "`invalid_otp`: wrong, or used before."}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "`totp_on`, `totp_off` or `totp_not_started`: not now."},
    422: _WRONG,
    429: {"model": Problem, "description": "`too_many_codes`: five tries in a quarter of an hour."},
}


class EnrolmentView(BaseModel):
    """What an authenticator app needs. Shown until the first code is confirmed, and never again."""

    secret: str = Field(examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"], description="To type, in base32.")
    otpauth_uri: str = Field(
        examples=["otpauth://totp/Breezeway:asha%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=Breezeway"]
    )
    qr_svg: str = Field(examples=["<svg>…</svg>"], description="The URI as a QR code: an SVG image, to show inline.")


class CodeBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "492039"}]})

    code: OneTimeCode


class RecoveryCodesView(BaseModel):
    """Ten codes that each sign in once in place of the app's. Shown this once."""

    recovery_codes: Sequence[str] = Field(examples=[["k7wq2m-x9c4ta-p3hve", "d5nyr8-6bqz2j-mf7ks"]])


class TurnOffBody(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"password": "correct horse battery staple", "code": "492039"}]}
    )

    password: GivenPassword
    code: OneTimeCode


class StepUpView(BaseModel):
    """An access token of the same session that says in `mfa_at` when the second factor was proved."""

    access_token: str = Field(examples=["eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.…"])
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(examples=[900])


@router.post("/totp", summary="Begin two-factor sign-in", responses={409: _RESPONSES[409]})
async def begin_totp(user: SignedIn, response: Response, services: TheServices) -> EnrolmentView:
    """Get a secret for an authenticator app. It counts once a code of it is confirmed; asking again replaces it."""
    response.headers["Cache-Control"] = "no-store"
    made = await services.second_factor.enrol(user.user_id)
    return EnrolmentView(secret=made.seed, otpauth_uri=made.uri, qr_svg=made.qr_svg)


@router.post("/totp/confirm", summary="Turn two-factor sign-in on", responses=_RESPONSES)
async def confirm_totp(
    body: CodeBody, user: SignedIn, response: Response, services: TheServices, origin: TheOrigin
) -> RecoveryCodesView:
    """Prove that the app works. From now on signing in needs a code; the answer holds the recovery codes."""
    response.headers["Cache-Control"] = "no-store"
    codes = await services.second_factor.confirm(user.user_id, body.code.get_secret_value(), origin)
    return RecoveryCodesView(recovery_codes=codes)


@router.delete("/totp", status_code=204, summary="Turn two-factor sign-in off", responses=_RESPONSES)
async def turn_off_totp(body: TurnOffBody, user: SignedIn, services: TheServices, origin: TheOrigin) -> None:
    """Go back to the password alone. It takes both factors, and deletes the recovery codes."""
    await services.second_factor.turn_off(
        user.user_id, body.password.get_secret_value(), body.code.get_secret_value(), origin
    )


@router.post("/step-up", summary="Prove the second factor again", responses=_RESPONSES)
async def step_up(
    body: CodeBody, user: SignedIn, response: Response, services: TheServices, origin: TheOrigin
) -> StepUpView:
    """Get an access token for what asks for a fresh second factor. Refreshing gives one without `mfa_at` again."""
    response.headers["Cache-Control"] = "no-store"
    access = await services.second_factor.step_up(
        user.user_id, UUID(user.session_id), body.code.get_secret_value(), origin
    )
    return StepUpView(access_token=access.token, expires_in=access.expires_in)
