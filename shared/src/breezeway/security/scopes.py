"""What a caller may do: an interactive sign-in whatever its role may, an API key what it was made for.

    read    see what the user sees
    data    read and download market data, and start backfills
    trade   place and change orders
    live    with `trade`: do so in live accounts too, with real money
    admin   what only administrators may, for a key that an administrator made

A route asks for the scopes of which one is enough. What manages credentials asks for `SignedIn` instead: no API key,
whatever its scopes, can make another, change a password or touch a broker's secret.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastapi import Depends

from breezeway.contracts.auth import KEY_SESSION_PREFIX
from breezeway.errors import Forbidden
from breezeway.security.dependencies import CurrentUser
from breezeway.security.tokens import Principal

Scope = Literal["read", "data", "trade", "live", "admin"]


def is_api_key(principal: Principal) -> bool:
    """Whether a program calls with an API key, not a person who signed in."""
    return principal.session_id.startswith(KEY_SESSION_PREFIX)


def check_scope(principal: Principal, *enough: Scope) -> None:
    """Raise Forbidden (`scope_missing`) unless the caller has one of these scopes."""
    if principal.scopes.isdisjoint(enough):
        wanted = " or ".join(f"`{scope}`" for scope in enough)
        raise Forbidden(f"This needs the scope {wanted}, which the API key does not have.", code="scope_missing")


def require_scope(*enough: Scope) -> Callable[[Principal], Awaitable[Principal]]:
    """A dependency: the caller, who has one of these scopes.

    Raises:
        Forbidden: `scope_missing`.
    """

    async def scoped(principal: CurrentUser) -> Principal:
        check_scope(principal, *enough)
        return principal

    return scoped


async def _signed_in(principal: CurrentUser) -> Principal:
    if is_api_key(principal):
        raise Forbidden("An API key cannot do this; sign in.", code="sign_in_required")
    return principal


SignedIn = Annotated[Principal, Depends(_signed_in)]
"""A person who signed in; 403 `sign_in_required` for an API key."""

Reader = Annotated[Principal, Depends(require_scope("read", "data"))]
"""Whoever may read; 403 `scope_missing` for a key without `read` and `data`."""

DataUser = Annotated[Principal, Depends(require_scope("data"))]
"""Whoever may have data fetched; 403 `scope_missing` for a key without `data`."""

Trader = Annotated[Principal, Depends(require_scope("trade"))]
"""Whoever may trade; 403 `scope_missing` for a key without `trade`."""

AccountReader = Annotated[Principal, Depends(require_scope("read", "trade"))]
"""Whoever may see the user's accounts; 403 `scope_missing` for a key without `read` and `trade`."""
