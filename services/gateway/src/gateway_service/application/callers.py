"""Who sends a request, and under which limits it falls."""

from collections.abc import Sequence
from dataclasses import dataclass

from breezeway.contracts.auth import KEY_SESSION_PREFIX
from breezeway.errors import BreezewayError, Rejected
from breezeway.security.tokens import Principal
from gateway_service.application.api_keys import ApiKeyring, Authenticate
from gateway_service.application.limits import Caller, RequestLimits


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """A caller. `access_token` is set when it has to take the place of the API key that was sent."""

    caller: Caller
    access_token: str | None = None


class Callers:
    """Reads credentials, exactly one of which a request may carry."""

    def __init__(self, authenticate: Authenticate, keyring: ApiKeyring, limits: RequestLimits) -> None:
        self.limits = limits
        self.keyring = keyring
        self._authenticate = authenticate

    async def identify(self, ip: str, authorization: Sequence[str], api_keys: Sequence[str]) -> Known:
        """Who it is.

        A bearer token that is not good leaves the caller unknown: whether that matters is for the service to say that
        answers the request. An API key that is not good is refused here, since no service ever sees one.

        Args:
            authorization, api_keys: the values of the two headers.

        Raises:
            Rejected: `two_credentials`.
            whatever `ApiKeyring.grant` raises.
        """
        if len(authorization) + len(api_keys) > 1:
            raise Rejected(
                "Send one credential: either `Authorization: Bearer` or `X-API-Key`, once.", code="two_credentials"
            )
        if api_keys:
            grant = await self.keyring.grant(api_keys[0].strip(), ip)
            return Known(caller_of(grant.principal, ip), grant.access_token)
        scheme, _, token = authorization[0].partition(" ") if authorization else ("", "", "")
        if scheme.lower() != "bearer":
            return Known(Caller(ip))
        try:
            principal = await self._authenticate(token.strip())
        except BreezewayError:
            return Known(Caller(ip))
        return Known(caller_of(principal, ip))


def caller_of(principal: Principal, ip: str) -> Caller:
    """The caller that a verified token names."""
    sid = principal.session_id
    key = sid.removeprefix(KEY_SESSION_PREFIX) if sid.startswith(KEY_SESSION_PREFIX) else None
    return Caller(ip, principal.user_id, key)
