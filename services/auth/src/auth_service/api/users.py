"""The signed-in user."""

from datetime import datetime
from typing import Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from auth_service.api.dependencies import TheOrigin, TheServices
from auth_service.api.fields import Body, GivenPassword, Label, OneTimeCode
from auth_service.api.limits import limited_password_check
from auth_service.domain.users import Role, User
from breezeway.security.dependencies import CurrentUser
from breezeway.security.scopes import SignedIn

router = APIRouter(prefix="/api/v1/users", tags=["users"])


class UserView(BaseModel):
    """A user, as shown to themselves and to administrators."""

    id: UUID
    email: str = Field(examples=["asha@example.com"])
    full_name: str | None = Field(None, examples=["Asha Rao"])
    role: Role
    created_at: datetime
    email_verified: bool = Field(description="Whether the user has followed a link that was mailed to the address.")
    mfa_enabled: bool = Field(description="Whether signing in needs a code of an authenticator app as well.")

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(
            id=user.id,
            email=user.email,
            full_name=user.full_name,
            role=user.role,
            created_at=user.created_at,
            email_verified=user.email_verified_at is not None,
            mfa_enabled=user.totp_since is not None,
        )


class UserChanges(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"full_name": "Asha R. Rao"}]})

    full_name: Label | None = Field(None, description="Null removes the name; a field left out stays as it is.")


class DeletionBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"password": "the password you have"}]})

    password: GivenPassword
    otp: OneTimeCode | None = Field(None, description="Where two-factor sign-in is on: a code, or a recovery code.")


@router.get("/me", summary="Get the caller")
async def get_me(user: CurrentUser, services: TheServices) -> UserView:
    """Who the token belongs to."""
    return UserView.of(await services.profiles.own(user.user_id))


@router.patch("/me", summary="Change the caller")
async def change_me(body: UserChanges, user: SignedIn, services: TheServices, origin: TheOrigin) -> UserView:
    """Change the caller's profile."""
    if "full_name" not in body.model_fields_set:
        return UserView.of(await services.profiles.own(user.user_id))
    return UserView.of(await services.profiles.rename(user.user_id, body.full_name, origin))


@router.delete("/me", status_code=204, summary="Delete the caller")
async def delete_me(body: DeletionBody, user: SignedIn, services: TheServices, origin: TheOrigin) -> None:
    """Delete the account for good, with its broker accounts, API keys and preferences. Sign-ins, keys and open streams
    end within two seconds. The last administrator has to name another first: 409 `last_admin`."""
    # Here passwords can be guessed too, by whoever found a device that was left signed in.
    code = body.otp.get_secret_value() if body.otp else None
    async with limited_password_check(services, user.user_id):
        await services.deletion.delete(user.user_id, body.password.get_secret_value(), code, origin)
