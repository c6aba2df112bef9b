"""Users, as administrators see and treat them."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from auth_service.api.dependencies import Limit, TheOrigin, TheServices
from auth_service.api.fields import Body
from auth_service.api.paging import Cursor, Page, page_of
from auth_service.domain.users import Role, User
from breezeway.http.problem import Problem
from breezeway.security.dependencies import AdminUser
from breezeway.security.scopes import SignedIn

router = APIRouter(prefix="/api/v1/users", tags=["administration"])


class AdministeredUser(BaseModel):
    """A user, as administrators see them."""

    id: UUID
    email: str = Field(examples=["asha@example.com"])
    full_name: str | None = Field(examples=["Asha Rao"])
    role: Role
    created_at: datetime
    disabled_at: datetime | None = Field(description="Since when the user is shut out; null for who may sign in.")

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(
            id=user.id,
            email=user.email,
            full_name=user.full_name,
            role=user.role,
            created_at=user.created_at,
            disabled_at=user.disabled_at,
        )


class UserAdminChanges(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "admin"}]})

    role: Role


_Search = Annotated[str | None, Query(max_length=254, description="Part of the e-mail address.", examples=["asha"])]


@router.get("", summary="List users")
async def list_users(
    _admin: AdminUser, services: TheServices, cursor: Cursor, q: _Search = None, limit: Limit = 50
) -> Page[AdministeredUser]:
    """Every user of the instance, oldest first. For administrators."""
    found = await services.administration.page(cursor, limit + 1, q)
    return page_of(found, limit, AdministeredUser.of, lambda user: user.id)


@router.get("/{user_id}", summary="Get a user")
async def get_user(user_id: UUID, _admin: AdminUser, services: TheServices) -> AdministeredUser:
    """One user. For administrators."""
    return AdministeredUser.of(await services.administration.get(user_id))


@router.patch("/{user_id}", summary="Change a user's role")
async def change_user(
    user_id: UUID, body: UserAdminChanges, admin: AdminUser, services: TheServices, origin: TheOrigin
) -> AdministeredUser:
    """Make a user an administrator, or no longer one. The last administrator stays one: 409 `last_admin`."""
    return AdministeredUser.of(await services.administration.set_role(admin.user_id, user_id, body.role, origin))


@router.post("/{user_id}/disable", summary="Disable a user")
async def disable_user(user_id: UUID, admin: AdminUser, services: TheServices, origin: TheOrigin) -> AdministeredUser:
    """Sign-ins, API keys and open streams of the user end within two seconds, and nobody can sign in any more. The last
    administrator cannot be disabled: 409 `last_admin`."""
    return AdministeredUser.of(await services.administration.disable(admin.user_id, user_id, origin))


@router.post("/{user_id}/enable", summary="Enable a user")
async def enable_user(user_id: UUID, admin: AdminUser, services: TheServices, origin: TheOrigin) -> AdministeredUser:
    """Let a disabled user in again. Their password and API keys work as before."""
    return AdministeredUser.of(await services.administration.enable(admin.user_id, user_id, origin))


@router.post("/{user_id}/force-reset", summary="Force a new password")
async def force_password_reset(
    user_id: UUID, admin: AdminUser, services: TheServices, origin: TheOrigin
) -> AdministeredUser:
    """The password stops working, every sign-in ends, and the user gets a mail to choose a new one. A second factor
    stays, and so do API keys: delete or disable where those are in doubt too."""
    return AdministeredUser.of(await services.administration.force_reset(admin.user_id, user_id, origin))


@router.delete(
    "/{user_id}/mfa",
    summary="Turn a user's two-factor sign-in off",
    responses={
        403: {"model": Problem, "description": "`step_up_required`: use a token of `/api/v1/auth/mfa/step-up`."},
        409: {"model": Problem, "description": "`totp_off`, or `own_second_factor`."},
    },
)
async def remove_second_factor(
    user_id: UUID, admin: AdminUser, _person: SignedIn, services: TheServices, origin: TheOrigin
) -> AdministeredUser:
    """For somebody who has lost both app and recovery codes, once you are sure that it is them. The administrator needs
    a second factor of their own, proved within the token's fifteen minutes, and no API key can do it."""
    done = await services.administration.remove_second_factor(admin.user_id, user_id, origin, proved=admin.mfa_at > 0)
    return AdministeredUser.of(done)
