"""What the routes ask for: the use cases, who is calling from where, and how often."""

import re
from collections.abc import Callable, Mapping
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
from auth_service.application.broker_ports import CallBudget
from auth_service.application.credential_ports import DeviceMarks, Mailbox
from auth_service.application.email_addresses import EmailAddresses
from auth_service.application.passwords import Passwords
from auth_service.application.post_office import PostOffice
from auth_service.application.preferences import Preferences
from auth_service.application.profiles import Profiles
from auth_service.application.refreshing import Refreshing
from auth_service.application.registration import Registration
from auth_service.application.revoking import Revoking
from auth_service.application.second_factor import SecondFactor
from auth_service.application.service_access import ServiceAccess
from auth_service.application.sign_in_list import SignInList
from auth_service.application.signing_in import SigningIn
from auth_service.application.user_administration import UserAdministration
from auth_service.domain.audit import Origin
from breezeway.errors import Unauthenticated
from breezeway.redis.sliding_window import SlidingWindow
from breezeway.security.service_tokens import SERVICE_TOKEN_HEADER, ServiceTokens

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}")


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one party may try."""

    login: SlidingWindow
    login_ip: SlidingWindow
    login_account: SlidingWindow
    login_everywhere: SlidingWindow
    login_device: SlidingWindow
    register: SlidingWindow
    mailing: SlidingWindow
    password_check: SlidingWindow


@dataclass(frozen=True, slots=True)
class WebSession:
    """How the session of a browser is kept: whether its cookies need TLS, and the origin of our own pages."""

    secure: bool
    origin: str


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
    passwords: Passwords
    addresses: EmailAddresses
    second_factor: SecondFactor
    post_office: PostOffice
    mailbox: Mailbox | None
    device_marks: DeviceMarks
    web_session: WebSession


async def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


async def _origin(
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
    """The caller's address. A forwarded one counts only from the gateway; anybody can send a header."""
    peer = request.client.host if request.client else None
    if forwarded_for is None or not _is_gateway(request, service_token):
        return peer
    nearest = forwarded_for.rsplit(",", 1)[-1].strip()
    return nearest if _ADDRESS.fullmatch(nearest) else peer


def _is_gateway(request: Request, service_token: str | None) -> bool:
    """Whether the request comes through our gateway, which proves itself."""
    if service_token is None:
        return False
    tokens = cast(ServiceTokens, request.app.state.service_tokens)
    try:
        return tokens.verify(service_token) == "gateway"
    except Unauthenticated:
        return False


async def _host(
    request: Request,
    service_token: Annotated[str | None, Header(alias=SERVICE_TOKEN_HEADER, include_in_schema=False)] = None,
    forwarded_host: Annotated[str | None, Header(alias="X-Forwarded-Host", include_in_schema=False)] = None,
) -> str:
    forwarded = forwarded_host if _is_gateway(request, service_token) else None
    return forwarded or request.headers.get("host", "")


TheServices = Annotated[Services, Depends(_services)]
"""The use cases."""

TheOrigin = Annotated[Origin, Depends(_origin)]
"""Where the request comes from, for limits and the audit log."""

TheHost = Annotated[str, Depends(_host)]
"""The name that the caller reached us by. They can send any; it decides nothing but whether two headers agree."""

Limit = Annotated[int, Query(ge=1, le=500, description="How many items at most.")]
