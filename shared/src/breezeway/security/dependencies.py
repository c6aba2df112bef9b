"""FastAPI dependencies: who calls this route.

A service puts an `Authenticator` into `app.state.authenticator` and a `ServiceTokens` into `app.state.service_tokens`.
"""

from typing import Annotated, cast

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, OAuth2PasswordBearer

from breezeway.errors import Forbidden, Unauthenticated
from breezeway.security.authenticator import Authenticator
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens
from breezeway.security.tokens import Principal

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


_bearer = HTTPBearer(auto_error=False, description="The access token of `POST /api/v1/auth/login`.")
_password_form = OAuth2PasswordBearer("/api/v1/auth/token", scheme_name="Password", auto_error=False)


async def _principal(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    # Reads the same header. It is here so that the Authorize button of the documentation can log in.
    _form: Annotated[str | None, Security(_password_form)] = None,
) -> Principal:
    if credentials is None:
        raise Unauthenticated("Send `Authorization: Bearer <access token>`; POST /api/v1/auth/login gives you one.")
    authenticator = cast(Authenticator, request.app.state.authenticator)
    writes = request.method not in _SAFE_METHODS
    return await authenticator.authenticate(credentials.credentials, changes_something=writes)


async def _principal_if_any(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None
) -> Principal | None:
    return await _principal(request, credentials) if credentials is not None else None


async def _bearer_token(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
) -> str:
    if credentials is None:
        raise Unauthenticated("Send `Authorization: Bearer <access token>`; POST /api/v1/auth/login gives you one.")
    return credentials.credentials


async def _admin(principal: Annotated[Principal, Depends(_principal)]) -> Principal:
    if not principal.is_admin:
        raise Forbidden("Only an administrator may do this.", code="admin_only")
    return principal


async def _calling_service(
    request: Request,
    token: Annotated[str | None, Header(alias=SERVICE_TOKEN_HEADER, include_in_schema=False)] = None,
) -> str:
    if token is None:
        raise Unauthenticated("This route is for our own services.", code="invalid_service_token")
    return cast(ServiceTokens, request.app.state.service_tokens).verify(token)


CurrentUser = Annotated[Principal, Depends(_principal)]
"""The signed-in user; 401 without one."""

CallerIfAny = Annotated[Principal | None, Depends(_principal_if_any)]
"""The signed-in user, or None without a token; a token that is not valid is a 401 all the same."""

AdminUser = Annotated[Principal, Depends(_admin)]
"""The signed-in administrator; 403 for everybody else."""

BearerToken = Annotated[str, Depends(_bearer_token)]
"""The caller's own token, to pass on to the next service in the user's name."""

CallingService = Annotated[str, Depends(_calling_service)]
"""The name of the service that calls an internal route; 401 for everybody else."""
