"""What the routes ask for: the use cases, who is calling from where, and how often."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Header, Query, Request

from auth_service.application.account_deletion import AccountDeletion
from auth_service.application.api_keys import ApiKeys
from auth_service.application.audit_log import AuditLog
from auth_service.application.broker_accounts import BrokerAccountBook
from auth_service.application.broker_connections import BrokerConnections
from auth_service.application.broker_logins import BrokerLoginDesk
from auth_service.application.broker_portfolio import PortfolioDesk
from auth_service.application.ports import CallBudget
from auth_service.application.preferences import Preferences
from auth_service.application.profiles import Profiles
from auth_service.application.refreshing import Refreshing
from auth_service.application.registration import Registration
from auth_service.application.revoking import Revoking
from auth_service.application.service_access import ServiceAccess
from auth_service.application.sign_in_list import SignInList
from auth_service.application.signing_in import SigningIn
from auth_service.application.user_administration import UserAdministration
from auth_service.domain.audit import Origin
from auth_service.domain.users import normalise_email
from breezeway.errors import RateLimited, Unauthenticated
from breezeway.redis.sliding_window import SlidingWindow
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}")


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one party may try."""

    login: SlidingWindow
    login_ip: SlidingWindow
    register: SlidingWindow


@dataclass(frozen=True, slots=True)
class Services:
    """The use cases, as `bootstrap` built them."""

    registration: Registration
    signing_in: SigningIn
    refreshing: Refreshing
    sign_ins: SignInList
    revoking: Revoking
    profiles: Profiles
    accounts: BrokerAccountBook
    logins: BrokerLoginDesk
    connections: BrokerConnections
    api_keys: ApiKeys
    administration: UserAdministration
    deletion: AccountDeletion
    preferences: Preferences
    audit_log: AuditLog
    portfolio: PortfolioDesk
    budget: CallBudget
    access: ServiceAccess
    jwks: Callable[[], Mapping[str, Any]]
    secure_cookies: bool
    limits: Limits


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


def _origin(
    request: Request,
    service_token: Annotated[str | None, Header(alias=SERVICE_TOKEN_HEADER, include_in_schema=False)] = None,
    forwarded_for: Annotated[str | None, Header(alias="X-Forwarded-For", include_in_schema=False)] = None,
    user_agent: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Origin:
    return Origin(
        ip=_client_ip(request, service_token, forwarded_for),
        user_agent=_UNPRINTABLE.sub("?", user_agent)[:200] if user_agent else None,
    )


def _client_ip(request: Request, service_token: str | None, forwarded_for: str | None) -> str | None:
    """The caller's address. A forwarded one counts only from the gateway, which proves itself; anybody can send
    a header.
    """
    peer = request.client.host if request.client else None
    if service_token is None or forwarded_for is None:
        return peer
    tokens = cast(ServiceTokens, request.app.state.service_tokens)
    try:
        sender = tokens.verify(service_token)
    except Unauthenticated:
        return peer
    nearest = forwarded_for.rsplit(",", 1)[-1].strip()
    return nearest if sender == "gateway" and _ADDRESS.fullmatch(nearest) else peer


TheServices = Annotated[Services, Depends(_services)]
"""The use cases."""

TheOrigin = Annotated[Origin, Depends(_origin)]
"""Where the request comes from, for limits and the audit log."""

Limit = Annotated[int, Query(ge=1, le=500, description="How many items at most.")]


@asynccontextmanager
async def limited_login(services: Services, email: str, origin: Origin) -> AsyncIterator[None]:
    """Around one attempt to sign in: raises RateLimited after too many that failed.

    An attempt counts while it is under way, so that parallel guesses count too, and is taken back when it
    succeeds. Without the limiter nobody may try passwords: it fails closed.
    """
    where = origin.ip or "unknown"
    # Address and IP together: a stranger elsewhere cannot use up the attempts of the owner.
    who = f"{where}:{normalise_email(email)[:320]}"
    from_there = await _count(services.limits.login_ip, where)
    from_there_to_this = await _count(services.limits.login, who)
    yield
    await services.limits.login_ip.take_back(where, from_there)
    await services.limits.login.take_back(who, from_there_to_this)


async def limit_registration(services: Services, origin: Origin) -> None:
    """Count one registration; raises RateLimited."""
    await _count(services.limits.register, origin.ip or "unknown")


async def _count(window: SlidingWindow, who: str) -> str:
    verdict = await window.hit(who)
    if not verdict.allowed:
        raise RateLimited(
            "Too many attempts; wait a moment and try again.",
            code="too_many_attempts",
            retry_after=verdict.retry_after,
        )
    return verdict.hit
